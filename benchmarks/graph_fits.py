"""Delayed conversion over a graph: a real night of a two-edge chain, and ten edges of twelve slices.

Run with ``python benchmarks/graph_fits.py [--repeats 3] [--edges 10] [--slices 12] [--peer-fits 4]``.

The night: events of 1,000 people a day over 100 days in Parquet, two edges with lags, each of whose
posteriors is fitted, gated and kept. Cold is a new process of the command line with nothing cached in the
project. Warm is the night after, with a day more of data, in a process that lives and keeps its workers. The
reference system's figure is the one that is reported of it; it is not run here.

The graph: every slice of every edge is fitted apart, 100 cohorts of 100 people, by two worker processes. The
peer is nutpie on the same model in PyMC, compiled before and given the slices by ``with_data``, one after
another, its chains on two threads; a few of them are sampled and the others reckoned.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from side_by_side import be_quiet, compile_plainly, ratios, sample_plainly, say, timed, worth_of

import evenfall as ef
from evenfall.clock import PinnedClock
from evenfall.funnels.delays.generative import DelayGenerative
from evenfall.funnels.delays.pymc_twin import build, pymc_twin
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.fitting.jobs import Envelope, FitJob
from evenfall.runs.fitting.processes import LocalProcesses
from evenfall.runs.night.nightly import apply

FIRST, DAYS, PEOPLE = date(2026, 1, 1), 100, 1000
EVENTS = ("entered", "came_back", "ordered")
REPORTED_SECONDS = (163.0, 267.0)  # of the reference system, for a two-edge chain
DRAWS, TUNE, CHAINS = 500, 500, 4
PARAMETER = """\
id: {name}
latency: {{family: {family}, horizon_days: 14, median_days: 3, t95_days: 12, max_age_days: 60}}
observation_source:
  type: events
  connection: shop
  table: letters
  columns: {{user: user_id, event: event, time: created_at}}
  unit: user
  attempt: {attempt}
  success: {success}
  horizon: 60d
  min_sample_size: 1
