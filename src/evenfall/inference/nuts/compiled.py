"""PyMC models compiled once per structure and refitted with new data.

Compilation costs ten to a hundred times what sampling does. A model is built and compiled once per process
for each (build, options, structure, kinds of the inputs); after that new data are pointers swapped under the
compiled program. An input that the model does not take as ``pm.Data`` is a constant of its program, so its
values belong to the key as well, and new values compile anew. ``build`` is called as
``function(data, **options)``.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.model import PymcModel

__all__ = [
    "CACHE",
    "LOG_LIKELIHOOD",
    "BuiltModel",
    "CompiledDensity",
    "ModelCache",
    "as_log_density",
    "use_disk_cache",
]

type Floats = NDArray[np.float64]
type Inputs = Mapping[str, NDArray[np.generic]]

LOG_LIKELIHOOD: Final = "log_likelihood"
"""A ``pm.Deterministic`` of this name gives the log likelihood per unit; else the observed variables do."""

_MOST_MODELS: Final = 16  # a compiled model holds about 20 MB of machine code and graphs
_FAILED: Final = frozenset({-1, 1})  # what nutpie's compiled density returns when it was given wrong shapes
_DENSITY: Final = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


def as_log_density(model: PymcModel) -> CompiledDensity:
    """Return the model as arrays see it, compiled now unless a model of its structure was before."""
    return CACHE.density(model)


def use_disk_cache(folder: Path | str) -> bool:
    """Keep what PyTensor compiles in `folder`, for this process and later ones.

    PyTensor settles the place when it is first imported.

    Returns
    -------
    bool
        False when it is too late: PyTensor was imported before and keeps the place it had.
    """
    place = Path(folder)
    if "pytensor" in sys.modules:
        return bool(Path(sys.modules["pytensor"].config.base_compiledir) == place)
    flags = [flag for flag in os.environ.get("PYTENSOR_FLAGS", "").split(",") if flag]
    kept = [flag for flag in flags if not flag.startswith("base_compiledir=")]
    os.environ["PYTENSOR_FLAGS"] = ",".join([*kept, f"base_compiledir={place}"])
    return True


@dataclass(frozen=True, eq=False)
class BuiltModel(PymcModel):
    """A model whose ``pymc.Model`` is at hand already; its `structure` must tell its graph from every other.

    Attributes
    ----------
    built
        The ``pymc.Model``; `data` are the values of its ``pm.Data``.
    """

    built: Any = None


@dataclass(eq=False)
class _Program:
    """What was compiled for one structure.

    Attributes
    ----------
    sampler
        nutpie's compiled model; its stored draws are the unconstrained coordinates alone.
    outputs
        From a point to the quantities, then the log likelihoods where the model says them.
    shared
        The model's ``pm.Data`` by name.
    names
        One per coordinate.
    quantities
        Names of the first outputs.
    lock
        Held while `outputs` runs, since its inputs are shared variables.
    """

    sampler: Any
    outputs: Any
    shared: Mapping[str, Any]
    names: tuple[str, ...]
    quantities: tuple[str, ...]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def bind(self, data: Inputs) -> CompiledDensity:
        """Return the program over these data."""
        known = {name: _as_kind(data[name], shared) for name, shared in self.shared.items() if name in data}
        taken = {variable.name for variable in self.sampler.shared_var_keys}
        sampler = self.sampler.with_data(**{name: one for name, one in known.items() if name in taken})
        return CompiledDensity(self, sampler, known)


@dataclass(frozen=True, eq=False)
class CompiledDensity:
    """A compiled PyMC model over its data, in raveled unconstrained coordinates; a `LogDensity`.

    Attributes
    ----------
    program
        What was compiled.
    sampler
        nutpie's model over these data.
    data
        The ``pm.Data`` inputs.
    """

    program: _Program
    sampler: Any
    data: Inputs

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate: the value variable, its index behind it."""
        return self.program.names

    def start(self) -> Floats:
        """Return PyMC's initial point with its jitter of seed 0, shape (coordinate,)."""
        return self.initial_point(0)

    def initial_point(self, seed: int) -> Floats:
        """Return PyMC's initial point, jittered by the seed, shape (coordinate,)."""
        with self._given():
            return np.asarray(self.sampler.initial_point_func(seed), dtype=np.float64)

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log posterior density and its gradient; minus infinity where there is none."""
        log_density, gradient, failed = self._evaluate(z)
        log_density[failed | ~np.isfinite(log_density)] = -np.inf
        return log_density, gradient

    def accepts(self) -> bool:
        """Return whether the program can be run over these data at all."""
        return not self._evaluate(self.start()[None, :])[2].any()

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood of each unit, shape (point, unit); no units when the model names none."""
        return self.outputs(z)[1]

    def log_prior(self, z: Floats) -> Floats:
        """Return the log density less the log likelihoods, shape (point,); potentials count as prior."""
        return self.gradient(z)[0] - self.log_likelihood(z).sum(axis=-1)

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return the model's quantities, each of shape (point, …)."""
        return self.outputs(z)[0]

    def outputs(self, z: Floats) -> tuple[dict[str, Floats], Floats]:
        """Return quantities by name and the log likelihoods, shape (point, unit), in one pass."""
        points = np.ascontiguousarray(z, dtype=np.float64)
        with self._given():
            rows = [self.program.outputs(point) for point in points]
        names = self.program.quantities
        drawn = {name: np.array([row[i] for row in rows], dtype=np.float64) for i, name in enumerate(names)}
        units = [np.concatenate([np.empty(0), *map(np.ravel, row[len(names) :])]) for row in rows]
        return drawn, np.array(units, dtype=np.float64).reshape(len(points), -1)

    @contextmanager
    def _given(self) -> Iterator[None]:
        """Hold the program with this density's data in its shared variables."""
        with self.program.lock:
            for name, values in self.data.items():
                self.program.shared[name].set_value(values)
            yield

    @cached_property
    def _density(self) -> Any:
        return _DENSITY(self.sampler.compiled_logp_func.address)

    def _evaluate(self, z: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return log density, gradient, and where the program failed.

        nutpie's compiled density is called as nutpie calls it: (dimension, point, gradient out, density out,
        data), with 0 for success, 3 or 4 for a value that is not finite.
        """
        points = np.ascontiguousarray(z, dtype=np.float64)
        log_density, gradient = np.full(len(points), -np.inf), np.full(points.shape, np.nan)
        codes = np.zeros(len(points), dtype=np.int64)
        data = self.sampler.user_data.ctypes.data
        for i in range(len(points)):
            codes[i] = self._density(
                points.shape[1],
                points[i].ctypes.data,
                gradient[i].ctypes.data,
                log_density[i:].ctypes.data,
                data,
            )
        return log_density, gradient, np.isin(codes, list(_FAILED))


class ModelCache:
    """Compiled models by structure, the least recently used forgotten first.

    Parameters
    ----------
    size
        How many are kept.

    Attributes
    ----------
    compiled
        How many times a model was compiled.
    """

    def __init__(self, size: int = _MOST_MODELS) -> None:
        self.size = size
        self.compiled = 0
        self._programs: OrderedDict[str, _Program] = OrderedDict()
        self._constants: dict[str, frozenset[str]] = {}
        self._lock = threading.RLock()

    def density(self, model: PymcModel) -> CompiledDensity:
        """Return the model over its data; compiled only when no kept program can take them."""
        structure = _structure(model)
        shapes = json.dumps({name: np.shape(value) for name, value in sorted(model.data.items())})
        with self._lock:
            key = self._key(structure, model)
            for known in (key + shapes, key):
                density = self._kept(known, model.data)
                if density is not None:
                    return density
            program, constants = _compile(model)
            self.compiled += 1
            self._constants[structure] = constants
            # A program that refuses data it should take, as its number of parameters hangs on their lengths,
            # keeps its place; the new one serves these lengths only.
            key = self._key(structure, model)
            self._programs[key + shapes if key in self._programs else key] = program
            while len(self._programs) > self.size:
                self._programs.popitem(last=False)
            return program.bind(model.data)

    def clear(self) -> None:
        """Forget every model."""
        with self._lock:
            self._programs.clear()
            self._constants.clear()

    def _key(self, structure: str, model: PymcModel) -> str:
        return structure + _digest(model.data, self._constants.get(structure, frozenset()))

    def _kept(self, key: str, data: Inputs) -> CompiledDensity | None:
        program = self._programs.get(key)
        density = None if program is None else program.bind(data)
        if density is None or not density.accepts():
            return None
        self._programs.move_to_end(key)
        return density


CACHE: Final = ModelCache()
"""The models of this process."""


def _structure(model: PymcModel) -> str:
    kinds = {
        name: (np.asarray(value).dtype.kind, np.ndim(value)) for name, value in sorted(model.data.items())
    }
    options = json.dumps(model.options, sort_keys=True)
    return json.dumps([model.build, model.structure, options, sorted(model.quantities), kinds])


def _digest(data: Inputs, names: frozenset[str]) -> str:
    """Return a hash of the named inputs."""
    found = hashlib.sha256()
    for name in sorted(names):
        values = np.asarray(data[name])
        found.update(f"{name}{values.dtype}{values.shape}".encode() + values.tobytes())
    return found.hexdigest()


def _as_kind(values: NDArray[np.generic], shared: Any) -> NDArray[np.generic]:
    """Return `values` in the type of the shared variable they stand in for."""
    return np.array(values, dtype=shared.type.dtype, order="C")


def _compile(model: PymcModel) -> tuple[_Program, frozenset[str]]:
    """Return the compiled model, and the names of the inputs that are constants of it."""
    import nutpie  # noqa: PLC0415  (heavy)
    from pytensor.compile.sharedvalue import SharedVariable  # noqa: PLC0415

    built = model.built if isinstance(model, BuiltModel) else _build(model)
    with warnings.catch_warnings():
        # PyTensor's way to say that one of its generated functions is not kept on disk.
        warnings.filterwarnings("ignore", message="Cannot cache compiled function")
        sampler = nutpie.compile_pymc_model(built, backend="numba", var_names=[])
        outputs = _compile_outputs(built, sampler, model.quantities)
    shared = {
        name: variable
        for name, variable in built.named_vars.items()
        if isinstance(variable, SharedVariable) and name in model.data
    }
    program = _Program(sampler, outputs, shared, _coordinates(sampler), tuple(model.quantities))
    return program, frozenset(set(model.data) - set(shared))


def _build(model: PymcModel) -> Any:
    """Return the ``pymc.Model``."""
    module, _, name = model.build.partition(":")
    return getattr(import_module(module), name)(model.data, **model.options)


def _compile_outputs(built: Any, sampler: Any, quantities: tuple[str, ...]) -> Any:
    """Return the compiled function from a point to the quantities and the log likelihoods."""
    from pymc.pytensorf import compile as compile_function  # noqa: PLC0415
    from pytensor.graph.replace import clone_replace  # noqa: PLC0415
    from pytensor.tensor import TensorType  # noqa: PLC0415

    wanted = built.replace_rvs_by_values([built[name] for name in quantities])
    point = TensorType("float64", shape=(sampler.n_dim,))(name="_point")
    values = [built.rvs_to_values[variable] for variable in built.free_RVs]
    places = dict(zip(sampler.shape_info[0], zip(*sampler.shape_info[1:], strict=True), strict=True))
    given = {
        value: point[places[value.name][0]].reshape(places[value.name][1]).astype(value.dtype)
        for value in values
    }
    graphs = clone_replace([*wanted, *_log_likelihoods(built)], given)
    with built:
        return compile_function([point], graphs, mode="NUMBA", on_unused_input="ignore")


def _log_likelihoods(built: Any) -> list[Any]:
    if LOG_LIKELIHOOD in built.named_vars:
        return list(built.replace_rvs_by_values([built[LOG_LIKELIHOOD]]))
    if not built.observed_RVs:
        return []
    return list(built.logp(vars=built.observed_RVs, sum=False))


def _coordinates(sampler: Any) -> tuple[str, ...]:
    """Return a name per coordinate, such as ``beta[0,1]``."""
    names: list[str] = []
    for name, _, shape in zip(*sampler.shape_info, strict=True):
        indices = np.ndindex(*(int(length) for length in shape))
        names += [f"{name}[{','.join(map(str, index))}]" if index else name for index in indices]
    return tuple(names)
