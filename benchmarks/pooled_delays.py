"""Pooled delays of ten edges × twelve slices × forty cohorts: the fast path beside NUTS on the same model.

Run with ``python benchmarks/pooled_delays.py [--edges 10] [--repeats 3] [--peers 1] [--people 60]``. Each
repeat has fresh data and seeds. The peer is the NUTS engine, one try without the ladder's retries, on the
first ``--peers`` edges of each repeat in the same run; what the gate says of it is printed.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from evenfall.funnels.delays.pooled_generative import PooledDelayGenerative
from evenfall.inference.engines import ENGINES
from evenfall.inference.execute import execute
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.gates import check
from evenfall.inference.model import ModelSpec, load_model

SLICES, COHORTS = 12, 40


def main() -> None:
    """Print seconds, rung, and the figures of the gate, edge by edge and for the graph."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", type=int, default=1)
    parser.add_argument("--people", type=int, default=60)
    options = parser.parse_args()
    source = PooledDelayGenerative(slices=SLICES, cohorts=COHORTS, ages=COHORTS, people=options.people)
    for repeat in range(options.repeats):
        rng = np.random.default_rng([2026, repeat])
        ours, theirs = [], []
        for edge in range(options.edges):
            spec = source.spec(source.simulate(source.prior_draw(rng), rng))
            ours.append(_timed(spec, FitRequest(seed=100 * repeat + edge), f"{repeat} edge {edge} ours"))
            if edge < options.peers:
                peer = FitRequest(engine="nuts", seed=100 * repeat + edge)
                theirs.append(_timed(spec, peer, f"{repeat} edge {edge} NUTS"))
        line = f"repeat {repeat}: {options.edges} edges in {sum(ours):.1f} s"
        if theirs:
            times = np.sum(theirs) / np.sum(ours[: len(theirs)])
            line += f"; NUTS {np.mean(theirs):.1f} s an edge, {times:.0f} times ours on the same edges"
        print(line, flush=True)


def _timed(spec: ModelSpec, request: FitRequest, label: str) -> float:
    began = time.perf_counter()
    fit = execute(spec, request) if request.engine == "auto" else _plain(spec, request)
    seconds = time.perf_counter() - began
    figures = {
        name: round(value, 3)
        for name, value in fit.diagnostics.items()
        if name in {"k_hat", "importance_ess", "r_hat", "ess_bulk", "ess_tail", "divergences"}
    }
    outcome = "passed" if fit.passed else f"FAILED: {'; '.join(fit.failures)}"
    print(f"{label}: {seconds:.2f} s, {fit.rung}, {figures}, {outcome}", flush=True)
    return seconds


def _plain(spec: ModelSpec, request: FitRequest) -> Fit:
    return check(ENGINES.resolve(request.engine).fit(load_model(spec), request))


if __name__ == "__main__":
    main()
