"""Draws come back bit for bit, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import h5netcdf
import numpy as np
import pytest

from evenfall.errors import StoreError
from evenfall.store.draws import Artifact, load_draws, save_draws, sweep

RNG = np.random.default_rng(7)
ARRAYS = {
    "draws/rate": RNG.normal(size=(4, 25)),
    "draws/curve": RNG.normal(size=(4, 25, 3)),
    "draws/checkout[channel=google] / ü": RNG.normal(size=(4, 25)),
    "points": RNG.normal(size=(4, 25, 2)),
    "weights": np.full((4, 25), 0.01),
    "log_likelihood": np.array([[np.nan, -np.inf, 5e-324]]),
    "statistics/diverging": RNG.random((4, 25)) < 0.5,
    "statistics/n_steps": RNG.integers(0, 2**62, (4, 25)),
    "statistics/draw": np.arange(100.0).reshape(4, 25),
    "statistics/axis_2_3": RNG.normal(size=(4, 25)),
    "draws": RNG.normal(size=(4, 25)),
    "a/b/c": RNG.normal(size=(2, 25)),
    "array-1": RNG.normal(size=(4, 10)),
    "größe/x": RNG.normal(size=3),
    "none": np.empty((4, 25, 0)),
    "scalar": np.array(1 / 3),
}
ATTRIBUTES = {"parameter": "checkout[channel=google]", "engine": "nuts", "empty": "", "word": "Größe"}


def save(root: Path, key: str = "checkout[channel=google]", **more: object) -> Artifact:
    return save_draws(root, key, ARRAYS, ATTRIBUTES | {name: str(one) for name, one in more.items()})


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_arrays_come_back_with_every_bit_and_their_kind(tmp_path: Path) -> None:
    saved = save(tmp_path)
    arrays, attributes = load_draws(tmp_path, saved.path, saved.sha256)
    assert attributes == ATTRIBUTES
    assert arrays.keys() == ARRAYS.keys()
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        assert arrays[name].shape == expected.shape
        assert arrays[name].tobytes() == expected.tobytes()
    assert saved.bytes == (tmp_path / saved.path).stat().st_size


def test_other_programs_find_chains_and_draws_in_the_file(tmp_path: Path) -> None:
    with h5netcdf.File(tmp_path / save(tmp_path).path, "r") as file:
        assert file["draws/curve"].dimensions == ("chain", "draw", "axis_2_3")
        assert file["statistics/n_steps"].shape == (4, 25)


def test_the_same_draws_are_the_same_file_also_of_another_process_and_day(tmp_path: Path) -> None:
    saved = save(tmp_path)
    before = (tmp_path / saved.path).stat().st_ino
    script = (
        "import sys, time; from pathlib import Path; time.sleep(1.1)\n"
        "from tests.store.test_draws import save; print(save(Path(sys.argv[1])).sha256)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    root = Path(__file__).parents[2]
    assert subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split() == [
        saved.sha256
    ]
    assert (tmp_path / saved.path).stat().st_ino == before  # not written again
    assert len(files(tmp_path)) == 2


def test_other_draws_or_owners_have_files_of_their_own(tmp_path: Path) -> None:
    places = {
        save(tmp_path).path,
        save(tmp_path, seed=2).path,
        save(tmp_path, "checkout(channel=google)").path,
    }
    assert len(places) == 3


def test_a_file_that_was_changed_is_refused_and_made_whole_by_the_next_fit(tmp_path: Path) -> None:
    saved = save(tmp_path)
    path = tmp_path / saved.path
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match="not what was written"):
        load_draws(tmp_path, saved.path, saved.sha256)
    assert save(tmp_path) == saved
    load_draws(tmp_path, saved.path, saved.sha256)


def test_a_whole_file_with_another_hash_is_not_the_one_asked_for(tmp_path: Path) -> None:
    first, second = save(tmp_path), save(tmp_path, seed=2)
    with pytest.raises(StoreError, match="fit the parameter again"):
        load_draws(tmp_path, first.path, second.sha256)


@pytest.mark.parametrize("place", ["../secret.nc", "/etc/passwd", "draws/none.nc"])
def test_places_outside_and_files_that_are_not_there_are_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(StoreError):
        load_draws(tmp_path, place, "aa")


@pytest.mark.parametrize("values", [np.array(["a"]), np.array([object()]), np.array([1j])])
def test_what_is_no_number_is_refused(tmp_path: Path, values: np.ndarray) -> None:
    with pytest.raises(StoreError, match="not numbers"):
        save_draws(tmp_path, "p", {"x": values}, {})
    assert files(tmp_path) == []


def test_a_sweep_takes_old_files_that_nobody_refers_to(tmp_path: Path) -> None:
    kept, orphan, young = save(tmp_path), save(tmp_path, seed=2), save(tmp_path, seed=3)
    for one in (kept, orphan):
        os.utime(tmp_path / one.path, (time.time() - 7200,) * 2)
    assert sweep(tmp_path, {kept.path}, timedelta(hours=1)) == [orphan.path]
    assert [name for name in files(tmp_path) if name.endswith(".nc")] == sorted([kept.path, young.path])
    assert len(files(tmp_path)) == 4
    assert sweep(tmp_path / "nowhere", set()) == []


def test_an_old_orphan_saved_again_is_young(tmp_path: Path) -> None:
    saved = save(tmp_path)
    os.utime(tmp_path / saved.path, (time.time() - 7200,) * 2)
    save(tmp_path)
    assert sweep(tmp_path, set(), timedelta(hours=1)) == []


def test_opening_the_room_loads_no_netcdf() -> None:
    check = "import sys, evenfall.store.draws; sys.exit('h5netcdf' in sys.modules or 'h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
