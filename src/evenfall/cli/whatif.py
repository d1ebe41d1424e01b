"""`evenfall whatif`: what reaches the outcomes when a rate or the mix of entries is another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, AsOf, ProjectPath, open_project
from evenfall.cli.output import emit, say, show
from evenfall.errors import UsageError

if TYPE_CHECKING:
    from evenfall.funnels.cost import OutcomeCost
    from evenfall.funnels.figures import Figure
    from evenfall.funnels.whatif import Change
    from evenfall.runs.graph.whatif import WhatIfAnswer

__all__ = ["figure", "lift", "whatif"]

Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="EDGE=RATE", help="Set a rate: checkout=0.6, or checkout=0.6±0.05. May be repeated."
    ),
]
Selecting = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="KEY=A,B", help="Look at these values of a context. May be repeated."),
]
Mixing = Annotated[
    str | None,
    typer.Option("--mix", metavar="A=20,B=80", help="How entries divide over these values afterwards."),
]
GraphName = Annotated[str | None, typer.Option("--graph", metavar="ID", help="Which graph, of several.")]
Start = Annotated[str | None, typer.Option("--from", metavar="NODE", help="Where entries begin.")]


def whatif(
    *,
    graph: GraphName = None,
    setting: Setting = None,
    select: Selecting = None,
    mix: Mixing = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Begin with a saved what-if.")
    ] = None,
    start: Start = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="NODE", help="A node to look at, in place of the outcomes. Repeatable."),
    ] = None,
    reach: Annotated[
        bool, typer.Option("--reach", help="Count each entry once, however often it comes back.")
    ] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep the question as scenarios/NAME.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --save overwrite a file.")] = False,
    rates: Annotated[bool, typer.Option("--rates", help="List where every rate comes from.")] = False,
    as_of: AsOf = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Show what reaches the outcomes before and after a rate is set or the mix of entries changes."""
    with open_project(project) as opened:
        answer = opened.whatif(
            graph,
            dict(_setting(text) for text in setting or ()),
            dict(_selection(text) for text in select or ()),
            dict(_shares(mix)) if mix else None,
            scenario=scenario,
            start=start,
            to=to,
            as_of=as_of,
            measure="reach" if reach else "arrivals",
        )
        saved = opened.save_scenario(save, answer, force=force) if save else None
    if as_json:
        emit({**answer.as_dict(), **({"saved": saved} if saved else {})})
        return 0
    _print(answer, rates)
    if saved:
        say(f"kept as {saved}")
    return 0


def _setting(text: str) -> tuple[str, Any]:
    """Return the edge, or reference, and the rate that ``checkout=0.6`` sets."""
    edge, _, value = text.rpartition("=")
    mean, _, stdev = value.replace("+-", "±").partition("±")
    if not edge:
        raise UsageError(f"--set {text}: no rate", remedy="write checkout=0.6, or checkout=0.6±0.05")
    return edge.strip(), (_number(mean, text), _number(stdev, text)) if stdev else _number(mean, text)


