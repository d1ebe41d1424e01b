"""From a definition to its query, and the identity of what it counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evenfall.connectors.questions import observation_query, query_hash
from evenfall.errors import QueryRefused
from evenfall.registry.files import load
from evenfall.registry.parameter import Parameter

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
