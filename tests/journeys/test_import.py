"""Bringing a DagNet folder into a project, as a person and as a program call it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evenfall
from evenfall.cli import main

FIXTURE = Path(__file__).parents[1] / "registry" / "dagnet"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "evenfall.toml").write_text('currency = "GBP"\nclock = 2025-11-11\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


@pytest.fixture
def call(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str, str]]:
    def run(*arguments: object) -> tuple[Any, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return left.value.code, *capsys.readouterr()

    return run


def test_an_imported_project_validates_runs_a_night_and_answers_references(call, project):
    code, out, err = call("import", "dagnet", FIXTURE)
    assert (code, err) == (0, "")
    assert "wrote graphs/shop-funnel.yaml" in out
    assert "15 files written, 0 there already" in out
    code, out, _ = call("validate")
    assert (code, out) == (0, "no problems\n")
    assert call("nightly")[0] == 0
    with evenfall.open(project) as opened:
        assert float(opened["e.pay-plain.visited(reviews).context(channel='search').p.mean"]) == 0.6
        closest = opened["e.pay-plain.visited(reviews).context(channel='newsletter').p.mean"]
        assert (closest.level, float(closest)) == ("visited", 0.55)
        variant = opened["e.pay-plain.context(basket-test='plain').p.mean"]
        assert (variant.level, variant.parameter_id) == ("exact", "pay-plain-variant")


def test_the_report_says_what_was_translated_and_dropped_with_its_reason(call):
    _, out, _ = call("import", "dagnet", FIXTURE, "--dry-run")
    assert (
        "translated: graphs/shop-funnel.json nodes[4].id = 'quick basket!' → graphs/shop-funnel.yaml "
        "nodes[4].slug = 'quick-basket' — slugs are made of letters, digits, '_' and '-'"
    ) in out
    assert (
        "dropped: graphs/shop-funnel.json edges[6].p.stdev = 0.7 — infeasible: no rate with mean 0.5" in out
    )
    assert "skipped: settings.yaml — no graph, parameter, context or experiment" in out
    assert "warning: leave-plain: no rate was imported" in out
    assert "would write contexts/channel.yaml" in out
    assert "very-secret" not in out


def test_a_dry_run_leaves_the_project_as_it_was(call, project):
    before = sorted(project.rglob("*"))
    code, out, _ = call("import", "dagnet", FIXTURE, "--dry-run", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["dry_run"]
    assert len(report["written"]) == 15
    assert sorted(project.rglob("*")) == before


def test_the_json_lists_every_value_by_its_fate(call):
    report = json.loads(call("import", "dagnet", FIXTURE, "--json")[1])
    places = {
        fate: {(entry["file"], entry["path"]) for entry in report[fate]}
        for fate in ("kept", "translated", "dropped")
    }
    assert ("graphs/shop-funnel.json", "edges[0].p.mean") in places["kept"]
    assert ("graphs/shop-funnel.json", "edges[1].from") in places["translated"]
    assert ("graphs/shop-funnel.json", "edges[8]") in places["dropped"]
    assert sum(map(len, places.values())) == sum(len(report[fate]) for fate in places)
    assert all(entry["why"] for fate in ("translated", "dropped") for entry in report[fate])


def test_a_second_import_is_nothing_new_and_a_changed_file_is_a_conflict(call, project):
    call("import", "dagnet", FIXTURE)
    code, out, _ = call("import", "dagnet", FIXTURE)
    assert code == 0
    assert "0 files written, 14 there already" in out
    (project / "contexts" / "channel.yaml").write_text("id: channel\n")
    code, out, _ = call("import", "dagnet", FIXTURE)
    assert code == 2
    assert "conflict: contexts/channel.yaml is in the project already, with other content" in out
    assert (project / "contexts" / "channel.yaml").read_text() == "id: channel\n"


def test_a_broken_file_is_named_with_its_place_and_nothing_is_written(call, project):
    (project / "in").mkdir()
    (project / "in" / "g.json").write_text('{"nodes": [],\n "edges": []\n "x": 1}')
    code, out, _ = call("import", "dagnet", "in", "--json")
    assert code == 1
    (problem,) = json.loads(out)["problems"]
    assert (problem["file"], problem["line"]) == ("g.json", 3)
    assert "refused: g.json:3" in call("import", "dagnet", "in")[1]
    assert not (project / "graphs").exists()


def test_a_call_that_names_another_program_or_nothing_is_a_mistake(call, project):
    assert call("import", "visio", FIXTURE)[0] == 64
    assert call("import", "dagnet", project / "missing")[0] == 64
    assert call("import", "dagnet", FIXTURE, "--strength", "0")[0] == 64
    assert call("--project", project / "elsewhere", "import", "dagnet", FIXTURE)[0] == 64


def test_the_installed_program_imports_into_the_project_it_is_told(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(
        [sys.executable, "-m", "evenfall", "import", "dagnet", FIXTURE, "--project", project, "--json"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["exit_code"] == 0
    assert (project / "graphs" / "shop-funnel.yaml").is_file()
