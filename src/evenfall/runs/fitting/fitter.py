"""The fits of a night: sent to workers, their draws kept in files, their figures as records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from evenfall.runs.fitting.jobs import Envelope, Executor, FitJob, Limits, Progress

if TYPE_CHECKING:
    from evenfall.runs.world import World

__all__ = ["Fitter", "seed_of"]


def seed_of(*parts: str) -> int:
    """Return a seed that is a function of its parts: the same inputs are fitted with the same chance."""
    return int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest()[:4])


@dataclass
class Fitter:
    """Fits models in processes that are started when the first one is asked for and end with it.

    Attributes
    ----------
    artifacts
        Folder of the draws.
    heard
        Called with (jobs that have ended, jobs in all) whenever one has ended.
    """

    artifacts: Path
    cache: Path
    workers: int = 2
    limits: Limits = field(default_factory=Limits)
    heard: Callable[[int, int], None] | None = None
    _executor: Executor | None = None

    @classmethod
    def of(cls, world: World) -> Self:
        """Return the fitter of a project."""
        settings = world.registry.settings
        return cls(
            world.artifacts,
            world.cache,
            settings.fit_workers,
            Limits(settings.fit_seconds, settings.fit_memory_bytes),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the workers go; the next fit starts new ones."""
        if self._executor is not None:
            self._executor.close()
            self._executor = None

    def fit(self, jobs: Sequence[FitJob], progress: Progress | None = None) -> dict[str, Envelope]:
        """Return what came of each job, by its id."""
        if not jobs:
            return {}
        if self._executor is None:
            from evenfall.runs.fitting.processes import LocalProcesses  # noqa: PLC0415 - nights without fits

            self.cache.mkdir(parents=True, exist_ok=True)
            self._executor = LocalProcesses(self.workers, self.limits, self.cache)
        envelopes: dict[str, Envelope] = {}
        for envelope in self._executor.run(jobs, progress):
            envelopes[envelope.id] = envelope
            if self.heard is not None:
                self.heard(len(envelopes), len(jobs))
        return envelopes
