"""From a definition to its query, and the identity of what it counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evenfall.connectors.events.questions import event_query
from evenfall.connectors.events.slices import Slicing
from evenfall.connectors.questions import observation_query, query_hash
from evenfall.errors import QueryRefused
from evenfall.registry.files import load
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Context

Definitions = Callable[[str], dict[str, Parameter]]

DATED = "created_at >= :start_date AND created_at < :end_date"
PLAIN = f"""
id: signup
value: {{mean: 0.32, stdev: 0.06}}
observation_source:
  type: duckdb
  query: SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM journeys WHERE {DATED}
"""
TEMPLATE = f"""
id: signup
value: {{mean: 0.32, stdev: 0.06}}
context_filter: {{geo_country: "O'Land"}}
observation_source:
  type: duckdb
  query_template: |
    SELECT channel AS context_channel, COUNT(*) AS trials, SUM(converted) AS successes FROM journeys
    WHERE {DATED} {{% if geo_country %}} AND country = '{{{{ geo_country }}}}' {{% endif %}}
    GROUP BY channel
  context_variables: [channel, geo_country]
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    """Return a reader of one parameter file in a project with two channels."""

    def read(text: str) -> dict[str, Parameter]:
        (tmp_path / "evenfall.toml").write_text('zone = "Europe/Berlin"\n')
        (tmp_path / "contexts").mkdir(exist_ok=True)
        (tmp_path / "contexts" / "channel.yaml").write_text(
            "id: channel\nvalues: [{id: google}, {id: bing}]\n"
        )
        (tmp_path / "parameters").mkdir(exist_ok=True)
        (tmp_path / "parameters" / "one.yaml").write_text(text)
        registry = load(tmp_path)
        assert registry.problems == (), [str(problem) for problem in registry.problems]
        return dict(registry.parameters)

    return read


def test_a_plain_query_is_asked_as_written(definitions: Definitions) -> None:
    query = observation_query(definitions(PLAIN)["signup"])
    assert query is not None
    assert query.columns == {"trials": "trials", "successes": "successes"}
    assert query.connection == "data"
    assert query.compile("duckdb", {"journeys"}).splittable


def test_shards_of_a_template_share_one_query(definitions: Definitions) -> None:
    shards = definitions(TEMPLATE)
    assert len(shards) == 2
    first, second = (observation_query(shard) for shard in shards.values())
    assert first == second
    assert first is not None
    compiled = first.compile("duckdb", {"journeys"})
    assert compiled.bound_keys == ("geo_country",)
    assert not compiled.per_shard
    assert "country = $ctx_geo__country" in compiled.sql


def test_a_parameter_without_a_query_has_no_question(definitions: Definitions) -> None:
    parameter = definitions("id: belief\nvalue: {mean: 0.3, stdev: 0.05}\n")["belief"]
    assert observation_query(parameter) is None
    assert query_hash(parameter) == ""


def test_the_identity_ignores_how_a_query_is_written(definitions: Definitions) -> None:
    spaced = PLAIN.replace("SELECT COUNT(*)", "select /* all */  count( * )").replace(
        "AS trials", "as trials"
    )
    assert query_hash(definitions(spaced)["signup"]) == query_hash(definitions(PLAIN)["signup"])


def test_the_identity_ignores_when_it_is_read(definitions: Definitions) -> None:
    longer = PLAIN + "  parameters: {start_date: \"NOW() - INTERVAL '30 days'\"}\n"
    assert query_hash(definitions(longer)["signup"]) == query_hash(definitions(PLAIN)["signup"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SUM(converted)", "SUM(clicked)"),
        (":end_date", ":end_date AND channel = 'google'"),
        ("type: duckdb", "type: duckdb\n  result_mapping: {trials: successes}"),
        ("id: signup", "id: signup\ntype: rate"),
    ],
)
def test_the_identity_changes_with_what_is_counted(definitions: Definitions, old: str, new: str) -> None:
    before = query_hash(definitions(PLAIN)["signup"])
    changed = PLAIN.replace(old, new)
    if "type: rate" in changed:
        changed = (
            changed.replace("stdev: 0.06", "stdev: 0.06")
            .replace("AS trials", "AS exposure")
            .replace("AS successes", "AS events")
        )
    assert query_hash(definitions(changed)["signup"]) != before


def test_each_shard_has_an_identity_of_its_own(definitions: Definitions) -> None:
    assert len({query_hash(shard) for shard in definitions(TEMPLATE).values()}) == 2


