"""One read-only SELECT over known tables, or a refusal: the proof is made on the parse tree.

Everything in the tree must be on a list of what is allowed. The text that is executed later is written anew
from the tree that passed here, so comments, odd spacing and what the parser overlooked are gone from it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from evenfall.connectors.sql.functions import FUNCTIONS, NAMED_FUNCTIONS, SYNTAX, function_name
from evenfall.errors import QueryRefused, nearest

__all__ = ["check_functions", "check_syntax", "check_tables", "parse_select", "tables_read"]

# The parser tells of oddities in the log; what matters of them is in the refusal, and the rest is noise.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())

_ONE_SELECT: Final = "write one SELECT (or WITH … SELECT) that counts rows of the connection's tables"
_PARTS: Final[dict[type[exp.Expr], frozenset[str]]] = {
    exp.Select: frozenset(
        {
            "with_",
            "expressions",
            "distinct",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "qualify",
            "windows",
        }
        | {"order", "limit", "offset", "operation_modifiers"}
    ),
    exp.Table: frozenset({"this", "alias", "joins"}),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Placeholder: frozenset({"this"}),
    exp.Subquery: frozenset({"this", "alias", "joins", "with_", "order", "limit", "offset"}),
}
"""Per node type the parts it may have; INTO, FOR UPDATE, TABLESAMPLE, PIVOT, RECURSIVE are on none."""

_FILE: Final = re.compile(
    r"[/\\*?]|\.(csv|tsv|txt|json|jsonl|ndjson|parquet|gz|zst|xlsx?|db|duckdb|sqlite|arrow|feather|avro|orc)$"
)
"""Names that an engine would open as a file, were they not refused; no table of a connection has one."""

_READING: Final = re.compile(r"(read|scan|parquet|sniff|glob|getenv|duckdb|pragma|sqlite)", re.IGNORECASE)
"""How functions that look outside the tables begin; for these no other spelling is offered."""


def parse_select(text: str, dialect: str) -> exp.Query:
    """Return the parse tree of the one SELECT that `text` holds.

    Raises
    ------
    QueryRefused
        When it cannot be read, or is not exactly one SELECT.
    """
    try:
        statements = [s for s in sqlglot.parse(text, read=dialect) if s is not None]
    except SqlglotError as error:
        raise QueryRefused(f"the query cannot be read: {_first_line(error)}", remedy=_ONE_SELECT) from None
    except RecursionError:
        raise QueryRefused("the query is nested too deeply", remedy="split it with WITH") from None
    statements = [s for s in statements if not isinstance(s, exp.Semicolon)]
    if len(statements) != 1:
        raise QueryRefused(f"the query holds {len(statements)} statements", remedy=_ONE_SELECT)
    statement = statements[0]
    if not isinstance(statement, exp.Select | exp.SetOperation | exp.Subquery):
        raise QueryRefused(f"{_words(statement)} is not a SELECT", remedy=_ONE_SELECT)
    return statement


def check_syntax(tree: exp.Query) -> None:
    """Refuse a tree with any construct that is not on the list."""
    for node in tree.walk():
        kind = type(node)
        if kind in _PARTS:
            extra = [name for name, part in node.args.items() if part and name not in _PARTS[kind]]
            if extra:
                part = extra[0].strip("_").upper()
                raise QueryRefused(f"{_words(node)} with {part} is not allowed", remedy=_ONE_SELECT)
        if kind is exp.Select and not node.expressions:
            raise QueryRefused("a SELECT names no columns", remedy=_ONE_SELECT)
        sides = (node.this, node.expression) if isinstance(node, exp.SetOperation) else ()
        if not all(isinstance(side, exp.Select | exp.SetOperation | exp.Subquery) for side in sides):
            raise QueryRefused("one side of a UNION is not a SELECT", remedy=_ONE_SELECT)
        if kind not in SYNTAX and not isinstance(node, exp.Func):
            raise QueryRefused(f"{_words(node)} is not allowed in a query", remedy=_ONE_SELECT)


def check_functions(tree: exp.Query) -> None:
    """Refuse a call of any function that is not on the list, wherever it stands."""
    for call in tree.find_all(exp.Func):
        kind = type(call)
        if kind in SYNTAX or kind in FUNCTIONS:
            known = True
        else:
            known = kind is exp.Anonymous and function_name(call) in NAMED_FUNCTIONS
        if not known or isinstance(call.parent, exp.Table | exp.Dot):
            name = function_name(call)
            close = () if known or _READING.match(name) else nearest(name, NAMED_FUNCTIONS)
            hint = f"did you mean {' or '.join(close)}?" if close else "count rows of the connection's tables"
            raise QueryRefused(f"the function {name} is not allowed here", remedy=hint)


def tables_read(tree: exp.Query) -> frozenset[str]:
    """Return the tables the query reads, in lower case; refuse what is read like a table and is none."""
    read = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise QueryRefused(f"{_words(table.this)} is not a table", remedy="read the connection's tables")
        name = table.name.lower()
        if _FILE.search(name):
            raise QueryRefused(f"{name!r} is a file, not a table", remedy="read the connection's tables")
        if name not in _visible_ctes(table):
            read.add(name)
    return frozenset(read)


def check_tables(read: Collection[str], tables: Collection[str]) -> None:
    """Refuse to read a table that is not among the connection's."""
    allowed = {name.lower() for name in tables}
    for name in sorted(read):
        if name not in allowed:
            close = nearest(name, allowed)
            known = ", ".join(sorted(allowed)[:10]) or "none yet"
            hint = f"did you mean {' or '.join(close)}?" if close else f"the connection's tables are: {known}"
            raise QueryRefused(f"the connection has no table called {name!r}", remedy=hint)


def _visible_ctes(table: exp.Expr) -> Iterator[str]:
    """Yield the WITH names that a table reference can mean: those before it, never its own."""
    inside: exp.Expr = table
    while inside.parent is not None:
        parent = inside.parent
        if isinstance(parent, exp.With):
            yield from _names_before(parent, inside)
        else:
            clause = parent.args.get("with_")
            if clause is not None and clause is not inside:
                yield from (cte.alias.lower() for cte in clause.expressions)
        inside = parent


def _names_before(clause: exp.With, cte: exp.Expr) -> Iterator[str]:
    for earlier in clause.expressions:
        if earlier is cte:
            return
        yield earlier.alias.lower()


def _words(node: exp.Expr) -> str:
    """Return what people call a node: ``DELETE``, ``FOR UPDATE``, a command's own word."""
    if isinstance(node, exp.Func):
        return f"{function_name(node)}(…)"
    if isinstance(node, exp.Command):
        return str(node.this).upper()
    return type(node).__name__.upper()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
