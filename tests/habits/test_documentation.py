"""What the pages and docstrings show runs, and what they point at exists."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import evenfall

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def module_names() -> list[str]:
    """Every module of the package but the database's migrations, which only their runner can import."""
    found = (module.name for module in pkgutil.walk_packages(evenfall.__path__, "evenfall."))
    return sorted(name for name in found if ".migrations" not in name)


def pages(repository_files: list[Path]) -> list[Path]:
    return [file for file in repository_files if file.suffix == ".md"]


def examples_of(page: Path) -> list[str]:
    """The page's blocks of Python, without those that show a session (doctest reads these)."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [block for block in blocks if ">>>" not in block]


@pytest.mark.parametrize("name", module_names())
def test_the_examples_in_docstrings_run(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert outcome.failed == 0


def test_the_examples_in_pages_run(repository_files: list[Path]) -> None:
    for page in pages(repository_files):
        outcome = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
        assert outcome.failed == 0, page


def test_every_link_between_pages_leads_somewhere(root: Path, repository_files: list[Path]) -> None:
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in pages(repository_files)
        for target in LINK.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_page_of_the_docs_can_be_reached_from_the_index(
    root: Path, repository_files: list[Path]
) -> None:
    docs = root / "docs"
    reached, waiting = set(), [docs / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        waiting += [(page.parent / target).resolve() for target in LINK.findall(page.read_text())]
    lost = {page for page in pages(repository_files) if page.is_relative_to(docs)} - reached
    assert {str(page.relative_to(docs)) for page in lost} == set()


def test_every_verb_has_help_and_stands_in_the_reference(root: Path) -> None:
    from typer.main import get_command

    from evenfall.cli.app import app

    reference = (root / "docs" / "reference" / "command-line.md").read_text()
    for name, command in get_command(app).commands.items():
        assert command.help, name
        assert f"`evenfall {name}`" in reference, name


@pytest.mark.slow
def test_the_readme_quickstart_is_ten_lines_and_runs(root: Path, tmp_path: Path) -> None:
    """It opens the project that `make demo` builds, so the test builds one in the same place."""
    from evenfall.registry.files import load
    from evenfall.runs.demo.data import DemoData
    from evenfall.runs.demo.story import build_demo

    (quickstart,) = examples_of(root / "README.md")
    project = tmp_path / "build" / "demo" / "acme-funnel"
    build_demo(project)
    DemoData.of(load(project).parameters).lay_all(project)
    assert len(quickstart.splitlines()) <= 10
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", quickstart],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()