def _number(text: str, said: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{said}: {text!r} is not a number", remedy="write it as 0.6") from None


def _selection(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the context and the values that ``channel=google,facebook`` selects."""
    key, equals, values = text.partition("=")
    names = tuple(name.strip() for name in values.split(",") if name.strip())
    if not (key and equals and names):
        raise UsageError(f"--select {text}: no values", remedy="write --select channel=google,facebook")
    return key.strip(), names


def _shares(text: str) -> Iterator[tuple[str, float]]:
    """Yield the shares of ``google=20,facebook=80``; a joint slice is ``channel=google,device=mobile=20``."""
    begun: list[str] = []
    for piece in text.split(","):
        name, _, share = piece.rpartition("=")
        if name and share.replace(".", "", 1).strip().isdecimal():
            yield ",".join([*begun, name.strip()]), float(share)
            begun = []
        else:
            begun.append(piece.strip())
    if begun:
        raise UsageError(
            f"--mix {text}: {','.join(begun)} has no share", remedy="write google=20,facebook=80"
        )


def figure(of: Figure, scale: str = "probability") -> str:
    """Return a figure with its interval, in percent unless it is no share."""
    return formatting.estimate(scale, of.median if of.mean is None else of.mean, of.lower, of.upper)


def lift(of: Figure | None) -> str:
    """Return a relative change with its sign."""
    if of is None:
        return formatting.MISSING
    shown = figure(of)
    return shown if (of.median if of.mean is None else of.mean) < 0 else f"+{shown}"


def _print(answer: WhatIfAnswer, rates: bool) -> None:
    result = answer.result
    say(f"{answer.graph} from {answer.start}, as of {answer.as_of}: {result.measure} per entry")
    for override in result.overrides:
        say(f"  {override}")
    say("")
    _print_changes(result.mixed)
    if result.slices:
        if _asked_by_slice(answer):
            say("")
            _print_changes(result.slices, _keys(result.slices[0].slice))
        say("")
        _print_shares(answer)
    if answer.costs is not None:
        say("")
        _print_costs(answer.costs.before, answer.costs.after, answer.costs.currency)
    if rates:
        say("")
        _print_rates(answer)
    _print_remarks((*answer.notes, *(f"{f.subject}: {f.message}" for f in answer.findings)))


def _asked_by_slice(answer: WhatIfAnswer) -> bool:
    """Return whether the question names slices, or only parameters of the graph do."""
    asked = answer.question
    return bool(asked.select or asked.mix or any("context(" in edge for edge in asked.overrides))


def _keys(label: str) -> str:
    return " · ".join(pair.partition("=")[0] for pair in label.split(","))


def _values(label: str) -> str:
    return " · ".join(pair.partition("=")[2] for pair in label.split(","))


def _print_changes(changes: Iterable[Change], keys: str = "") -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415 - loads rich

    headings = ["target", "before [95 %]", "after [95 %]", "lift", "P(better)"]
    table = plain_table(*([keys] if keys else []), *headings, right=("P(better)",))
    for change in changes:
        same = change.p_greater == change.p_less == 0
        better = ("unchanged", "") if same else (lift(change.lift), f"{change.p_greater:.3f}")
        cells = [change.target, figure(change.before), figure(change.after), *better]
        table.add_row(*([_values(change.slice)] if keys else []), *cells)
    show(table)


def _print_shares(answer: WhatIfAnswer) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415 - loads rich

    result = answer.result
    keys = _keys(next(iter(result.shares_before)))
    table = plain_table(keys, f"share ({result.mix[0]})", f"after ({result.mix[1]})")
    for label, share in result.shares_before.items():
        after = result.shares_after[label]
        table.add_row(_values(label), *(formatting.value("probability", one) for one in (share, after)))
    show(table)


def _print_costs(before: Iterable[OutcomeCost], after: Iterable[OutcomeCost], currency: str) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415 - loads rich

    pairs = [(old, new) for old, new in zip(before, after, strict=True) if not old.slice]
    table = plain_table(f"cost in {currency}", "before [95 %]", "after [95 %]")
    old, new = pairs[0]
    table.add_row("per entry", figure(old.per_entry, "mean"), figure(new.per_entry, "mean"))
    for old, new in pairs:
        if old.per_arrival is not None and new.per_arrival is not None:
            cells = (figure(old.per_arrival, "mean"), figure(new.per_arrival, "mean"))
            table.add_row(f"per arrival at {old.target}", *cells)
    show(table)


def _print_rates(answer: WhatIfAnswer) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415 - loads rich

    table = plain_table("edge", "rate [95 %]", "n", "level", "origin", "parameter", right=("n",))
    for rate in answer.rates:
        shown = formatting.estimate("probability", rate.mean, rate.lower, rate.upper)
        table.add_row(
            f"{rate.edge} {rate.visits}".strip(),
            shown,
            formatting.evidence(rate.n),
            rate.level,
            rate.origin,
            rate.parameter_id or formatting.MISSING,
        )
    show(table)


def _print_remarks(remarks: Iterable[str]) -> None:
    for number, remark in enumerate(dict.fromkeys(remarks)):
        if not number:
            say("")
        say(f"· {remark}")
