"""`evenfall compare`: which of two is better, how surely, and what a wrong choice costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, AsOf, ProjectPath, open_project
from evenfall.cli.output import emit, say, show
from evenfall.cli.whatif import GraphName, Start, figure, lift

if TYPE_CHECKING:
    from evenfall.runs.graph.compare import Compared
    from evenfall.runs.graph.lookup import Answer

__all__ = ["compare"]

_WHAT = "A reference such as e.signup.p.mean, a slice such as channel=google, or scenario:NAME."


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_WHAT)],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one, of the same kind.")],
    *,
    graph: GraphName = None,
    start: Start = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NODE", help="The node whose arrivals are compared.")
    ] = None,
    as_of: AsOf = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Compare two references, or two slices or saved what-ifs of a graph."""
    with open_project(project) as opened:
        compared = opened.compare(a, b, graph=graph, start=start, to=to, as_of=as_of)
    if as_json:
        emit(compared.as_dict())
    else:
        _print(compared)
    return 0


def _told(answer: Answer | None) -> str:
    if answer is None:
        return ""
    name = answer.parameter_id or answer.prior_origin
    return f"{name} ({answer.level}, {answer.origin}, n {formatting.evidence(answer.n)})"


def _print(compared: Compared) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415 - loads rich

    found, kind = compared.comparison, compared.type
    table = plain_table("", compared.target or compared.type, "answered by")
    answers = compared.answers or (None, None)
    say(f"A  {compared.a}")
    say(f"B  {compared.b}")
    for name, of, answer in zip("AB", (found.a, found.b), answers, strict=True):
        table.add_row(name, figure(of, kind), _told(answer))
    table.add_row("B − A", figure(found.difference, kind), "")
    table.add_row("lift of B", lift(found.lift), "")
    table.add_row("P(B > A)", f"{found.p_b_greater:.4f}", "")
    for name, loss in (("A", found.loss_a), ("B", found.loss_b)):
        shown = formatting.value(kind, loss, (found.difference.upper - found.difference.lower) / 4)
        table.add_row(f"expected loss of choosing {name}", shown, "")
    show(table)
    for note in (*compared.notes, *(f"{f.subject}: {f.message}" for f in compared.findings)):
        say(f"· {note}")
