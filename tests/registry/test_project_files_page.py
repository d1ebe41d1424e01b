"""The files shown in the reference make one valid project."""

from __future__ import annotations

import re
from pathlib import Path

from .conftest import Load

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "project-files.md"


def test_the_files_of_the_reference_page_load_without_a_problem(load_files: Load) -> None:
    blocks = re.findall(r"```(?:yaml|toml)\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    registry = load_files(dict(blocks))
    assert (registry.problems, registry.warnings) == ((), ())
    assert len(registry.sources) == len(blocks) == 7
    assert list(registry.parameters) == [
        "checkout",
        "signup-google",
        "signup[channel=direct]",
        "signup[channel=google]",
        "trial-to-paid",
    ]
    assert list(registry.graphs) == ["funnel"]
