"""The parts of a query: which SELECT stands where, what it outputs, and who reads its rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from evenfall.errors import QueryRefused

__all__ = [
    "aggregates",
    "conjuncts",
    "first_select",
    "first_source",
    "is_root",
    "joined_by_and",
    "output_columns",
    "own_nodes",
    "reader_of",
    "scope_name",
]


def first_select(query: exp.Query) -> exp.Select:
    """Return the SELECT whose columns are the query's: the query itself, or the first of a UNION.

    Raises
    ------
    QueryRefused
        When what is joined by a UNION, or stands in parentheses, is no SELECT.
    """
    inside: object = query
    while isinstance(inside, exp.SetOperation | exp.Subquery):
        inside = inside.this
    if not isinstance(inside, exp.Select):
        raise QueryRefused(
            "a part of the query is not a SELECT", remedy="write SELECT … on both sides of UNION"
        )
    return inside


def is_root(tree: exp.Query, scope: exp.Select) -> bool:
    """Return whether the rows of `scope` are the result, be it in parentheses."""
    top: exp.Expr = tree
    while isinstance(top, exp.Subquery):
        top = top.this
    return top is scope


def scope_name(scope: exp.Select) -> str:
    """Return what people call a part: its WITH name or alias, else ``the query``."""
    holder = scope.parent
    while isinstance(holder, exp.Subquery) and not holder.alias:
        holder = holder.parent
    named = isinstance(holder, exp.CTE | exp.Subquery) and holder.alias
    return str(named) if named else "the query"


def own_nodes(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield the nodes of one SELECT without those of the SELECTs inside it."""
    for node in select.walk(prune=lambda n: n is not select and isinstance(n, exp.Select)):
        if node is select or not isinstance(node, exp.Select):
            yield node


def aggregates(select: exp.Select) -> bool:
    """Return whether a row of `select` stands for several rows of its source."""
    return bool(select.args.get("group")) or any(isinstance(node, exp.AggFunc) for node in own_nodes(select))


def conjuncts(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield the conditions that every row of `select` meets: its WHERE and the ON of its inner joins."""
    joins: list[exp.Join] = select.args.get("joins") or []
    inner = [join.args.get("on") for join in joins if not join.side and join.kind in {"", "INNER"}]
    if any(join.side in {"RIGHT", "FULL"} for join in joins):
        inner = []
    where = select.args.get("where")
    for condition in (where.this if where else None, *inner):
        if condition is not None:
            yield from joined_by_and(condition)


def joined_by_and(condition: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the parts of a condition that must all hold."""
    bare = condition.unnest()
    if isinstance(bare, exp.And):
        yield from joined_by_and(bare.this)
        yield from joined_by_and(bare.expression)
    else:
        yield bare


def output_columns(query: exp.Query) -> dict[str, exp.Expr] | None:
    """Return the output columns by lower-case name, a ``*`` opened; None where a ``*`` hides them."""
    select = first_select(query)
    columns: dict[str, exp.Expr] = {}
    for item in select.expressions:
        if not item.is_star or isinstance(item, exp.Alias | exp.Func):
            columns.setdefault(item.alias_or_name.lower() or item.sql().lower(), item)
            continue
        source = first_source(select)
        changed = any(item.args.get(part) for part in ("except_", "replace", "rename"))
        joined = bool(select.args.get("joins"))
        opened = None if source is None or changed or joined else output_columns(source)
        if opened is None:
            return None
        columns.update(opened)
    return columns


def first_source(select: exp.Select) -> exp.Query | None:
    """Return the subquery or WITH part that `select` reads first; None when that is a table."""
    clause = select.args.get("from_")
    relation = clause.this if isinstance(clause, exp.From) else None
    if isinstance(relation, exp.Subquery):
        inner = relation.unnest()
        return inner if isinstance(inner, exp.Query) else None
    if isinstance(relation, exp.Table):
        for cte in select.root().find_all(exp.CTE):
            if cte.alias.lower() == relation.name.lower() and not _inside(select, cte):
                return cte.this if isinstance(cte.this, exp.Query) else None
    return None


def reader_of(tree: exp.Query, scope: exp.Select) -> exp.Select | str:
    """Return the SELECT that reads the rows of `scope`, each exactly once, or in words why there is none."""
    holder = _outside_parentheses(scope)
    if isinstance(holder, exp.CTE):
        readers = [table for table in tree.find_all(exp.Table) if table.name.lower() == holder.alias.lower()]
        if len(readers) != 1:
            return f"{holder.alias} is read {len(readers)} times"
        holder = _outside_parentheses(readers[0])
    if isinstance(holder, exp.SetOperation):
        return "the dates cut one part of a UNION"
    if not isinstance(holder, exp.From | exp.Join) or not isinstance(holder.parent, exp.Select):
        return "the dated rows are a condition, not the rows that are counted"
    if not _keeps_rows(holder.parent, holder):
        return "an outer join keeps rows that no date cuts"
    return holder.parent


def _outside_parentheses(node: exp.Expr) -> exp.Expr | None:
    holder = node.parent
    while isinstance(holder, exp.Subquery):
        holder = holder.parent
    return holder


def _keeps_rows(outer: exp.Select, holder: exp.From | exp.Join) -> bool:
    """Return whether every joined row holds exactly one row of the relation in `holder`."""
    joins: list[exp.Join] = outer.args.get("joins") or []
    if any(join.side in {"RIGHT", "FULL"} and join is not holder for join in joins):
        return False
    if isinstance(holder, exp.From):
        return True
    return holder.side in {"", "RIGHT"} and holder.kind in {"", "INNER", "CROSS"}


def _inside(node: exp.Expr, ancestor: exp.Expr) -> bool:
    current: exp.Expr | None = node
    while current is not None:
        if current is ancestor:
            return True
        current = current.parent
    return False
