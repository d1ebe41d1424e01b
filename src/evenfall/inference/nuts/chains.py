"""Chains of nutpie: started apart, watched, stopped at their share of the budget, and read back as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.watch import Watch

__all__ = ["Chain", "ChainPlan", "run_chains"]

type Floats = NDArray[np.float64]

_POLL_SECONDS: Final = 0.005
_STATISTICS: Final[Mapping[str, str]] = {
    "acceptance_rate": "mean_tree_accept",
    "diverging": "diverging",
    "energy": "energy",
    "lp": "logp",
    "n_steps": "n_steps",
    "reached_max_treedepth": "maxdepth_reached",
    "step_size": "step_size",
    "tree_depth": "depth",
}
"""ArviZ's names of the sampler's statistics, and nutpie's."""


@dataclass(frozen=True, eq=False)
class ChainPlan:
    """What one chain does.

    Attributes
    ----------
    model
        nutpie's model that begins where the chain begins.
    seed
        Of nutpie's generator.
    settings
        Arguments of ``nutpie.sample``: draws, tune, target_accept, ….
    budget
        Gradient evaluations it may use; later draws do not count.
    """

    model: Any
    seed: int
    settings: Mapping[str, object]
    budget: int


@dataclass(frozen=True, eq=False)
class Chain:
    """What one chain came back with.

    Attributes
    ----------
    points : ndarray, shape (draw, coordinate)
        Draws after tuning.
    statistics
        By ArviZ's names, each of shape (draw,).
    gradients
        Evaluations, tuning included.
    error
        What the sampler stopped with; empty when nothing went wrong.
    """

    points: Floats
    statistics: Mapping[str, Floats]
    gradients: int
    error: str = ""


class _Running:
    """A chain under way on a thread of nutpie's own."""

    def __init__(self, plan: ChainPlan) -> None:
        import nutpie  # noqa: PLC0415  (heavy)

        self.plan = plan
        self.steps = 0
        self.share = 0.0
        self._sampler = nutpie.sample(
            plan.model,
            seed=plan.seed,
            chains=1,
            cores=1,
            progress_bar=False,
            progress_callback=self._note,
            blocking=False,
            return_raw_trace=True,
            **plan.settings,
        )

    def _note(self, states: Sequence[Any]) -> None:
        """Take notice of how far the chain is; called by nutpie every tenth of a second."""
        self.steps = int(states[0].total_num_steps)
        self.share = states[0].finished_draws / max(states[0].total_draws, 1)

    def wait(self, seconds: float) -> Chain | None:
        """Return the chain, or None when it needs longer than that."""
        try:
            return self._read(self._sampler.wait(timeout=seconds))
        except TimeoutError:
            return None
        except RuntimeError as error:  # nutpie's only way to report what the model's functions raised
            return self._read(None, str(error))

    def stop(self) -> Chain:
        """End the chain and return what it drew so far."""
        return self._read(self._sampler.abort())

    def discard(self) -> None:
        """End the chain and forget it."""
        self._sampler.cancel()

    def _read(self, trace: Any, error: str = "") -> Chain:
        draws, statistics = ([], []) if trace is None else trace.get_arrow_trace()
        if not draws or draws[0].num_rows == 0:
            return _nothing(self.plan, error)
        return _read(draws[0], statistics[0], self.plan.budget)


def run_chains(plans: Sequence[ChainPlan], cores: int, watch: Watch) -> list[Chain]:
    """Return every plan's chain; at most `cores` run at a time.

    A chain is stopped once it is past its budget. What it drew beyond is cut off by count, so that the
    result does not depend on when that was noticed.
    """
    waiting = list(enumerate(plans))
    running: dict[int, _Running] = {}
    done: dict[int, Chain] = {}
    try:
        while len(done) < len(plans):
            stop = watch.stop()
            while waiting and len(running) < cores and not stop:
                at, plan = waiting.pop(0)
                running[at] = _Running(plan)
            for at, chain in list(running.items()):
                spent = stop or chain.steps > chain.plan.budget
                ended = chain.stop() if spent else chain.wait(_POLL_SECONDS)
                if ended is not None:
                    done[at] = ended
                    del running[at]
            if stop:
                done |= {at: _nothing(plan) for at, plan in waiting}
                waiting.clear()
            watch.tell((len(done) + sum(chain.share for chain in running.values())) / len(plans))
    finally:
        for chain in running.values():  # only when a callback of the watch raised
            chain.discard()
    return [done[at] for at in range(len(plans))]


def _nothing(plan: ChainPlan, error: str = "") -> Chain:
    """Return the chain of a plan that drew nothing."""
    return Chain(np.empty((0, plan.model.n_dim)), {name: np.empty(0) for name in _STATISTICS}, 0, error)


def _read(draws: Any, statistics: Any, budget: int) -> Chain:
    """Return a chain from nutpie's Arrow batches, what lies beyond the budget cut off."""
    steps = _column(statistics, "n_steps")
    within = np.cumsum(steps) <= budget
    keep = within & ~_column(statistics, "tuning").astype(bool)
    points = np.concatenate([_matrix(draws.column(name)) for name in draws.schema.names], axis=1)
    figures = {name: _column(statistics, theirs)[keep] for name, theirs in _STATISTICS.items()}
    return Chain(points[keep], figures, int(steps[within].sum()))


def _column(batch: Any, name: str) -> Floats:
    return _matrix(batch.column(name))[:, 0]


def _matrix(column: Any) -> Floats:
    """Return a column of equally long lists, or of numbers, as shape (draw, item)."""
    import pyarrow  # noqa: PLC0415  (heavy)

    array = pyarrow.array(column)
    flat = array.flatten() if hasattr(array, "flatten") else array
    values = np.asarray(flat.to_numpy(zero_copy_only=False), dtype=np.float64)
    return values.reshape(len(array), -1)
