"""The how-to on a model of one's own, followed word by word: its file, its definition, its night."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

import evenfall as ef

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "bring-your-own-model.md"
TODAY = date(2026, 3, 20)
SETTINGS = 'zone = "UTC"\nclock = "2026-03-20"\n[connections.shop]\ntype = "sqlite"\npath = "shop.db"\n'


def block(language: str) -> tuple[str, str]:
    """Return the file that the page's block of a language names in its first line, and its text."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return text.partition("\n")[0].removeprefix("# "), text


@pytest.mark.verify
def test_the_model_of_the_page_becomes_a_posterior(tmp_path: Path) -> None:
    (tmp_path / "parameters").mkdir()
    (tmp_path / "evenfall.toml").write_text(SETTINGS)
    for language in ("python", "yaml"):
        name, text = block(language)
        (tmp_path / name).write_text(text)
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as shop:
        shop.execute("CREATE TABLE counts (day TEXT, edge TEXT, trials, successes)")
        for ago in range(1, 29):
            day = TODAY - timedelta(days=ago)
            successes = 240 if day.weekday() >= 5 else 120
            row = (day.isoformat(), "steady", 1000, successes)
            shop.execute("INSERT INTO counts VALUES (?, ?, ?, ?)", row)
    with ef.open(tmp_path) as project:
        project.backfill(TODAY - timedelta(days=28), TODAY).apply()
        (fit,) = project.fit("steady").fits
        mean = project.show("steady").row.posterior_mean
    assert fit.passed, fit.failures
    # over 28,000 trials known to about .002; the priors of work and shift move it less
    assert mean == pytest.approx((5 * 0.12 + 2 * 0.24) / 7, abs=0.005)
