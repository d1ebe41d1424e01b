"""The names a query may bind, and the logical clock in place of the warehouse's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sqlglot import exp

from evenfall.errors import QueryRefused, nearest

__all__ = [
    "AS_OF",
    "END_DATE",
    "LOGICAL_NOW",
    "LOGICAL_TODAY",
    "LOOKBACK_START",
    "RESERVED",
    "START_DATE",
    "bind_logical_clock",
    "check_binds",
    "placeholders",
]

START_DATE: Final = "start_date"
END_DATE: Final = "end_date"
LOOKBACK_START: Final = "lookback_start"
AS_OF: Final = "as_of"
RESERVED: Final = frozenset({START_DATE, END_DATE, LOOKBACK_START, AS_OF})
"""Binds that every observation query may use, each a local wall time of the project's zone."""

LOGICAL_NOW: Final = "logical_now"
LOGICAL_TODAY: Final = "logical_today"

_NOW_NODES: Final = (exp.CurrentTimestamp, exp.CurrentDatetime, exp.Localtimestamp)
_NOW_NAMES: Final = frozenset(
    {"now", "get_current_timestamp", "transaction_timestamp", "current_localtimestamp"}
)
_CLOCK_WORDS: Final = frozenset({"now", "today", "yesterday", "tomorrow"})
_ZONE_WORDS: Final = frozenset({"localtime", "utc"})
_EMPTY_MEANS_NOW: Final = frozenset({"date", "datetime", "time", "julianday", "unixepoch", "age"})


def placeholders(tree: exp.Expr, *names: str) -> list[exp.Placeholder]:
    """Return the binds in the tree that have one of the names."""
    return [bind for bind in tree.find_all(exp.Placeholder) if bind.name in names]


def check_binds(tree: exp.Query, own: Mapping[str, str], extra: Collection[str]) -> None:
    """Refuse binds without a name or with one that nothing fills; spell template variables as their binds.

    Parameters
    ----------
    tree
        The parse tree; ``:channel`` is rewritten to the bind of the template variable ``channel``.
    own
        Template variables and the names of their binds.
    extra
        Names declared under ``parameters`` besides the reserved ones.
    """
    known = RESERVED | set(extra) | set(own.values())
    for placeholder in list(tree.find_all(exp.Placeholder)):
        name = placeholder.name
        if name in own and name not in known:
            placeholder.set("this", own[name])
        elif name not in known:
            valid = sorted(RESERVED | set(extra) | set(own))
            close = nearest(name, valid)
            hint = f"did you mean :{' or :'.join(close)}?" if close else f"known are :{', :'.join(valid)}"
            shown = f":{name}" if name and name != "?" else "a bind without a name"
            raise QueryRefused(f"nothing fills {shown}", remedy=hint)


def bind_logical_clock(tree: exp.Query) -> None:
    """Replace every reading of the clock in the tree by a bind, so that a night repeats exactly.

    ``NOW()`` and ``CURRENT_TIMESTAMP`` become the night's instant, ``CURRENT_DATE`` its date; the words
    SQLite and others take for the clock (``date('now')``) likewise.
    """
    for node in list(tree.find_all(exp.Func, exp.Literal)):
        bind = _clock_bind(node)
        if bind:
            node.replace(exp.Placeholder(this=bind))
        elif isinstance(node, exp.Func):
            _refuse_hidden_clock(node)


def _clock_bind(node: exp.Expr) -> str:
    """Return the bind that a reading of the clock becomes; empty for anything else."""
    if isinstance(node, exp.Literal):
        return _clock_word(node) if node.is_string else ""
    if isinstance(node, exp.CurrentDate):
        return LOGICAL_TODAY
    named_now = isinstance(node, exp.Anonymous) and node.name.lower() in _NOW_NAMES
    return LOGICAL_NOW if named_now or isinstance(node, _NOW_NODES) else ""


def _clock_word(literal: exp.Literal) -> str:
    """Return the bind that a literal such as ``'now'`` means where a date function or a cast reads it."""
    reader = literal.parent
    word = literal.name.strip().lower()
    if not isinstance(reader, exp.Func) or not _reads_time(reader):
        return ""
    if word == "now":
        return LOGICAL_NOW
    if word in _CLOCK_WORDS | _ZONE_WORDS:
        raise QueryRefused(
            f"{literal.name!r} depends on the machine's clock", remedy="use NOW() or CURRENT_DATE"
        )
    return ""


def _reads_time(call: exp.Func) -> bool:
    if isinstance(call, exp.Cast | exp.TryCast):
        return call.to.is_type(*exp.DataType.TEMPORAL_TYPES)
    name = call.name.lower() if isinstance(call, exp.Anonymous) else call.sql_name().lower()
    return any(part in name for part in ("date", "time", "julianday", "epoch", "strf"))


def _refuse_hidden_clock(call: exp.Func) -> None:
    """Refuse a date function without arguments: it reads the warehouse's own clock."""
    name = call.name.lower() if isinstance(call, exp.Anonymous) else call.sql_name().lower()
    arguments = [part for part in call.args.values() if part]
    if isinstance(call, exp.Anonymous):
        arguments = list(call.expressions)
    alone = not arguments or (name == "age" and len(arguments) == 1)
    if name in _EMPTY_MEANS_NOW and alone:
        raise QueryRefused(f"{name}() reads the machine's clock", remedy="use NOW() or CURRENT_DATE")
