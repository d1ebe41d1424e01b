"""An import writes all of its files or none, and never over one that is there."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from evenfall.errors import UsageError
from evenfall.registry.files import initialise, load
from evenfall.registry.tree import SIZE_LIMIT
from evenfall.runs import imports
from evenfall.runs.imports import import_dagnet

FIXTURE = Path(__file__).parents[1] / "registry" / "dagnet"
GRAPH = {
    "nodes": [{"uuid": "u1", "id": "a"}, {"uuid": "u2", "id": "b"}],
    "edges": [{"uuid": "e1", "id": "go", "from": "a", "to": "b", "p": {"mean": 0.5, "stdev": 0.1}}],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "evenfall.toml").write_text('currency = "GBP"\n')
    return root


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURE, tmp_path / "dagnet"))


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_what_was_imported_loads_without_problems(project, source):
    report = import_dagnet(source, project)
    assert report.exit_code == 0
    assert set(contents(project)) == {"evenfall.toml", *report.written}
    registry = load(project)
    assert registry.problems == ()
    assert len(registry.graphs["shop-funnel"].edges) == 10
    assert len(registry.parameters) == 11


def test_a_dry_run_writes_nothing_and_reports_the_same(project, source):
    before = contents(project)
    dry = import_dagnet(source, project, dry_run=True)
    assert contents(project) == before
    assert [path for path in project.iterdir() if path.is_dir()] == []
    real = import_dagnet(source, project)
    assert {**real.as_dict(), "dry_run": True} == dry.as_dict()


def test_a_second_import_changes_nothing(project, source):
    import_dagnet(source, project)
    before = contents(project)
    again = import_dagnet(source, project)
    assert (again.exit_code, again.written, again.conflicts) == (0, (), ())
    assert set(again.unchanged) == set(before) - {"evenfall.toml", "contexts/device.yaml"}
    assert contents(project) == before


def test_a_file_of_the_project_is_never_overwritten(project, source):
    import_dagnet(source, project)
    (project / "contexts" / "channel.yaml").write_text("id: channel\nname: mine\n")
    (project / "parameters" / "pay-plain.yaml").unlink()
    before = contents(project)
    report = import_dagnet(source, project)
    assert report.exit_code == 2
    assert report.conflicts == ("contexts/channel.yaml",)
    assert report.written == ()
    assert contents(project) == before


def test_even_an_empty_file_or_a_dangling_link_is_a_conflict(project, source):
    (project / "graphs").mkdir()
    (project / "graphs" / "shop-funnel.yaml").symlink_to(project / "nowhere")
    report = import_dagnet(source, project)
    assert report.conflicts == ("graphs/shop-funnel.yaml",)
    assert not (project / "nowhere").exists()


def test_an_id_the_project_has_in_another_file_is_refused_and_nothing_is_written(project, source):
    (project / "parameters").mkdir()
    (project / "parameters" / "mine.yaml").write_text("id: Pay-Plain\nvalue: {mean: 0.1, stdev: 0.01}\n")
    before = contents(project)
    report = import_dagnet(source, project)
    assert report.exit_code == 1
    assert "an id used twice" in str(report.problems[0])
    assert contents(project) == before


def test_what_is_wrong_in_the_project_already_does_not_stop_an_import(project, source):
    (project / "parameters").mkdir()
    (project / "parameters" / "broken.yaml").write_text("id: [")
    (project / "parameters" / "lost.yaml").write_text("id: lost\n")
    assert import_dagnet(source, project).exit_code == 0


def test_an_import_into_a_new_project_stands_beside_its_files(tmp_path, source):
    root = tmp_path / "fresh"
    initialise(root)
    report = import_dagnet(source, root)
    assert report.conflicts == ("contexts/channel.yaml",)  # the starter declares another one
    (root / "contexts" / "channel.yaml").unlink()
    shutil.rmtree(root / "parameters")
    shutil.rmtree(root / "graphs")
    assert import_dagnet(source, root).exit_code == 0
    assert load(root).problems == ()


def test_a_parameter_of_the_project_is_wired_to_the_edge_that_names_it(project, tmp_path):
    (project / "parameters").mkdir()
    (project / "parameters" / "go-rate.yaml").write_text("id: go-rate\nvalue: {mean: 0.1, stdev: 0.01}\n")
    graph = json.loads(json.dumps(GRAPH))
    graph["edges"][0]["p"]["id"] = "go-rate"
    (tmp_path / "g.json").write_text(json.dumps(graph))
    report = import_dagnet(tmp_path / "g.json", project)
    assert report.written == ("graphs/g.yaml",)
    assert load(project).graphs["g"].edges[0].p.parameter_id == "go-rate"


def test_a_broken_file_stops_the_import_whole(project, source):
    (source / "graphs" / "half.json").write_text('{"nodes": [')
    (source / "latin.yaml").write_bytes(b"id: caf\xe9\n")
    (source / "large.json").write_text(" " * (SIZE_LIMIT + 1))
    before = contents(project)
    report = import_dagnet(source, project)
    assert report.exit_code == 1
    assert [problem.file for problem in report.problems] == ["graphs/half.json", "large.json", "latin.yaml"]
    assert contents(project) == before


def test_links_out_of_the_folder_and_hidden_files_are_not_read(project, source, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text("id: secret\nvalue: {mean: 0.1, stdev: 0.01}\n")
    (source / "parameters" / "linked.yaml").symlink_to(secret)
    (source / ".git").mkdir()
    (source / ".git" / "x.yaml").write_text("id: [")
    report = import_dagnet(source, project)
    assert report.exit_code == 0
    assert "parameters/linked.yaml" in [file.file for file in report.skipped]
    assert "parameters/secret.yaml" not in report.written


def test_a_folder_of_the_project_that_is_a_link_out_of_it_is_refused(project, source, tmp_path):
    (tmp_path / "outside").mkdir()
    (project / "graphs").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="a link out of the project"):
        import_dagnet(source, project)
    assert list((tmp_path / "outside").iterdir()) == []
    assert set(contents(project)) == {"evenfall.toml"}
    assert [path.name for path in project.iterdir() if path.is_dir() and not path.is_symlink()] == []


def test_when_one_file_cannot_be_written_none_is(project, source):
    (project / "parameters").write_text("a file where a folder must be")
    before = contents(project)
    with pytest.raises(UsageError, match="cannot be written"):
        import_dagnet(source, project)
    assert contents(project) == before
    assert sorted(path.name for path in project.iterdir()) == ["evenfall.toml", "parameters"]


def test_a_file_that_appears_during_the_import_is_kept_and_the_others_are_taken_back(
    project, source, monkeypatch
):
    link = os.link

    def link_late(beside, target):
        if target.name == "shop-funnel.yaml":
            target.write_text("somebody else's")
        link(beside, target)

    monkeypatch.setattr(imports.os, "link", link_late)
    with pytest.raises(UsageError, match="shop-funnel"):
        import_dagnet(source, project)
    assert contents(project) == {
        "evenfall.toml": b'currency = "GBP"\n',
        "graphs/shop-funnel.yaml": b"somebody else's",
    }


def test_what_a_killed_import_left_behind_is_in_nobody_s_way(project, source):
    (project / "graphs").mkdir()
    (project / "graphs" / ".shop-funnel.yaml.importing").write_text("half")
    assert load(project).problems == ()
    assert import_dagnet(source, project).exit_code == 0
    assert not list(project.rglob(".*"))


def test_a_path_without_anything_to_import_is_a_mistake_of_the_caller(project, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, tmp_path / "missing"):
        with pytest.raises(UsageError):
            import_dagnet(path, project)
