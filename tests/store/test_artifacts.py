"""Artifacts are whole, provably, and never pickled."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from evenfall.errors import StoreError
from evenfall.store.artifacts import checked_artifact, read_artifact, write_artifact


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_bytes_come_back_and_the_manifest_tells_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "7" / "fitted.json"
    first, second = b"{}", b'{"mean": 0.34}'
    assert write_artifact(path, first).previous is None
    manifest = write_artifact(path, second)
    assert manifest.sha256 == hashlib.sha256(second).hexdigest()
    assert manifest.previous == hashlib.sha256(first).hexdigest()
    assert read_artifact(path) == second
    assert names(path.parent) == {"fitted.json", "fitted.json.manifest.json"}


def test_a_library_may_write_the_file_itself(tmp_path: Path) -> None:
    path = tmp_path / "draws[channel=google].nc"
    write_artifact(path, lambda part: part.write_bytes(b"\x89HDF" * 1000))
    assert checked_artifact(path) == path
    assert path.read_bytes() == b"\x89HDF" * 1000


def test_a_writer_that_fails_leaves_the_old_version_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "draws.nc"
    write_artifact(path, b"old")

    def half(part: Path) -> None:
        part.write_bytes(b"ne")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_artifact(path, half)
    assert read_artifact(path) == b"old"
    assert names(tmp_path) == {"draws.nc", "draws.nc.manifest.json"}


@pytest.mark.parametrize("read", [read_artifact, checked_artifact])
def test_bytes_that_were_not_written_are_refused(tmp_path: Path, read: object) -> None:
    assert callable(read)
    path = tmp_path / "draws.nc"
    with pytest.raises(StoreError, match="no artifact"):
        read(path)
    write_artifact(path, b"good")
    path.write_bytes(b"g00d")
    with pytest.raises(StoreError, match="not what was written"):
        read(path)
    assert write_artifact(path, b"new").previous is None  # what was broken is not vouched for
    (tmp_path / "draws.nc.manifest.json").write_text("[]")
    with pytest.raises(StoreError, match=r"manifest of .* cannot be read"):
        read(path)
    (tmp_path / "draws.nc.manifest.json").unlink()
    with pytest.raises(StoreError, match="no artifact"):
        read(path)


def test_what_killed_programs_left_is_swept_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / ".draws.nc.aa.part", tmp_path / ".draws.nc.bb.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    write_artifact(tmp_path / "draws.nc", b"whole")
    assert names(tmp_path) == {"draws.nc", "draws.nc.manifest.json", young.name}


def test_readers_see_whole_versions_while_a_writer_replaces_them(tmp_path: Path) -> None:
    path = tmp_path / "draws.nc"
    versions = [bytes([n]) * 50_000 for n in range(40)]
    write_artifact(path, versions[0])
    seen: list[bytes] = []
    done = threading.Event()

    def reading() -> None:
        while not done.is_set():
            seen.append(read_artifact(path))

    reader = threading.Thread(target=reading)
    reader.start()
    for version in versions[1:]:
        write_artifact(path, version)
    done.set()
    reader.join()
    assert set(seen) <= set(versions)
    assert seen
