"""A hash of the code that makes a posterior: unchanged by comments, docstrings and layout."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from evenfall.errors import UsageError

__all__ = ["source_hash", "sources_of"]

_PACKAGE: Final = "evenfall"
_ARITHMETIC: Final = ("beliefs", "funnels", "inference", "mmm")
_LAYOUT: Final = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER, tokenize.TYPE_COMMENT}
)
_NAMELESS: Final = frozenset({tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT})


def sources_of(roots: Iterable[str]) -> tuple[str, ...]:
    """Return the modules that these modules need as they are imported, themselves included, in order.

    Modules of arithmetic count; what is imported only when called, or only for type checkers, does not.

    Parameters
    ----------
    roots
        Names of modules of this package.
    """
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one for one in _imports(name) if one.split(".")[1] in _ARITHMETIC]
    return tuple(sorted(found))


def source_hash(modules: Iterable[str]) -> str:
    """Return a hash of the code of these modules.

    Examples
    --------
    >>> len(source_hash(["evenfall.inference.psis"]))
    16
    """
    found = hashlib.sha256()
    for name in sorted(modules):
        found.update(name.encode() + b"\0" + _meaning(_text(name)).encode() + b"\0")
    return found.hexdigest()[:16]


@cache
def _text(name: str) -> str:
    """Return the source of a module.

    Raises
    ------
    UsageError
        When there is no such module.
    """
    file = _file(name)
    if file is None:
        raise UsageError(f"the module {name} is no longer there", remedy="renew what was made with it")
    return file.read_text(encoding="utf-8")


def _file(name: str) -> Traversable | None:
    """Return the file of a module or of a package's own module; None when there is none."""
    package, *parts = name.split(".")
    place = files(package).joinpath(*parts)
    for file in (
        place.joinpath("__init__.py"),
        files(package).joinpath(*parts[:-1], f"{(parts or [''])[-1]}.py"),
    ):
        if file.is_file():
            return file
    return None


def _meaning(text: str) -> str:
    """Return the tokens of a source without comments, docstrings and layout."""
    kept: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _LAYOUT:
            continue
        alone = token.type == tokenize.NEWLINE and kept and kept[-1][0] == tokenize.STRING
        if alone and (len(kept) == 1 or kept[-2][0] in _NAMELESS):
            kept.pop()  # a string that is a statement of its own
            continue
        # How deep a block is indented is layout; that it is one is not.
        kept.append((token.type, "" if token.type in _NAMELESS else token.string))
    # Numbers of kinds differ from one Python to the next; their names do not.
    return "\n".join(f"{tokenize.tok_name[kind]} {string}" for kind, string in kept)


def _imports(name: str) -> Iterator[str]:
    """Return the modules of this package that a module imports when it is imported itself."""
    for node in ast.parse(_text(name)).body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith(f"{_PACKAGE}."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_PACKAGE}."):
            stem = str(node.module)
            # `from package import module` names a module; `from module import name` does not.
            yield from (f"{stem}.{one.name}" for one in node.names if _file(f"{stem}.{one.name}"))
            yield stem
