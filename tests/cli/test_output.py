from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from evenfall.cli.output import emit, plain, problem, progress, stdout
from evenfall.errors import ConfigError, EvenfallError, SourceDown, UnknownName, UsageError
from evenfall.findings import Light


@dataclass(frozen=True)
class Pair:
    when: datetime
    light: Light


def test_everything_a_report_holds_becomes_json():
    value = {
        "pair": Pair(datetime(2025, 11, 3, 6, tzinfo=UTC), Light.RED),
        "day": date(2025, 11, 3),
        "age": timedelta(hours=1),
        "where": Path("a") / "b",
        "numbers": (1, 2.5, math.nan, -math.inf, True, None),
        3: {"x"},
        "other": ValueError("no"),
    }
    assert plain(value) == {
        "pair": {"when": "2025-11-03T06:00:00+00:00", "light": "red"},
        "day": "2025-11-03",
        "age": 3600.0,
        "where": "a/b",
        "numbers": [1, 2.5, None, None, True, None],
        "3": ["x"],
        "other": "no",
    }


def test_one_document_is_printed_and_names_keep_their_letters(capsys):
    emit({"name": "Köln", "z": math.inf})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": "Köln", "z": None}
    assert "Köln" in out


def test_a_problem_says_what_where_which_value_and_what_to_do():
    error = ConfigError(
        "too large",
        file="parameters/x.yaml",
        line=4,
        column=10,
        path="value.stdev",
        value=0.9,
        remedy="at most 0.46",
    )
    assert problem(error) == {
        "error": "too large",
        "kind": "ConfigError",
        "file": "parameters/x.yaml",
        "line": 4,
        "column": 10,
        "field": "value.stdev",
        "value": 0.9,
        "remedy": "at most 0.46",
    }


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (UsageError("no"), {"error": "no", "kind": "UsageError", "remedy": ""}),
        (SourceDown("gone", connection="dwh"), {"connection": "dwh"}),
        (UnknownName("parameter", "singup", ["signup"]), {"remedy": "did you mean signup?"}),
        (EvenfallError("odd", remedy="look"), {"remedy": "look"}),
    ],
)
def test_every_error_of_the_tree_is_a_problem(error, facts):
    assert facts.items() <= problem(error).items()


def test_nobody_watching_means_no_progress_bar(capsys):
    with progress("nightly", quiet=False) as advance:
        assert advance is None
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_the_progress_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("nightly", quiet=True) as advance:
        assert advance is None
    with progress("nightly", quiet=False) as advance:
        assert advance is not None
        advance(1, 3, "reading")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("columns", "width"), [(None, 120), ("90", 90)])
def test_a_pipe_gets_a_wide_table_unless_it_says_how_wide(monkeypatch, columns, width):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert stdout().width == width
