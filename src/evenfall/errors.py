"""One tree for everything that can go wrong.

::

    EvenfallError
    ├── UsageError              the caller asked for something that does not exist (exit 64)
    ├── ConfigError             a definition cannot be accepted; carries file, line, column, path, value
    │   ├── UnknownName         a name nobody declared; carries the nearest names
    │   └── EditRefused         a change that would leave a problem in the project; carries them all
    ├── FileChanged             a file is not the one its editor saw; carries its etag now
    ├── NotCommitted            Git does not take a change; the file is as it was
    ├── InfeasibleBelief        numbers that no distribution of the family can have
    ├── QueryRefused            user SQL that is not one bounded, read-only SELECT
    ├── SourceError             a connection did not give what was asked
    │   ├── SourceDown          unreachable or timed out; worth another try
    │   ├── SourceRejected      reached, and it said no; trying again will not help
    │   └── MissingDriver       the driver of this connection is not installed
    ├── AlreadyAbsorbed         evidence that overlaps evidence counted before
    └── StoreError              the database is not as it must be
        ├── MigrationNeeded     the schema is older or newer than this program
        └── LeaseLost           another worker took this task over; nothing was written

An error says what happened, to what, and what to do about it; the facts are attributes too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AlreadyAbsorbed",
    "ConfigError",
    "EditRefused",
    "EvenfallError",
    "FileChanged",
    "InfeasibleBelief",
    "LeaseLost",
    "MigrationNeeded",
    "MissingDriver",
    "NotCommitted",
    "QueryRefused",
    "SourceDown",
    "SourceError",
    "SourceRejected",
    "StoreError",
    "UnknownName",
    "UsageError",
    "nearest",
]


def nearest(name: str, valid: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Return up to `count` of the `valid` names that look like `name`, the closest first."""
    by_lower = {candidate.lower(): candidate for candidate in valid}
    close = difflib.get_close_matches(name.lower(), by_lower, n=count, cutoff=0.6)
    return tuple(by_lower[match] for match in close)


class EvenfallError(Exception):
    """Root of the tree: `message` says what happened, `remedy` what to do."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}: {remedy}" if remedy else message)


class UsageError(EvenfallError):
    """The caller asked for something that does not exist."""


class ConfigError(EvenfallError):
    """A definition that cannot be accepted, with the place where it stands.

    Printed as ``file:line:column path value — what is allowed``.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        line: int = 0,
        column: int = 0,
        path: str = "",
        value: object = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.file, self.line, self.column = file, line, column
        self.path, self.value = path, value

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.file else ""
        shown = "" if self.value is None else repr(self.value)
        head = " ".join(part for part in (place, self.path, shown) if part)
        tail = f"{self.message}: {self.remedy}" if self.remedy else self.message
        return f"{head} — {tail}" if head else tail


class UnknownName(ConfigError):
    """A name nobody declared, with the nearest declared ones."""

    def __init__(self, kind: str, name: str, valid: Iterable[str], **place: object) -> None:
        self.kind, self.name = kind, name
        self.nearest = nearest(name, valid)
        remedy = f"did you mean {' or '.join(self.nearest)}?" if self.nearest else ""
        super().__init__(f"no {kind} is called {name!r}", remedy=remedy, **place)  # type: ignore[arg-type]


class EditRefused(ConfigError):
    """A change that would leave a problem in the project; nothing was written.

    It is told as the first of `problems`.
    """

    def __init__(self, problems: Iterable[ConfigError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(
            first.message,
            file=first.file,
            line=first.line,
            column=first.column,
            path=first.path,
            value=first.value,
            remedy=first.remedy,
        )


class FileChanged(EvenfallError):
    """A file is not the one its editor saw; `etag` is of its bytes now, and nothing was written."""

    def __init__(self, file: str, etag: str) -> None:
        super().__init__(
            f"{file} has changed since it was read",
            remedy="read it again, and make the change to what it says now",
        )
        self.file, self.etag = file, etag


class NotCommitted(EvenfallError):
    """Git does not take a change that was to be committed; the file is as it was."""


class InfeasibleBelief(EvenfallError, ValueError):
    """Numbers that no distribution of the family can have."""


class QueryRefused(EvenfallError):
    """User SQL that is not one bounded, read-only SELECT over the project's tables."""


class SourceError(EvenfallError):
    """A connection did not give what was asked; `connection` names it."""

    def __init__(self, message: str, *, connection: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.connection = connection


class SourceDown(SourceError):
    """The source could not be reached or took too long; worth another try."""


class SourceRejected(SourceError):
    """The source was reached and said no; trying again will not help."""


class MissingDriver(SourceError):
    """The driver of this connection is not installed."""

    def __init__(self, driver: str, *, install: str, connection: str = "") -> None:
        super().__init__(f"the driver for {driver!r} is not installed", connection=connection, remedy=install)
        self.driver, self.install = driver, install


class AlreadyAbsorbed(EvenfallError):
    """Evidence that overlaps evidence counted before; counting it would count events twice."""


class StoreError(EvenfallError):
    """The database is not as it must be."""


class MigrationNeeded(StoreError):
    """The schema is older or newer than this program."""


class LeaseLost(StoreError):
    """Another worker took this task over; nothing of this attempt was written."""
