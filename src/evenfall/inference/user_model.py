"""A PyMC model of the user's own as a parameter: ``update_rule: model``, ``model: package.module:function``.

The function takes the parameter's observations and returns a ``pymc.Model`` with a variable named as the
quantity (``value`` unless the definition says otherwise)::

    def purchases(observations):
        with pm.Model() as model:
            trials = pm.Data("trials", observations.trials)
            value = pm.Beta("value", 8, 17)
            pm.Binomial("seen", n=trials, p=value, observed=pm.Data("successes", observations.successes))
        return model

Inputs that change every night belong in ``pm.Data``: a model whose graph is otherwise the same then keeps its
compiled program. Whatever else the function takes from the observations is part of the graph, and is noticed
when it changes: the model compiles anew, which takes seconds, and never runs on yesterday's constants.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.observations import STATISTIC_NAMES, Observations
from evenfall.errors import ConfigError
from evenfall.inference.model import ModelSpec
from evenfall.inference.nuts.compiled import BuiltModel

__all__ = ["ModelObservations", "counted_days", "user_model", "user_model_spec"]

type Floats = NDArray[np.float64]
type Inputs = Mapping[str, NDArray[np.generic]]

_FACTORY: Final = "evenfall.inference.user_model:user_model"


@dataclass(frozen=True, eq=False)
class ModelObservations:
    """What a user's function is given: one row per day on which anything was counted, in order of time.

    The three sums go by the names of the parameter's type as well: ``trials`` and ``successes`` of a
    probability, ``exposure`` and ``events`` of a rate, ``n``, ``sum`` and ``sum_squares`` of a mean or, taken
    of logarithms, of a duration.

    Attributes
    ----------
    type
        probability, rate, mean or duration.
    day : ndarray of datetime64[D], shape (day,)
    size, total, squares : ndarray, shape (day,)
    """

    type: str
    day: NDArray[np.datetime64]
    size: Floats
    total: Floats
    squares: Floats

    def __getattr__(self, name: str) -> Floats:
        names = STATISTIC_NAMES.get(self.__dict__.get("type", ""), ())
        if name not in names:
            raise AttributeError(
                f"observations of a {self.type} have no {name!r}; they have day, {', '.join(names)}"
            )
        found: Floats = (self.size, self.total, self.squares)[names.index(name)]
        return found

    def __len__(self) -> int:
        return len(self.size)


def user_model_spec(
    observations: Observations, *, model: str, root: Path | str, kind: str, quantity: str = "value"
) -> ModelSpec:
    """Return the spec of a user's model over a parameter's observations.

    Parameters
    ----------
    model
        ``package.module:function``, a module of the project's folder or an installed one.
    root
        The project's folder.
    kind
        The parameter's type: probability, rate, mean or duration.
    quantity
        Name of the variable that is the parameter.
    """
    options = {
        "model": model,
        "root": str(root),
        "type": kind,
        "quantity": quantity,
        "sources": _source_hash(model.partition(":")[0], Path(root)),
    }
    return ModelSpec(_FACTORY, counted_days(observations), options)


def counted_days(observations: Observations) -> dict[str, NDArray[Any]]:
    """Return what a user's model is given: the days on which anything was counted, and their sums."""
    seen = observations.sums[:, 0] > 0  # any other day says nothing, and its mean is NaN
    return {"day": observations.first[seen], "sums": observations.sums[seen]}


def user_model(data: Inputs, options: Mapping[str, object]) -> BuiltModel:
    """Return the user's model, built; a factory of `ModelSpec`.

    Raises
    ------
    ConfigError
        When the function cannot be found, fails, or returns no model with the quantity.
    """
    reference, quantity = str(options["model"]), str(options.get("quantity", "value"))
    function = _load(reference, Path(str(options["root"])))
    sums = np.asarray(data["sums"], dtype=np.float64).reshape(-1, 3)
    observations = ModelObservations(str(options["type"]), data["day"], *sums.T.copy())  # type: ignore[arg-type]
    with _running(reference, function):
        built = function(observations)
    _check(built, reference, function, quantity)
    inputs = {variable.name: variable.get_value() for variable in _inputs(built)}
    return BuiltModel(reference, inputs, (quantity,), structure=_fingerprint(built, quantity), built=built)


def _check(built: Any, reference: str, function: Callable[..., Any], quantity: str) -> None:
    """Refuse what is no model, or has no such quantity, or nothing to learn."""
    import pymc as pm  # noqa: PLC0415  (heavy)

    place = _place(function)
    if not isinstance(built, pm.Model):
        raise ConfigError(
            f"the function returned {type(built).__name__}, not a pymc.Model",
            value=reference,
            remedy="end it with: return model",
            **place,
        )
    if quantity not in built.named_vars:
        named = ", ".join(sorted(variable.name for variable in [*built.free_RVs, *built.deterministics]))
        raise ConfigError(
            f"its model has no variable named {quantity!r}",
            value=reference,
            remedy=f"name one so, or set quantity to one of: {named}",
            **place,
        )
    if built.discrete_value_vars or not built.free_RVs:
        raise ConfigError(
            "its model has nothing NUTS can sample: unobserved variables must be there, and continuous",
            value=reference,
            remedy="sum discrete ones out, for example with pm.Mixture",
            **place,
        )


