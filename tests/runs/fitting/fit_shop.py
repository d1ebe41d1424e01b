"""A shop with fitted parameters, whose models a test may exchange for bad ones on their way to the worker."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Self

from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.fitting.jobs import Envelope, Executor, FitJob, Progress
from evenfall.runs.night.nightly import apply
from evenfall.runs.report import NightReport
from evenfall.store.draws import load_draws
from evenfall.store.records import FitRecord

from ..shop import Shop, TurnableClock


class Exchanging:
    """An executor that hands jobs on to another one, the models of some exchanged.

    Attributes
    ----------
    bad
        By job the function of ``bad_models`` to fit in place of its model.
    engine
        What to fit exchanged models with; by default what the job asks for.
    handed_on
        Ids of all jobs, in order.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.bad: Mapping[str, str] = {}
        self.engine: str | None = None
        self.options: Mapping[str, Any] = {}
        self.handed_on: list[str] = []

    def run(self, jobs: Sequence[FitJob], progress: Progress | None = None) -> Iterator[Envelope]:
        self.handed_on += [job.id for job in jobs]
        return self.executor.run([self._exchanged(job) for job in jobs], progress)

    def cancel(self) -> None:
        self.executor.cancel()

    def close(self) -> None:
        """The workers are the tests' own and stay."""

    def _exchanged(self, job: FitJob) -> FitJob:
        model = self.bad.get(job.id)
        if model is None:
            return job
        spec = replace(job.model, factory=f"bad_models:{model}", options=dict(self.options))
        request = replace(job.request, engine=self.engine or job.request.engine, max_gradients=30_000)
        return replace(job, model=spec, request=request, base=None, base_model=None)


class FitShop(Shop):
    """A shop whose nights fit on workers that outlive them."""

    def __init__(self, root: Path, executor: Executor, **options: Any) -> None:
        super().__init__(root, **options)
        self.executor = Exchanging(executor)

    def copy(self, root: Path, executor: Executor | None = None) -> Self:
        """Return the shop as it stands, in another folder; this one is closed."""
        if self._project is not None:
            self._project.close()
            self._project = None
        self.db.close()
        shutil.copytree(self.root, root)
        other = type(self).__new__(type(self))
        other.root, other.clock = root, TurnableClock(self.today)
        other.db = sqlite3.connect(root / "shop.db", isolation_level=None)
        other._project = None
        other.executor = Exchanging(executor or self.executor.executor)
        return other

    def night(
        self,
        as_of: date | None = None,
        *,
        bad: Mapping[str, str] | None = None,
        engine: str | None = None,
        model_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> NightReport:
        """Run a night in which the models of `bad` are exchanged."""
        self.executor.bad, self.executor.engine = bad or {}, engine
        self.executor.options = model_options or {}
        plan = self.project.nightly(as_of, **options)
        world = plan.world
        fitter = Fitter(world.artifacts, world.cache, _executor=self.executor)
        return apply(world, plan.plan, fitter=fitter)

    def sell_all(self, day: date | int, trials: float, successes: float, *edges: str) -> None:
        """Let the shop say this of one day of every edge."""
        for edge in edges:
            self.sell(day, trials, successes, edge=edge)

    # What is kept of fits ---------------------------------------------------------------------------------

    @property
    def artifacts(self) -> Path:
        return self.root / ".evenfall" / "artifacts"

    def files(self) -> set[str]:
        """Return the places of all draws."""
        found = self.artifacts.glob("draws/*/*.nc")
        return {path.relative_to(self.artifacts).as_posix() for path in found}

    def fits(self, name: str = "signup") -> list[FitRecord]:
        return self.project.world.store.fit_history([name])[name]

    def check_whole(self) -> None:
        """See that every fit that may be believed has its draws, and every posterior of a fit its fit."""
        names = sorted({row["parameter_id"] for row in self.rows("fits")})
        for name in names:
            by_number = {record.id: record for record in self.fits(name)}
            for record in by_number.values():
                assert record.passed == (record.artifact is not None)
                if record.artifact is not None and record.artifact_sha256 is not None:
                    load_draws(self.artifacts, record.artifact, record.artifact_sha256)
            for row in self.rows("posteriors"):
                if row["parameter_id"] == name and row["fit_id"] is not None:
                    assert by_number[row["fit_id"]].passed
