"""What is refused: named with its place and what to do instead, while every other parameter has its night."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenfall.cli import main

from ..runs.shop import Shop

COUNTING = """\
id: bad
bayesian_update: {{prior: {{distribution: beta, alpha: 8, beta: 17}}}}
observation_source:
  type: sqlite
  connection: shop
  query: {query}
"""

DATED = "day >= :start_date AND day < :end_date"

SHEET = "https://docs.google.com/spreadsheets/d/abc"

BOMB = "id: bad\nlevel0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"level{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)

FILES = {
    "duplicate keys": "id: bad\nvalue: {mean: 0.3, stdev: 0.06}\nvalue: {mean: 0.4, stdev: 0.06}\n",
    "an unknown key": "id: bad\nvalue: {mean: 0.3, stdev: 0.06}\nobservation_sauce: {}\n",
    "an alias bomb": BOMB,
    "an id with dots": "id: ../bad\nvalue: {mean: 0.3, stdev: 0.06}\n",
    "a stdev too large for its mean": "id: bad\nvalue: {mean: 0.3, stdev: 0.5}\n",
    "query and query_template": COUNTING.format(query="SELECT 1\n  query_template: SELECT 1"),
    "a destination that is its own prior range": (
        f"id: bad\nprior_source: {{type: sheets, url: '{SHEET}', range: 'Priors!B2:C2'}}\n"
        "posterior_destination:\n  destinations:\n"
        f"    - {{type: sheets, url: '{SHEET}', range: 'Priors!A1:D9'}}\n"
        "fallback_value: {mean: 0.3, stdev: 0.06}\n"
    ),
}

QUERIES = {
    "a query without its date binds": "SELECT SUM(trials) AS trials, SUM(successes) AS successes FROM counts",
    "a DELETE": f"DELETE FROM counts WHERE {DATED}",
    "a COPY": f"COPY (SELECT * FROM counts WHERE {DATED}) TO 'stolen.csv'",
    "a function that reads files": f"SELECT read_text('/etc/passwd') AS trials FROM counts WHERE {DATED}",
    "a table function that reads files": f"SELECT 1 AS trials FROM read_text('/etc/passwd') WHERE {DATED}",
    "a file as a table": f"SELECT COUNT(*) AS trials, 0 AS successes FROM 'file.csv' WHERE {DATED}",
    "a second statement": f"SELECT 1 AS trials, 1 AS successes FROM counts WHERE {DATED}; DROP TABLE counts",
}

ALL = FILES | {what: COUNTING.format(query=json.dumps(query)) for what, query in QUERIES.items()}

SAID = {
    # line and column counted by hand in the texts above; the message names what is wrong
    "duplicate keys": ("3:1", "a duplicate key", "keep one"),
    "an unknown key": ("3:1", "unknown key", "did you mean observation_source"),
    "an alias bomb": ("6:", "more than 100,000 keys and values", "aliases count as copies"),
    "an id with dots": ("1:5", "not an id", "without '..'"),
    # sqrt(.3 * .7) = .458258; the largest whose alpha is still .01 is sqrt(.21 / (.01 / .3 + 1)) = .450806
    "a stdev too large for its mean": ("2:27", "stdev 0.5", "0.450806"),
    "query and query_template": ("4:3", "both query and query_template", "keep one"),
    "a destination that is its own prior range": ("5:80", "own prior source", "posterior_history"),
    "a query without its date binds": (
        "6:10",
        ":start_date and :end_date",
        "WHERE created_at >= :start_date AND",
    ),
    "a DELETE": ("6:10", "DELETE is not a SELECT", "write one SELECT"),
    "a COPY": ("6:10", "COPY is not a SELECT", "write one SELECT"),
    "a function that reads files": ("6:10", "read_text is not allowed", "rows of the connection's tables"),
    "a file as a table": ("6:10", "'file.csv' is a file, not a table", "read the connection's tables"),
    "a table function that reads files": (
        "6:10",
        "read_text(…) is not a table",
        "read the connection's tables",
    ),
    "a second statement": ("6:10", "2 statements", "write one SELECT"),
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop(tmp_path / "shop") as shop:
        yield shop


@pytest.mark.parametrize("what", SAID)
def test_validate_names_the_place_and_the_remedy_of(shop: Shop, what: str) -> None:
    shop.write("parameters/bad.yaml", ALL[what])
    place, message, remedy = SAID[what]
    printed = [str(problem) for problem in shop.project.validate()]
    assert len(printed) == 1
    assert printed[0].startswith(f"parameters/bad.yaml:{place}")
    head, _, tail = printed[0].partition(" — ")
    assert message in head + tail
    assert remedy in tail


@pytest.mark.parametrize("what", ALL)
def test_a_night_leaves_nothing_behind_of(shop: Shop, what: str) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.sell(1, 40, 13, edge="bad")
    shop.write("parameters/bad.yaml", ALL[what])
    report = shop.night()
    assert report.exit_code == 2
    assert shop.result("signup", report).outcome == "updated"
    assert shop.posterior() == (21.0, 44.0)  # 8 + 13, 17 + 27
    assert {r.parameter_id: r.outcome for r in report.results if r.parameter_id != "signup"} in (
        {},
        {"bad": "config_error"},
    )
    for table in ("evidence_streams", "prior_versions", "posteriors", "current_posteriors", "outbox"):
        assert {row["parameter_id"] for row in shop.rows(table)} <= {"signup"}, table
    assert len(shop.rows("evidence_streams")) == 1
    assert shop.db.execute("SELECT COUNT(*) FROM counts").fetchone() == (2,)
    assert not list(shop.root.rglob("stolen.csv"))


def test_the_verbs_refuse_all_of_it_at_once(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    for number, what in enumerate(SAID):
        shop.write(f"parameters/bad{number:02}.yaml", ALL[what].replace("bad", f"bad{number:02}", 1))
    monkeypatch.chdir(shop.root)
    assert exit_code("validate") == 1
    said = capsys.readouterr().out
    for number, what in enumerate(SAID):
        assert f"parameters/bad{number:02}.yaml:{SAID[what][0]}" in said
    assert exit_code("nightly", "--as-of", str(shop.today)) == 2
    assert shop.posterior() == (21.0, 44.0)


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as left:
        main([*arguments])
    return left.value.code


# Values are values ------------------------------------------------------------------------------------------

INJECTION = "google' OR '1'='1"

CHANNELS = f"""\
id: channel
values:
  - id: google
  - id: "{INJECTION}"