@contextmanager
def _running(reference: str, function: Callable[..., Any]) -> Iterator[None]:
    """Turn what the user's own code raises into a refusal that names its line."""
    try:
        yield
    except Exception as error:
        place = _place(function)
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == place["file"]
        ]
        if lines and lines[-1]:
            place["line"] = lines[-1]
        raise ConfigError(
            f"the model's function failed with {type(error).__name__}: {error}",
            value=reference,
            remedy="call it with a few days of observations to see the whole traceback",
            **place,
        ) from error


def _place(function: Callable[..., Any]) -> dict[str, Any]:
    code = getattr(function, "__code__", None)
    return {"file": code.co_filename, "line": code.co_firstlineno} if code is not None else {}


_loaded: dict[tuple[str, str, str], ModuleType] = {}
_roots: set[Path] = set()
"""Folders that modules were imported from: one worker may serve several projects."""


def _load(reference: str, root: Path) -> Callable[..., Any]:
    """Return the function; its module is the project's own first, read again when its sources changed."""
    name, _, attribute = reference.partition(":")
    key = (name, str(root), _source_hash(name, root))
    module = _loaded.get(key)
    if module is None:
        module = _loaded[key] = _import(reference, name, root)
    function = getattr(module, attribute, None)
    if not callable(function):
        there = ", ".join(
            sorted(name for name, one in vars(module).items() if callable(one) and name[0] != "_")
        )
        raise ConfigError(
            f"{name} has no function {attribute!r}",
            file=str(module.__file__ or ""),
            value=reference,
            remedy=f"it has: {there}" if there else "define it there",
        )
    found: Callable[..., Any] = function
    return found


def _import(reference: str, name: str, root: Path) -> ModuleType:
    """Import a module with the project's folder in front of the path for just as long."""
    top = name.partition(".")[0]
    _roots.add(root)
    for known, module in list(sys.modules.items()):
        if known.partition(".")[0] == top and any(_is_under(module, one) for one in _roots):
            del sys.modules[known]  # its sources may have changed, or it is another project's
    importlib.invalidate_caches()
    sys.path.insert(0, str(root))
    try:
        return importlib.import_module(name)
    except Exception as error:
        source = _sources(name, root)
        raise ConfigError(
            f"the module {name!r} cannot be imported: {type(error).__name__}: {error}",
            file=str(source[0]) if source else "",
            value=reference,
            remedy=f"put it in {root / name.replace('.', '/')}.py, or install the package it is in",
        ) from error
    finally:
        sys.path.remove(str(root))


def _is_under(module: ModuleType, root: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(root)


def _sources(name: str, root: Path) -> list[Path]:
    """Return the module's file and those of its top package in the project's folder; none when installed."""
    parts = name.split(".")
    own = [root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")]
    package = root / parts[0]
    return [path for path in own if path.is_file()] + (
        sorted(package.rglob("*.py")) if package.is_dir() else []
    )


def _source_hash(name: str, root: Path) -> str:
    found = hashlib.sha256()
    for path in _sources(name, root):
        found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _inputs(built: Any) -> list[Any]:
    """Return the model's ``pm.Data``."""
    from pytensor.compile.sharedvalue import SharedVariable  # noqa: PLC0415

    return [variable for variable in built.named_vars.values() if isinstance(variable, SharedVariable)]


def _fingerprint(built: Any, quantity: str) -> str:
    """Return a hash of what the model computes; values of its ``pm.Data`` stay out of it."""
    outputs = [built.logp(), *built.replace_rvs_by_values([built[quantity]])]
    if built.observed_RVs:
        outputs += list(built.logp(vars=built.observed_RVs, sum=False))
    return _graph_hash(outputs, {id(variable) for variable in _inputs(built)})


def _graph_hash(outputs: list[Any], inputs: set[int]) -> str:
    """Return a hash of operations, how they hang together, and every value that is not an input's."""
    from pytensor.graph.traversal import io_toposort  # noqa: PLC0415

    found, numbers = hashlib.sha256(), dict[Any, int]()

    def number(variable: Any) -> int:
        if variable not in numbers:
            numbers[variable] = len(numbers)
            said = [str(variable.type), variable.name if variable.owner is None else ""]
            if id(variable) not in inputs and variable.owner is None:
                said.append(_bytes_of(variable))
            found.update(json.dumps(said).encode())
        return numbers[variable]

    for node in io_toposort([], outputs):
        inner = getattr(node.op, "fgraph", None)  # of a scan, or of an operation made of others
        said = [str(node.op), "" if inner is None else _graph_hash(list(inner.outputs), set())]
        places = [[number(one) for one in end] for end in (node.inputs, node.outputs)]
        found.update(json.dumps([said, places]).encode())
    found.update(json.dumps([number(one) for one in outputs]).encode())
    return found.hexdigest()


def _bytes_of(variable: Any) -> str:
    """Return what tells the value of a constant or a shared variable; nothing where there is none."""
    value = variable.get_value() if hasattr(variable, "get_value") else getattr(variable, "data", None)
    if isinstance(value, np.ndarray | np.generic | int | float):
        array = np.asarray(value)
        return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
    return repr(value)
