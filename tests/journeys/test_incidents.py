"""Incidents as people meet them: listed, acknowledged by name, looked back at, counted in the exit code."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import evenfall as ef
from evenfall.cli import main
from evenfall.errors import UsageError

pytestmark = pytest.mark.slow

TODAY = date(2026, 3, 20)
DAY = timedelta(days=1)
SETTINGS = """\
zone = "UTC"
clock = "{today}"
lookback_days = 5
[connections.shop]
type = "sqlite"
path = "shop.db"
"""
DEFINITION = """\
id: {name}
observation_source:
  type: sqlite
  connection: shop
  query: |
    SELECT SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE edge = '{name}' AND day >= :start_date AND day < :end_date
bayesian_update: {{prior: {{distribution: beta, alpha: 300, beta: 700}}}}
posterior_destination: {{write_frequency: 1d}}
"""
NAMES = ("steady", "fallen", "calm")

type Call = Callable[..., tuple[int, str, str]]


def pin(root: Path, today: date) -> None:
    (root / "evenfall.toml").write_text(SETTINGS.format(today=today))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three rates of 30 % for 70 days; one falls to 22 % for the last ten. Two nights have run."""
    root = tmp_path_factory.mktemp("incidents") / "shop"
    (root / "parameters").mkdir(parents=True)
    for name in NAMES:
        (root / "parameters" / f"{name}.yaml").write_text(DEFINITION.format(name=name))
    pin(root, TODAY - DAY)
    with closing(sqlite3.connect(root / "shop.db", isolation_level=None)) as shop:
        shop.execute("CREATE TABLE counts (day TEXT, edge TEXT, trials, successes)")
        for ago in range(1, 71):
            for name in NAMES:
                fell = name == "fallen" and ago <= 10
                shop.execute(
                    "INSERT INTO counts VALUES (?, ?, 1000, ?)",
                    ((TODAY - ago * DAY).isoformat(), name, 220 if fell else 300),
                )
    with ef.open(root) as project:
        project.backfill(TODAY - 70 * DAY, TODAY - DAY).apply()
        project.nightly().apply()
    pin(root, TODAY)
    with ef.open(root) as project:
        project.nightly().apply()
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "shop"))


@pytest.fixture
def call(root: Path, capsys: Any, monkeypatch: Any) -> Call:
    monkeypatch.chdir(root)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_what_has_changed_is_listed_with_since_and_age_and_the_code_is_one(call: Call) -> None:
    code, out, _ = call("incidents")
    assert code == 1
    assert "fallen lower: 30 % before, 22 % now" in out
    told = json.loads(call("incidents", "--json")[1])
    (line,) = told["lines"]
    assert (line["incident"]["parameter_id"], line["incident"]["state"]) == ("fallen", "open")
    assert line["incident"]["since"] == (TODAY - 10 * DAY).isoformat()
    assert line["age_days"] == 1  # found by the night before
    assert told["open"] == 1


def test_the_digest_lists_the_change_and_not_the_healthy(call: Call) -> None:
    told = json.loads(call("incidents", "--json")[1])
    assert told["digest_of"] == TODAY.isoformat()
    assert told["watched"] == len(NAMES)
    assert [line["parameter_id"] for line in told["digest"]] == ["fallen"]


def test_an_acknowledgement_stays_with_its_name_and_note_and_quiets_the_code(root: Path, call: Call) -> None:
    number = str(json.loads(call("incidents", "--json")[1])["lines"][0]["incident"]["id"])
    code, out, _ = call("incidents", "--ack", number, "--note", "new form", "--by", "ada")
    assert code == 0
    assert "seen by ada" in out
    assert "new form" in out
    with ef.open(root) as project:
        project.nightly().apply()  # a night that says it again takes nothing back
        (line,) = project.incidents().lines
        assert (line.incident.state, line.incident.acked_by, line.incident.note) == ("ack", "ada", "new form")
        (then,) = project.incidents(TODAY - DAY).lines
        assert then.incident.state == "open"  # nobody had seen it that night
        with pytest.raises(UsageError, match="names who"):
            project.acknowledge(int(number), who=" ")


def test_when_nothing_is_open_the_code_is_zero_and_all_shows_what_was(root: Path, call: Call) -> None:
    with closing(sqlite3.connect(root / "shop.db", isolation_level=None)) as shop:
        shop.execute(
            "UPDATE counts SET successes = 300 WHERE edge = 'fallen' AND day < ?", (TODAY.isoformat(),)
        )
        for ahead in range(16):
            row = ((TODAY + ahead * DAY).isoformat(), "fallen")
            shop.execute("INSERT INTO counts VALUES (?, ?, 1000, 300)", row)
    for ahead in range(1, 17):
        pin(root, TODAY + ahead * DAY)
        with ef.open(root) as project:
            project.nightly(only="fallen").apply()
    code, out, _ = call("incidents")
    assert code == 0
    assert "nothing is open" in out
    assert "resolved on" in call("incidents", "--all")[1]
    (past,) = json.loads(call("incidents", "--as-of", TODAY.isoformat(), "--json")[1])["lines"]
    assert past["incident"]["state"] == "open"


def test_calls_that_make_no_sense_are_refused_in_words(call: Call) -> None:
    assert call("incidents", "--note", "x")[0] == 64
    assert call("incidents", "--ack", "1", "--as-of", TODAY.isoformat())[0] == 64
    code, _, err = call("incidents", "--ack", "99", "--by", "ada")
    assert (code, "no incident number 99" in err) == (64, True)