"""

BY_CHANNEL = """\
SELECT channel AS context_channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE channel = '{{ channel }}' AND day >= :start_date AND day < :end_date GROUP BY channel"""


def define_template(shop: Shop, query: str, rest: str = "") -> None:
    shop.write("contexts/channel.yaml", CHANNELS)
    shop.define("signup", query=query, source="context_variables: [channel]", rest=rest)
    text = (shop.root / "parameters" / "signup.yaml").read_text()
    shop.write(
        "parameters/signup.yaml", text.replace("  query: |", "  min_sample_size: 1\n  query_template: |")
    )


def test_sql_in_a_context_filter_is_a_value_that_matches_nothing(shop: Shop) -> None:
    define_template(shop, BY_CHANNEL, f'context_filter: {{channel: "{INJECTION}"}}')
    shop.sell(1, 40, 13, channel="google")
    report = shop.night()
    assert (report.counts, report.exit_code) == ({"no_data": 1}, 0)
    assert shop.rows("evidence") == []
    assert shop.posterior() is None


def test_sql_in_a_shard_value_is_a_value_that_matches_nothing(shop: Shop) -> None:
    define_template(shop, BY_CHANNEL)
    shop.sell(1, 40, 13, channel="google")
    shop.sell(2, 10, 1, channel="facebook")
    shop.night()
    assert shop.posterior("signup[channel=google]") == (21.0, 44.0)
    injected = shop.result(f"signup[channel={INJECTION}]")
    assert (injected.outcome, injected.loaded) == ("insufficient_samples", 0)
    assert shop.posterior(f"signup[channel={INJECTION}]") is None


def test_a_value_with_sql_in_it_matches_itself(shop: Shop) -> None:
    define_template(shop, BY_CHANNEL)
    shop.sell(1, 40, 13, channel=INJECTION)
    shop.night()
    assert shop.posterior(f"signup[channel={INJECTION}]") == (21.0, 44.0)
    assert shop.posterior("signup[channel=google]") is None
