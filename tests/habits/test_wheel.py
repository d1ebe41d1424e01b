"""What is shipped: the package, the example as it is kept, and the pages as they were built."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SHIPPED = ("pyproject.toml", "README.md", "LICENSE", ".gitignore")
ROOMS = ("src/", "examples/")
BUILT = ("index.html", "assets/index-3fa1.js", "docs/redoc.standalone.js", "docs/swagger-ui.css")


@pytest.fixture
def checkout(root: Path, repository_files: list[Path], tmp_path: Path) -> Path:
    """A checkout as a user has it: the repository's own files, and none of what was built in it."""
    copy = tmp_path / "checkout"
    for file in repository_files:
        name = str(file.relative_to(root))
        if name in SHIPPED or name.startswith(ROOMS):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(file.read_bytes())
    return copy


def leave(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("left behind\n")


def wheel_of(checkout: Path) -> set[str]:
    """The names in the wheel that the build backend makes of it."""
    out = checkout.parent / "wheels"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_carries_the_example_and_nothing_that_running_it_left_behind(
    root: Path, repository_files: list[Path], checkout: Path
) -> None:
    example = root / "examples" / "acme-funnel"
    left = (
        ".evenfall/store.db",
        "data/day=2026-01-01/events.parquet",
        "truth.json",
        "models/__pycache__/a.pyc",
    )
    leave(checkout / "examples" / "acme-funnel", *left)
    shipped = {name.partition("examples/")[2] for name in wheel_of(checkout) if "examples/" in name}
    kept = {str(f.relative_to(example.parent)) for f in repository_files if f.is_relative_to(example)}
    assert shipped == kept


def test_the_wheel_carries_the_pages_although_git_ignores_them(checkout: Path) -> None:
    leave(checkout / "src/evenfall/server/ui", *BUILT, ".sources")
    names = {name.partition("server/ui/")[2] for name in wheel_of(checkout) if "server/ui/" in name}
    assert names == set(BUILT)


def test_a_checkout_whose_pages_were_never_built_can_be_installed(checkout: Path) -> None:
    names = wheel_of(checkout)
    assert "evenfall/__main__.py" in names
    assert not any("server/ui/" in name for name in names)


def test_the_pages_that_make_builds_are_all_there(root: Path) -> None:
    built = root / "src" / "evenfall" / "server" / "ui"
    if not built.is_dir():
        pytest.skip("the pages were not built: run `make ui`")
    docs = {"redoc.standalone.js", "swagger-ui-bundle.js", "swagger-ui.css"}
    assert (built / "index.html").is_file()
    assert docs <= {file.name for file in (built / "docs").iterdir()}
