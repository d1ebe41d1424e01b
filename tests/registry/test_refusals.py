"""Every refusal a user can meet, as it is printed: file:line:column path value — what is allowed.

The files under ``refusals`` hold the cases: a name after ``---``, the refused file, and after ``=>`` how the
line printed about it begins.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Load

CASES = Path(__file__).parent / "refusals"
VALUE = "value: {mean: 0.3, stdev: 0.06}\n"


def cases(name: str) -> list[object]:
    blocks = (CASES / f"{name}.txt").read_text(encoding="utf-8").split("--- ")[1:]
    found = []
    for block in blocks:
        title, _, rest = block.partition("\n")
        text, _, said = rest.partition("=> ")
        found.append(pytest.param(text, said.strip(), id=title))
    assert found
    return found


@pytest.mark.parametrize(("text", "said"), cases("parameters"))
def test_a_parameter_file_is_refused(load_files: Load, text: str, said: str) -> None:
    registry = load_files({"parameters/p.yaml": text})
    printed = [str(problem) for problem in registry.problems]
    assert printed[0].startswith(said)
    assert len(printed) == 1, printed
    assert list(registry.sources) == ["evenfall.toml"]
    assert all(parameter.config_error is registry.problems[0] for parameter in registry.parameters.values())


@pytest.mark.parametrize(("text", "said"), cases("settings"))
def test_settings_are_refused(load_files: Load, text: str, said: str) -> None:
    printed = [str(problem) for problem in load_files({"evenfall.toml": text}).problems]
    assert printed[0].startswith(said)
    assert len(printed) == 1, printed


@pytest.mark.parametrize(("text", "said"), cases("graphs"))
def test_graphs_are_refused(load_files: Load, text: str, said: str) -> None:
    registry = load_files({"graphs/g.yaml": text, "parameters/signup.yaml": f"id: signup\n{VALUE}"})
    assert str(registry.problems[0]).startswith(said)
    assert len(registry.problems) == 1
    assert registry.graphs == {}


@pytest.mark.parametrize(("text", "said"), cases("names"))
def test_names_that_the_project_does_not_declare_are_refused(load_files: Load, text: str, said: str) -> None:
    graph = "nodes: [{slug: home}, {slug: in}]\nedges: [{slug: signup, from: home, to: in}]\n"
    registry = load_files(
        {
            "contexts/channel.yaml": "id: channel\nvalues: [{id: google}, {id: direct}]\n",
            "graphs/g.yaml": graph,
            "parameters/p.yaml": text,
        }
    )
    assert str(registry.problems[0]).startswith(said)
    assert len(registry.problems) == 1


def test_all_problems_of_all_files_are_reported_at_once(load_files: Load) -> None:
    registry = load_files(
        {
            "evenfall.toml": 'zone = "Europe/Berln"\nlookback = 3\n',
            "contexts/channel.yaml": "id: channel\nvalues: [{id: google}, {id: google}]\n",
            "graphs/g.json": '{"nodes": [{"slug": "a.b"}], "edges": 3}',
            "parameters/a.yaml": "id: a\nid: b\ntype: x\nvalue: {mean: 2, stdev: '1'}\n",
            "parameters/b.yaml": "id: [\n",
            "parameters/c.yaml": "id: c\nvalue: {mean: 0.3, stdev: 0.06}\n",
            "scenarios/s.yaml": "note: one\nnote: two\n",
        }
    )
    assert [(p.file, p.line, p.path) for p in registry.problems] == [
        ("contexts/channel.yaml", 1, ""),
        ("evenfall.toml", 1, "zone"),
        ("evenfall.toml", 2, "lookback"),
        ("graphs/g.json", 1, "nodes[0].slug"),
        ("graphs/g.json", 1, "edges"),
        ("parameters/a.yaml", 2, ""),
        ("parameters/a.yaml", 3, "type"),
        ("parameters/a.yaml", 4, "value.stdev"),
        ("parameters/b.yaml", 2, ""),
        ("scenarios/s.yaml", 2, ""),
    ]
    assert list(registry.parameters) == ["c"]
    assert list(registry.sources) == ["parameters/c.yaml"]


def test_ids_that_differ_only_in_case_are_one_id(load_files: Load) -> None:
    registry = load_files(
        {"parameters/a.yaml": f"id: Signup\n{VALUE}", "parameters/b.yaml": f"id: signup\n{VALUE}"}
    )
    assert [str(problem) for problem in registry.problems] == [
        "parameters/b.yaml:1:5 id 'signup' — an id used twice: parameters/a.yaml has it already; "
        "upper and lower case count as one"
    ]
    assert list(registry.parameters) == ["Signup"]
