"""Fits a model named by a spec, as a worker does; and what a stored fit says it was made of."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec, load_model
from evenfall.inference.nuts.compiled import use_disk_cache
from evenfall.inference.watch import watching

__all__ = ["code_version", "data_hash", "execute"]

_ROOMS: Final = ("beliefs", "funnels", "inference", "mmm")


def execute(
    spec: ModelSpec,
    request: FitRequest,
    *,
    base: Fit | None = None,
    log_ratio: NDArray[np.float64] | None = None,
    audit_due: bool = False,
    cache_dir: str | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Fit:
    """Return the fit of the model that `spec` names, gated; its seconds include building and compiling.

    Parameters
    ----------
    base
        The last full fit, whose draws may be reweighted.
    log_ratio : ndarray, shape (chain, draw)
        Log likelihood of all data of now minus that of the base's, at each of its draws.
    audit_due
        Whether the fit must be a full one.
    cache_dir
        Where compiled models are kept between processes; PyTensor's own folder when None.
    progress
        Called now and then with the share of the present engine's work that is done.
    cancelled
        Asked now and then whether to stop; the fit then comes back with that as its failure.

    Raises
    ------
    ConfigError
        When a user's model cannot be built.
    """
    # Imported here: climbing brings in every engine.
    from evenfall.inference.ladder import climb  # noqa: PLC0415

    begun = time.perf_counter()
    if cache_dir is not None:
        use_disk_cache(cache_dir)
    with watching(progress, cancelled):
        fit = climb(load_model(spec), request, base=base, log_ratio=log_ratio, audit_due=audit_due)
    return replace(fit, seconds=time.perf_counter() - begun)


def data_hash(spec: ModelSpec) -> str:
    """Return a hash of all that the posterior is a function of, the code apart: factory, options and data.

    The option ``root`` is left out: it says where a project lies on this machine.
    """
    options = {name: value for name, value in spec.options.items() if name != "root"}
    found = hashlib.sha256(json.dumps([spec.factory, options], sort_keys=True).encode())
    for name in sorted(spec.data):
        values = np.asarray(spec.data[name])
        found.update(json.dumps([name, values.dtype.str, values.shape]).encode() + values.tobytes())
    return found.hexdigest()


@cache
def code_version() -> str:
    """Return the package's version and a hash of the sources that make a posterior, such as ``0.1.0+3f2a…``.

    The hash covers the rooms of arithmetic alone, so that a change to the command line keeps the version of
    what it never touches; a fit of another code version is not warm, and is not reweighted.
    """
    package = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(path for room in _ROOMS for path in (package / room).rglob("*.py")):
        found.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{version('evenfall')}+{found.hexdigest()[:12]}"
