"""The highest point of many log densities, and their curvature there, by damped Newton steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.engines.batch import LogDensities

__all__ = ["Modes", "find_modes"]

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp]

_STEPS: Final = 100
_CLOSE: Final = 1e-8  # squared distance to the mode, in posterior standard deviations
_FLAT: Final = 1e-9  # least curvature, as a share of the largest, that is told from rounding
_FIRST: Final = 1e-4  # first distance of the gradients whose difference is the curvature
_LATER: Final = 1e-2  # the same in posterior standard deviations, once these are known
_WIDEST: Final = 1e8  # posterior standard deviation that is told from infinity
_STRIDE: Final = 10.0  # longest step, in multiples of where a coordinate is, or of one
_SHORTEST: Final = 1e-9  # share of a Newton step below which no step uphill is found


@dataclass(frozen=True, eq=False)
class Modes:
    """Where log densities peak.

    Attributes
    ----------
    points : ndarray, shape (problem, coordinate)
        Where each search ended; the mode when its reason is empty.
    heights : ndarray, shape (problem,)
        The log density there.
    roots : ndarray, shape (problem, coordinate, coordinate)
        A square root L of the inverse curvature: L @ Lᵀ is the covariance of the normal law that touches the
        peak.
    log_volumes : ndarray, shape (problem,)
        log |det L|.
    reasons
        Why a search failed; empty for those that did not.
    gradients : ndarray of int, shape (problem,)
        Evaluations each search took.
    """

    points: Floats
    heights: Floats
    roots: Floats
    log_volumes: Floats
    reasons: tuple[str, ...]
    gradients: NDArray[np.int64]

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which searches ended at a mode."""
        return np.array([not reason for reason in self.reasons], dtype=np.bool_)

    def only(self, row: int) -> Modes:
        """Return one search alone."""
        at = slice(row, row + 1)
        return Modes(
            self.points[at],
            self.heights[at],
            self.roots[at],
            self.log_volumes[at],
            self.reasons[at],
            self.gradients[at],
        )


def find_modes(
    batch: LogDensities, which: Positions, start: Floats, budget: int = np.iinfo(np.int64).max
) -> Modes:
    """Return the mode of each log density.

    Newton's direction with the signs of the curvature made negative (so that it leads uphill past saddles) is
    followed with backtracking. Curvature is the difference of gradients on both sides of each coordinate.

    Parameters
    ----------
    which : ndarray of int, shape (problem,)
        Which densities of the batch to climb; one may be named more than once, with other starts.
    start : ndarray, shape (problem, coordinate)
    budget
        Gradient evaluations that each search may take.

    References
    ----------
    Dauphin, Y. et al. (2014), Identifying and attacking the saddle point problem, NeurIPS 27, eq. 5.
    """
    search = _Search(batch, np.asarray(which), np.array(start, dtype=np.float64), budget)
    search.begin()
    for _ in range(_STEPS):
        if not len(search.active):
            break
        search.step()
    search.leave(search.active, f"no mode: still climbing after {_STEPS} steps")
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = search.axes / np.sqrt(search.curvature)[:, None, :]
    log_volumes = np.linalg.slogdet(np.where(np.isfinite(roots), roots, 0.0))[1]
    return Modes(search.points, search.values, roots, log_volumes, tuple(search.reasons), search.spent)


