"""What the benchmarks of fits share: two ways timed by turns in one process, and what their draws are worth.

Seconds are of the wall; processor seconds, of this process and of its children that ended, stand beside them
because the wall depends on who else uses the machine. The worth of weighted draws is their importance ESS and
k_hat; of chains it is the least bulk ESS and the largest R-hat over all quantities, by ArviZ for both sides.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import nutpie

from evenfall.inference.diagnostics.figures import convergence
from evenfall.inference.fit import Fit

__all__ = [
    "Timed",
    "be_quiet",
    "compile_plainly",
    "ratios",
    "sample_plainly",
    "say",
    "timed",
    "worth",
    "worth_of",
]


@dataclass(frozen=True)
class Timed[T]:
    """What a run returned, and the seconds it took."""

    result: T
    seconds: float
    cpu: float


def be_quiet() -> None:
    """Let no library write between the rows: the peers warn of few draws, and of where they cache."""
    for name in ("pymc", "nutpie", "pytensor"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


def timed[T](run: Callable[..., T], *arguments: Any, **named: Any) -> Timed[T]:
    """Call it, and say how long it took."""
    begun, cpu = time.perf_counter(), _cpu()
    result = run(*arguments, **named)
    return Timed(result, time.perf_counter() - begun, _cpu() - cpu)


def say(row: str, **figures: object) -> None:
    """Print one row, rounded, with the load of the machine."""
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"row": row, **_rounded(figures), "load": load}), flush=True)


def ratios(row: str, theirs: Iterable[float], ours: Iterable[float], of: str = "seconds") -> None:
    """Print the middle one of the ratios of the repeats; below 1 it is ours that loses."""
    found = sorted(peer / own for peer, own in zip(theirs, ours, strict=True))
    each = ", ".join(f"{one:.2g}" for one in found)
    print(f"   {row}: ratio of {of}, peer over ours: {np.median(found):.2g} (of {each})", flush=True)


def worth(fit: Fit) -> dict[str, float]:
    """Return what the draws of a fit are worth, and by which rung they came."""
    names = ("r_hat", "ess_bulk", "k_hat", "importance_ess", "divergences")
    figures = {name: fit.diagnostics[name] for name in names if name in fit.diagnostics}
    return {"rung": fit.rung, "passed": fit.passed, **figures}


def worth_of(draws: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the same of the peer's draws, by name, each of shape (chain, draw, …)."""
    figures = convergence(draws)
    return {"r_hat": figures["r_hat"], "ess_bulk": figures["ess_bulk"]}


def compile_plainly(model: Any) -> Any:
    """Compile a ``pm.Model`` as nutpie's own documentation says."""
    return nutpie.compile_pymc_model(model, backend="numba")


def sample_plainly(compiled: Any, seed: int, *, draws: int, tune: int, chains: int) -> dict[str, np.ndarray]:
    """Sample with nutpie, chains on as many threads as there are cores; return the posterior by name."""
    cores = min(chains, os.cpu_count() or 1)
    trace = nutpie.sample(
        compiled, draws=draws, tune=tune, chains=chains, cores=cores, seed=seed, progress_bar=False
    )
    return {str(name): np.asarray(values) for name, values in trace["posterior"].data_vars.items()}


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.4g}")
    return value
