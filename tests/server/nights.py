"""A shop that is served: its clock stands still, and its nights are run by processes of their own."""

from __future__ import annotations

from pathlib import Path

from tests.runs.shop import QUERY, TONIGHT, Shop

__all__ = ["KEY", "TONIGHT", "make_shop", "slow_down", "speed_up"]

KEY = f"nightly:{TONIGHT}"

ENDLESS = """\
SELECT SUM(a.trials) AS trials, SUM(b.successes) AS successes FROM counts a, counts b, counts c, counts d
    WHERE a.edge = '{edge}' AND a.day >= :start_date AND a.day < :end_date"""
"""One row by three times 3,000 of them are 2.7e10: no night sees the end of it within its 60 s."""


def make_shop(root: Path) -> Shop:
    """Return a shop with one parameter, Beta(8, 17), that sold 13 of 40: then it is (21, 44)."""
    shop = Shop(root)
    settings = root / "evenfall.toml"
    settings.write_text(f'clock = "{TONIGHT}"\n' + settings.read_text())
    shop.define()
    shop.sell(1, 40, 13)
    return shop


def slow_down(shop: Shop) -> None:
    """Let the parameter's query take longer than any test."""
    rows = [("2020-01-01", "other", 1, 1, None)] * 3000
    with shop.db:
        shop.db.execute("BEGIN")
        shop.db.executemany("INSERT INTO counts VALUES (?, ?, ?, ?, ?)", rows)
    shop.define(query=ENDLESS.format(edge="signup"))


def speed_up(shop: Shop) -> None:
    """Let the parameter's query be as it was."""
    shop.define(query=QUERY.format(edge="signup"))
