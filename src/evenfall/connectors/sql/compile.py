"""A user's query compiled once: proven, dated, rewritten for the warehouse, ready to be bound many times."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from evenfall.connectors.sql import binds, corrections, guard, lateral, scopes, splitting
from evenfall.connectors.sql.template import bind_name, bind_prefix, check_names, parse_template
from evenfall.errors import QueryRefused

__all__ = ["CompiledQuery", "compile_lookup", "compile_query"]

_REMEMBERED: Final = 16_384
"""Compiled queries that are kept, a few kilobytes each: a night asks each of them several times."""

_TAG: Final = re.compile(r"\{\{|\{%|\{#")


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """A query that passed every check.

    Attributes
    ----------
    sql
        The text that is executed: written anew from the parse tree, in the warehouse's dialect.
    lateral_sql
        The same query asked for many windows (and shards) at once, where the warehouse can do that and the
        query is splittable; None elsewhere. See `evenfall.connectors.sql.lateral`.
    binds
        Names of the binds that `sql` needs.
    variables
        Template variables that the text binds, and the names of their binds.
    tables
        Tables that are read, in lower case.
    columns
        Output columns in lower case; None when a ``*`` hides them.
    splittable
        Whether the sums of a window are the sums of its days.
    reason
        Why it is not splittable, in words; empty when it is.
    bound_keys
        Shard keys whose values are bound, so that each combination of them needs an execution of its own. The
        other shard keys are columns of the result, which tell the shards of one execution apart.
    per_shard
        Whether every shard key is bound: each shard has an execution of its own.
    """

    sql: str
    lateral_sql: str | None
    binds: frozenset[str]
    variables: Mapping[str, str]
    tables: frozenset[str]
    columns: tuple[str, ...] | None
    splittable: bool
    reason: str
    bound_keys: tuple[str, ...]
    per_shard: bool

    @property
    def uses_lookback(self) -> bool:
        """Whether the text binds :lookback_start or :as_of."""
        return bool(self.binds & {binds.LOOKBACK_START, binds.AS_OF})

    @property
    def sha256(self) -> str:
        """Hash of the executed text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def compile_query(
    text: str,
    *,
    dialect: str,
    tables: Collection[str] | None = None,
    template: bool = False,
    variables: Collection[str] | None = None,
    shard_keys: Collection[str] = (),
    set_variables: Collection[str] = (),
    extra_binds: Collection[str] = (),
    statistics: Collection[str] = (),
) -> CompiledQuery:
    """Return an observation query compiled for a warehouse, or refuse it.

    Parameters
    ----------
    text
        The query or template as the user wrote it.
    dialect
        Name of the warehouse's SQL dialect (sqlglot's), such as ``duckdb`` or ``sqlite``.
    tables
        Tables the query may read; None leaves that unchecked (when only the text matters).
    template
        Whether ``{{ name }}`` and ``{% if name %}`` are read as template tags.
    variables
        Names the template may speak of; None accepts any.
    shard_keys
        Context keys whose values tell the shards of a template apart.
    set_variables
        Variables that have a value in every shard, such as those of a context filter.
    extra_binds
        Further ``:name`` binds, declared under ``parameters``.
    statistics
        Output columns that are counted as evidence.

    Raises
    ------
    QueryRefused
        When the text is not one read-only SELECT over the tables with a half-open window of dates; the remedy
        says what to write, and holds the corrected text when only the dates are wrong.
    """
    wanted = _Wanted(
        text,
        dialect,
        template,
        None if variables is None else frozenset(variables),
        tuple(sorted(shard_keys)),
        frozenset(set_variables),
        frozenset(extra_binds),
        tuple(name.lower() for name in statistics),
    )
    return _allowed(_compile(wanted), tables)


