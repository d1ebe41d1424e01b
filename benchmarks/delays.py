"""Delayed conversion on one edge, beside plain nutpie on the same model and lifelines' mixture cure model.

Run with ``python benchmarks/delays.py [--repeats 3] [--edges 5] [--users 1000000]``.

Posterior: 100 daily cohorts of 1,000 people, ages up to 60 days, lognormal lag, each edge drawn from the
prior. Ours is what a night does with it, through `execute`, once by the ladder and once by NUTS over arrays.
The peer is the same model written in PyMC, compiled by nutpie once and given each edge by ``with_data``; its
compilation is timed apart. Both draw 4 x 500.

Point and interval: a million users as 100 cohorts by age, Weibull lag, on both clocks. The peer fits a
Weibull mixture cure model to 100,000 users one by one, and to the same million grouped by day, with weights.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from lifelines import MixtureCureFitter, WeibullFitter
from side_by_side import be_quiet, compile_plainly, ratios, sample_plainly, say, timed, worth, worth_of

from evenfall.funnels.delays.generative import DelayGenerative
from evenfall.funnels.delays.model import DelayModel
from evenfall.funnels.delays.pymc_twin import build, pymc_twin
from evenfall.inference.engines.batch import Single
from evenfall.inference.engines.modes import find_modes
from evenfall.inference.execute import execute
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec

COHORTS, AGES, HORIZON = 100, 60, 14.0
DRAWS, TUNE, CHAINS = 500, 500, 4
QUANTITIES = ("p", "p_eventual", "t50", "t95", "log_ratio")


def world(people: int, family: str = "lognormal", clock: str = "elapsed") -> DelayGenerative:
    return DelayGenerative(family, clock, cohorts=COHORTS, ages=AGES, people=people, horizon_days=HORIZON)


def drawn(source: DelayGenerative, rng: np.random.Generator) -> ModelSpec:
    """Return an edge whose rate and lag are drawn from the prior."""
    return source.spec(source.simulate(source.prior_draw(rng), rng))


def posteriors(repeats: int, edges: int, seed: int) -> None:
    source, rng = world(1000), np.random.default_rng(seed)
    first = drawn(source, rng)
    twin = pymc_twin(first.data, first.options)
    compiling = timed(compile_plainly, build(twin.data, **twin.options))
    say("delay per edge: compilation of the peer", seconds=compiling.seconds, cpu=compiling.cpu)
    sample_plainly(compiling.result, 0, draws=50, tune=50, chains=1)
    execute(first, FitRequest(draws=50, tune=50))
    execute(first, FitRequest(engine="nuts", draws=10, tune=10, chains=1))
    took: dict[str, list[float]] = {
        "ladder": [],
        "nuts": [],
        "nutpie": [],
        "ladder per ESS": [],
        "nutpie per ESS": [],
    }
    for repeat in range(repeats):
        specs = [drawn(source, np.random.default_rng([seed, repeat, edge])) for edge in range(edges)]
        request = FitRequest(seed=repeat, draws=DRAWS, tune=TUNE, chains=CHAINS)
        ours = [timed(execute, spec, request) for spec in specs]
        by_arrays = timed(execute, specs[0], replace(request, engine="nuts"))
        theirs = [
            timed(plain, compiling.result, pymc_twin(spec.data, spec.options).data, repeat) for spec in specs
        ]
        figures = [worth_of({name: one.result[name] for name in QUANTITIES}) for one in theirs]
        took["ladder"].append(sum(one.seconds for one in ours) / edges)
        took["nuts"].append(by_arrays.seconds)
        took["nutpie"].append(sum(one.seconds for one in theirs) / edges)
        least = min(_ess(one.result.diagnostics) for one in ours)
        theirs_least = min(one["ess_bulk"] for one in figures)
        took["ladder per ESS"].append(sum(one.cpu for one in ours) / least)
        took["nutpie per ESS"].append(sum(one.cpu for one in theirs) / theirs_least)
        say(
            "delay per edge, 100 cohorts x 1,000 people",
            repeat=repeat,
            edges=edges,
            ours_ladder={
                "seconds": took["ladder"][-1],
                "cpu": sum(one.cpu for one in ours) / edges,
                "rungs": [one.result.rung for one in ours],
                "all_passed": all(one.result.passed for one in ours),
                "least_ess": least,
                "largest_k_hat": max(one.result.diagnostics.get("k_hat", 0.0) for one in ours),
                "largest_r_hat": max(one.result.diagnostics.get("r_hat", 1.0) for one in ours),
            },
            ours_array_nuts={"seconds": by_arrays.seconds, "cpu": by_arrays.cpu, **worth(by_arrays.result)},
            nutpie={
                "seconds": took["nutpie"][-1],
                "cpu": sum(one.cpu for one in theirs) / edges,
                "least_ess_bulk": theirs_least,
                "largest_r_hat": max(one["r_hat"] for one in figures),
            },
            largest_difference_of_p_in_sd=max(
                _apart(own.result.summary("p"), peer.result["p"])
                for own, peer in zip(ours, theirs, strict=True)
            ),
        )
    ratios("ladder beside nutpie, already compiled", took["nutpie"], took["ladder"])
    ratios(
        "the same per effective draw, in processor seconds", took["nutpie per ESS"], took["ladder per ESS"]
    )
    ratios("NUTS over arrays beside nutpie, already compiled", took["nutpie"], took["nuts"])


def plain(compiled: object, data: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    bound = compiled.with_data(**data)  # type: ignore[attr-defined]
    return sample_plainly(bound, seed, draws=DRAWS, tune=TUNE, chains=CHAINS)


def _ess(diagnostics: dict[str, float]) -> float:
    return diagnostics.get("importance_ess", diagnostics.get("ess_bulk", np.nan))


def _apart(ours: object, theirs: np.ndarray) -> float:
    """Return by how many posterior standard deviations two means differ."""
    return abs(float(theirs.mean()) - ours.mean) / ours.stdev  # type: ignore[attr-defined]


def points(repeats: int, users: int, seed: int) -> None:
    truth = {"rate": -0.9, "log_t50": np.log(3.0), "log_log_ratio": np.log(np.log(4.5))}
    took: dict[str, list[float]] = {"mode": [], "weighted": [], "one by one": [], "grouped": []}
    for repeat in range(repeats):
        for clock in ("elapsed", "calendar"):
            source = world(users // COHORTS, "weibull", clock)
            rng = np.random.default_rng([seed, repeat])
            data = source.simulate({name: np.array([value]) for name, value in truth.items()}, rng)
            spec = source.spec(data)
            eventual = source.quantities({name: np.array([value]) for name, value in truth.items()})[
                "p_eventual"
            ]
            mode = timed(point_and_interval, spec)
            request = FitRequest(engine="laplace", seed=repeat, draws=DRAWS, chains=CHAINS)
            weighted = timed(execute, spec, request)
            figures: dict[str, object] = {
                "true_eventual": eventual,
                "ours_mode_and_normal_interval": {"seconds": mode.seconds, "cpu": mode.cpu, **mode.result},
                "ours_weighted_draws": {
                    "seconds": weighted.seconds,
                    "cpu": weighted.cpu,
                    **_interval(weighted.result.summary("p_eventual")),
                    **worth(weighted.result),
                },
            }
            if clock == "elapsed":
                took["mode"].append(mode.seconds)
                took["weighted"].append(weighted.seconds)
                some = world(users // COHORTS // 10, "weibull")
                fewer = some.simulate({name: np.array([value]) for name, value in truth.items()}, rng)
                one_by_one = timed(lifelines_cure, fewer, grouped=False)
                grouped = timed(lifelines_cure, data, grouped=True)
                took["one by one"].append(one_by_one.seconds)
                took["grouped"].append(grouped.seconds)
                figures["lifelines_a_tenth_of_the_users"] = {
                    "seconds": one_by_one.seconds,
                    **one_by_one.result,
                }
                figures["lifelines_all_grouped"] = {"seconds": grouped.seconds, **grouped.result}
            say(f"delay, point and interval, {users:,} users, {clock} clock", repeat=repeat, **figures)
    for ours in ("mode", "weighted"):
        for peer in ("one by one", "grouped"):
            ratios(f"{ours} beside lifelines, {peer}", took[peer], took[ours])


def point_and_interval(spec: ModelSpec) -> dict[str, float]:
    """Return the eventual rate at the mode and its interval under the normal law that touches the peak."""
    model = DelayModel(spec.data, spec.options)
    modes = find_modes(Single(model), np.zeros(1, dtype=np.intp), model.start()[None])
    noise = np.random.default_rng(0).normal(size=(1000, len(model.names)))
    near = model.quantities(modes.points[0] + noise @ modes.roots[0].T)["p_eventual"]
    low, high = np.quantile(near, (0.025, 0.975))
    point = float(model.quantities(modes.points)["p_eventual"][0])
    return {"eventual": point, "lower": float(low), "upper": float(high)}


def _interval(summary: object) -> dict[str, float]:
    return {"eventual": summary.mean, "lower": summary.lower, "upper": summary.upper}  # type: ignore[attr-defined]


def lifelines_cure(data: dict[str, np.ndarray], *, grouped: bool) -> dict[str, float]:
    """Fit a mixture cure model, each conversion in the middle of its day; equal users once, or one by one."""
    days, event, count = cells(data)
    middle = np.where(event, days + 0.5, days)
    fitter = MixtureCureFitter(base_fitter=WeibullFitter())
    if grouped:
        keys, inverse = np.unique(np.stack([middle, event]), axis=1, return_inverse=True)
        weights = np.bincount(inverse.reshape(-1), count).astype(int)
        fitter.fit(keys[0], event_observed=keys[1].astype(bool), weights=weights)
    else:
        fitter.fit(np.repeat(middle, count), event_observed=np.repeat(event, count))
    return _cured(fitter)


def cells(data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return age in days, whether converted, and how many people, of every cell that holds any."""
    conversions, observed = data["conversions"], data["observed"]
    cohort, age = np.nonzero(conversions)
    left = data["size"] - conversions.sum(axis=1)
    days = np.concatenate([age, observed])
    event = np.concatenate([np.ones(len(age), dtype=bool), np.zeros(len(observed), dtype=bool)])
    count = np.concatenate([conversions[cohort, age], left]).astype(int)
    return days[count > 0], event[count > 0], count[count > 0]


def _cured(fitter: object) -> dict[str, float]:
    cured = fitter.summary.loc["cured_fraction_"]  # type: ignore[attr-defined]
    low, high = cured["coef lower 95%"], cured["coef upper 95%"]
    return {"eventual": 1.0 - cured["coef"], "lower": 1.0 - high, "upper": 1.0 - low}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--edges", type=int, default=5)
    arguments.add_argument("--users", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=20261121)
    given = arguments.parse_args()
    be_quiet()
    posteriors(given.repeats, given.edges, given.seed)
    points(given.repeats, given.users, given.seed)


if __name__ == "__main__":
    main()
