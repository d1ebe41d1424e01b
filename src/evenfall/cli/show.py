"""`evenfall show`: one parameter with its definition and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, Identifier, ProjectPath, open_project
from evenfall.cli.output import emit, say
from evenfall.cli.output import show as put

if TYPE_CHECKING:
    from evenfall.project import Shown

__all__ = ["show"]


def show(parameter: Identifier, *, project: ProjectPath = None, as_json: AsJson = False) -> int:
    """Show one parameter: where it is defined, its prior, evidence, posterior and light."""
    with open_project(project) as opened:
        shown = opened.show(parameter)
        if as_json:
            emit(shown.as_dict())
        else:
            _print(shown)
    return 0


def _print(shown: Shown) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    row, facts = shown.row, shown.as_dict()
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")

    def line(name: str, value: str, style: str = "") -> None:
        if value:
            table.add_row(name, Text(value, style=style))

    line("parameter", row.parameter_id, "bold")
    line("name", row.name if row.name != row.parameter_id else "")
    line("type", row.type)
    line("defined in", f"{facts['file']}:{facts['line']}")
    line("reference", facts["edge_reference"] or "")
    line("context", ", ".join(f"{key}={value}" for key, value in facts["context_filter"].items()))
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


def _numbers(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {number:,.6g}" for key, number in numbers.items())


def _evidence(shown: Shown) -> str:
    row = shown.row
    if not row.size:
        return "none yet"
    unit = "exposure" if row.type == "rate" else "n"
    observed = formatting.value(row.type, row.observed, row.posterior_stdev)
    return f"{unit} {formatting.evidence(row.size)}, observed {observed}"