bayesian_update: {{prior: {{distribution: beta, alpha: 1, beta: 1}}}}
posterior_destination: {{write_frequency: 1d}}
"""


def lay(root: Path, seed: int) -> None:
    """Write a project, and one day of events more than its first night sees."""
    (root / "parameters").mkdir(parents=True)
    (root / "contexts").mkdir()
    (root / "evenfall.toml").write_text('zone = "UTC"\n[connections.shop]\ntype = "duckdb"\n')
    for name, family, attempt, success in (
        ("come-back", "lognormal", *EVENTS[:2]),
        ("order", "weibull", *EVENTS[1:]),
    ):
        text = PARAMETER.format(name=name, family=family, attempt=attempt, success=success)
        (root / f"parameters/{name}.yaml").write_text(text)
    rng = np.random.default_rng(seed)
    user = np.arange((DAYS + 1) * PEOPLE)
    second = np.repeat(np.arange(DAYS + 1), PEOPLE) * 86_400 + rng.integers(0, 86_400, len(user))
    parts = [(EVENTS[0], user, second)]
    for event, rate, spread in ((EVENTS[1], 0.3, 0.84), (EVENTS[2], 0.4, 0.7)):
        took = rng.random(len(user)) < rate
        user = user[took]
        lag = 3.0 * np.exp(spread * rng.normal(size=len(user)))
        second = second[took] + (86_400 * lag).astype(np.int64)
        parts.append((event, user, second))
    start = np.datetime64(FIRST, "us")
    whole = pa.table(
        {
            "user_id": np.concatenate([user for _, user, _ in parts]),
            "event": np.concatenate([np.full(len(user), event) for event, user, _ in parts]),
            "created_at": start + np.concatenate([s for *_, s in parts]).astype("timedelta64[s]"),
        }
    )
    stop = pa.scalar(np.datetime64(FIRST + timedelta(days=DAYS + 1), "us"))
    folder = root / "data" / "letters"
    folder.mkdir(parents=True)
    pq.write_table(whole.filter(pa.compute.less(whole["created_at"], stop)), folder / "part-0.parquet")


def night(root: Path, as_of: date, fitter: Fitter | None = None) -> list[dict[str, object]]:
    """Apply the night in this process and return what the store says of its fits."""
    clock = PinnedClock(datetime(as_of.year, as_of.month, as_of.day, 12, tzinfo=UTC))
    with ef.open(root, clock=clock) as project:
        plan = project.nightly()
        report = apply(plan.world, plan.plan, fitter=fitter)
        if report.exit_code:
            raise RuntimeError(f"the night failed: {report.failures} {report.counts}")
        return fits_of(project)


def fits_of(project: object) -> list[dict[str, object]]:
    world = project.world  # type: ignore[attr-defined]
    records = world.store.latest_fits(["come-back", "order"], world.night().instant, passed=False)
    return [
        {
            "edge": name,
            "rung": one.rung,
            "passed": one.passed,
            "fit_seconds": one.seconds,
            **{
                k: one.diagnostics[k]
                for k in ("k_hat", "importance_ess", "r_hat", "ess_bulk")
                if k in one.diagnostics
            },
        }
        for name, one in sorted(records.items())
    ]


def nights(repeats: int, seed: int) -> None:
    took: dict[str, list[float]] = {"cold": [], "warm": []}
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "project"
            lay(root, seed + repeat)
            last = FIRST + timedelta(days=DAYS)
            # The night of the 100 days, in a process of its own, at noon of the project's clock.
            toml = root / "evenfall.toml"
            settings = toml.read_text()
            toml.write_text(f'clock = "{last}"\n{settings}')
            command = [sys.executable, "-m", "evenfall", "nightly", "--project", str(root)]
            cold = timed(subprocess.run, command, check=True, capture_output=True)
            toml.write_text(settings)
            with ef.open(
                root, clock=PinnedClock(datetime(last.year, last.month, last.day, 12, tzinfo=UTC))
            ) as p:
                first = fits_of(p)
                fitter = Fitter.of(p.world)
            with fitter:
                warm_up(fitter)
                warm = timed(night, root, last + timedelta(days=1), fitter)
        took["cold"].append(cold.seconds)
        took["warm"].append(warm.seconds)
        say(
            "night of a two-edge chain, 100 days x 1,000 people, from Parquet",
            repeat=repeat,
            cold_process={"seconds": cold.seconds, "cpu": cold.cpu, "fits": first},
            warm={"seconds": warm.seconds, "cpu_of_this_process": warm.cpu, "fits": warm.result},
        )
    low, high = REPORTED_SECONDS
    for name, found in took.items():
        middle = float(np.median(found))
        each = ", ".join(f"{one:.2g}" for one in sorted(found))
        print(
            f"   {name}: {middle:.2g} s (of {each}); the reference system: {low:.0f} to {high:.0f} s,"
            f" reported, not run here: {low / middle:.2g} to {high / middle:.2g} times as long",
            flush=True,
        )


def warm_up(fitter: Fitter) -> None:
    """Let both workers start and load what they need."""
    jobs = slices(0, 2, 1)
    fitter.fit([FitJob(name, spec, FitRequest(draws=DRAWS)) for name, spec in jobs.items()])


def slices(seed: int, edges: int, each: int) -> dict[str, ModelSpec]:
    """Return the slices of all edges, rate and lag of each drawn from the prior."""
    source = DelayGenerative("lognormal", cohorts=DAYS, ages=60, people=100, horizon_days=14.0)
    rng = np.random.default_rng(seed)
    return {
        f"edge-{edge}, slice-{number}": source.spec(source.simulate(source.prior_draw(rng), rng))
        for edge in range(edges)
        for number in range(each)
    }


def graph(repeats: int, edges: int, each: int, peer_fits: int, seed: int) -> None:
    twin_of = slices(seed, 1, 1)["edge-0, slice-0"]
    twin = pymc_twin(twin_of.data, twin_of.options)
    compiling = timed(compile_plainly, build(twin.data, **twin.options))
    sample_plainly(compiling.result, 0, draws=50, tune=50, chains=1)
    say("graph: compilation of the peer", seconds=compiling.seconds, cpu=compiling.cpu)
    took: dict[str, list[float]] = {"ours": [], "peer": []}
    with LocalProcesses(2) as workers:
        list(workers.run([FitJob(name, twin_of, FitRequest(draws=DRAWS)) for name in ("one", "two")]))
        for repeat in range(repeats):
            specs = slices(seed + 1 + repeat, edges, each)
            jobs = [
                FitJob(name, spec, FitRequest(seed=number, draws=DRAWS, tune=TUNE, chains=CHAINS))
                for number, (name, spec) in enumerate(specs.items())
            ]
            ours = timed(finished, workers, jobs)
            some = [specs[name] for name in list(specs)[:: max(1, len(specs) // peer_fits)][:peer_fits]]
            theirs = [timed(plain, compiling.result, spec, repeat) for spec in some]
            per_fit = float(np.mean([one.seconds for one in theirs]))
            took["ours"].append(ours.seconds)
            took["peer"].append(per_fit * len(specs))
            found = [one.fit for one in ours.result if one.fit is not None]
            figures = [worth_of(one.result) for one in theirs]
            effective = [
                f.diagnostics.get("importance_ess", f.diagnostics.get("ess_bulk", np.nan)) for f in found
            ]
            say(
                f"{edges} edges x {each} slices, 100 cohorts x 100 people, two processes",
                repeat=repeat,
                ours={
                    "seconds": ours.seconds,
                    "fits": len(found),
                    "passed": sum(one.passed for one in found),
                    "rungs": {rung: sum(f.rung == rung for f in found) for rung in {f.rung for f in found}},
                    "seconds_of_slowest_fit": max(one.seconds for one in found),
                    "least_ess": min(effective),
                    "largest_k_hat": max(f.diagnostics.get("k_hat", -1.0) for f in found),
                    "largest_r_hat": max(f.diagnostics.get("r_hat", 1.0) for f in found),
                },
                nutpie={
                    "seconds": took["peer"][-1],
                    "reckoned_from_fits": len(some),
                    "seconds_per_fit": per_fit,
                    "cpu_per_fit": float(np.mean([one.cpu for one in theirs])),
                    "least_ess_bulk": min(one["ess_bulk"] for one in figures),
                    "largest_r_hat": max(one["r_hat"] for one in figures),
                },
            )
    ratios("graph beside nutpie, already compiled", took["peer"], took["ours"])


def finished(workers: LocalProcesses, jobs: list[FitJob]) -> list[Envelope]:
    """Return what came of every job."""
    return list(workers.run(jobs))


def plain(compiled: object, spec: ModelSpec, seed: int) -> dict[str, np.ndarray]:
    bound = compiled.with_data(**pymc_twin(spec.data, spec.options).data)  # type: ignore[attr-defined]
    drawn = sample_plainly(bound, seed, draws=DRAWS, tune=TUNE, chains=CHAINS)
    return {name: drawn[name] for name in ("p", "p_eventual", "t50", "t95", "log_ratio")}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--edges", type=int, default=10)
    arguments.add_argument("--slices", type=int, default=12)
    arguments.add_argument("--peer-fits", type=int, default=4)
    arguments.add_argument("--seed", type=int, default=20261121)
    given = arguments.parse_args()
    be_quiet()
    nights(given.repeats, given.seed)
    graph(given.repeats, given.edges, given.slices, given.peer_fits, given.seed)


if __name__ == "__main__":
    main()
