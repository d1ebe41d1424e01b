"""The status table: every parameter's prior, evidence, posterior and light on one line each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from evenfall.cli import formatting
from evenfall.findings import Light

if TYPE_CHECKING:
    from evenfall.runs.report import StatusRow

__all__ = ["plain_table", "remarks", "status_table", "summary"]

_SHARD: Final = re.compile(r"(?P<template>[^\[\]]+)\[(?P<pairs>[^']+)\]")
_BREAKS: Final = re.compile(r"[^\s,._·-]*[\s,._·-]*(?<=.)")
_NAME: Final = "parameter"
_COLUMNS: Final = ("light", _NAME, "prior", "origin", "n", "observed", "posterior [95 %]", "σ", "read")
_DROPS: Final = ((), ("read",), ("read", "origin"), ("read", "origin", "observed"))
_LEAST_NAME: Final = 14
"""Columns a name needs before other columns make room for it."""
_GAP: Final = 2
_REMARKS: Final = 20
"""Remarks printed below a table; the rest is in the JSON."""


def plain_table(*headings: str, right: Sequence[str] = ()) -> Table:
    """Return an empty table in the one style all verbs use; headings in `right` are numbers."""
    table = Table(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold", collapse_padding=True
    )
    for heading in headings:
        table.add_column(
            heading, justify="right" if heading in right else "left", no_wrap=True, overflow="ellipsis"
        )
    return table


def status_table(rows: Sequence[StatusRow], width: int) -> Table:
    """Return the rows as a table that fits `width` columns.

    Shards of one template stand together below its name, by their values. A long name is broken, never cut.
    Where even that does not fit, the age of the read goes first, then the prior's origin, then what was
    observed; a terminal of 100 columns has room for all of them. The keys of a template's shards stand
    beside its name where there is room.
    """
    lines = [(label, {} if row is None else _cells(row)) for label, row in _grouped(rows)]
    least = min(_LEAST_NAME, max(len(label) for label, _ in lines))
    dropped = next((drop for drop in _DROPS if _room(lines, drop, width) >= least), _DROPS[-1])
    room = max(least, _room(lines, dropped, width))
    headings = [name for name in _COLUMNS if name not in dropped]
    table = plain_table(*headings, right=("n", "observed", "σ", "read"))
    for label, cells in lines:
        shown = label if cells or len(label) <= room else label.partition(" [")[0]
        name = Text(_broken(shown, room), style="" if cells else "bold")
        table.add_row(*(name if heading == _NAME else cells.get(heading, Text()) for heading in headings))
    return table


def _grouped(rows: Sequence[StatusRow]) -> Iterator[tuple[str, StatusRow | None]]:
    """Yield a label and a row per line; shards of one template follow a line that names it and its keys."""
    for (template, keys), members in groupby(rows, key=lambda row: _shard(row.parameter_id)[:2]):
        shards = list(members)
        if not keys or len(shards) == 1:
            yield from ((row.parameter_id, row) for row in shards)
            continue
        yield f"{template} [{', '.join(keys)}]", None
        yield from ((f"  {' · '.join(_shard(row.parameter_id)[2])}", row) for row in shards)


def _shard(parameter_id: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return a shard's template, context keys and values; no keys for any other parameter."""
    match = _SHARD.fullmatch(parameter_id)
    pairs = [pair.partition("=") for pair in match["pairs"].split(",")] if match else []
    if match is None or not all(equals for _, equals, _ in pairs):
        return parameter_id, (), ()
    return match["template"], tuple(key for key, _, _ in pairs), tuple(value for _, _, value in pairs)


def _broken(label: str, width: int) -> str:
    """Return a label in lines of at most `width`, broken where a reader would; further lines are indented.

    Examples
    --------
    >>> print(_broken("checkout-to-payment", 12))
    checkout-to-
      payment
    """
    lines = [""]
    for piece in _BREAKS.findall(label):
        if len(lines[-1]) + len(piece) > width and lines[-1].strip():
            lines.append("  ")
        lines[-1] += piece
        while len(lines[-1]) > width:
            lines[-1:] = [lines[-1][:width], "  " + lines[-1][width:]]
    return "\n".join(line.rstrip() for line in lines)


def _cells(row: StatusRow) -> dict[str, Text]:
    kind = row.prior_origin.split(" ", 1)[0] if row.prior_origin else formatting.MISSING
    light = Text(formatting.light(row.light), style=formatting.LIGHT_STYLES[row.light])
    spread = formatting.spread(row.type, row.prior_mean, row.prior_stdev)
    posterior = formatting.estimate(row.type, row.posterior_mean, row.lower, row.upper)
    return {
        "light": light,
        "prior": Text(spread),
        "origin": Text(kind, style="dim"),
        "n": Text(formatting.evidence(row.size)),
        "observed": Text(formatting.value(row.type, row.observed, row.posterior_stdev)),
        "posterior [95 %]": Text(posterior, style="bold" if row.posterior_mean is not None else ""),
        "σ": Text(formatting.sigma(row.sigma).removesuffix("σ")),
        "read": Text(formatting.age(row.age_days), style="dim"),
    }


def _room(lines: Sequence[tuple[str, Mapping[str, Text]]], dropped: Sequence[str], width: int) -> int:
    """Return the columns that the other columns leave for names."""
    others = [name for name in _COLUMNS if name not in dropped and name != _NAME]
    return width - sum(
        max([len(name), *(len(cells[name].plain) for _, cells in lines if cells)]) + _GAP for name in others
    )


def summary(rows: Sequence[StatusRow]) -> Text:
    """Return how many parameters have which light, the worst first."""
    counts = Counter(row.light for row in rows)
    parts = [
        Text(f"{counts[light]} {formatting.light(light)}", style=formatting.LIGHT_STYLES[light])
        for light in formatting.WORST_FIRST
        if counts[light]
    ]
    return Text("   ").join(parts) if parts else Text("no parameters")


def remarks(rows: Sequence[StatusRow]) -> list[Text]:
    """Return what is to be said about rows that are not green, the worst first, each with its remedy."""
    spoken = [row for row in rows if row.config_error or (row.light is not Light.GREEN and row.detail)]
    spoken.sort(key=lambda row: formatting.WORST_FIRST.index(row.light))
    lines = [_remark(row) for row in spoken[:_REMARKS]]
    if len(spoken) > _REMARKS:
        lines.append(Text(f"and {len(spoken) - _REMARKS} more; --json lists them all", style="dim"))
    return lines


def _remark(row: StatusRow) -> Text:
    said = row.config_error or row.detail
    if not said.startswith(row.parameter_id) and not row.config_error:
        said = f"{row.parameter_id}: {said}"
    line = Text(f"{formatting.LIGHT_SIGNS[row.light]} ", style=formatting.LIGHT_STYLES[row.light])
    line.append(said, style="default not bold")
    if row.remedy and row.remedy not in said:
        line.append(f"\n  → {row.remedy}", style="dim not bold")
    return line
