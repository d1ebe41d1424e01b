"""An ordered funnel asked for in Python and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evenfall as ef
from evenfall.cli import main

type Call = Callable[..., tuple[int, str, str]]

HEAD = "user_id,session_id,event_type,created_at,channel"
ASKED = ("funnel", "--table", "events", "--steps", "visit,signup,purchase", "--window", "7d")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twenty users visit on 3 October, ten sign up an hour later, four buy a day later; one is too late."""
    lines = [HEAD]
    for user in range(20):
        channel = "google" if user % 2 else "direct"
        lines.append(f"{user},{user},visit,2025-10-03 10:00:00,{channel}")
        lines += [f"{user},{user},signup,2025-10-03 11:00:00,{channel}"] * (user < 10)
        lines += [f"{user},{user},support,2025-10-03 12:00:00,{channel}"] * (user < 2)
        lines += [f"{user},{user},purchase,2025-10-04 11:00:00,{channel}"] * (user < 4)
    lines.append("20,20,visit,2025-10-29 10:00:00,google")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "events.csv").write_text("\n".join([*lines, ""]))
    (tmp_path / "evenfall.toml").write_text('zone = "Europe/Berlin"\nclock = 2025-10-30\n')
    return tmp_path


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


def lines_of(out: str) -> list[str]:
    return [" ".join(line.split()) for line in out.splitlines()]


def test_python_and_the_command_line_give_the_same_table(root: Path, call: Call) -> None:
    code, out, _ = call(*ASKED, "--optional", "signup", "--context", "channel=google", "--json")
    with ef.open(root) as project:
        table = project.funnel(
            table="events",
            steps=["visit", "signup", "purchase"],
            window="7d",
            optional=["signup"],
            context={"channel": "google"},
        )
    assert (code, json.loads(out)) == (0, table.as_dict())
    assert [step["count"] for step in json.loads(out)["steps"]] == [10, 5, 2]


def test_the_table_shows_every_rate_with_its_interval(call: Call) -> None:
    """Intervals by scipy.special.betaincinv at (10.5, 10.5), (4.5, 16.5) and (4.5, 6.5)."""
    code, out, _ = call(*ASKED)
    assert code == 0
    assert lines_of(out) == [
        "the first entry of each user, 7d to convert; data up to 2025-10-30",
        "step count from the entry [95 %] from the step before [95 %] median 90 % within",
        "visit 20",
        "signup 10 50 % [29, 71] 50 % [29, 71] 1.0 h 1.0 h",
        "purchase 4 20.0 % [7.2, 40.8] 40 % [15, 70] 1.0 d 1.0 d",
        "not counted: 1 whose 7d have not passed",
    ]


def test_cohorts_add_up_conversions_as_far_as_the_data_goes(call: Call) -> None:
    _, out, _ = call(*ASKED, "--cohorts")
    assert lines_of(out)[-3:] == [
        "entered entries converted [95 %] 0 d 1 d 2 d 3 d 5 d 7 d",
        "2025-10-03 20 20.0 % [7.2, 40.8] 0 4 4 4 4 4",
        "2025-10-29 1 0 – – – – –",
    ]


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        (("--exclude", "support"), [20, 10, 2]),
        (("--strict-events",), [20, 10, 2]),
        (("--strict-order",), [20, 10, 4]),
        (("--unit", "session", "--re-entry"), [20, 10, 4]),
        (("--from", "2025-10-04", "--to", "2025-10-30"), [0, 0, 0]),
        (("--column", "user=session_id", "--connection", "data"), [20, 10, 4]),
        (("--as-of", "2025-10-05"), [0, 0, 0]),
    ],
)
def test_options_say_what_may_happen_between_steps(
    call: Call, options: tuple[str, ...], counts: list[int]
) -> None:
    code, out, _ = call(*ASKED, *options, "--json")
    assert (code, [step["count"] for step in json.loads(out)["steps"]]) == (0, counts)


def test_an_empty_funnel_prints_no_rate(call: Call) -> None:
    code, out, _ = call(
        "funnel", "--table", "events", "--steps", "nobody,purchase", "--window", "1h", "--cohorts"
    )
    assert code == 0
    assert lines_of(out)[2:] == ["nobody 0", "purchase 0 – – – –"]


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--window", "7x"), 64, "no length of time"),
        (("--optional", "signp"), 64, "did you mean signup?"),
        (("--exclude", "signup"), 64, "a step and excluded"),
        (("--unit", "device"), 64, "choose user or session"),
        (("--context", "google"), 64, "--context key=value"),
        (("--strict-order", "--strict-events"), 64, "choose one"),
        (("--from", "2025-10-05", "--to", "2025-10-05"), 64, "no day lies"),
        (("--table", "event"), 1, "did you mean events?"),
        (("--context", "chanel=google"), 1, "did you mean channel?"),
        (("--column", "time=createdat"), 1, "did you mean created_at?"),
        (("--connection", "dta"), 1, "did you mean data?"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(
    call: Call, options: tuple[str, ...], code: int, told: str
) -> None:
    found, out, err = call(*ASKED, *options)
    assert (found, out) == (code, "")
    assert told in err.replace("\n", " ").replace("       ", "")
