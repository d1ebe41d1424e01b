"""Draws of fits on disk: NetCDF files named by what is in them, never written twice and never changed.

Arrays are named ``group/name`` (``draws/rate``, ``statistics/energy``) or just ``name`` (``points``,
``weights``); any NetCDF reader opens the files. The bytes hold no time and no machine, so the same draws
make the same file. The caller saves the file first and the row that names it after: a program killed between
leaves a file nobody refers to, which `sweep` removes after a time of grace.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import StoreError
from evenfall.store.artifacts import MANIFEST_SUFFIX, read_artifact, write_artifact

__all__ = ["Artifact", "load_draws", "save_draws", "sweep"]

type Arrays = Mapping[str, NDArray[Any]]

_ROOM: Final = "draws"
_DIMENSIONS: Final = ("chain", "draw")
_AXES: Final = ("chain", "draw", "axis_")
"""How names of dimensions begin, which an array of one axis may not bear without being a coordinate."""

_GRACE: Final = timedelta(days=1)
_KINDS: Final = ("float64", "float32", "int64", "int32", "int8", "uint8", "bool")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A saved file: its place below the root, the SHA-256 of its bytes, and how many there are."""

    path: str
    sha256: str
    bytes: int


def save_draws(root: Path, key: str, arrays: Arrays, attributes: Mapping[str, str]) -> Artifact:
    """Write arrays and attributes to the file that their content names, and return where that is.

    Parameters
    ----------
    root
        Folder of the artifacts.
    key
        Whose draws these are, such as a parameter id; it names the folder.
    arrays
        By ``group/name`` or ``name``; the first two axes are called chain and draw. Numbers and truth values.
    attributes
        Text kept in the file.

    Raises
    ------
    StoreError
        When an array holds what is no number.
    """
    content = _content(arrays, attributes)
    sha256 = hashlib.sha256(content).hexdigest()
    place = f"{_ROOM}/{_folder(key)}/{sha256}.nc"
    path = root / place
    if _is_whole(path, content):
        path.touch()  # young again, so that no sweep takes it before the row that names it is written
    else:
        write_artifact(path, content)
    return Artifact(place, sha256, len(content))


def load_draws(root: Path, path: str, sha256: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays and attributes of a file, proven to be the one that was saved.

    Raises
    ------
    StoreError
        When there is no such file below the root, or its bytes do not hash to `sha256`.
    """
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise StoreError(f"{path} is no place of an artifact", remedy="use the path that the fit names")
    content = read_artifact(root / path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise StoreError(
            f"{path} is not the file that was saved: its SHA-256 is {found[:12]}…, not {sha256[:12]}…",
            remedy="restore it from a backup, or fit the parameter again",
        )
    return _arrays(content)


def sweep(root: Path, kept: Collection[str], grace: timedelta = _GRACE) -> list[str]:
    """Remove the files older than `grace` that are not among the `kept` places, and return their places."""
    removed = []
    for path in sorted((root / _ROOM).glob("*/*.nc")):
        place = path.relative_to(root).as_posix()
        if place in kept:
            continue
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= grace.total_seconds():
                path.unlink()
                removed.append(place)
                path.with_name(path.name + MANIFEST_SUFFIX).unlink()
    return removed


def _folder(key: str) -> str:
    """Return a folder's name that people recognise and no two keys share, on file systems of every kind."""
    words = re.sub(r"[^A-Za-z0-9_-]+", "-", key).strip("-")[:60]
    return f"{words}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _is_whole(path: Path, content: bytes) -> bool:
    try:
        return read_artifact(path) == content
    except StoreError:
        return False


def _content(arrays: Arrays, attributes: Mapping[str, str]) -> bytes:
    import h5netcdf  # noqa: PLC0415 (heavy, and only fits need it)

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        for name, text in sorted(attributes.items()):
            file.attrs[name] = text
        for name, place in _places(arrays).items():
            _write(file, place, name, np.asarray(arrays[name]))
    return buffer.getvalue()


def _places(names: Iterable[str]) -> dict[str, str]:
    """Return where each array stands in the file: under its own name where NetCDF has no trouble with it."""
    ordered = sorted(names, key=lambda name: (not name.startswith("draws/"), name))  # they name the axes
    groups = {name.split("/")[0] for name in ordered if "/" in name}
    places = {}
    for number, name in enumerate(ordered):
        *above, short = name.split("/")
        plain = len(above) < 2 and all(
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", word) for word in (*above, short)
        )
        reserved = short.startswith(_AXES) or (not above and short in groups)
        places[name] = name if plain and not reserved else f"array-{number}"
    return places


def _write(file: Any, place: str, name: str, values: NDArray[Any]) -> None:
    kind = str(values.dtype)
    if kind not in _KINDS:
        raise StoreError(f"the array {name!r} holds {kind}, not numbers", remedy=f"use {', '.join(_KINDS)}")
    dimensions = tuple(_dimensions(file, values.shape))
    stored = values.astype("int8") if kind == "bool" else values
    variable = file.create_variable(place, dimensions, stored.dtype, data=np.ascontiguousarray(stored))
    variable.attrs["name"] = name
    variable.attrs["kind"] = kind


def _dimensions(file: Any, shape: tuple[int, ...]) -> Iterator[str]:
    """Yield a dimension of the file for each axis, named after the axis and its length."""
    for axis, length in enumerate(shape):
        base = _DIMENSIONS[axis] if axis < len(_DIMENSIONS) else f"axis_{axis}"
        name = base
        if base not in _DIMENSIONS or (base in file.dimensions and file.dimensions[base].size != length):
            name = f"{base}_{length}"
        if name not in file.dimensions:
            file.dimensions[name] = length
        yield name


def _arrays(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    import h5netcdf  # noqa: PLC0415 (heavy, and only fits need it)

    with h5netcdf.File(io.BytesIO(content), "r") as file:
        arrays = {}
        for group in (file, *file.groups.values()):
            for variable in group.variables.values():
                kind, values = variable.attrs["kind"], np.asarray(variable[...])
                arrays[str(variable.attrs["name"])] = values.astype(kind)
        return arrays, {name: str(text) for name, text in file.attrs.items()}
