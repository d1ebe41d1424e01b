"""Habits of the code: public names, lengths, layers, what an import costs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "arviz",
    "fastapi",
    "jax",
    "numpyro",
    "nutpie",
    "pandas",
    "polars",
    "pymc",
    "pytensor",
    "scipy.stats",
    "xarray",
}
MODULE_WALL = 600
FUNCTION_WALL = 80

REPORT = "import sys; print('loaded', *sorted({0!r} & set(sys.modules)))"


def is_public(module: Path) -> bool:
    """Whether others import names from it: not private, not a migration, not an empty package."""
    if module.name.startswith("_") and module.name != "__init__.py":
        return False
    body = [
        node
        for node in ast.parse(module.read_text()).body
        if not isinstance(node, ast.Expr)
        and not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    ]
    return bool(body) and "migrations" not in module.parts


def public_names(module: Path) -> list[str] | None:
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def in_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as the linter sorts them."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    documented = ast.get_docstring(node, clean=False)
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    return lines - (documented.count("\n") + 1 if documented else 0)


def loaded_by(code: str, cwd: Path) -> str:
    """What of the heavy libraries is loaded after `code` ran in a fresh interpreter."""
    script = f"{code}\n{REPORT.format(HEAVY)}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    return done.stdout.rpartition("loaded")[2].strip()


def test_every_public_module_lists_its_names_in_order(root: Path, modules: list[Path]) -> None:
    for module in filter(is_public, modules):
        names = public_names(module)
        assert names is not None, f"{module.relative_to(root)} has no __all__"
        assert names == sorted(set(names), key=in_order), module.relative_to(root)


def test_every_module_says_in_its_first_line_what_it_is_for(root: Path, modules: list[Path]) -> None:
    silent = [str(m.relative_to(root)) for m in modules if not ast.get_docstring(ast.parse(m.read_text()))]
    assert silent == []


def test_no_module_and_no_function_goes_through_the_wall(root: Path, modules: list[Path]) -> None:
    for module in modules:
        text = module.read_text()
        assert text.count("\n") <= MODULE_WALL, module.relative_to(root)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert length(node) <= FUNCTION_WALL, f"{module.relative_to(root)}:{node.lineno} {node.name}"


def test_no_code_is_left_unwritten(root: Path, modules: list[Path]) -> None:
    unwritten = re.compile("TO" + r"DO|FIX" + r"ME|XXX|raise NotImplemented" + "Error")
    assert [str(m.relative_to(root)) for m in modules if unwritten.search(m.read_text())] == []


def test_the_layers_hold(root: Path) -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_heavy_library_is_imported_by_the_package_itself(tmp_path: Path) -> None:
    assert loaded_by("import evenfall", tmp_path) == ""


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["status"]])
def test_no_heavy_library_is_imported_by_light_verbs(arguments: list[str], tmp_path: Path) -> None:
    code = f"""
import contextlib, io, sys
sys.argv = ["evenfall", *{arguments!r}]
from evenfall.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    try:
        main()
    except SystemExit:
        pass
"""
    assert loaded_by(code, tmp_path) == ""


def test_loading_a_heavy_library_would_be_noticed(tmp_path: Path) -> None:
    assert loaded_by("import scipy.stats", tmp_path) == "scipy.stats"
