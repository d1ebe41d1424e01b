"""What the ledger before a night teaches: how late events are, how days scatter, how fast they fade."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from evenfall.clock import Night
from evenfall.runs.night.learned import arrival_delay_days
from evenfall.store.records import Arrival

from ..shop import DAY, TONIGHT, Shop

FIRST = date(2026, 2, 1)
NIGHT = Night(FIRST + 40 * DAY, ZoneInfo("UTC"))


def arrivals(nights: int, *shares: tuple[float, float]) -> list[Arrival]:
    """Return that of every day the share `added` arrived `days` after its end, over so many nights."""
    return [
        Arrival(
            FIRST + n * DAY,
            datetime.combine(FIRST + n * DAY, datetime.min.time(), tzinfo=UTC) + timedelta(days=days),
            added,
        )
        for n in range(nights)
        for days, added in shares
    ]


# The arrival delay ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([(0.25, 100)], 1),  # all there at 06:00, and never less than a day
        ([(0.25, 99.5), (2.25, 0.5)], 1),  # 99 % had arrived in the first night
        ([(0.25, 98), (2.25, 2)], 3),  # the last hundredth came 2.25 days late: three whole days
        ([(0.25, 90), (1.25, 8), (5.25, 2)], 6),
        ([(0.25, 100), (1.25, -3)], 2),  # what is taken back arrives late as well
        ([(0.25, 0)], 1),
    ],
)
def test_a_day_closes_when_99_percent_of_its_trials_have_arrived(
    shares: list[tuple[float, float]], expected: float
) -> None:
    assert arrival_delay_days(arrivals(30, *shares), NIGHT) == expected


def test_before_thirty_nights_a_day_closes_after_one(shop: Shop) -> None:
    late = [(2.25, 100.0)]
    assert arrival_delay_days(arrivals(29, *late), NIGHT) == 1
    assert arrival_delay_days(arrivals(30, *late), NIGHT) == 3
    assert arrival_delay_days([], NIGHT) == 1


def test_the_delay_is_counted_from_local_midnight() -> None:
    # 18:00 UTC is 03:00 of the next day in Tokyo, a quarter of a day less three hours after its midnight
    night = Night(NIGHT.as_of, ZoneInfo("Asia/Tokyo"))
    early = [(-0.25, 98.0), (1.75, 2.0)]
    assert arrival_delay_days(arrivals(30, *early), night) == 3
    assert arrival_delay_days(arrivals(30, *early), NIGHT) == 2


def run_with_late_events(shop: Shop, nights: int, *, backfill_on: int | None = None) -> None:
    """Let 4 of each day's 100 trials arrive two nights after the others."""
    shop.define()
    for n in range(nights):
        shop.sell(1, 96, 30)
        shop.sell(3, 100, 31)
        shop.night()
        if n == backfill_on:
            for ago in range(8, 20):
                shop.sell(ago, 100_000, 30_000)
            shop.project.backfill(shop.day(19), shop.day(7)).apply()
        shop.today += DAY


def delays(shop: Shop) -> list[tuple[str, float]]:
    rows = [row for row in shop.rows("hyperparameters") if row["name"] == "arrival_delay_days"]
    return [(row["seen_at"][:10], row["value"]) for row in rows]


def test_the_delay_is_learned_after_thirty_nights_and_kept_as_a_version(shop: Shop) -> None:
    # the first night reads days that had long been there; the thirty after it tell, and the next one learns
    run_with_late_events(shop, 31)
    shop.today -= DAY
    assert shop.night().written == {}  # the thirtieth of them, run again, still knows only those before it
    shop.today += DAY
    run_with_late_events(shop, 1)
    assert delays(shop) == [(str(TONIGHT), 1.0), (str(TONIGHT + 31 * DAY), 3.0)]
    last, before = shop.posteriors()[-1], shop.posteriors()[-2]
    assert before.watermark == before.as_of - DAY
    assert last.watermark == last.as_of - 3 * DAY


def test_days_that_a_backfill_read_tell_nothing_of_the_delay(shop: Shop) -> None:
    run_with_late_events(shop, 32, backfill_on=25)
    assert [value for _, value in delays(shop)] == [1.0, 3.0]
    assert sum(row["size"] for row in shop.rows("evidence")) > 1_000_000


# Overdispersion and discount --------------------------------------------------------------------------------


def fixed(shop: Shop, update: str, days: list[tuple[int, int]]) -> tuple[float, ...] | None:
    """Return the posterior of the same days under a number that is written and not learned."""
    shop.define(update=update)
    for ago, counts in enumerate(reversed(days), start=1):
        shop.sell(ago, *counts)
    shop.project.backfill(shop.day(len(days)), shop.today).apply()
    return shop.posterior()


def test_a_learned_kappa_is_a_version_and_an_input_of_the_posterior(open_shop: Callable[..., Shop]) -> None:
    days = [
        (200, successes) for successes in (20, 90, 55, 30, 120, 70, 15, 100)
    ]  # far more scatter than chance
    shop = open_shop(lookback=8)
    shop.define(update="overdispersion: learned")
    for ago, counts in enumerate(reversed(days), start=1):
        shop.sell(ago, *counts)
    shop.night()
    (row,) = [row for row in shop.rows("hyperparameters") if row["name"] == "kappa"]
    assert (row["scope"], row["version"]) == ("signup", 1)
    assert shop.posteriors()[0].kappa == row["value"]
    assert shop.night().written == {}
    assert shop.posterior() == pytest.approx(
        fixed(open_shop(), f"overdispersion: {{kappa: {row['value']!r}}}", days), rel=1e-12
    )
    plain = fixed(open_shop(), "", days)
    assert shop.posterior() is not None
    assert plain is not None
    assert sum(shop.posterior() or ()) < sum(plain) / 4  # by far fewer effective trials than were counted
    shop.sell(0, 200, 60)
    shop.tomorrow()
    assert [r["version"] for r in shop.rows("hyperparameters") if r["name"] == "kappa"] == [1, 2]
    assert shop.project.rebuild().exit_code == 0


def test_a_learned_half_life_is_a_version_of_the_project_and_an_input_of_the_posterior(
    open_shop: Callable[..., Shop],
) -> None:
    days = [(400, 80)] * 6 + [(400, 240)] * 6  # the rate jumps from .2 to .6: the past fades
    shop = open_shop(lookback=12)
    shop.define(update="discount: learned")
    shop.today -= DAY
    for ago, counts in enumerate(reversed(days[:-1]), start=1):
        shop.sell(ago, *counts)
    shop.night()
    assert shop.night().written == {}
    assert shop.posteriors()[0].half_life_days is None  # a night learns from what was known before it
    shop.sell(0, *days[-1])
    shop.tomorrow()
    (row,) = [row for row in shop.rows("hyperparameters") if row["name"] == "half_life_days"]
    assert (row["scope"], row["seen_at"][:10]) == ("*", str(TONIGHT))
    assert shop.posteriors()[-1].half_life_days == row["value"]
    again = fixed(open_shop(), f"discount: {{half_life_days: {row['value']!r}}}", days)
    assert shop.posterior() == pytest.approx(again, rel=1e-12)
    mean = shop.row().posterior_mean
    assert mean is not None
    assert mean > 0.42  # all days alike say (8 + 1920) / (25 + 4800) = .3996
    assert shop.project.rebuild().exit_code == 0
