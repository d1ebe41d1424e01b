"""The past stays as it was: what a night believed is shown as it was, whatever later nights learned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from evenfall.errors import UsageError
from evenfall.runs.report import Status

from ..runs.shop import DAY, TONIGHT, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop(tmp_path / "shop") as shop:
        yield shop


def statuses(shop: Shop, nights: list[date]) -> list[Status]:
    return [shop.project.status(night) for night in nights]


def test_the_status_of_a_past_night_stays_what_it_was(shop: Shop) -> None:
    shop.define()
    nights, seen = [TONIGHT + n * DAY for n in range(4)], []
    for night in nights:
        shop.today = night
        shop.sell(1, 40, 13 + (night - TONIGHT).days)
        shop.night()
        seen.append(shop.project.status())
    assert statuses(shop, nights) == seen
    for night in nights:  # every day that was counted is restated, and the next night reads them all again
        shop.sell(night - DAY, 100, 10)
    shop.tomorrow()
    assert shop.posterior() == (8 + 40, 17 + 360)
    assert statuses(shop, nights) == seen
    # by hand: night n has counted n + 1 days of 40 trials with 13, 14, … successes
    assert [status.rows[0].total for status in seen] == [13, 27, 42, 58]
    assert [status.rows[0].size for status in seen] == [40, 80, 120, 160]


def test_the_past_survives_a_new_prior_an_accepted_posterior_and_a_new_query(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    before = shop.project.status(TONIGHT)
    shop.today += DAY
    shop.project.accept("signup")
    shop.night()
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}")
    shop.tomorrow()
    shop.define(
        prior="{distribution: beta, alpha: 2, beta: 2}",
        query="SELECT 5 AS trials, 1 AS successes "
        "FROM counts WHERE edge = 'signup' AND day >= :start_date AND day < :end_date LIMIT 1",
    )
    shop.tomorrow()
    assert shop.project.status(TONIGHT) == before
    assert before.rows[0].posterior_mean == pytest.approx(21 / 65)


def test_a_past_night_run_again_after_restatements_is_not_rewritten_by_what_came_later(shop: Shop) -> None:
    # running the old night again is another read of that night: it says what the source says now
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    shop.today += 3 * DAY
    shop.night()
    newest = shop.project.status()
    shop.night(TONIGHT)
    assert shop.project.status() == newest
    assert shop.project.status(TONIGHT).rows[0].total == 13


def test_as_of_yesterday_nothing_of_today_is_known(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.today += DAY
    shop.night()
    row = shop.row(as_of=TONIGHT)
    assert (row.posterior_mean, row.prior_mean, row.size, row.light) == (None, None, 0, "grey")


def test_a_light_of_the_past_is_the_light_of_then(shop: Shop) -> None:
    shop.define(prior="{distribution: beta, alpha: 300, beta: 700}")
    shop.sell(1, 1000, 300)
    shop.sell(2, 1000, 300)
    shop.night()
    shop.sell(2, 1000, 600)
    shop.tomorrow()
    assert (shop.row(as_of=TONIGHT).light, shop.row().light) == ("green", "red")


def test_a_night_that_has_not_come_is_refused(shop: Shop) -> None:
    shop.define()
    with pytest.raises(UsageError, match="has not come yet"):
        shop.project.nightly(TONIGHT + DAY)
    with pytest.raises(UsageError, match="is not a date"):
        shop.project.status("tomorrow")
