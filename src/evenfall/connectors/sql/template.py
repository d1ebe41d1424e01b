"""Query templates: `{{ name }}` becomes a bind, `{% if name %}…{% endif %}` keeps or drops its body.

The grammar is these two forms and nothing else. A value never enters the text: what is rendered holds the
name of a bind, so no value can become SQL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from evenfall.errors import QueryRefused, nearest

__all__ = [
    "MAX_QUERY_LENGTH",
    "Template",
    "bind_name",
    "bind_prefix",
    "bind_values",
    "check_names",
    "parse_template",
]

MAX_QUERY_LENGTH: Final = 100_000
"""Characters a query may have; longer ones are generated, and belong in a view."""

_MAX_DEPTH: Final = 50

_TOKEN: Final = re.compile(
    r"""
      (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<literal>'(?:[^']|'')*(?:'|\Z))
    | (?P<identifier>"(?:[^"]|"")*(?:"|\Z))
    | (?P<tag>\{\{.*?\}\}|\{%.*?%\}|\{\#.*?\#\})
    | (?P<stray>\{\{|\{%|\{\#)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMED: Final = re.compile(r"(?<![:\w\])\"'`]):([A-Za-z_]\w*)")
"""A bind such as ``:start_date``; not a cast ``a::date``, a slice ``a[1:n]``, an alias ``n: COUNT(*)``."""

_PREFIX: Final = {"duckdb": "$"}
"""How a dialect writes a bind; DuckDB reads ``SELECT :a`` as an alias without a name."""

_TAG_START: Final = re.compile(r"\{\{|\{%|\{#")
_VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z0-9_][A-Za-z0-9_-]*)\s*\}\}")
_IF: Final = re.compile(r"\{%\s*if\s+([A-Za-z0-9_][A-Za-z0-9_-]*)\s*%\}")
_ENDIF: Final = re.compile(r"\{%\s*endif\s*%\}")
_ALLOWED: Final = (
    "a template knows {{ name }} and {% if name %} … {% endif %}; no filters, loops, attributes or else"
)


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Named:
    name: str


@dataclass(frozen=True, slots=True)
class _Bind:
    name: str


@dataclass(frozen=True, slots=True)
class _If:
    name: str
    body: tuple[_Node, ...]


type _Node = _Text | _Named | _Bind | _If


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template.

    Attributes
    ----------
    nodes
        Text, binds and conditional bodies, in order.
    names
        Every variable the text speaks of, in order of first appearance.
    """

    nodes: tuple[_Node, ...]
    names: tuple[str, ...]

    def render(self, set_names: Collection[str], dialect: str = "") -> str:
        """Return the SQL with the bodies of the names that are set; every ``{{ name }}`` is a ``:bind``."""
        return "".join(_render(self.nodes, frozenset(set_names), bind_prefix(dialect)))


def bind_prefix(dialect: str) -> str:
    """Return the sign before the name of a bind in a dialect."""
    return _PREFIX.get(dialect, ":")


def bind_name(variable: str) -> str:
    """Return the name of the bind that carries a template variable.

    Hyphens, which context keys may have and binds may not, are spelled out, so two keys never share a bind.
    """
    return "ctx_" + variable.replace("_", "__").replace("-", "_h")


@lru_cache(maxsize=512)
def parse_template(text: str) -> Template:
    """Return the parsed form of a query template.

    Raises
    ------
    QueryRefused
        When it holds anything but the two forms, or a form where no value can stand.
    """
    if len(text) > MAX_QUERY_LENGTH:
        raise QueryRefused(
            f"the query has {len(text)} characters", remedy=f"keep it under {MAX_QUERY_LENGTH:,}; use a view"
        )
    names: dict[str, None] = {}
    open_bodies: list[tuple[str, list[_Node]]] = [("", [])]
    for piece in _pieces(text):
        _place(piece, open_bodies, names)
    if len(open_bodies) > 1:
        raise QueryRefused(f"{{% if {open_bodies[-1][0]} %}} is never closed", remedy="add {% endif %}")
    return Template(tuple(open_bodies[0][1]), tuple(names))


def check_names(template: Template, variables: Collection[str]) -> None:
    """Refuse a template that speaks of a variable nobody declared."""
    for name in template.names:
        if name not in variables:
            close = nearest(name, variables)
            hint = f"did you mean {' or '.join(close)}?" if close else "declare it under context_variables"
            raise QueryRefused(f"the template uses {{{{ {name} }}}}, which is not declared", remedy=hint)


def _pieces(text: str) -> Iterator[_Node | str]:
    """Yield text and binds as nodes and control tags as they stand."""
    position = 0
    for match in _TOKEN.finditer(text):
        yield from _plain(text[position : match.start()])
        position = match.end()
        before = text[match.start() - 1] if match.start() else ""
        yield from _token(match.lastgroup or "", match.group(), before)
    yield from _plain(text[position:])


def _plain(text: str) -> Iterator[_Node]:
    """Yield text outside quotes with its ``:name`` binds as nodes."""
    position = 0
    for match in _NAMED.finditer(text):
        yield _Text(text[position : match.start()])
        yield _Named(match[1])
        position = match.end()
    yield _Text(text[position:])


def _token(kind: str, token: str, before: str) -> Iterator[_Node | str]:
    has_tag = _TAG_START.search(token) is not None
    if kind == "comment":
        if has_tag:
            raise QueryRefused("a template tag stands in a comment", remedy="take it out of the comment")
        yield _Text(" ")
    elif kind == "stray":
        raise QueryRefused(f"{token} is never closed", remedy=_ALLOWED)
    elif kind == "identifier" and has_tag:
        raise QueryRefused(f"a name cannot be bound: {token}", remedy="write the column's or table's name")
    elif kind == "literal" and has_tag:
        yield from _literal(token, before)
    elif kind == "tag":
        variable = _VARIABLE.fullmatch(token)
        yield _Bind(variable[1]) if variable else token
    else:
        yield _Text(token)


def _literal(token: str, before: str) -> Iterator[_Node]:
    """Yield a quoted literal that holds variables: the bind itself, or text and binds joined by ``||``."""
    inside = token[1:-1]
    if not token.endswith("'") or len(token) < 2 or before.isalnum():
        raise QueryRefused(f"variables cannot stand in {token[:40]}", remedy="use a plain quoted literal")
    parts: list[_Node] = []
    position = 0
    for match in _TAG_START.finditer(inside):
        variable = _VARIABLE.match(inside, match.start())
        if variable is None:
            raise QueryRefused(f"{inside[match.start() :][:40]!r} stands in quotes", remedy=_ALLOWED)
        if match.start() > position:
            parts.append(_Text(f"'{inside[position : match.start()]}'"))
        parts.append(_Bind(variable[1]))
        position = variable.end()
    if position < len(inside):
        parts.append(_Text(f"'{inside[position:]}'"))
    if len(parts) == 1:
        yield parts[0]
        return
    yield _Text("(")
    for i, part in enumerate(parts):
        if i:
            yield _Text(" || ")
        yield part
    yield _Text(")")


def _place(piece: _Node | str, open_bodies: list[tuple[str, list[_Node]]], names: dict[str, None]) -> None:
    """Append one piece to the innermost open body, or open or close a body."""
    if isinstance(piece, str):
        opening = _IF.fullmatch(piece)
        if opening:
            if len(open_bodies) > _MAX_DEPTH:
                raise QueryRefused("{% if %} is nested too deeply", remedy=f"at most {_MAX_DEPTH} levels")
            names.setdefault(opening[1])
            open_bodies.append((opening[1], []))
        elif _ENDIF.fullmatch(piece) and len(open_bodies) > 1:
            name, body = open_bodies.pop()
            open_bodies[-1][1].append(_If(name, tuple(body)))
        else:
            raise QueryRefused(f"the template holds {piece[:60]!r}", remedy=_ALLOWED)
        return
    if isinstance(piece, _Bind):
        names.setdefault(piece.name)
    open_bodies[-1][1].append(piece)


def _render(nodes: tuple[_Node, ...], set_names: frozenset[str], prefix: str) -> Iterator[str]:
    for node in nodes:
        match node:
            case _Text(text):
                yield text
            case _Named(name):
                yield f"{prefix}{name}"
            case _Bind(name):
                yield f" {prefix}{bind_name(name)} "
            case _If(name, body):
                yield " "
                if name in set_names:
                    yield from _render(body, set_names, prefix)
                yield " "


def bind_values(template: Template, values: Mapping[str, str]) -> dict[str, object]:
    """Return the value of every bind of the template; a variable without a value binds NULL."""
    return {bind_name(name): values.get(name) for name in template.names}