def test_a_longer_lookback_is_another_question(definitions: Definitions) -> None:
    looking_back = PLAIN.replace(
        DATED, DATED + " AND EXISTS (SELECT 1 FROM visits WHERE at >= :lookback_start)"
    )
    times = "  parameters: {{lookback_start: \"NOW() - INTERVAL '{} days'\"}}\n"
    hashes = {query_hash(definitions(looking_back + times.format(days))["signup"]) for days in (14, 37)}
    assert len(hashes) == 2
    later = times.format(37).replace("{lookback", "{start_date: \"NOW() - INTERVAL '1 day'\", lookback")
    assert (
        query_hash(definitions(looking_back + later)["signup"]) not in hashes
    )  # it reaches 36 days back, not 30
    with pytest.raises(QueryRefused, match="how far back"):
        query_hash(definitions(looking_back)["signup"])


AGED = f"""
id: signup
value: {{mean: 0.32, stdev: 0.06}}
latency: {{median_days: 2, t95_days: 9}}
observation_source:
  type: duckdb
  query: SELECT day, age, people AS trials, won AS successes FROM journeys WHERE {DATED}
  result_mapping: {{date: day, age_days: age}}
"""


def test_a_query_by_age_is_a_time_series_of_cohorts(definitions: Definitions) -> None:
    query = observation_query(definitions(AGED)["signup"])
    assert query is not None
    assert (query.date_column, query.age_column, query.max_age_days) == ("day", "age", 60)


def test_what_changes_the_cohorts_changes_the_identity(definitions: Definitions) -> None:
    texts = [
        AGED,
        AGED.replace("age_days: age", "age_days: old"),
        AGED.replace("t95_days: 9", "t95_days: 9, max_age_days: 30"),
    ]
    assert len({query_hash(definitions(text)["signup"]) for text in texts}) == 3
    centre = AGED.replace("median_days: 2", "family: weibull, median_days: 3")
    assert query_hash(definitions(centre)["signup"]) == query_hash(definitions(AGED)["signup"])


EVENTS = """
id: signup
value: {mean: 0.32, stdev: 0.06}
observation_source: {type: events, table: e, attempt: a, success: b, columns: {channel: c, device: d}}
"""
LATENCY = "latency: {family: lognormal}\n"


def test_events_are_followed_to_the_last_age_unless_the_horizon_ends_before(definitions: Definitions) -> None:
    def asked(text: str) -> tuple[int, int | None]:
        query = event_query(definitions(text)["signup"], {})
        assert query is not None
        return query.question.horizon.days, query.followed

    assert asked(EVENTS) == (1, None)
    assert asked(EVENTS + LATENCY) == (60, 60)
    assert asked(EVENTS.replace("success: b", "success: b, horizon: 14d") + LATENCY) == (14, 14)
    short = EVENTS.replace("success: b", "success: b, horizon: 90d") + "latency: {max_age_days: 30}\n"
    assert asked(short) == (90, 30)


def test_slices_of_events_tell_listed_values_apart(definitions: Definitions) -> None:
    update = "bayesian_update: {pooling: {visited: [home]}}\ncontext_filter: {device: mobile}\n"
    found = definitions(EVENTS + update)["signup"]
    channel = Context.model_validate(
        {"id": "channel", "values": ({"id": "google"},), "other_policy": "computed"}
    )
    query = event_query(found, {"channel": channel})
    assert query is not None
    assert query.slicing == Slicing(("channel",), ("home",), {"channel": ("google",)}, {"channel": "other"})


def test_what_is_told_apart_changes_the_identity_of_events(definitions: Definitions) -> None:
    texts = [
        EVENTS,
        EVENTS + LATENCY,
        EVENTS + "latency: {max_age_days: 59}\n",
        EVENTS + "bayesian_update: {pooling: partial}\n",
        EVENTS + "bayesian_update: {pooling: {effects: [channel]}}\n",
        EVENTS + "bayesian_update: {pooling: {effects: [channel], visited: [home]}}\n",
    ]
    queries = [event_query(definitions(text)["signup"], {}) for text in texts]
    assert len({query.query_hash() for query in queries if query}) == len(texts)
    weibull = event_query(definitions(EVENTS + "latency: {family: weibull}\n")["signup"], {})
    assert weibull is not None
    assert queries[1] is not None
    assert weibull.query_hash() == queries[1].query_hash()
    learned = "bayesian_update: {pooling: {interactions: [[channel, device]], overdispersion: learned}}\n"
    pooled = event_query(definitions(EVENTS + learned)["signup"], {})
    assert pooled is not None
    assert queries[3] is not None
    assert pooled.query_hash() == queries[3].query_hash()
