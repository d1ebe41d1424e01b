"""When a total may be read day by day: only where the days' counts add up to the window's.

A sum over a window equals the sum of its days' sums when each counted row belongs to exactly one day and nothing
else in the query is cut by the window. What cannot be shown from the text counts as not splittable, with the reason
in words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
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

__all__ = ["date_comparison", "output_columns", "why_not_splittable"]

_COUNTING: Final = (exp.Count, exp.CountIf)
_TRANSPARENT: Final = (exp.Paren, exp.Cast, exp.TryCast, exp.Alias)
_BIND_WRAPPERS: Final = (exp.Paren, exp.Cast, exp.TryCast, exp.Date, exp.TsOrDsToDate, exp.Datetime)


def why_not_splittable(tree: exp.Query, context_columns: Collection[str], statistics: Collection[str]) -> str:
    """Return why the query may not be split by day; empty when it may.

    Parameters
    ----------
    tree
        The parse tree, clock already bound.
    context_columns
        Output and source columns that tell the shards apart (lower case).
    statistics
        Output columns that are counted as evidence (lower case).
    """
    dated = [p for p in (*placeholders(tree, START_DATE), *placeholders(tree, END_DATE))]
    scopes = _unique(_scope(p) for p in dated)
    if len(scopes) != 1:
        return f"the dates cut {len(scopes)} parts of the query ({', '.join(map(_scope_name, scopes))})"
    if len(dated) != 2:
        return "a date bind is used more than once"
    bearing = scopes[0]
    compared = date_comparison(bearing)
    if compared is None:
        return "the dates do not compare one column as >= :start_date and < :end_date"
    if _bounded_by_clock(bearing, compared):
        return f"{compared.sql()} is also bounded by NOW() or CURRENT_DATE"
    declared_daily = bool(placeholders(tree, LOOKBACK_START, AS_OF))
    if not declared_daily:
        for reason in _cut_by_day(tree, bearing, compared, context_columns):
            return reason
    return _not_additive(tree, bearing, statistics, declared_daily)


def date_comparison(select: exp.Select) -> exp.Expr | None:
    """Return the expression that is >= :start_date and < :end_date in the conditions of `select`, if one is."""
    lower = [e for c in _conjuncts(select) if (e := _compared(c, START_DATE, exp.GTE, exp.LTE)) is not None]
    upper = [e for c in _conjuncts(select) if (e := _compared(c, END_DATE, exp.LT, exp.GT)) is not None]
    if len(lower) != 1 or len(upper) != 1 or lower[0] != upper[0]:
        return None
    expression = lower[0]
    plain = expression.find(exp.Column) and not expression.find(exp.Placeholder, exp.Select)
    return expression if plain else None


def output_columns(tree: exp.Query) -> dict[str, exp.Expr] | None:
    """Return the output columns by lower-case name, a ``*`` opened; None when a ``*`` hides them."""
    select = _first_select(tree)
    columns: dict[str, exp.Expr] = {}
    for item in select.expressions:
        if not item.is_star or isinstance(item, exp.Alias):
            columns.setdefault(item.alias_or_name.lower() or item.sql().lower(), item)
            continue
        source = _only_source(select)
        opened = output_columns(source) if source is not None and item.key == "star" else None
        if opened is None or any(item.args.get(part) for part in ("except_", "replace", "rename")):
            return None
        columns.update(opened)
    return columns


def _cut_by_day(
    tree: exp.Query, bearing: exp.Select, compared: exp.Expr, context_columns: Collection[str]
) -> Iterator[str]:
    """Yield what makes the parts between the dates and the result depend on more than one day."""
    scope: exp.Select | None = bearing
    while scope is not None:
        yield from _cut_in_scope(scope, compared, context_columns)
        if _is_root(tree, scope):
            return
        reference = _only_reference(tree, scope)
        if isinstance(reference, str):
            yield reference
            return
        scope = reference


def _cut_in_scope(scope: exp.Select, compared: exp.Expr, context_columns: Collection[str]) -> Iterator[str]:
    name = _scope_name(scope)
    if scope.args.get("distinct"):
        yield f"{name} keeps DISTINCT rows, which may appear on several days"
    for part in ("limit", "offset", "having", "qualify"):
        if scope.args.get(part):
            yield f"{name} has a {part.upper()}, which each day would apply anew"
    for node in _own_nodes(scope):
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
    if isinstance(key, exp.Placeholder | exp.Literal):
        return True
    columns = list(key.find_all(exp.Column))
    times = list(compared.find_all(exp.Column))
    return bool(columns) and all(c in times for c in columns) and not isinstance(key, exp.Column)


def _group_keys(scope: exp.Select) -> Iterator[exp.Expr]:
    """Yield what a scope groups by, with positions and aliases followed to their expressions."""
    group = scope.args.get("group")
    if group is None:
        return
    if any(part for name, part in group.args.items() if name != "expressions"):
        yield exp.column("a set of groupings or ALL")
    aliases = {item.alias.lower(): item.this for item in scope.expressions if isinstance(item, exp.Alias)}
    for key in group.expressions:
        if isinstance(key, exp.Literal) and key.is_int:
            position = int(key.name) - 1
            item = scope.expressions[position] if 0 <= position < len(scope.expressions) else key
            yield item.this if isinstance(item, exp.Alias) else item
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in aliases:
            inner = aliases[key.name.lower()]
            yield key if isinstance(inner, exp.Column | exp.Placeholder) else inner
        else:
            yield key


def _only_reference(tree: exp.Query, scope: exp.Select) -> exp.Select | str:
    """Return the SELECT that reads `scope` as rows exactly once, or why there is none."""
    holder: exp.Expr | None = scope.parent
    place: exp.Expr = scope
    while isinstance(holder, exp.Subquery):
        place, holder = holder, holder.parent
    if isinstance(holder, exp.CTE):
        readers = [t for t in tree.find_all(exp.Table) if t.name.lower() == holder.alias.lower()]
        if len(readers) != 1:
            return f"{holder.alias} is read {len(readers)} times"
        place = readers[0]
        holder = place.parent
        while isinstance(holder, exp.Subquery):
            place, holder = holder, holder.parent
    if isinstance(holder, exp.SetOperation):
        return "the dates cut one part of a UNION"
    if not isinstance(holder, exp.From | exp.Join) or not isinstance(holder.parent, exp.Select):
        return "the dated rows are a condition, not the rows counted"
    outer = holder.parent
    return outer if _keeps_rows(outer, holder) else "an outer join keeps rows that no day dates"


def _keeps_rows(outer: exp.Select, holder: exp.From | exp.Join) -> bool:
    """Return whether every joined row comes from exactly one dated row."""
    joins: list[exp.Join] = outer.args.get("joins") or []
    if any(join.side in {"RIGHT", "FULL"} and join is not holder for join in joins):
        return False
    if isinstance(holder, exp.From):
        return True
    return holder.side in {"", "RIGHT"} and holder.kind in {"", "INNER", "CROSS"}


def _not_additive(tree: exp.Query, bearing: exp.Select, statistics: Collection[str], daily: bool) -> str:
    """Return which statistic does not add over days; empty when all do."""
    columns = output_columns(tree) or {}
    root = _first_select(tree)
    for name in statistics:
        expression = columns.get(name)
        if expression is not None and not _adds(root, expression, daily):
            return f"{name} is {expression.unalias().sql()[:60]}, which does not add over days"
    return ""


def _adds(scope: exp.Select, expression: exp.Expr, daily: bool) -> bool:
    """Return whether an output expression of `scope` over a window is the sum of its values over the days."""
    match expression:
        case exp.Count() | exp.CountIf() | exp.Sum():
            if isinstance(expression.this, exp.Distinct) and not daily:
                return False
            source = _only_source(scope)
            if source is None or not _aggregates(source) or daily:
                return True
            plain = (
                isinstance(expression, exp.Sum)
                and not scope.args.get("where")
                and not scope.args.get("joins")
            )
            return plain and _column_adds(source, expression.this, daily)
        case exp.Filter() | exp.Paren() | exp.Cast() | exp.TryCast() | exp.Alias():
            return _adds(scope, expression.this, daily)
        case exp.Coalesce() if len(expression.expressions) == 1:
            default = expression.expressions[0]
            return (
                isinstance(default, exp.Literal)
                and float(default.name or 0) == 0
                and _adds(scope, expression.this, daily)
            )
        case exp.Add() | exp.Sub():
            return all(
                _never_null(side) and _adds(scope, side, daily) for side in expression.unnest_operands()
            )
        case exp.Column():
            source = _only_source(scope)
            ungrouped = not _aggregates(scope) and not scope.args.get("where") and not scope.args.get("joins")
            return source is not None and ungrouped and _column_adds(source, expression, daily)
    return False


def _column_adds(source: exp.Query, expression: exp.Expr, daily: bool) -> bool:
    inner = (output_columns(source) or {}).get(expression.name.lower())
    return (
        isinstance(expression, exp.Column)
        and inner is not None
        and _adds(_first_select(source), inner, daily)
    )


def _never_null(expression: exp.Expr) -> bool:
    bare = expression.unnest()
    return isinstance(bare, (*_COUNTING, exp.Coalesce))


def _aggregates(query: exp.Query) -> bool:
    select = _first_select(query)
    return bool(select.args.get("group")) or any(isinstance(n, exp.AggFunc) for n in _own_nodes(select))


def _only_source(select: exp.Select) -> exp.Query | None:
    """Return the subquery or WITH part that is the first source of `select`, when it is one."""
    source = select.args.get("from_")
    if source is None:
        return None
    relation = source.this
    if isinstance(relation, exp.Subquery):
        inner = relation.unnest()
        return inner if isinstance(inner, exp.Query) else None
    root = select.root()
    for cte in root.find_all(exp.CTE):
        if isinstance(relation, exp.Table) and cte.alias.lower() == relation.name.lower():
            return cte.this if isinstance(cte.this, exp.Query) else None
    return None


def _compared(conjunct: exp.Expr, bind: str, *kinds: type[exp.Expr]) -> exp.Expr | None:
    """Return what a condition compares with the bind: ``x >= :bind`` is the first kind, flipped the second."""
    plain, flipped = kinds
    if isinstance(conjunct, plain) and _is_bind(conjunct.expression, bind):
        return conjunct.this
    if isinstance(conjunct, flipped) and _is_bind(conjunct.this, bind):
        return conjunct.expression
    return None


def _is_bind(expression: exp.Expr, name: str) -> bool:
    while isinstance(expression, _BIND_WRAPPERS):
        expression = expression.this
    return isinstance(expression, exp.Placeholder) and expression.name == name


def _conjuncts(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield the conditions a row of `select` must all meet: its WHERE and the ON of its inner joins."""
    joins: list[exp.Join] = select.args.get("joins") or []
    inner = [j.args.get("on") for j in joins if not j.side and j.kind in {"", "INNER"}]
    outer = any(j.side in {"RIGHT", "FULL"} for j in joins)
    where = select.args.get("where")
    for condition in (where.this if where else None, *([] if outer else inner)):
        if condition is not None:
            bare = condition.unnest()
            yield from (bare.flatten() if isinstance(bare, exp.And) else [bare])


