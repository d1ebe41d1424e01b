"""Names of another program become names of ours: allowed, distinct, and the same every time."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from evenfall.registry.schemas.base import ID_PATTERN, SLUG_PATTERN

__all__ = ["Claims", "distinct", "slugify"]

_LONGEST: Final = 64
_DIGITS: Final = 8


def slugify(text: str) -> str:
    """Return the slug nearest to a text; empty when nothing of it can be kept.

    Examples
    --------
    >>> slugify("Gives BD?"), slugify("../../etc/passwd"), slugify("Café"), slugify("日本")
    ('Gives-BD', 'etc-passwd', 'Cafe', '')
    """
    if re.fullmatch(SLUG_PATTERN[1:-1], text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^A-Za-z0-9_-]+", "-", plain)
    return joined.lstrip("-_")[:_LONGEST].rstrip("-_")


def distinct(wanted: Mapping[str, str], kind: str) -> dict[str, str]:
    """Return a slug for each identity; those that would be equal are told apart by a suffix.

    The suffix comes from the identity alone, so neither the order of a file nor the other names in it change
    it. Of several equal slugs the one that needed no change, when there is exactly one, goes without.

    Parameters
    ----------
    wanted
        The name that each identity asks for.
    kind
        Stands for a name of which nothing can be kept.

    Examples
    --------
    >>> distinct({"1": "pay now", "2": "pay-now", "3": "!"}, "node")
    {'1': 'pay-now-6b86b273', '2': 'pay-now', '3': 'node-4e074085'}
    """
    slugs = {identity: slugify(text) for identity, text in wanted.items()}
    groups: dict[str, list[str]] = defaultdict(list)
    for identity, slug in slugs.items():
        groups[slug.lower()].append(identity)
    names: dict[str, str] = {}
    for identity, slug in slugs.items():
        group = groups[slug.lower()]
        unchanged = [other for other in group if slugs[other] == wanted[other]]
        alone = slug and (len(group) == 1 or unchanged == [identity])
        names[identity] = slug if alone else _suffixed(slug or kind, identity)
    return names


def _suffixed(slug: str, identity: str) -> str:
    digest = hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]
    return f"{slug[: _LONGEST - _DIGITS - 1]}-{digest}"


@dataclass(slots=True)
class Claims:
    """Ids given out so far; upper and lower case count as one."""

    taken: dict[str, str] = field(default_factory=dict)

    def claim(self, text: str, identity: str) -> str:
        """Return an id for `identity`: the one it asks for, or with a suffix when another has it."""
        legal = re.fullmatch(ID_PATTERN[1:-1], text) and ".." not in text
        name = text if legal else slugify(text)
        if not name or self.taken.setdefault(name.lower(), identity) != identity:
            name = _suffixed(name or "parameter", identity)
            self.taken.setdefault(name.lower(), identity)
        return name
