"""Coordinates that are N(0, 1) a priori: spreads, overdispersion, and a centre from a beta belief."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["LOG_KAPPA_MEAN", "LOG_KAPPA_STDEV", "half_normal", "half_normal_coordinate", "logit_normal"]

type Floats = NDArray[np.float64]

LOG_KAPPA_MEAN: Final = float(np.log(99.0))
LOG_KAPPA_STDEV: Final = 2.0
"""Prior of an unknown κ: log κ ~ N(log 99, 2²). Since log κ = −logit ρ and ρ is small, this is the prior
N(log 0.01, 2²) of log ρ that `learn_kappas` has, without its end at ρ = 1."""

_SQRT_2: Final = float(np.sqrt(2.0))


def half_normal(z: Floats) -> tuple[Floats, Floats]:
    """Return t with P(|N(0, 1)| < t) = Φ(z), and dt/dz = φ(z) / 2φ(t): HalfNormal(1) when z ~ N(0, 1)."""
    # 2Φ(t) − 1 = erf(t/√2) = Φ(z) = erfc(−z/√2)/2; each side from the tail in which it keeps its digits.
    low = special.erfinv(0.5 * special.erfc(-np.minimum(z, 0.0) / _SQRT_2))
    high = special.erfcinv(0.5 * special.erfc(np.maximum(z, 0.0) / _SQRT_2))
    t = np.maximum(_SQRT_2 * np.where(z < 0, low, high), 1e-300)
    return t, 0.5 * np.exp(0.5 * (t * t - z * z))


def half_normal_coordinate(t: Floats) -> Floats:
    """Return z with Φ(z) = P(|N(0, 1)| < t)."""
    return np.asarray(-special.ndtri(special.erfc(np.asarray(t) / _SQRT_2)))


def logit_normal(alpha: float, beta: float) -> tuple[float, float]:
    """Return mean and stdev of log(p/(1 − p)) when p ~ Beta(alpha, beta).

    They are ψ(α) − ψ(β) and √(ψ′(α) + ψ′(β)) (Johnson, Kotz and Balakrishnan 1995, 25.8).

    Examples
    --------
    >>> [round(x, 4) for x in logit_normal(1.0, 1.0)]
    [0.0, 1.8138]
    """
    mean = special.psi(alpha) - special.psi(beta)
    return float(mean), float(np.sqrt(special.polygamma(1, alpha) + special.polygamma(1, beta)))
