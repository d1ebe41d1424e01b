"""Many small posteriors: Laplace with weights, quadrature, reweighting, hierarchical rates, beside peers.

Run with ``python benchmarks/posteriors.py [--repeats 3] [--problems 10000] [--peer-fits 50]``.

Five parameters: 30 weeks of sales that saturate in spend; level, trend, effect, half saturation and noise
N(0, 1) a priori through their transforms, data drawn from the prior. Ours is Laplace's approximation with
weights, many at once, and NUTS, warm, for those whose weights are no good; of these some are sampled and the
others reckoned. The peer samples every one with nutpie, compiled once, ``with_data``; fifty of them are
sampled and the others reckoned. Rates by quadrature: beside mpmath on a few. Reweighting: 2,000 stored draws
of such a model after one more week, beside ArviZ's smoothing of the same ratios. Hierarchical rates: 24
slices of two effects, beside nutpie on the same model in PyMC, compiled before.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import mpmath
import numpy as np
import pymc as pm
from arviz_stats.base import array_stats
from scipy import special
from side_by_side import be_quiet, compile_plainly, ratios, sample_plainly, say, timed, worth, worth_of

from evenfall.funnels.pooling.generative import PooledGenerative
from evenfall.funnels.pooling.slices import Effect, Slices
from evenfall.funnels.pooling.twin import build_pooled, pooled_rates_pymc
from evenfall.inference.engines.laplace import laplace_batch
from evenfall.inference.engines.logit_normal import logit_normal_rate
from evenfall.inference.execute import execute
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.gates import check
from evenfall.inference.model import ModelSpec, PymcModel
from evenfall.inference.reweight import reweight

WEEKS, PARAMETERS = 30, 5
TIME = np.linspace(-1.0, 1.0, WEEKS)
DRAWS, TUNE, CHAINS = 1000, 300, 2  # of NUTS: what it takes for an ESS of 400
WEIGHTED = 1000  # draws of Laplace's
CHUNK = 50  # problems that are fitted at once: what the processor's cache holds


class Responses:
    """Sales that saturate in spend, `LogDensities`: level, trend, effect, half saturation and noise."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.spend = rng.gamma(1.5, 0.7, (count, WEEKS))
        z = rng.normal(size=(count, 1, PARAMETERS))
        mean = self._mean(self.spend[:, None, :], z)[0]
        self.sales = rng.normal(mean, 0.1 * np.exp(0.3 * z[..., 4:]))[:, 0]

    def only(self, rows: slice) -> Responses:
        """Return some of them."""
        some = object.__new__(Responses)
        some.spend, some.sales = self.spend[rows], self.sales[rows]
        return some

    def data(self, problem: int) -> dict[str, np.ndarray]:
        """Return one of them as the data of the model in PyMC."""
        return {"spend": self.spend[problem], "sales": self.sales[problem]}

    def start(self) -> np.ndarray:
        """Return the centre of the prior for each."""
        return np.zeros((len(self.sales), PARAMETERS))

    def log_density(self, which: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return log densities, shape (problem, point)."""
        mean, _, _ = self._mean(self.spend[which][:, None, :], z)
        squares = np.square(self.sales[which][:, None, :] - mean).sum(axis=-1)
        noise = 0.3 * z[..., 4]
        return -50.0 * np.exp(-2.0 * noise) * squares - WEEKS * noise - 0.5 * np.square(z).sum(axis=-1)

    def gradient(self, which: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log densities and their gradients."""
        mean, media, share = self._mean(self.spend[which][:, None, :], z)
        precision = 100.0 * np.exp(-0.6 * z[..., 4])
        off = self.sales[which][:, None, :] - mean
        slopes = [
            0.3 * off.sum(axis=-1),
            0.1 * (off @ TIME),
            0.5 * (off * media).sum(axis=-1),
            -0.7 * (off * media * (1.0 - share)).sum(axis=-1),
        ]
        by_noise = 0.3 * (precision * np.square(off).sum(axis=-1) - WEEKS)
        gradient = np.stack([*(precision * one for one in slopes), by_noise], axis=-1) - z
        value = -0.5 * precision * np.square(off).sum(axis=-1) - 0.3 * WEEKS * z[..., 4]
        return value - 0.5 * np.square(z).sum(axis=-1), gradient

    @staticmethod
    def _mean(spend: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean, what spend adds to it, and how saturated it is."""
        z = z[..., None, :]
        share = spend / (spend + np.exp(0.7 * z[..., 3]))
        media = 0.5 * np.exp(0.5 * z[..., 2]) * share
        return 1.0 + 0.3 * z[..., 0] + 0.1 * z[..., 1] * TIME + media, media, share


def build(data: Mapping[str, np.ndarray]) -> object:
    """Return one of them in PyMC."""
    with pm.Model() as model:
        spend, sales = pm.Data("spend", data["spend"]), pm.Data("sales", data["sales"])
        z = pm.Normal("z", 0.0, 1.0, shape=PARAMETERS)
        media = 0.5 * pm.math.exp(0.5 * z[2]) * spend / (spend + pm.math.exp(0.7 * z[3]))
        mean = 1.0 + 0.3 * z[0] + 0.1 * z[1] * TIME + media
        pm.Normal("seen", mean, 0.1 * pm.math.exp(0.3 * z[4]), observed=sales)
    return model


def response(data: Mapping[str, np.ndarray], _options: Mapping[str, object]) -> PymcModel:
    """Return the same as Evenfall escalates it."""
    return PymcModel("posteriors:build", data, ("z",))


def by_laplace(batch: Responses, seed: int) -> tuple[list[int], np.ndarray]:
    """Return which problems must be escalated, and the effective draws of the others."""
    escalated: list[int] = []
    effective: list[np.ndarray] = []
    for first in range(0, len(batch.sales), CHUNK):
        some = batch.only(slice(first, first + CHUNK))
        fit = laplace_batch(some, seed + first + np.arange(len(some.sales)), draws=WEIGHTED)
        failed = np.array([bool(reason) for reason in fit.reasons])
        escalated += (first + np.flatnonzero(failed)).tolist()
        effective.append(fit.importance_ess[~failed])
    return escalated, np.concatenate(effective)


def five_parameters(repeats: int, count: int, peer_fits: int, seed: int) -> None:
    first = Responses(1, np.random.default_rng(0)).data(0)
    compiling = timed(compile_plainly, build(first))
    sample_plainly(compiling.result, 0, draws=50, tune=50, chains=1)
    request = FitRequest(engine="nuts", draws=DRAWS, tune=TUNE, chains=CHAINS)
    cold = timed(execute, ModelSpec("posteriors:response", first), request)
    say(
        "five parameters: first of all", peer_compilation=compiling.seconds, our_first_escalation=cold.seconds
    )
    took: dict[str, list[float]] = {"ours": [], "peer": []}
    for repeat in range(repeats):
        batch = Responses(count, np.random.default_rng([seed, repeat]))
        laplace = timed(by_laplace, batch, seed + repeat)
        left, effective = laplace.result
        again = [
            timed(execute, ModelSpec("posteriors:response", batch.data(one)), request)
            for one in left[:peer_fits]
        ]
        each = float(np.mean([one.seconds for one in again])) if again else 0.0
        theirs = [timed(plain, compiling.result, batch.data(one), one) for one in range(peer_fits)]
        figures = [worth_of(one.result) for one in theirs]
        took["ours"].append(laplace.seconds + each * len(left))
        took["peer"].append(count * float(np.mean([one.seconds for one in theirs])))
        say(
            f"{count:,} posteriors of five parameters",
            repeat=repeat,
            ours={
                "seconds": took["ours"][-1],
                "of_that_laplace": laplace.seconds,
                "cpu_of_laplace": laplace.cpu,
                "escalated_share": len(left) / count,
                "escalation_reckoned_from": len(again),
                "seconds_per_escalation": each,
                "cpu_per_escalation": float(np.mean([one.cpu for one in again] or [0.0])),
                "escalated_that_pass": sum(one.result.passed for one in again),
                "escalated_largest_r_hat": max(
                    (one.result.diagnostics["r_hat"] for one in again), default=1.0
                ),
                "median_importance_ess": float(np.median(effective)),
                "least_importance_ess": float(effective.min()),
            },
            nutpie={
                "seconds": took["peer"][-1],
                "reckoned_from_fits": len(theirs),
                "seconds_per_fit": float(np.mean([one.seconds for one in theirs])),
                "cpu_per_fit": float(np.mean([one.cpu for one in theirs])),
                "median_ess_bulk": float(np.median([one["ess_bulk"] for one in figures])),
                "least_ess_bulk": min(one["ess_bulk"] for one in figures),
                "largest_r_hat": max(one["r_hat"] for one in figures),
            },
        )
    ratios("five parameters, escalation included, beside nutpie with_data", took["peer"], took["ours"])


def plain(compiled: object, data: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    bound = compiled.with_data(**data)  # type: ignore[attr-defined]
    return sample_plainly(bound, seed, draws=DRAWS, tune=TUNE, chains=CHAINS)


def quadrature(repeats: int, count: int, seed: int) -> None:
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        mu, sigma = rng.normal(-2.0, 1.0, count), rng.uniform(0.2, 1.5, count)
        trials = rng.integers(10, 5000, count)
        successes = rng.binomial(trials, special.expit(rng.normal(mu, sigma)))
        ours = timed(logit_normal_rate, mu, sigma, trials, successes)
        sample = slice(20)
        exact = timed(by_mpmath, mu[sample], sigma[sample], trials[sample], successes[sample])
        errors = np.abs(ours.result.mean[sample] - exact.result)
        say(
            f"{count:,} rates normal in log odds, by quadrature",
            repeat=repeat,
            milliseconds=1000 * ours.seconds,
            cpu_milliseconds=1000 * ours.cpu,
            largest_error_of_mean=float(errors.max()),
            the_same_in_posterior_sd=float((errors / ours.result.stdev[sample]).max()),
            mpmath_seconds_for_20=exact.seconds,
        )


def by_mpmath(*numbers: np.ndarray) -> np.ndarray:
    """Return posterior means to 30 digits, given mu, sigma, trials and successes."""
    rows = zip(*(one.tolist() for one in numbers), strict=True)
    return np.array([_mean_by_mpmath(*row) for row in rows])


def _mean_by_mpmath(mu: float, sigma: float, n: int, k: int) -> float:
    with mpmath.workdps(30):
        centre = float(special.logit((k + 0.5) / (n + 1.0)))
        scale = 1.0 / np.sqrt(n * special.expit(centre) * special.expit(-centre) + 1.0 / sigma**2)
        low, high = sorted((centre, mu))
        ends = [low - 40 * scale, low - 5 * scale, (low + high) / 2, high + 5 * scale, high + 40 * scale]
        top = k * mpmath.mpf(centre) - n * mpmath.log1p(mpmath.exp(centre))

        def height(eta: mpmath.mpf) -> mpmath.mpf:
            likelihood = k * eta - n * mpmath.log1p(mpmath.exp(eta)) - top
            return mpmath.exp(likelihood - (eta - mu) ** 2 / (2 * sigma**2))

        mass = mpmath.quad(height, ends, maxdegree=10)
        first = mpmath.quad(lambda eta: height(eta) / (1 + mpmath.exp(-eta)), ends, maxdegree=10)
        return float(first / mass)


def reweighted(base: Fit, log_ratio: np.ndarray) -> Fit:
    """Return the draws of a fit with new weights, past the gate."""
    return check(reweight(base, log_ratio))


def reweighting(repeats: int, seed: int) -> None:
    took: dict[str, list[float]] = {"ours": [], "peer": [], "refit": []}
    first = Responses(1, np.random.default_rng(0)).data(0)
    execute(ModelSpec("posteriors:response", first), FitRequest(engine="nuts"))
    for repeat in range(repeats):
        data = Responses(1, np.random.default_rng([seed, repeat, 7])).data(0)
        request = FitRequest(engine="nuts", seed=repeat, draws=1000, tune=500, chains=2)
        refit = timed(execute, ModelSpec("posteriors:response", data), request)
        base = refit.result
        z = base.points
        week = 1.0 + 0.3 * z[..., 0] + 0.1 * z[..., 1] + 0.25 * np.exp(0.5 * z[..., 2])
        ratio = -50.0 * np.square((week.mean() - week) * np.exp(-0.3 * z[..., 4])) - 0.3 * z[..., 4]
        found = [timed(reweighted, base, ratio) for _ in range(50)]
        ours = float(np.median([one.seconds for one in found]))
        flat = ratio.ravel()
        peer = float(np.median([timed(array_stats.psislw, -flat).seconds for _ in range(50)]))
        took["ours"].append(ours)
        took["peer"].append(peer)
        took["refit"].append(refit.seconds)
        say(
            "reweighting of 2,000 stored draws",
            repeat=repeat,
            ours={"milliseconds": 1000 * ours, **worth(found[0].result)},
            arviz_psislw={"milliseconds": 1000 * peer, "k_hat": float(array_stats.psislw(-flat)[1])},
            refit={"milliseconds": 1000 * refit.seconds, **worth(base)},
        )
    ratios("reweighting and its gate beside ArviZ's psislw alone", took["peer"], took["ours"])
    ratios("reweighting beside a refit of the warm model", took["refit"], took["ours"])


def shop(rng: np.random.Generator) -> ModelSpec:
    """Return 24 slices, channel by device, whose rates are drawn around a centre."""
    channels, devices = tuple(f"c{i}" for i in range(6)), tuple(f"d{i}" for i in range(4))
    codes = np.array([(i, j) for i in range(6) for j in range(4)])
    effects = (Effect("channel", channels), Effect("device", devices))
    trials = rng.integers(20, 2000, (24, 1))
    names = tuple(f"{channels[i]}, {devices[j]}" for i, j in codes)
    source = PooledGenerative(Slices(names, effects, codes, trials, np.zeros_like(trials)))
    z = dict(source.prior_draw(rng))
    z["z"][:3] = (-0.5, -0.3, -0.3)  # the centre and both spreads of an ordinary shop
    return source.spec(source.simulate(z, rng))


def hierarchical(repeats: int, seed: int) -> None:
    first = shop(np.random.default_rng(0))
    twin = pooled_rates_pymc(first.data, first.options)
    compiling = timed(compile_plainly, build_pooled(twin.data, **twin.options))  # type: ignore[arg-type]
    sample_plainly(compiling.result, 0, draws=50, tune=50, chains=1)
    execute(first, FitRequest())
    say("hierarchical rates: compilation of the peer", seconds=compiling.seconds, cpu=compiling.cpu)
    took: dict[str, list[float]] = {"ours": [], "peer": [], "ours per ESS": [], "peer per ESS": []}
    for repeat in range(repeats):
        spec = shop(np.random.default_rng([seed, repeat]))
        request = FitRequest(seed=repeat, draws=1000, tune=500, chains=4)
        ours = timed(execute, spec, request)
        theirs = timed(pooled_plainly, compiling.result, spec, repeat)
        figures, diagnostics = worth_of(theirs.result), ours.result.diagnostics
        least = diagnostics.get("importance_ess", diagnostics.get("ess_bulk", np.nan))
        took["ours"].append(ours.seconds)
        took["peer"].append(theirs.seconds)
        took["ours per ESS"].append(ours.cpu / least)
        took["peer per ESS"].append(theirs.cpu / figures["ess_bulk"])
        weights = ours.result.weights
        p = ours.result.draws["p"]
        mean = p.mean(axis=(0, 1)) if weights is None else (weights[..., None] * p).sum(axis=(0, 1))
        apart = np.abs(mean - theirs.result["p"].mean(axis=(0, 1))) / theirs.result["p"].std(axis=(0, 1))
        say(
            "hierarchical rates, 24 slices, two effects",
            repeat=repeat,
            ours={
                "seconds": ours.seconds,
                "cpu": ours.cpu,
                **worth(ours.result),
                "ess_per_cpu_second": least / ours.cpu,
            },
            nutpie={
                "seconds": theirs.seconds,
                "cpu": theirs.cpu,
                **figures,
                "ess_per_cpu_second": figures["ess_bulk"] / theirs.cpu,
            },
            largest_difference_of_a_rate_in_sd=float(apart.max()),
        )
    ratios("hierarchical rates beside nutpie, already compiled", took["peer"], took["ours"])
    ratios("the same per effective draw, in processor seconds", took["peer per ESS"], took["ours per ESS"])


def pooled_plainly(compiled: object, spec: ModelSpec, seed: int) -> dict[str, np.ndarray]:
    bound = compiled.with_data(**pooled_rates_pymc(spec.data, spec.options).data)  # type: ignore[attr-defined]
    drawn = sample_plainly(bound, seed, draws=1000, tune=500, chains=4)
    return {name: drawn[name] for name in ("p", "population_p", "spread")}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--problems", type=int, default=10_000)
    arguments.add_argument("--peer-fits", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=20261121)
    given = arguments.parse_args()
    be_quiet()
    five_parameters(given.repeats, given.problems, given.peer_fits, given.seed)
    quadrature(given.repeats, given.problems, given.seed)
    reweighting(given.repeats, given.seed)
    hierarchical(given.repeats, given.seed)


if __name__ == "__main__":
    main()