def compile_lookup(
    text: str, *, dialect: str, tables: Collection[str] | None = None, extra_binds: Collection[str] = ()
) -> CompiledQuery:
    """Return a query that looks something up (a prior) compiled; it needs no dates.

    Raises
    ------
    QueryRefused
        When the text is not one read-only SELECT over the tables.
    """
    wanted = _Wanted(text, dialect, extra_binds=frozenset(extra_binds), dated=False)
    return _allowed(_compile(wanted), tables)


def _allowed(compiled: CompiledQuery, tables: Collection[str] | None) -> CompiledQuery:
    """Return the query when it reads only these tables; which there are is no part of what is remembered."""
    if tables is not None:
        guard.check_tables(compiled.tables, tables)
    return compiled


@dataclass(frozen=True, slots=True)
class _Wanted:
    text: str
    dialect: str
    template: bool = False
    variables: frozenset[str] | None = None
    shard_keys: tuple[str, ...] = ()
    set_variables: frozenset[str] = frozenset()
    extra_binds: frozenset[str] = frozenset()
    statistics: tuple[str, ...] = ()
    dated: bool = True

    @property
    def context_columns(self) -> frozenset[str]:
        keys = [key.lower() for key in self.shard_keys]
        return frozenset({*keys, *(f"context_{key}" for key in keys)})


@lru_cache(maxsize=_REMEMBERED)
def _compile(wanted: _Wanted) -> CompiledQuery:
    try:
        bound: frozenset[str] = frozenset()
        while True:
            text, own = _rendered(wanted, wanted.set_variables | bound)
            tree = _proven(wanted, text, own)
            further = _keys_to_bind(tree, wanted, own) - bound
            if not further:
                return _compiled(tree, wanted, own, tuple(sorted(bound)))
            bound |= further
    except RecursionError:
        raise QueryRefused("the query is nested too deeply", remedy="split it with WITH") from None


def _rendered(wanted: _Wanted, set_names: Collection[str]) -> tuple[str, dict[str, str]]:
    """Return the text with its template tags resolved, and the variables with their binds."""
    if not wanted.template:
        if _TAG.search(wanted.text):
            raise QueryRefused("the query holds template tags", remedy="rename query to query_template")
        # The template's own reader drops comments, so both kinds of text take the same way from here.
        return parse_template(wanted.text).render((), wanted.dialect), {}
    template = parse_template(wanted.text)
    if wanted.variables is not None:
        check_names(template, wanted.variables | set(wanted.shard_keys) | wanted.set_variables)
    names = {*template.names, *(wanted.variables or ()), *wanted.shard_keys, *wanted.set_variables}
    clash = sorted(names & (binds.RESERVED | wanted.extra_binds))
    if clash:
        raise QueryRefused(f"{clash[0]} is both a context and a bind", remedy="rename one of them")
    return template.render(set_names, wanted.dialect), {name: bind_name(name) for name in sorted(names)}


def _proven(wanted: _Wanted, text: str, own: Mapping[str, str]) -> exp.Query:
    """Return the parse tree after every check, with the logical clock bound."""
    tree = guard.parse_select(text, wanted.dialect)
    guard.check_syntax(tree)
    guard.tables_read(tree)
    _check_all_bound(tree, text, own, bind_prefix(wanted.dialect))
    binds.check_binds(tree, own, wanted.extra_binds)
    if wanted.dated:
        _check_dates(tree, wanted.dialect)
    binds.bind_logical_clock(tree)
    guard.check_functions(tree)
    return tree


def _check_all_bound(tree: exp.Query, text: str, own: Mapping[str, str], prefix: str) -> None:
    """Refuse a text whose binds the SQL parser sees elsewhere than the template's reader put them."""
    names = set(own.values())
    seen = sum(p.name in names for p in tree.find_all(exp.Placeholder))
    if seen != sum(text.count(f" {prefix}{name} ") for name in names):
        raise QueryRefused(
            "a variable stands where no value can", remedy="use it as a value: column = {{ name }}"
        )


