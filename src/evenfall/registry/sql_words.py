"""Just enough reading of SQL to see a GROUP BY and a table's name; comments and texts are passed over."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["groups_rows", "mentions_table"]

_TOKEN: Final = re.compile(
    r"(?P<skip>--[^\n]*|/\*.*?(?:\*/|\Z)|\{%.*?(?:%\}|\Z)|'(?:[^']|'')*(?:'|\Z))"
    r"|(?P<open>\()|(?P<close>\))"
    r"|(?P<word>[^\W\d]\w*|\"[^\"]*\"|`[^`]*`|\[[^\]]*\])",
    re.DOTALL,
)


def _words(sql: str) -> Iterator[tuple[str, int]]:
    """Yield each word in lower case, without its quotes, and how many parentheses stand around it."""
    depth = 0
    for token in _TOKEN.finditer(sql):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
        elif token["word"]:
            yield token["word"].strip('"`[]').lower(), depth


def groups_rows(sql: str) -> bool:
    """Return whether the outermost SELECT has a GROUP BY, and so gives one row per group."""
    words = list(_words(sql))
    return any(
        word == "group" and following == "by" and depth == 0 == next_depth
        for (word, depth), (following, next_depth) in itertools.pairwise(words)
    )


def mentions_table(sql: str, table: str) -> bool:
    """Return whether the last part of a table's name stands anywhere in the query."""
    last = table.rsplit(".", 1)[-1].strip('"`[]').lower()
    return any(word.rsplit(".", 1)[-1] == last for word, _ in _words(sql))
