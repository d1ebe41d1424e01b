"""What a read may bring: bad days, no rows, other queries, totals that cannot be split, templates."""

from __future__ import annotations

import pytest

from ..shop import DAY, QUERY, TONIGHT, Shop

# Bad days ---------------------------------------------------------------------------------------------------

BAD = {
    "more successes than trials": (10, 11),
    "a negative count": (-10, 0),
    "a fraction": (10, 2.5),
    "successes of NULL trials": (None, 3),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_day_is_set_aside_and_seen_and_the_rest_counts(shop: Shop, what: str) -> None:
    shop.define()
    for ago in (1, 2, 4):
        shop.sell(ago, 40, 10 + ago)
    shop.sell(3, *BAD[what])
    report = shop.night()
    assert (report.counts, report.exit_code) == ({"quarantined": 1}, 2)
    assert shop.posterior() == (8 + 37, 17 + 83)
    (row,) = [row for row in shop.rows("findings") if row["check_name"] == "quarantine"]
    assert row["subject"] == f"[{TONIGHT - 3 * DAY}, {TONIGHT - 2 * DAY})"
    assert row["light"] == "stale"
    assert shop.night().written == {}


def test_a_bad_day_among_good_parameters_makes_the_night_partial(shop: Shop) -> None:
    for edge in ("signup", "checkout"):
        shop.define(edge)
        shop.sell(1, 40, 10, edge=edge)
    shop.sell(2, 10, 11)
    report = shop.night()
    assert report.exit_code == 2
    assert report.counts == {"quarantined": 1, "updated": 1}


def test_a_mended_day_counts_the_next_night_and_its_finding_is_gone(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.sell(2, 10, 11)
    shop.night()
    shop.sell(2, 10, 1)
    report = shop.tomorrow()
    assert report.exit_code == 0
    assert shop.posterior() == (8 + 14, 17 + 36)
    assert [row for row in shop.rows("findings") if row["as_of"] == str(shop.today)] == []


def test_a_day_that_turns_bad_keeps_what_it_said_while_it_was_good(shop: Shop) -> None:
    shop.define()
    shop.sell(2, 40, 13)
    shop.night()
    shop.sell(2, 40, 41)
    assert shop.tomorrow().results[0].outcome == "quarantined"
    assert shop.posterior() == (21, 44)


def test_a_renamed_column_sets_every_day_aside_and_says_which_is_missing(shop: Shop) -> None:
    shop.define(query=QUERY.format(edge="signup").replace("AS successes", "AS sucesses"))
    shop.sell(1, 40, 13)
    report = shop.night()
    assert report.results[0].outcome == "quarantined"
    assert report.exit_code == 1
    assert "did you mean sucesses?" in str(shop.findings())
    assert shop.rows("evidence") == []


def test_a_night_where_too_few_days_are_left_is_still_a_quarantined_night(shop: Shop) -> None:
    shop.define(source="min_sample_size: 100")
    shop.sell(1, 40, 13)
    shop.sell(2, 100, 101)
    result = shop.night().results[0]
    assert result.outcome == "quarantined"
    assert (result.loaded, result.counted, result.quarantined) == (140, 40, 100)


# Nothing ----------------------------------------------------------------------------------------------------


def test_a_source_without_rows_is_no_data_and_no_failure(shop: Shop) -> None:
    shop.define(query=QUERY.format(edge="signup") + " GROUP BY edge")
    report = shop.night()
    assert (report.counts, report.exit_code) == ({"no_data": 1}, 0)
    assert shop.rows("evidence") == []
    assert shop.priors()[0].belief.theta == (8, 17)
    assert shop.row().read_at is not None


def test_sums_over_nothing_are_days_without_events(shop: Shop) -> None:
    shop.define()
    shop.night()
    assert [(row["size"], row["total"]) for row in shop.rows("evidence")] == [(0, 0)] * 5
    assert shop.result().outcome == "insufficient_samples"


def test_successes_without_a_match_are_none_of_the_trials(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, None)
    shop.night()
    assert shop.posterior() == (8, 57)


def test_a_source_that_is_down_is_stale_and_the_old_numbers_stay(shop: Shop) -> None:
    shop.define()
    shop.define(
        "checkout",
        connection="data",
        query="SELECT 40 AS trials, 13 AS successes FROM visits WHERE day >= :start_date AND day < :end_date",
    )
    (shop.root / "data" / "visits.csv").write_text(f"day,x\n{TONIGHT - DAY},1\n")
    shop.sell(1, 40, 13)
    shop.night()
    (shop.root / "shop.db").rename(shop.root / "away.db")
    report = shop.tomorrow()
    assert report.exit_code == 2
    down, up = shop.result("signup", report), shop.result("checkout", report)
    assert (down.outcome, down.light, up.outcome) == ("source_down", "stale", "updated")
    assert shop.row().posterior_mean == pytest.approx(21 / 65)
    assert shop.row().age_days == 1
    (shop.root / "away.db").rename(shop.root / "shop.db")
    assert shop.tomorrow().exit_code == 0


# Another query ----------------------------------------------------------------------------------------------


def test_a_changed_query_reads_its_days_again_and_the_old_rows_do_not_count(shop: Shop) -> None:
    shop.define()
    for ago in range(1, 4):
        shop.sell(ago, 40, 13)
        shop.sell(ago, 100, 7, edge="other")
    shop.night()
    shop.today += 9 * DAY  # far beyond the lookback
    shop.define(query=QUERY.format(edge="other"))
    shop.night()
    assert shop.posterior() == (8 + 21, 17 + 279)
    shop.define()
    shop.tomorrow()
    assert shop.posterior() == (8 + 39, 17 + 81)


def test_only_a_change_of_what_is_counted_is_another_query(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    same = "select sum(trials) as trials,\n    sum(successes)  as successes -- a remark\n    from counts\n"
    shop.define(
        query=f"{same}    where edge = 'signup' and day >= :start_date and day < :end_date",
        source="parameters: {start_date: NOW() - INTERVAL '3 days'}\n  min_sample_size: 1",
        rest="posterior_destination: {write_frequency: 1d}\nmetadata: {description: the same}",
    )
    shop.night()
    assert len(shop.rows("evidence_streams")) == 1


# Windows of several days ------------------------------------------------------------------------------------

DISTINCT = """\
SELECT COUNT(DISTINCT trials) AS trials, COUNT(DISTINCT successes) AS successes FROM counts
    WHERE edge = 'signup' AND day >= :start_date AND day < :end_date"""


def define_distinct(shop: Shop, days: int) -> None:
    window = f"parameters: {{start_date: NOW() - INTERVAL '{days} days'}}\n  min_sample_size: 1"
    shop.define(query=DISTINCT, source=window)


def test_a_total_that_cannot_be_split_is_read_on_windows_end_to_end(shop: Shop) -> None:
    define_distinct(shop, 3)
    for n in range(-3, 6):
        # people 1..4 come every day, and of these one or two buy: distinct over three days, not per day
        for person in range(1, 5):
            shop.db.execute(
                "INSERT INTO counts VALUES (?, 'signup', ?, ?, NULL)",
                (str(TONIGHT + n * DAY), person, person if person <= 1 + (n >= 3) else None),
            )
    sizes = []
    for _ in range(7):
        shop.night()
        sizes.append(shop.row().size)
        shop.today += DAY
    assert sizes == [4, 4, 4, 8, 8, 8, 12]
    # windows [-3, 0) and [0, 3) of one buyer among four, [3, 6) of two
    assert shop.posterior() == (8 + 1 + 1 + 2, 17 + 3 + 3 + 2)
    assert [(row["first"], row["stop"]) for row in shop.rows("evidence")] == [
        (str(TONIGHT + n * DAY), str(TONIGHT + (n + 3) * DAY)) for n in (-3, 0, 3)
    ]
    (said,) = {message for check, message in shop.findings() if check == "source"}
    assert "cannot be split by day" in said
    assert "whole windows of 3 days" in said


def test_windows_of_another_length_are_another_measurement(shop: Shop) -> None:
    define_distinct(shop, 3)
    for ago in (1, 2, 3):
        shop.sell(ago, ago, ago)
    shop.night()
    assert shop.posterior() == (8 + 3, 17)
    define_distinct(shop, 2)
    shop.tomorrow(2)
    # whole windows of two days from the first day on: two distinct values in the first, one in the second
    assert shop.posterior() == (8 + 2 + 1, 17)
    assert [record.sums[0] for record in shop.posteriors()] == [3, 3]
    assert shop.result().outcome == "updated"
    assert shop.project.rebuild().exit_code == 0


# Time series ------------------------------------------------------------------------------------------------


def test_a_time_series_gives_each_day_its_own_row(shop: Shop) -> None:
    shop.define(
        query="SELECT day AS date, SUM(trials) AS trials, SUM(successes) AS successes FROM counts"
        " WHERE edge = 'signup' AND day >= :start_date AND day < :end_date GROUP BY day",
        source="result_type: timeseries\n  min_sample_size: 1",
    )
    for ago in (1, 2, 4):
        shop.sell(ago, 40, 10 + ago)
    shop.sell(3, 10, 11)
    report = shop.night()
    assert shop.posterior() == (8 + 37, 17 + 83)
    assert report.results[0].outcome == "quarantined"
    rows = {row["first"]: (row["size"], row["total"]) for row in shop.rows("evidence")}
    assert rows == {
        str(TONIGHT - ago * DAY): counts
        for ago, counts in {1: (40, 11), 2: (40, 12), 4: (40, 14), 5: (0, 0)}.items()
    }


# Templates --------------------------------------------------------------------------------------------------

TEMPLATE = """\
SELECT channel AS context_channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE day >= :start_date AND day < :end_date GROUP BY channel"""


def define_template(shop: Shop, more: str = "") -> None:
    shop.write("contexts/channel.yaml", "id: channel\nvalues: [{id: google}, {id: facebook}, {id: email}]\n")
    shop.define(query=TEMPLATE, source=f"context_variables: [channel]\n  min_sample_size: 1{more}")
    text = (shop.root / "parameters" / "signup.yaml").read_text()
    shop.write("parameters/signup.yaml", text.replace("  query: |", "  query_template: |"))


def test_one_read_of_a_template_feeds_every_shard(shop: Shop) -> None:
    define_template(shop)
    shop.sell(1, 40, 13, channel="google")
    shop.sell(1, 10, 1, channel="facebook")
    shop.sell(2, 20, 2, channel="google")
    report = shop.night()
    assert [result.parameter_id for result in report.results] == [
        f"signup[channel={channel}]" for channel in ("email", "facebook", "google")
    ]
    assert shop.posterior("signup[channel=google]") == (8 + 15, 17 + 45)
    assert shop.posterior("signup[channel=facebook]") == (8 + 1, 17 + 9)
    assert shop.result("signup[channel=email]").outcome == "insufficient_samples"
    assert shop.night().written == {}


def test_rows_of_a_value_nobody_declared_are_named_and_not_counted(shop: Shop) -> None:
    define_template(shop)
    shop.sell(1, 40, 13, channel="google")
    shop.sell(1, 70, 1, channel="tiktok")
    shop.night()
    (said,) = [message for check, message in shop.findings() if check == "source"]
    assert "channel=tiktok belong to no shard (70 not counted)" in said
    assert sum(row["size"] for row in shop.rows("evidence")) == 40


def test_one_shard_can_have_its_night_alone(shop: Shop) -> None:
    define_template(shop)
    shop.sell(1, 40, 13, channel="google")
    shop.sell(1, 10, 1, channel="facebook")
    report = shop.night(only="signup[channel=google]")
    assert report.counts == {"updated": 1}
    assert shop.findings() == []  # facebook's rows are no strangers
    assert len(shop.night(only="signup").results) == 3


# Other types ------------------------------------------------------------------------------------------------


def test_a_mean_with_known_noise_is_updated_by_its_sums(shop: Shop) -> None:
    # by hand: precision 1/1^2 + 4/2^2 = 2, so sd .707107; mean (10 + (13 + 14 + 11 + 14) / 4) / 2 = 11.5
    shop.define(
        prior="{distribution: normal, mu: 10, sigma: 1, noise_sigma: 2}",
        query="SELECT COUNT(*) AS n, SUM(trials) AS sum, SUM(trials * trials) AS sum_squares FROM counts"
        " WHERE day >= :start_date AND day < :end_date",
        rest="type: mean\nposterior_destination: {write_frequency: 1d}",
    )
    for ago, amount in enumerate([13, 14, 11, 14], start=1):
        shop.sell(ago, amount, None)
    shop.night()
    row = shop.row()
    assert row.posterior_mean == pytest.approx(11.5, abs=1e-12)
    assert row.posterior_stdev == pytest.approx(0.5**0.5, abs=1e-12)
    assert (row.size, row.total, row.observed) == (4, 52, 13)
