"""The corrected text of a query whose dates do not make a half-open window."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from evenfall.connectors.sql.binds import END_DATE, START_DATE, placeholders
from evenfall.connectors.sql.scopes import conjuncts, joined_by_and

__all__ = ["with_date_binds"]

_GUESSED_COLUMN: Final = "created_at"
_CLOCK: Final = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentDatetime, exp.Localtimestamp)
_COMPARISONS: Final = (exp.GTE, exp.GT, exp.LTE, exp.LT, exp.Between)


def with_date_binds(tree: exp.Query, dialect: str) -> str:
    """Return the query with ``column >= :start_date AND column < :end_date`` in its innermost dated part.

    The column is the one the query compares with a bind, the clock or a date; where it compares none, the
    usual name ``created_at`` stands in for the project's own.
    """
    corrected = tree.copy()
    select = _dated_select(corrected)
    column = _dated_column(select) or exp.column(_GUESSED_COLUMN)
    where = select.args.get("where")
    conditions = joined_by_and(where.this) if where else ()
    kept = [_without_dates(c) for c in conditions if not _bounds_time(c, column)]
    for join in select.args.get("joins") or ():
        if join.args.get("on"):
            join.set("on", _without_dates(join.args["on"]))
    window = [
        exp.GTE(this=column.copy(), expression=exp.Placeholder(this=START_DATE)),
        exp.LT(this=column.copy(), expression=exp.Placeholder(this=END_DATE)),
    ]
    select.set("where", exp.Where(this=exp.and_(*kept, *window, copy=False)))
    return corrected.sql(dialect=dialect, comments=False)


def _dated_select(tree: exp.Query) -> exp.Select:
    """Return the part that compares a time, else the innermost one that reads a table."""
    selects = list(tree.find_all(exp.Select))
    for select in selects:
        if _dated_column(select) is not None:
            return select
    readers = [s for s in selects if isinstance(s.args.get("from_"), exp.From) and _reads_table(s)]
    return (readers or selects)[-1]


def _reads_table(select: exp.Select) -> bool:
    return isinstance(select.args["from_"].this, exp.Table)


def _dated_column(select: exp.Select) -> exp.Expr | None:
    for conjunct in conjuncts(select):
        if isinstance(conjunct, _COMPARISONS) and _mentions_time(conjunct):
            column = conjunct.find(exp.Column)
            if column is not None:
                return column
    return None


def _mentions_time(conjunct: exp.Expr) -> bool:
    if placeholders(conjunct, START_DATE, END_DATE) or any(conjunct.find_all(*_CLOCK)):
        return True
    if any(call.name.lower() in {"now", "today"} for call in conjunct.find_all(exp.Anonymous)):
        return True
    casts = conjunct.find_all(exp.Cast)
    return any(c.to.is_type(*exp.DataType.TEMPORAL_TYPES) and isinstance(c.this, exp.Literal) for c in casts)


def _bounds_time(conjunct: exp.Expr, column: exp.Expr) -> bool:
    return (
        isinstance(conjunct, _COMPARISONS)
        and _mentions_time(conjunct)
        and conjunct.find(exp.Column) == column
    )


def _without_dates(condition: exp.Expr) -> exp.Expr:
    """Return a condition with the dates inside it, such as in an OR, made always true."""

    def replaced(node: exp.Expr) -> exp.Expr:
        dated = isinstance(node, _COMPARISONS) and placeholders(node, START_DATE, END_DATE)
        return exp.true() if dated else node

    return condition.transform(replaced)