class _Search:
    """The state of all searches; rows of settled ones stay as they are.

    The curvature is held in coordinates scaled to have curvature one each: -H = A⁻ᵀ diag(curvature) A⁻¹ with
    axes A, so that what counts as flat does not hang on units.
    """

    def __init__(self, batch: LogDensities, which: Positions, start: Floats, budget: int) -> None:
        count, width = start.shape
        self.batch, self.which, self.budget = batch, which, budget
        self.points = start
        self.values, self.share = np.full(count, np.nan), np.ones(count)
        self.slopes, self.curvature = np.zeros((count, width)), np.full((count, width), np.nan)
        self.axes = np.full((count, width, width), np.nan)
        self.spacing = _FIRST * np.maximum(1.0, np.abs(start))
        self.spent, self.reasons = np.zeros(count, dtype=np.int64), [""] * count
        self.active: Positions = np.arange(count)

    def begin(self) -> None:
        """Look around at the starts."""
        self.leave(self.active[self._broke()], f"no mode: the budget of {self.budget} gradients is spent")
        here = self.active
        if not len(here):
            return
        fine = self._move(here, self.points[here], np.full(len(here), -np.inf))
        self.leave(here[~fine], "no mode: the log density or its gradient is not finite at the start")

    def step(self) -> None:
        """Go one step uphill in each search that is not settled, and settle those that arrived."""
        here = self.active
        along, gain = self._newton(here)
        arrived = gain < _CLOSE
        broke = self._broke() & ~arrived
        self._settle(here[arrived])
        self.leave(here[broke], f"no mode: the budget of {self.budget} gradients is spent")
        going = ~arrived & ~broke
        here, along, gain = here[going], along[going], gain[going]
        if len(here):
            share = self.share[here]
            rounding = 1e-13 * np.maximum(1.0, np.abs(self.values[here]))
            least = self.values[here] + 1e-4 * share * gain - rounding
            good = self._move(here, self.points[here] + share[:, None] * along, least)
            self.share[here] = np.where(good, np.minimum(1.0, 4.0 * share), 0.25 * share)
            stuck = self.share[here] < _SHORTEST
            self.leave(here[stuck], "no mode: the log density does not rise along its own gradient")

    def leave(self, rows: Positions, reason: str = "") -> None:
        """End these searches."""
        for row in rows if reason else ():
            self.reasons[row] = reason
        self.active = np.setdiff1d(self.active, rows, assume_unique=True)

    def _broke(self) -> NDArray[np.bool_]:
        """Return which active searches cannot pay for another look."""
        return np.asarray(self.spent[self.active] + 2 * self.points.shape[-1] + 1 > self.budget)

    def _newton(self, rows: Positions) -> tuple[Floats, Floats]:
        """Return Newton's step and its slope, twice the rise it promises."""
        curvature = np.abs(self.curvature[rows])
        curvature = np.maximum(curvature, _FLAT * np.maximum(curvature.max(axis=-1, keepdims=True), _FLAT))
        turned = np.einsum("pij,pi->pj", self.axes[rows], self.slopes[rows])
        along = np.einsum("pij,pj->pi", self.axes[rows], turned / curvature)
        longest = (np.abs(along) / np.maximum(1.0, np.abs(self.points[rows]))).max(axis=-1)
        # where hardly anything bends, Newton's step would leave every sensible place
        held = np.minimum(1.0, _STRIDE / np.maximum(longest, _STRIDE))
        gain = np.sum(turned * turned / curvature, axis=-1)
        return held[:, None] * along, np.where(gain < _CLOSE, gain, held * gain)

    def _settle(self, rows: Positions) -> None:
        """End searches where the slope is gone: at a mode, or not."""
        least, most = self.curvature[rows].min(axis=-1), self.curvature[rows].max(axis=-1)
        peak = least > _FLAT * most
        self.leave(rows[~peak], "no mode: the log density is flat or curved upward where its slope ends")
        self.leave(rows)

    def _move(self, rows: Positions, to: Floats, least: Floats) -> NDArray[np.bool_]:
        """Look around at points; move there where all is finite and at least so high; return where."""
        width = to.shape[-1]
        offsets = self.spacing[rows][:, :, None] * np.eye(width)
        around = np.concatenate([to[:, None, :], to[:, None, :] + offsets, to[:, None, :] - offsets], axis=1)
        with np.errstate(all="ignore"):  # far from the mode anything may overflow; what did is not moved to
            values, slopes = self.batch.gradient(self.which[rows], around)
            rise = slopes[:, 1 : width + 1] - slopes[:, width + 1 :]
            hessian = rise / (2.0 * self.spacing[rows][:, :, None])
            hessian = 0.5 * (hessian + hessian.swapaxes(-1, -2))
            finite = np.isfinite(values[:, 0]) & np.isfinite(slopes[:, 0]).all(axis=-1)
            high = np.asarray(values[:, 0] >= least, dtype=np.bool_)
            good: NDArray[np.bool_] = finite & high & np.isfinite(hessian).all(axis=(-1, -2))
        self.spent[rows] += 2 * width + 1
        here = rows[good]
        self.points[here], self.values[here], self.slopes[here] = to[good], values[good, 0], slopes[good, 0]
        self._bend(here, hessian[good])
        return good

    def _bend(self, rows: Positions, hessian: Floats) -> None:
        """Take over the curvature, and from it how far apart to look next."""
        diagonal = np.abs(np.diagonal(hessian, axis1=-2, axis2=-1))
        unit = 1.0 / np.sqrt(np.maximum(diagonal, _WIDEST**-2))
        self.curvature[rows], turn = np.linalg.eigh(-hessian * unit[:, :, None] * unit[:, None, :])
        self.axes[rows] = unit[:, :, None] * turn
        scale = np.maximum(1.0, np.abs(self.points[rows]))
        self.spacing[rows] = np.clip(_LATER * unit, 1e-8 * scale, 0.1 * scale)
