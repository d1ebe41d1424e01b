"""Makes the record of a family's calibration; who calls decides where it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from evenfall.calibration.certificates import Certificate
from evenfall.calibration.sbc.report import QuantityReport, SbcReport, report
from evenfall.calibration.sbc.result import SbcResult
from evenfall.calibration.sbc.simulate import run_sbc
from evenfall.calibration.sources import source_hash, sources_of
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import GenerativeModel, ModelSpec

__all__ = ["certify", "record_of"]

_ENGINES: Final[Mapping[str, str]] = {
    "conjugate": "evenfall.inference.engines.conjugate",
    "laplace": "evenfall.inference.engines.laplace",
    "nuts": "evenfall.inference.engines.nuts",
    "nuts-again": "evenfall.inference.engines.nuts",
    "quadrature": "evenfall.inference.engines.quadrature",
    "variational": "evenfall.inference.engines.variational",
}
"""The module behind each rung. How a model's own fast way is made is for the caller to say."""

_DIGITS: Final = 6


def certify(
    model: GenerativeModel,
    simulations: int,
    *,
    seed: int,
    draws: int = 99,
    request: FitRequest | None = None,
    also: Iterable[str] = (),
    on_progress: Callable[[SbcResult], None] | None = None,
) -> Certificate:
    """Return the certificate of a family after so many simulations.

    The same seed and code make the same certificate.

    Parameters
    ----------
    also
        Modules that make the posterior and that importing the factory and the engines does not bring in, such
        as the member of a catalogue.
    """
    request = request or FitRequest()
    result = run_sbc(model, simulations, seed=seed, draws=draws, request=request, on_progress=on_progress)
    return Certificate.of(record_of(model, result, report(result), request, also))


def record_of(
    model: GenerativeModel, result: SbcResult, found: SbcReport, request: FitRequest, also: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a certificate as its file holds it, JSON-ready."""
    spec = _example(model, result.seed)
    modules = sources_of([*_roots(model, spec), *(_ENGINES[r] for r in found.rungs if r in _ENGINES), *also])
    return {
        "name": found.name,
        "passed": found.passed,
        "problems": list(found.problems),
        "simulations": found.simulations,
        "failed": found.failed,
        "reasons": dict(found.reasons),
        "draws": found.draws,
        "seed": result.seed,
        "level": found.level,
        "request": {"engine": request.engine, "chains": request.chains, "draws": request.draws},
        "rungs": _rounded(dict(found.rungs)),
        "quantities": {one.name: _quantity(one) for one in found.quantities},
        "detectable": _rounded(asdict(found.detectable)),
        "factory": spec.factory,
        "shape": {name: list(np.shape(values)) for name, values in sorted(spec.data.items())},
        "code": {"version": version("evenfall"), "hash": source_hash(modules), "sources": list(modules)},
    }


def _quantity(one: QuantityReport) -> dict[str, Any]:
    """Return the figures of one quantity."""
    coverage = {f"{c.level:.2f}": _rounded([c.share, c.lower, c.upper]) for c in one.coverage}
    figures = {"p": one.p, "adjusted_p": one.adjusted_p, "shift": one.shift, "spread": one.spread}
    return {"calibrated": one.calibrated, **_rounded(figures), "coverage": coverage}


def _example(model: GenerativeModel, seed: int) -> ModelSpec:
    """Return the specification of some data."""
    rng = np.random.default_rng(seed)
    return model.spec(model.simulate(model.prior_draw(rng), rng))


def _roots(model: GenerativeModel, spec: ModelSpec) -> list[str]:
    """Return the modules of the generative model, its bases in this package counted, and of the factory."""
    made = [one.__module__ for one in type(model).__mro__ if one.__module__.startswith("evenfall.")]
    return [
        *(name for name in made if not name.startswith("evenfall.calibration")),
        spec.factory.partition(":")[0],
    ]


def _rounded(value: Any) -> Any:
    """Return figures with the digits that matter; a figure there is none of as null."""
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
    return value