def _bounded_by_clock(select: exp.Select, compared: exp.Expr) -> bool:
    columns = set(compared.find_all(exp.Column))
    return any(
        placeholders(c, LOGICAL_NOW, LOGICAL_TODAY) and columns & set(c.find_all(exp.Column))
        for c in _conjuncts(select)
    )


def _own_nodes(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield the nodes of one SELECT without those of the SELECTs inside it."""
    return (
        node
        for node in select.walk(prune=lambda n: n is not select and isinstance(n, exp.Select))
        if node is select or not isinstance(node, exp.Select)
    )


def _scope(node: exp.Expr) -> exp.Select | None:
    return node.find_ancestor(exp.Select)


def _unique(scopes: Iterator[exp.Select | None]) -> list[exp.Select]:
    seen: dict[int, exp.Select] = {}
    for scope in scopes:
        if scope is not None:
            seen.setdefault(id(scope), scope)
    return list(seen.values())


def _scope_name(scope: exp.Select) -> str:
    holder = scope.parent
    while isinstance(holder, exp.Subquery) and not holder.alias:
        holder = holder.parent
    named = isinstance(holder, exp.CTE | exp.Subquery) and holder.alias
    return str(named) if named else "the query"


def _is_root(tree: exp.Query, scope: exp.Select) -> bool:
    top: exp.Expr = tree
    while isinstance(top, exp.Subquery):
        top = top.this
    return top is scope


def _first_select(query: exp.Query) -> exp.Select:
    select = query if isinstance(query, exp.Select) else query.find(exp.Select)
    if not isinstance(select, exp.Select):
        raise TypeError("a query without a SELECT passed the guard")
    return select
