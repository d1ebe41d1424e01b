"""`evenfall show`: one parameter with its definition and its numbers, or what a reference answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, ProjectPath, open_project
from evenfall.cli.output import emit, say
from evenfall.cli.output import show as put
from evenfall.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from evenfall.project import Project, Shown
    from evenfall.runs.graph.lookup import Answer

__all__ = ["show"]

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="A parameter's id, or a reference such as e.signup.p.mean.")
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Let the closest parameter answer a reference, with evidence or without."),
]


def show(
    reference: Reference, *, strict: Strict = False, project: ProjectPath = None, as_json: AsJson = False
) -> int:
    """Show one parameter (its file, prior, evidence, posterior, light), or what a reference answers."""
    with open_project(project) as opened:
        found = _find(opened, reference, strict)
        if as_json:
            emit(found.as_dict())
        else:
            _print(found)
    return 0


def _find(project: Project, text: str, strict: bool) -> Shown | Answer:
    """Return the parameter of that id; what begins like a reference and is no id, is looked up as one."""
    from evenfall.registry.references import is_reference  # noqa: PLC0415

    if is_reference(text) and text not in project.registry.parameters:
        return project.resolve(text, mode="strict" if strict else "default")
    if strict:
        raise UsageError("--strict is for references", remedy="leave it out, or ask for e.<edge>.p.mean")
    return project.show(text)


def _print(found: Shown | Answer) -> None:
    from evenfall.project import Shown  # noqa: PLC0415

    if isinstance(found, Shown):
        _print_parameter(found)
    else:
        _print_answer(found)


def _facts() -> tuple[Table, Callable[..., None]]:
    """Return a table of names and values, and what adds a line to it unless the value is empty."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")

    def line(name: str, value: str, style: str = "") -> None:
        if value:
            table.add_row(name, Text(value, style=style))

    return table, line


def _print_answer(answer: Answer) -> None:
    table, line = _facts()
    *_, family, leaf = answer.reference.split(".")
    line("reference", answer.reference, "bold")
    if family == "latency":
        line(leaf, _latency(answer, leaf), "bold")
    else:
        line(leaf if leaf != "mean" else "", "" if leaf == "mean" else _figure(answer, leaf), "bold")
        line("mean", formatting.estimate(answer.type, answer.mean, answer.lower, answer.upper), "bold")
    line("level", answer.level)
    line("parameter", answer.parameter_id or "")
    line("answers for", answer.answers_for if answer.level != "exact" else "")
    line("passed over", ", ".join(answer.passed_over))
    line("n", formatting.evidence(answer.n))
    line("origin", answer.origin)
    line("prior" if answer.parameter_id else "stated by", answer.prior_origin)
    line("age", formatting.age(answer.age_days) if answer.parameter_id else "")
    line("as of", answer.as_of.isoformat())
    put(table)


def _latency(answer: Answer, leaf: str) -> str:
    """Return a figure of a lag with the interval of what is believed of it."""
    if leaf == "n":
        return f"{answer.value:,.6g}"
    return f"{formatting.estimate(answer.type, answer.value, answer.lower, answer.upper)} days"


def _figure(answer: Answer, leaf: str) -> str:
    if leaf in ("alpha", "beta", "n"):
        return f"{answer.value:,.6g}"
    return formatting.value(answer.type, answer.value, answer.stdev)


def _print_parameter(shown: Shown) -> None:
    row, facts = shown.row, shown.as_dict()
    table, line = _facts()
    line("parameter", row.parameter_id, "bold")
    line("name", row.name if row.name != row.parameter_id else "")
    line("type", row.type)
    line("defined in", f"{facts['file']}:{facts['line']}")
    line("reference", facts["edge_reference"] or "")
    line("context", ", ".join(f"{key}={value}" for key, value in facts["context_filter"].items()))
    line("visited", _visited(facts["visited_filter"]))
    line("prior", formatting.spread(row.type, row.prior_mean, row.prior_stdev))
    line("", _numbers(shown.prior))
    line("", row.prior_origin)
    line("evidence", _evidence(shown))
    line("posterior", formatting.estimate(row.type, row.posterior_mean, row.lower, row.upper), "bold")
    line("", _numbers(shown.posterior))
    line(
        "light",
        f"{formatting.light(row.light)}  {formatting.sigma(row.sigma)}",
        formatting.LIGHT_STYLES[row.light],
    )
    line("last read", f"{formatting.age(row.age_days)} ago" if row.age_days is not None else "")
    put(table)
    for said in (row.config_error or row.detail, row.remedy):
        if said:
            say(said)


def _visited(condition: Mapping[str, Any] | None) -> str:
    return f" {condition['operator'].lower()} ".join(condition["nodes"]) if condition else ""


def _numbers(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {number:,.6g}" for key, number in numbers.items())


def _evidence(shown: Shown) -> str:
    row = shown.row
    if not row.size:
        return "none yet"
    unit = "exposure" if row.type == "rate" else "n"
    observed = formatting.value(row.type, row.observed, row.posterior_stdev)
    return f"{unit} {formatting.evidence(row.size)}, observed {observed}"
