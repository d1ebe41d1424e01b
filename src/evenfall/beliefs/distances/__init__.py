"""How far one law lies from another, in nats, in the parameter's unit, and as shared mass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.distances import crossing, numeric, smooth
from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.distributions.beta import BetaDistribution
from evenfall.beliefs.distributions.gamma import GammaDistribution
from evenfall.beliefs.distributions.lognormal import LogNormalDistribution
from evenfall.beliefs.distributions.normal import NormalDistribution
from evenfall.beliefs.groups import family_of
from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["Distances", "distances", "kl", "overlap", "w1", "w2"]

type _Measure = Literal["kl", "w1", "w2", "overlap"]

# Measures written out per kind of law; what is not listed is integrated numerically.
_CLOSED: Final[Mapping[type[Any], Mapping[str, Callable[[Any, Any], Floats]]]] = {
    NormalDistribution: {
        "kl": smooth.normal_kl,
        "w1": smooth.normal_w1,
        "w2": smooth.normal_w2,
        "overlap": smooth.normal_overlap,
    },
    LogNormalDistribution: {
        "kl": smooth.lognormal_kl,
        "w1": smooth.lognormal_w1,
        "w2": smooth.lognormal_w2,
        "overlap": smooth.lognormal_overlap,
    },
    BetaDistribution: {"kl": crossing.beta_kl, "w1": crossing.beta_w1, "overlap": crossing.beta_overlap},
    GammaDistribution: {"kl": crossing.gamma_kl, "w1": crossing.gamma_w1, "overlap": crossing.gamma_overlap},
}


def _measure(name: _Measure, p: Distribution, q: Distribution) -> Floats:
    closed = _CLOSED.get(type(p), {}).get(name) if type(p) is type(q) else None
    return (closed or getattr(numeric, name))(p, q)


def kl(p: Distribution, q: Distribution) -> Floats:
    """Return KL(p ‖ q) = E_p[log p − log q], in nats: of a posterior from its prior, what was learned."""
    return _measure("kl", p, q)


def w1(p: Distribution, q: Distribution) -> Floats:
    """Return the Wasserstein-1 distance, ∫|P − Q|, in the unit of the quantity."""
    return _measure("w1", p, q)


def w2(p: Distribution, q: Distribution) -> Floats:
    """Return the Wasserstein-2 distance, the root of ∫(P⁻¹ − Q⁻¹)², in the unit of the quantity."""
    return _measure("w2", p, q)


def overlap(p: Distribution, q: Distribution) -> Floats:
    """Return ∫min(p, q), the mass two laws share, between 0 and 1."""
    return _measure("overlap", p, q)


@dataclass(frozen=True, slots=True)
class Distances:
    """How far a posterior has moved from its prior.

    Attributes
    ----------
    kl
        KL(posterior ‖ prior), in nats.
    w1, w2
        Wasserstein distances, in the parameter's unit.
    w1_prior_stdevs
        `w1` in standard deviations of the prior.
    overlap
        Mass shared, between 0 and 1.
    """

    kl: float
    w1: float
    w1_prior_stdevs: float
    w2: float
    overlap: float


def distances(posterior: Belief, prior: Belief) -> Distances:
    """Return the distances of a posterior from its prior, for their reported quantities."""
    p, q = (family_of(one).belief(np.array(one.theta)) for one in (posterior, prior))
    moved = float(w1(p, q))
    return Distances(float(kl(p, q)), moved, moved / float(q.stdev), float(w2(p, q)), float(overlap(p, q)))
