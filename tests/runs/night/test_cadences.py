"""What is due when: reads, posteriors, and the evidence that a parameter needs before it speaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..shop import DAY, TONIGHT, Shop


def read_nights(shop: Shop) -> list[int]:
    """Return on which nights from the first on the source was read."""
    return sorted(
        {
            (night.read_at.date() - TONIGHT).days
            for night in shop.project.history("signup").nights
            if night.read_at
        }
    )


# Enough samples ---------------------------------------------------------------------------------------------


def test_too_few_samples_wait_in_the_ledger_until_there_are_enough(shop: Shop) -> None:
    shop.define(source="min_sample_size: 100")
    outcomes = []
    for n in range(3):
        shop.sell(1, 40, 10 + n)
        outcomes.append(shop.result("signup", shop.night()).outcome)
        assert sum(row["size"] for row in shop.rows("evidence")) == 40 * (n + 1)
        shop.today += DAY
    assert outcomes == ["insufficient_samples", "insufficient_samples", "updated"]
    assert shop.posterior() == (8 + 33, 17 + 87)  # nothing of the first two days is lost
    assert len(shop.posteriors()) == 1


def test_the_default_is_a_hundred_samples_and_exactly_a_hundred_are_enough(shop: Shop) -> None:
    shop.define(source="")
    shop.sell(1, 99, 10)
    report = shop.night()
    assert (report.counts, report.exit_code) == ({"insufficient_samples": 1}, 0)
    assert shop.result().detail.startswith("99 of 100 samples so far")
    shop.sell(1, 100, 10)
    assert shop.night().counts == {"updated": 1}


def test_the_posterior_does_not_depend_on_the_nights_that_ran(open_shop: Callable[..., Shop]) -> None:
    seen = []
    for nights in ([0, 1, 2, 3], [3], [1, 3]):
        shop = open_shop()
        shop.define(source="min_sample_size: 100")
        for n in range(4):
            shop.sell(TONIGHT + (n - 1) * DAY, 30, 5 + n)
        for n in nights:
            shop.today = TONIGHT + n * DAY
            shop.night()
        seen.append(shop.posterior())
    assert seen == [(8 + 26, 17 + 94)] * 3


def test_only_samples_since_the_accepted_prior_count_toward_enough(shop: Shop) -> None:
    shop.define(source="min_sample_size: 100")
    shop.sell(2, 100, 30)
    shop.night()
    shop.project.accept("signup")
    shop.sell(0, 60, 20)
    assert shop.tomorrow().counts == {"insufficient_samples": 1}
    assert shop.posterior() == (38, 87)
    shop.sell(0, 40, 10)
    assert shop.tomorrow().counts == {"updated": 1}
    assert shop.posterior() == (8 + 60, 17 + 140)


def test_a_rate_counts_its_exposure_toward_enough(shop: Shop) -> None:
    counting = "SELECT SUM(successes) AS events, SUM(trials) AS exposure FROM counts"
    shop.define(
        prior="{distribution: gamma, shape: 2, rate: 10}",
        source="min_sample_size: 100",
        query=f"{counting} WHERE day >= :start_date AND day < :end_date",
        rest="type: rate",
    )
    shop.sell(1, 99.5, 4)
    assert shop.night().counts == {"insufficient_samples": 1}
    shop.sell(1, 100.5, 5)
    assert shop.night().counts == {"updated": 1}
    assert shop.posterior() == (2 + 5, 10 + 100.5)


# Publishing -------------------------------------------------------------------------------------------------


def test_without_a_destination_the_current_posterior_moves_once_a_week(shop: Shop) -> None:
    shop.define(rest="")
    sizes, outcomes = [], []
    for _ in range(9):
        shop.sell(1, 10, 3)
        outcomes.append(shop.result("signup", shop.night()).outcome)
        sizes.append(shop.row().size)
        shop.today += DAY
    assert outcomes == ["updated", *["not_due"] * 6, "updated", "not_due"]
    assert sizes == [10.0] * 7 + [80.0] * 2
    # the nights between were computed and kept all the same
    assert [record.sums[0] for record in shop.posteriors()] == [10.0 * (n + 1) for n in range(9)]


def test_with_a_destination_it_moves_every_night(shop: Shop) -> None:
    target = "{type: sql, connection: shop, table: posteriors}"
    shop.define(rest=f"posterior_destination: {{destinations: [{target}]}}")
    for n in range(3):
        shop.sell(1, 10, 3)
        assert shop.night().counts == {"updated": 1}
        assert shop.row().size == 10 * (n + 1)
        shop.today += DAY
    assert len(shop.rows("outbox")) == 3


def test_a_write_frequency_counts_from_the_night_that_published(shop: Shop) -> None:
    # read on windows of three days, a posterior can be published again unchanged: a week counts from then
    shop.define(
        source="parameters: {start_date: NOW() - INTERVAL '3 days'}\n  min_sample_size: 1",
        query="SELECT COUNT(DISTINCT successes) AS successes, COUNT(DISTINCT day) AS trials FROM counts"
        " WHERE day >= :start_date AND day < :end_date",
        rest="",
    )
    outcomes = []
    for n in range(16):
        shop.sell(1, 10, n)
        outcomes.append(shop.result("signup", shop.night()).outcome)
        shop.today += DAY
    assert [n for n, outcome in enumerate(outcomes) if outcome == "updated"] == [0, 7, 14]


# Reading ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frequency", "expected"), [("1h", 1), ("1d", 1), ("36h", 2), ("3d", 3)])
def test_the_source_is_read_when_its_refresh_is_due(shop: Shop, frequency: str, expected: int) -> None:
    shop.define(source=f"refresh_frequency: {frequency}\n  min_sample_size: 1")
    for _ in range(7):
        shop.sell(1, 10, 3)
        shop.night()
        shop.today += DAY
    assert read_nights(shop) == list(range(0, 7, expected))


def test_between_two_reads_nothing_is_asked_and_the_checks_go_on(shop: Shop) -> None:
    shop.define(source="refresh_frequency: 3d\n  min_sample_size: 1")
    shop.sell(1, 10, 3)
    shop.night()
    (shop.root / "shop.db").unlink()  # would be noticed
    report = shop.tomorrow()
    assert report.exit_code == 0
    assert (report.results[0].loaded, shop.row().age_days) == (0, 1.0)
    assert shop.tomorrow(2).results[0].outcome == "source_down"


def test_a_read_that_is_not_due_can_be_forced_by_a_backfill(shop: Shop) -> None:
    shop.define(source="refresh_frequency: 3d\n  min_sample_size: 1")
    shop.sell(1, 10, 3)
    shop.night()
    shop.sell(0, 20, 4)
    shop.today += DAY
    shop.project.backfill(TONIGHT, TONIGHT + DAY).apply()
    assert shop.posterior() == (8 + 7, 17 + 23)


def test_only_the_parameters_that_were_named_have_their_night(shop: Shop) -> None:
    shop.define("signup", rest="edge_reference: e.signup.p.mean")
    shop.define("checkout")
    for edge in ("signup", "checkout"):
        shop.sell(1, 10, 3, edge=edge)
    assert [r.parameter_id for r in shop.night(only="checkout").results] == ["checkout"]
    assert [
        r.parameter_id
        for r in shop.night(only=shop.project.registry.parameter("signup").edge_reference).results
    ] == ["signup"]
    assert len(shop.night().results) == 2


# Stale ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frequency", "stale_from"), [("1d", 3), ("2d", 5)])
def test_a_light_goes_stale_when_the_last_good_read_is_older_than_two_refreshes(
    shop: Shop, frequency: str, stale_from: int
) -> None:
    shop.define(source=f"refresh_frequency: {frequency}\n  min_sample_size: 1")
    shop.sell(2, 200, 60)
    shop.night()
    shop.db.execute("ALTER TABLE counts RENAME COLUMN successes TO gone")  # rejected, which is not down
    lights = []
    for _ in range(6):
        shop.tomorrow()
        lights.append(str(shop.row().light))
    assert lights == ["green"] * (stale_from - 1) + ["stale"] * (7 - stale_from)
    assert shop.row().age_days == 6
    shop.db.execute("ALTER TABLE counts RENAME COLUMN gone TO successes")
    assert shop.night(retry_failed=True).results[0].light == "green"
