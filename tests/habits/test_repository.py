"""The repository's own shape: its root, its pins, what its files may name."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT_NAMES = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "bootstrap.sh",
    "docs",
    "examples",
    "pyproject.toml",
    "requirements",
    "src",
    "tests",
    "ui",
}
DOT_NAMES = {".ci", ".editorconfig", ".gitattributes", ".gitignore"}

# written in two halves, so that this file does not name them either
REGISTRIES = [
    a + b for a, b in [("pypi", ".org"), ("python", "hosted"), ("registry", ".npmjs"), ("://py", "pi")]
]
OUTSIDE = [a + b for a, b in [("../sh", "ared"), ("/wo", "rk/"), ("/opt/py", "pi")]]


def text_of(file: Path) -> str:
    return file.read_bytes().decode("utf-8", errors="replace")


def pins(lock: Path) -> dict[str, Version]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text(), flags=re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def test_nothing_stands_at_the_root_but_what_the_architecture_names(
    root: Path, repository_files: list[Path]
) -> None:
    names = {file.relative_to(root).parts[0] for file in repository_files}
    assert names <= ROOT_NAMES | DOT_NAMES


def test_no_file_names_a_package_registry(repository_files: list[Path]) -> None:
    guilty = [(file.name, word) for file in repository_files for word in REGISTRIES if word in text_of(file)]
    assert guilty == []


def test_no_file_points_outside_the_repository(repository_files: list[Path]) -> None:
    guilty = [(file.name, word) for file in repository_files for word in OUTSIDE if word in text_of(file)]
    assert guilty == []


def test_the_pins_satisfy_what_the_project_asks_for(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    asked = {"core": project["project"]["dependencies"], **project["dependency-groups"]}
    for group, requirements in asked.items():
        pinned = pins(root / "requirements" / f"{group}.lock")
        for requirement in map(Requirement, requirements):
            if requirement.marker is None or requirement.marker.evaluate(dict(default_environment())):
                assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, str(requirement)


def test_one_version_of_everything_is_pinned(root: Path) -> None:
    core, dev = pins(root / "requirements/core.lock"), pins(root / "requirements/dev.lock")
    assert {
        name: (core[name], dev[name]) for name in core.keys() & dev.keys() if core[name] != dev[name]
    } == {}


def test_every_pin_is_held_by_a_hash_and_locks_hold_nothing_but_pins(root: Path) -> None:
    for lock in (root / "requirements").glob("*.lock"):
        lines = [
            line
            for line in lock.read_text().splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ]
        heads = [number for number, line in enumerate(lines) if not line.startswith(" ")]
        assert heads, lock
        for number in heads:
            assert re.match(r"^[a-z0-9._-]+==\S+ .*\\$", lines[number]), lines[number]
            assert lines[number + 1].lstrip().startswith("--hash=sha256:"), lines[number]


def test_the_build_server_runs_the_test_command_of_the_readme(root: Path) -> None:
    assert "make test" in (root / ".ci" / "run").read_text()
    assert "make test" in (root / "README.md").read_text()


def test_the_lock_of_the_pages_names_no_address_and_holds_every_package_by_a_hash(root: Path) -> None:
    packages = json.loads((root / "ui" / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    assert "omit-lockfile-registry-resolved=true" in (root / "ui" / ".npmrc").read_text().splitlines()
