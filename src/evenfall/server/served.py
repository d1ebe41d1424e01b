"""The projects a server answers for: one per tenant, opened once, read again when their files change."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from evenfall.errors import UsageError
from evenfall.project import Project

__all__ = ["Served", "fingerprint"]

_FOLDERS: Final = ("contexts", "graphs", "parameters", "scenarios")
_CHECK_SECONDS: Final = 1.0


def fingerprint(root: Path) -> int:
    """Return a number that changes whenever a definition file is written, added or taken away."""
    seen: list[tuple[str, int, int, int]] = []
    for path in (root / "evenfall.toml", *(root / folder for folder in _FOLDERS)):
        seen.extend(_stats(path))
    return hash(tuple(sorted(seen)))


def _stats(path: Path) -> Iterable[tuple[str, int, int, int]]:
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                children = [Path(entry.path) for entry in entries if not entry.name.startswith(".")]
            for child in children:
                yield from _stats(child)
        else:
            found = path.stat()
            yield str(path), found.st_mtime_ns, found.st_size, found.st_ino
    except FileNotFoundError:
        return  # taken away while we looked: the next look says so


@dataclass
class _One:
    """One project, and what its files looked like when they were last read.

    Attributes
    ----------
    noted, answered
        How many changes were noted, and how many of them the project is known to hold.
    """

    project: Project
    seen: int
    checked_at: float
    noted: int = 0
    answered: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def changed(self) -> bool:
        """Whether a change was noted that has not been looked at to the end."""
        return self.noted != self.answered


class Served:
    """Projects by tenant.

    A request holds on to the `Project` it was given: definitions that change meanwhile come as another
    `Project` over the same history, so one answer never mixes two states of the files. A file that is
    broken keeps its last good version.
    """

    def __init__(self, projects: Sequence[Project]) -> None:
        if not projects:
            raise UsageError("there is no project to serve", remedy="name its folder with --project")
        self._by_tenant: dict[str, _One] = {}
        for project in projects:
            seen = fingerprint(project.root)
            tenant = project.tenant
            if tenant in self._by_tenant:
                other = self._by_tenant[tenant].project.root
                raise UsageError(
                    f"{project.root} and {other} both are of tenant {tenant!r}",
                    remedy='give each its own in evenfall.toml, such as tenant = "acme"',
                )
            self._by_tenant[tenant] = _One(project, seen, time.monotonic())

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants, in the order their projects were named."""
        return tuple(self._by_tenant)

    def project(self, tenant: str) -> Project:
        """Return a tenant's project as it was last read."""
        return self._by_tenant[tenant].project

    def projects(self) -> tuple[Project, ...]:
        """Return every project as it was last read."""
        return tuple(one.project for one in self._by_tenant.values())

    def is_due(self, tenant: str) -> bool:
        """Return whether the tenant's files are to be looked at."""
        one = self._by_tenant[tenant]
        return one.changed or time.monotonic() - one.checked_at >= _CHECK_SECONDS

    def note_change(self, tenant: str) -> None:
        """Say that the tenant's files were written: whoever asks next is told what they say."""
        self._by_tenant[tenant].noted += 1

    def fresh(self, tenant: str) -> Project:
        """Return a tenant's project, read again if its files have changed.

        While one thread reads, others get the project as it was, unless a change was noted: then they wait.
        """
        one = self._by_tenant[tenant]
        if not one.turn.acquire(blocking=one.changed):
            return one.project
        try:
            if self.is_due(tenant):
                noted = one.noted
                self._look(one)
                one.answered = noted
        finally:
            one.turn.release()
        return one.project

    @staticmethod
    def _look(one: _One) -> None:
        try:
            seen = fingerprint(one.project.root)
            if seen != one.seen:
                one.project = one.project.renewed()
                one.seen = seen
        finally:
            one.checked_at = time.monotonic()

    def close(self) -> None:
        """Let go of every database."""
        for one in self._by_tenant.values():
            one.project.close()
