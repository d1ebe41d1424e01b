"""A model written in arrays as nutpie samples it: no PyMC, nothing to compile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.model import LogDensity

__all__ = ["ArrayKernel", "starts"]

type Floats = NDArray[np.float64]

_POINT: Final = "unconstrained_point"  # the name under which nutpie hands the coordinates of a draw back
_TRIES: Final = 12


class _NoDensity(Exception):
    """A point without a finite density: nutpie reads the flag and calls the trajectory divergent."""

    is_recoverable = True


class ArrayKernel:
    """Makes nutpie's model of a `LogDensity`, for a chain that begins at a given point.

    Attributes
    ----------
    fault
        The first exception that the model raised. It cannot cross nutpie's threads, where it would end the
        process's sampler in a panic: the points where it was raised count as having no density, and whoever
        runs the chains raises it again.
    """

    def __init__(self, model: LogDensity) -> None:
        self.model = model
        self.fault: Exception | None = None

    def __call__(self, point: Floats) -> Any:
        """Return nutpie's model beginning at `point`, shape (coordinate,)."""
        from nutpie.compiled_pyfunc import from_pyfunc  # noqa: PLC0415  (heavy)

        return from_pyfunc(
            len(point),
            lambda: self._evaluate,
            lambda *_seeds: _expand,
            [np.dtype(np.float64)],
            [point.shape],
            [_POINT],
            make_initial_point_fn=lambda _seed: point,
        )

    def _evaluate(self, point: Floats) -> tuple[float, Floats]:
        try:
            log_density, gradient = self.model.gradient(point[None, :])
        except Exception as fault:
            self.fault = self.fault or fault
            raise _NoDensity from fault
        if not (np.isfinite(log_density[0]) and np.isfinite(gradient[0]).all()):
            raise _NoDensity
        return float(log_density[0]), np.ascontiguousarray(gradient[0])


def _expand(point: Floats) -> dict[str, Floats]:
    return {_POINT: np.array(point, dtype=np.float64)}


def starts(
    model: LogDensity,
    first: Callable[[np.random.Generator, float], Floats],
    seeds: Sequence[np.random.SeedSequence],
) -> Floats | None:
    """Return a point with a finite density per chain, shape (chain, coordinate), or None when some has none.

    Parameters
    ----------
    first
        Proposes a point; its second argument, at most 1, is how far from the model's own start it may lie.
    seeds
        One per chain.
    """
    chosen = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        tries = (first(rng, 0.5**attempt) for attempt in range(_TRIES))
        point = next((one for one in tries if _is_finite(model, one)), None)
        if point is None:
            return None
        chosen.append(point)
    return np.array(chosen)


def _is_finite(model: LogDensity, point: Floats) -> bool:
    log_density, gradient = model.gradient(point[None, :])
    return bool(np.isfinite(log_density[0]) and np.isfinite(gradient[0]).all())