def _check_dates(tree: exp.Query, dialect: str) -> None:
    """Refuse a query that is not read between the two dates, start included and end excluded."""
    present = {p.name for p in binds.placeholders(tree, binds.START_DATE, binds.END_DATE)}
    missing = [f":{name}" for name in (binds.START_DATE, binds.END_DATE) if name not in present]
    if missing:
        message = f"the query does not use {' and '.join(missing)}, so it cannot be read for a window of days"
    elif closed := _closed_window(tree):
        message = f"{closed} counts the moment of midnight in two windows"
    else:
        return
    corrected = corrections.with_date_binds(tree, dialect)
    raise QueryRefused(message, remedy=f"write:\n{corrected}")


def _closed_window(tree: exp.Query) -> str:
    """Return a comparison that takes in the end or leaves out the start; empty when there is none."""
    for placeholder in binds.placeholders(tree, binds.START_DATE, binds.END_DATE):
        comparison = placeholder.parent
        bind, start = f":{placeholder.name}", placeholder.name == binds.START_DATE
        if isinstance(comparison, exp.Between) and comparison.this is not placeholder:
            return f"BETWEEN … {bind}"
        wrong_left, wrong_right = (exp.GT, exp.LT) if start else (exp.LTE, exp.GTE)
        if isinstance(comparison, wrong_left) and comparison.expression is placeholder:
            return f"{'>' if start else '<='} {bind}"
        if isinstance(comparison, wrong_right) and comparison.this is placeholder:
            return f"{bind} {'<' if start else '>='}"
    return ""


def _keys_to_bind(tree: exp.Query, wanted: _Wanted, own: Mapping[str, str]) -> frozenset[str]:
    """Return the shard keys that the query compares with a value, or does not give as a column."""
    used = {bind.name for bind in tree.find_all(exp.Placeholder)}
    compared = {key for key in wanted.shard_keys if own.get(key) in used}
    columns = scopes.output_columns(tree)
    if columns is None:
        return frozenset(compared)
    missing = {k for k in wanted.shard_keys if not {k.lower(), f"context_{k.lower()}"} & columns.keys()}
    lost = sorted(missing - set(parse_template(wanted.text).names if wanted.template else ()) - compared)
    if lost:
        raise QueryRefused(
            f"the result does not say which {lost[0]} a row belongs to",
            remedy=f"add {lost[0]} AS context_{lost[0]} to the SELECT and {lost[0]} to its GROUP BY",
        )
    return frozenset(compared | missing)


def _compiled(
    tree: exp.Query, wanted: _Wanted, own: Mapping[str, str], bound: tuple[str, ...]
) -> CompiledQuery:
    reason = ""
    if wanted.dated:
        reason = splitting.why_not_splittable(tree, wanted.context_columns, wanted.statistics)
    sql = _written(tree, wanted.dialect)
    used = frozenset(bind.name for bind in tree.find_all(exp.Placeholder))
    shard_binds = {own[key] for key in bound if key in own}
    several = wanted.dated and not reason and wanted.dialect in lateral.DIALECTS
    columns, read = scopes.output_columns(tree), guard.tables_read(tree)
    return CompiledQuery(
        sql=sql,
        lateral_sql=lateral.for_many_windows(tree, used & shard_binds, wanted.dialect) if several else None,
        binds=used,
        variables=dict(own),
        tables=read,
        columns=None if columns is None else tuple(columns),
        splittable=wanted.dated and not reason,
        reason=reason,
        bound_keys=bound,
        per_shard=bool(bound) and len(bound) == len(wanted.shard_keys),
    )


def _written(tree: exp.Query, dialect: str) -> str:
    """Return the text written anew from the tree, after it has passed the guard a second time."""
    try:
        sql = tree.sql(dialect=dialect, comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise QueryRefused(f"the query cannot be written for {dialect}: {error}") from None
    again = guard.parse_select(sql, dialect)
    guard.check_syntax(again)
    guard.check_functions(again)
    if guard.tables_read(again) != guard.tables_read(tree):
        raise QueryRefused("the query reads other tables once it is written anew", remedy="rename its parts")
    return sql
