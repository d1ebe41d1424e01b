"""When a total may be read day by day: only where the days' counts add up to the window's.

A sum over a window equals the sum of its days' sums when each counted row belongs to exactly one day and
nothing else in the query is cut by the window. What cannot be shown from the text counts as not splittable,
with the reason in words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final

from sqlglot import exp

from evenfall.connectors.sql.binds import (
    AS_OF,
    END_DATE,
    LOGICAL_NOW,
    LOGICAL_TODAY,
    LOOKBACK_START,
    START_DATE,
    placeholders,
)
from evenfall.connectors.sql.scopes import (
    aggregates,
    conjuncts,
    first_select,
    first_source,
    is_root,
    output_columns,
    own_nodes,
    reader_of,
    scope_name,
)

__all__ = ["date_comparison", "why_not_splittable"]

_DATE_WRAPPERS: Final = (exp.Paren, exp.Cast, exp.TryCast, exp.Date, exp.TsOrDsToDate, exp.Datetime)


def why_not_splittable(tree: exp.Query, context_columns: Collection[str], statistics: Collection[str]) -> str:
    """Return why the query may not be split by day; empty when it may.

    A query that binds ``:lookback_start`` or ``:as_of`` where it looks beyond the attempts' day says by that
    that it is meant per day; then only the attempts may carry the two dates, and the statistics must add.

    Parameters
    ----------
    tree
        The parse tree, clock already bound.
    context_columns
        Output and source columns that tell the shards apart (lower case).
    statistics
        Output columns that are counted as evidence (lower case).
    """
    dates = placeholders(tree, START_DATE, END_DATE)
    scopes = list({id(scope): scope for p in dates if (scope := p.find_ancestor(exp.Select))}.values())
    if len(scopes) != 1:
        return f"the dates cut {len(scopes)} parts of the query ({', '.join(map(scope_name, scopes))})"
    if len(dates) != 2:
        return "a date is bound more than once"
    compared = date_comparison(scopes[0])
    if compared is None:
        return "the dates do not compare one column as >= :start_date and < :end_date"
    if _bounded_by_clock(scopes[0], compared):
        return f"{compared.sql()} is also bounded by NOW() or CURRENT_DATE"
    path = _path(tree, scopes[0])
    meant_per_day = bool(placeholders(tree, LOOKBACK_START, AS_OF))
    if not meant_per_day:
        if isinstance(path[-1], str):
            return path[-1]
        for part in path:
            for reason in _cut_by_day(part, compared, context_columns):
                return reason
    return _not_additive(tree, path, statistics, meant_per_day)


def date_comparison(select: exp.Select) -> exp.Expr | None:
    """Return the expression that `select` wants >= :start_date and < :end_date, if there is one."""
    conditions = list(conjuncts(select))
    lower = [e for c in conditions if (e := _compared(c, START_DATE, exp.GTE, exp.LTE)) is not None]
    upper = [e for c in conditions if (e := _compared(c, END_DATE, exp.LT, exp.GT)) is not None]
    if len(lower) != 1 or len(upper) != 1 or lower[0] != upper[0]:
        return None
    plain = lower[0].find(exp.Column) and not lower[0].find(exp.Placeholder, exp.Select)
    return lower[0] if plain else None


def _path(tree: exp.Query, bearing: exp.Select) -> list[exp.Select | str]:
    """Return the SELECTs that the dated rows pass on their way out, or as last item why they do not."""
    path: list[exp.Select | str] = [bearing]
    scope = bearing
    while not is_root(tree, scope):
        reader = reader_of(tree, scope)
        path.append(reader)
        if isinstance(reader, str):
            break
        scope = reader
    return path


def _cut_by_day(
    scope: exp.Select | str, compared: exp.Expr, context_columns: Collection[str]
) -> Iterator[str]:
    """Yield what makes the rows of one SELECT depend on more than one day."""
    if isinstance(scope, str):
        yield scope
        return
    name = scope_name(scope)
    if scope.args.get("distinct"):
        yield f"{name} keeps DISTINCT rows, which may appear on several days"
    for part in ("limit", "offset", "having", "qualify"):
        if scope.args.get(part):
            yield f"{name} has a {part.upper()}, which each day would apply anew"
    for node in own_nodes(scope):
        if isinstance(node, exp.Window):
            yield f"{name} uses a window function, which looks beyond one day"
        if isinstance(node, exp.AggFunc) and isinstance(node.this, exp.Distinct):
            yield f"{name} counts DISTINCT units, which may appear on several days"
    for key in _group_keys(scope):
        if not _is_context_or_date(key, compared, context_columns):
            yield f"{name} groups by {key.sql()}, which may appear on several days"


def _is_context_or_date(key: exp.Expr, compared: exp.Expr, context_columns: Collection[str]) -> bool:
    if isinstance(key, exp.Column) and key.name.lower() in context_columns:
        return True
    if isinstance(key, exp.Placeholder | exp.Literal) or key == compared:
        return True
    columns, times = list(key.find_all(exp.Column)), list(compared.find_all(exp.Column))
    return bool(columns) and all(column in times for column in columns)


def _group_keys(scope: exp.Select) -> Iterator[exp.Expr]:
    """Yield what a SELECT groups by, positions and aliases followed to their expressions."""
    group = scope.args.get("group")
    if group is None:
        return
    if any(part for name, part in group.args.items() if name != "expressions"):
        yield exp.column("ALL or a set of groupings")
    aliases = {item.alias.lower(): item.this for item in scope.expressions if isinstance(item, exp.Alias)}
    for key in group.expressions:
        if isinstance(key, exp.Literal) and key.is_int:
            position = int(key.name) - 1
            item = scope.expressions[position] if 0 <= position < len(scope.expressions) else key
            yield item.unalias()
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in aliases:
            inner = aliases[key.name.lower()]
            yield key if isinstance(inner, exp.Column | exp.Placeholder) else inner
        else:
            yield key


def _not_additive(
    tree: exp.Query, path: Sequence[exp.Select | str], statistics: Collection[str], per_day: bool
) -> str:
    """Return which statistic does not add over days; empty when all do."""
    columns = output_columns(tree) or {}
    adding = _Adding([scope for scope in path if not isinstance(scope, str)], per_day)
    for name in statistics:
        expression = columns.get(name)
        if expression is not None and not adding.holds(_home(expression), expression):
            return f"{name} is {expression.unalias().sql()[:60]}, which does not add over days"
    return ""


def _home(expression: exp.Expr) -> exp.Select:
    scope = expression.find_ancestor(exp.Select)
    assert isinstance(scope, exp.Select), "an output column stands in a SELECT"
    return scope


class _Adding:
    """Whether an output over a window is the sum of its values over the days."""

    def __init__(self, path: Sequence[exp.Select], per_day: bool) -> None:
        self._inner = {id(outer): inner for inner, outer in pairwise(path)}
        self._per_day = per_day

    def holds(self, scope: exp.Select, expression: exp.Expr) -> bool:
        """Return whether `expression`, an output of `scope`, adds over days."""
        match expression:
            case exp.Count() | exp.CountIf() | exp.Sum():
                return self._counts(scope, expression)
            case exp.Filter() | exp.Paren() | exp.Cast() | exp.TryCast() | exp.Alias():
                return self.holds(scope, expression.this)
            case exp.Coalesce():
                return _default_is_zero(expression) and self.holds(scope, expression.this)
            case exp.Add() | exp.Sub():
                sides = (expression.this, expression.expression)
                return all(_never_null(side) and self.holds(scope, side) for side in sides)
            case exp.Column():
                return not aggregates(scope) and self._passes(scope, expression)
        return False

    def _counts(self, scope: exp.Select, call: exp.Expr) -> bool:
        if self._per_day:
            return True
        inner = self._inner.get(id(scope))
        if inner is None or not aggregates(inner):
            return True
        # Over rows that are totals already, only a sum of sums adds; a count of them counts groups.
        return isinstance(call, exp.Sum) and self._passes(scope, call.this)

    def _passes(self, scope: exp.Select, column: exp.Expr) -> bool:
        """Return whether a column hands on, unfiltered, an inner column that adds."""
        if scope.args.get("where") or scope.args.get("joins") or not isinstance(column, exp.Column):
            return False
        source = self._inner.get(id(scope)) or first_source(scope)
        if source is None:
            return False
        inner = (output_columns(source) or {}).get(column.name.lower())
        return inner is not None and self.holds(first_select(source), inner)


def _default_is_zero(call: exp.Coalesce) -> bool:
    defaults = call.expressions
    return len(defaults) == 1 and isinstance(defaults[0], exp.Literal) and defaults[0].name in {"0", "0.0"}


def _never_null(expression: exp.Expr) -> bool:
    return isinstance(expression.unnest(), exp.Count | exp.CountIf | exp.Coalesce)


def _compared(
    condition: exp.Expr, bind: str, plain: type[exp.Binary], flipped: type[exp.Binary]
) -> exp.Expr | None:
    """Return what a condition compares with the bind, which stands right (plain) or left (flipped)."""
    if isinstance(condition, plain) and _is_bind(condition.expression, bind):
        return condition.this if isinstance(condition.this, exp.Expr) else None
    if isinstance(condition, flipped) and _is_bind(condition.this, bind):
        return condition.expression if isinstance(condition.expression, exp.Expr) else None
    return None


def _is_bind(expression: exp.Expr, name: str) -> bool:
    while isinstance(expression, _DATE_WRAPPERS):
        expression = expression.this
    return isinstance(expression, exp.Placeholder) and expression.name == name


def _bounded_by_clock(select: exp.Select, compared: exp.Expr) -> bool:
    columns = set(compared.find_all(exp.Column))
    return any(
        placeholders(condition, LOGICAL_NOW, LOGICAL_TODAY) and columns & set(condition.find_all(exp.Column))
        for condition in conjuncts(select)
    )
