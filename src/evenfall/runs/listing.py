"""All parameters as they stand, by light and words, fast enough to be asked for all day.

The rows of a night are read once and kept until something was written or the definitions were read again.
While a long run writes, a large project is not read anew with each of its chunks: whoever asks meanwhile is
told what was so a moment ago.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final

from evenfall.clock import Night
from evenfall.findings import Light
from evenfall.registry.fallback import Names
from evenfall.registry.registry import Registry
from evenfall.runs.incidents import worst_incidents
from evenfall.runs.places import Place, places_of
from evenfall.runs.report import StatusRow, json_ready
from evenfall.runs.status import rows_of
from evenfall.runs.world import World

__all__ = ["ListedRow", "Listing", "Listings"]

_KEPT: Final = 4
"""Nights whose rows are kept."""

_QUICK_SECONDS: Final = 0.1
"""What may be read anew with each write."""

_REST: Final = 5.0
"""What takes longer is read anew after a rest of so many times as long."""

_QUESTIONS: Final = 32
"""Answers kept per night, by what was asked."""


@dataclass(frozen=True, eq=False)
class ListedRow:
    """A row of the status with what a list shows beside it.

    Attributes
    ----------
    since
        Day from which it is thought to be off, of its open incident.
    incident
        Number of its open incident.
    words
        What a search looks through, in lower case.
    """

    row: StatusRow
    place: Place
    tags: tuple[str, ...] = ()
    template_id: str | None = None
    since: date | None = None
    incident: int | None = None

    @property
    def id(self) -> str:
        """The parameter's id."""
        return self.row.parameter_id

    @property
    def words(self) -> str:
        """What a search looks through, in lower case."""
        return " ".join((self.id, self.row.name, self.place.edge or "", *self.tags)).lower()

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON-ready data."""
        return {
            **self.row.as_dict(),
            "since": json_ready(self.since),
            "incident": self.incident,
            "edge": self.place.edge,
            "graph": self.place.graph,
            "tags": list(self.tags),
            "template_id": self.template_id,
        }

    @cached_property
    def json(self) -> str:
        """The row as JSON text, made once."""
        return json.dumps(self.as_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, eq=False)
class Listing:
    """All parameters at the end of a night, by id."""

    as_of: date
    rows: tuple[ListedRow, ...]
    _found: OrderedDict[tuple[str, str, str], tuple[ListedRow, ...]] = field(
        default_factory=OrderedDict, repr=False
    )

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many parameters have which light."""
        counted = Counter(one.row.light for one in self.rows)
        return {str(light): counted[light] for light in Light}

    def choose(self, *, light: str = "", q: str = "", tag: str = "") -> tuple[ListedRow, ...]:
        """Return the rows of a light, with all the words of `q`, and with a tag; empty means any."""
        if not (light or q or tag):
            return self.rows
        asked = (light, q.lower(), tag)
        found = self._found.get(asked)
        if found is None:
            found = self._search(light, asked[1].split(), tag)
            self._found[asked] = found
            while len(self._found) > _QUESTIONS:
                self._found.pop(next(iter(self._found)), None)
        return found

    def _search(self, light: str, words: Sequence[str], tag: str) -> tuple[ListedRow, ...]:
        """Return the rows that fit, one condition after the other: each looks at what the others left."""
        left = list(zip(self._texts, self.rows, strict=True))
        for word in words:
            left = [pair for pair in left if word in pair[0]]
        if light:
            left = [pair for pair in left if pair[1].row.light == light]
        if tag:
            left = [pair for pair in left if tag in pair[1].tags]
        return tuple(one for _, one in left)

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        return tuple(one.words for one in self.rows)


@dataclass(eq=False)
class _Kept:
    listing: Listing
    registry: Registry
    pulse: tuple[int, ...]
    seconds: float
    made_at: float


@dataclass(eq=False)
class Listings:
    """The listings of a project, kept as long as they are true; threads may share it."""

    _kept: OrderedDict[date, _Kept] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _places: tuple[Registry, Mapping[str, Place]] | None = None

    def places(self, world: World, names: Names) -> Mapping[str, Place]:
        """Return by parameter the edge it is about; those about no edge are absent."""
        kept = self._places
        if kept is None or kept[0] is not world.registry:
            kept = self._places = (world.registry, places_of(world.registry, names))
        return kept[1]

    def get(self, world: World, names: Names, night: Night) -> Listing:
        """Return all parameters as they stood at the end of a night."""
        pulse = world.store.pulse()
        kept = self._kept.get(night.as_of)
        if kept is not None and self._serves(kept, world, pulse):
            return kept.listing
        can_wait = kept is not None and kept.registry is world.registry and kept.seconds > _QUICK_SECONDS
        if not self._lock.acquire(blocking=not can_wait):
            assert kept is not None
            return kept.listing
        try:
            again = self._kept.get(night.as_of)
            if again is not None and again is not kept and self._serves(again, world, pulse):
                return again.listing
            return self._make(world, names, night, pulse)
        finally:
            self._lock.release()

    def _serves(self, kept: _Kept, world: World, pulse: tuple[int, ...]) -> bool:
        if kept.registry is not world.registry:
            return False
        rested = time.monotonic() - kept.made_at > _REST * kept.seconds
        return kept.pulse == pulse or (kept.seconds > _QUICK_SECONDS and not rested)

    def _make(self, world: World, names: Names, night: Night, pulse: tuple[int, ...]) -> Listing:
        began = time.monotonic()
        listing = Listing(night.as_of, _rows(world, self.places(world, names), night))
        ended = time.monotonic()
        self._kept[night.as_of] = _Kept(listing, world.registry, pulse, ended - began, ended)
        self._kept.move_to_end(night.as_of)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return listing


def _rows(world: World, places: Mapping[str, Place], night: Night) -> tuple[ListedRow, ...]:
    parameters = world.selected()
    incidents = worst_incidents(world, None, night)
    rows = []
    for parameter, row in zip(parameters, rows_of(world, night, parameters), strict=True):
        incident = incidents.get(parameter.id)
        rows.append(
            ListedRow(
                row,
                places.get(parameter.id, Place()),
                parameter.metadata.tags if parameter.metadata is not None else (),
                parameter.template_id,
                (incident.since or incident.opened_on) if incident is not None else None,
                incident.id if incident is not None else None,
            )
        )
    return tuple(rows)
