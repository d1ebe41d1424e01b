"""Whose numbers are the prior: the order of sources, what stays when one is silent, what came from us."""

from __future__ import annotations

import sqlite3

import pytest

from ..shop import Shop

BELIEFS = "query: \"SELECT mean, stdev FROM beliefs WHERE name = 'signup'\""
FROM_SQL = f"prior_source: {{type: sql, connection: sheet, {BELIEFS}}}"
SHEET = '[connections.sheet]\ntype = "sqlite"\npath = "sheet.db"\n'
DAILY = "posterior_destination: {write_frequency: 1d}"


class Sheet:
    """A table of priors that somebody else keeps."""

    def __init__(self, shop: Shop) -> None:
        self.file = shop.root / "sheet.db"
        shop.write("evenfall.toml", (shop.root / "evenfall.toml").read_text() + SHEET)

    def say(self, mean: float | None, stdev: float | None) -> None:
        with sqlite3.connect(self.file) as table:
            table.execute("CREATE TABLE IF NOT EXISTS beliefs (name TEXT, mean REAL, stdev REAL)")
            table.execute("DELETE FROM beliefs")
            if mean is not None:
                table.execute("INSERT INTO beliefs VALUES ('signup', ?, ?)", (mean, stdev))
        table.close()

    def vanish(self) -> None:
        self.file.unlink(missing_ok=True)


@pytest.fixture
def sheet(shop: Shop) -> Sheet:
    return Sheet(shop)


BETA_8_17 = (0.32, 0.09148349998349846)
"""Mean and standard deviation of Beta(8, 17): .32 and sqrt(.32 * .68 / 26)."""


def theta(shop: Shop) -> list[tuple[float, ...]]:
    """Return the numbers of every prior version, to nine digits: mean and stdev were rounded on the way."""
    return [tuple(round(number, 9) for number in version.belief.theta) for version in shop.priors()]


# Precedence -------------------------------------------------------------------------------------------------


def test_a_source_that_answers_wins_over_the_file(shop: Shop, sheet: Sheet) -> None:
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}", rest=f"{FROM_SQL}\n{DAILY}")
    sheet.say(*BETA_8_17)
    shop.sell(1, 40, 13)
    shop.night()
    assert theta(shop) == [(8, 17)]
    assert str(shop.priors()[0].belief.origin) == "sql (sheet)"
    assert shop.posterior() == pytest.approx((21, 44))


def test_the_same_answer_is_no_new_version_and_another_one_is(shop: Shop, sheet: Sheet) -> None:
    shop.define(prior="", rest=f"{FROM_SQL}\n{DAILY}")
    sheet.say(*BETA_8_17)
    shop.sell(1, 40, 13)
    shop.night()
    shop.tomorrow()
    assert len(shop.priors()) == 1
    sheet.say(0.5, 0.1)  # .5 * .5 / .01 - 1 = 24: Beta(12, 12)
    shop.tomorrow()
    assert theta(shop) == [(8, 17), (12, 12)]
    assert shop.posterior() == pytest.approx((12 + 13, 12 + 27))


COLUMNS = """\
SELECT SUM(trials) AS trials, SUM(successes) AS successes, {alpha} AS alpha_prior, {beta} AS beta_prior
    FROM counts WHERE edge = 'signup' AND day >= :start_date AND day < :end_date"""


def test_prior_columns_of_the_observations_win_over_the_file_with_a_warning(shop: Shop) -> None:
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}", query=COLUMNS.format(alpha=8, beta=17))
    shop.sell(1, 40, 13)
    shop.night()
    assert theta(shop) == [(8, 17)]
    (said,) = [message for check, message in shop.findings() if check == "prior"]
    assert "alpha_prior and beta_prior" in said
    assert "Beta(2, 2)" in said


def test_prior_columns_alone_are_prior_enough(shop: Shop) -> None:
    # without a prior in the file the definition is flagged, unless its result names one
    mapping = "result_mapping: {alpha_prior: a, beta_prior: b}\n  min_sample_size: 1"
    query = COLUMNS.format(alpha=8, beta=17).replace("alpha_prior", "a").replace("beta_prior", "b")
    shop.define(prior="", source=mapping, query=query)
    shop.sell(1, 40, 13)
    shop.night()
    assert theta(shop) == [(8, 17)]
    assert shop.findings() == []


def test_numbers_of_a_static_source_win_over_prior_columns(shop: Shop) -> None:
    rest = f"prior_source: {{type: static, alpha: 3, beta: 4}}\n{DAILY}"
    shop.define(
        prior="{distribution: beta, alpha: 2, beta: 2}", query=COLUMNS.format(alpha=8, beta=17), rest=rest
    )
    shop.sell(1, 40, 13)
    shop.night()
    assert theta(shop) == [(3, 4)]


def test_prior_columns_stay_while_their_query_is_not_read_or_not_answered(shop: Shop) -> None:
    shop.define(
        prior="{distribution: beta, alpha: 2, beta: 2}",
        source="refresh_frequency: 3d\n  min_sample_size: 1",
        query=COLUMNS.format(alpha=8, beta=17),
    )
    shop.sell(1, 40, 13)
    shop.night()
    shop.tomorrow()  # not due
    (shop.root / "shop.db").rename(shop.root / "away.db")
    shop.tomorrow(2)  # due, and down
    assert shop.result().outcome == "source_down"
    assert theta(shop) == [(8, 17)]


def test_prior_columns_that_are_taken_out_of_the_query_give_way_to_the_file(shop: Shop) -> None:
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}", query=COLUMNS.format(alpha=8, beta=17))
    shop.sell(1, 40, 13)
    shop.night()
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}")
    shop.tomorrow()
    assert theta(shop) == [(8, 17), (2, 2)]
    assert shop.posterior() == (2 + 13, 2 + 27)


def test_bayesian_update_wins_over_value(shop: Shop) -> None:
    shop.define(rest="value: {alpha: 2, beta: 2}")
    shop.sell(1, 40, 13)
    shop.night()
    assert theta(shop) == [(8, 17)]


# Silence ----------------------------------------------------------------------------------------------------


def test_when_the_source_is_down_its_last_answer_stays_and_a_stale_finding_says_so(
    shop: Shop, sheet: Sheet
) -> None:
    rest = f"{FROM_SQL}\nfallback_value: {{mean: 0.5, stdev: 0.1}}\n{DAILY}"
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}", rest=rest)
    sheet.say(*BETA_8_17)
    shop.sell(1, 40, 13)
    shop.night()
    sheet.vanish()
    shop.sell(0, 10, 1)
    shop.tomorrow()
    assert theta(shop) == [(8, 17)]
    assert shop.posterior() == pytest.approx((8 + 14, 17 + 36))
    (row,) = [row for row in shop.rows("findings") if row["check_name"] == "prior_source"]
    assert row["light"] == "stale"
    assert "last good answer stays" in row["message"]


@pytest.mark.parametrize("silence", ["down", "no row", "NULL"])
def test_a_fallback_stands_in_until_the_first_answer_and_never_after(
    shop: Shop, sheet: Sheet, silence: str
) -> None:
    rest = f"{FROM_SQL}\nfallback_value: {{alpha: 3, beta: 4}}\n{DAILY}"
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}", rest=rest)
    shop.sell(1, 40, 13)

    def fall_silent() -> None:
        if silence == "down":
            sheet.vanish()
        else:
            sheet.say(None if silence == "no row" else 0.32, None)
            if silence == "NULL":
                with sqlite3.connect(sheet.file) as table:
                    table.execute("UPDATE beliefs SET mean = NULL")
                table.close()

    fall_silent()
    shop.night()
    assert [version.reason for version in shop.priors()] == ["fallback"]
    assert shop.posterior() == (3 + 13, 4 + 27)
    sheet.say(*BETA_8_17)
    shop.tomorrow()
    assert [version.reason for version in shop.priors()] == ["fallback", "declared"]
    fall_silent()
    shop.tomorrow()
    assert theta(shop) == [(3, 4), (8, 17)]
    assert shop.posterior() == pytest.approx((21, 44))


def test_without_a_fallback_the_file_stands_in(shop: Shop, sheet: Sheet) -> None:
    shop.define(rest=f"{FROM_SQL}\n{DAILY}")
    shop.sell(1, 40, 13)
    shop.night()
    assert shop.posterior() == (21, 44)
    assert "its fallback is used" in dict(shop.findings())["prior_source"]


def test_with_nothing_to_fall_back_on_the_parameter_waits_without_a_prior(shop: Shop, sheet: Sheet) -> None:
    shop.define(prior="", rest=f"{FROM_SQL}\n{DAILY}")
    shop.sell(1, 40, 13)
    report = shop.night()
    assert report.results[0].outcome == "config_error"
    assert shop.priors() == ()
    sheet.say(*BETA_8_17)
    shop.tomorrow()
    assert shop.posterior() == pytest.approx((21, 44))


def test_numbers_no_rate_can_have_are_refused_and_the_last_answer_stays(shop: Shop, sheet: Sheet) -> None:
    shop.define(prior="", rest=f"{FROM_SQL}\n{DAILY}")
    sheet.say(*BETA_8_17)
    shop.sell(1, 40, 13)
    shop.night()
    sheet.say(0.32, 0.6)
    shop.tomorrow()
    assert theta(shop) == [(8, 17)]
    (row,) = [row for row in shop.rows("findings") if row["check_name"] == "prior_source"]
    # sqrt(.32 * .68 / (1 + .01 / .32)): the largest at which alpha is still .01
    assert "largest feasible stdev at this mean is 0.459354" in row["remedy"]


def test_a_prior_query_that_is_refused_makes_the_night_partial(shop: Shop, sheet: Sheet) -> None:
    deleting = FROM_SQL.replace("SELECT mean, stdev FROM", "DELETE FROM")
    shop.define(prior="{distribution: beta, alpha: 8, beta: 17}", rest=f"{deleting}\n{DAILY}")
    sheet.say(0.9, 0.01)
    shop.sell(1, 40, 13)
    report = shop.night()
    assert (report.results[0].outcome, report.exit_code) == ("config_error", 2)
    assert "DELETE" in report.results[0].detail
    assert shop.posterior() == (21.0, 44.0)  # on the file's numbers; and nothing was deleted
    with sqlite3.connect(sheet.file) as table:
        assert table.execute("SELECT COUNT(*) FROM beliefs").fetchone() == (1,)
    table.close()


def test_a_parameter_that_waits_out_its_back_off_keeps_its_prior(shop: Shop, sheet: Sheet) -> None:
    rest = f"{FROM_SQL}\n{DAILY}"
    shop.define(prior="{distribution: beta, alpha: 2, beta: 2}", rest=rest)
    sheet.say(*BETA_8_17)
    shop.sell(1, 40, 13)
    shop.night()
    shop.db.execute("ALTER TABLE counts RENAME COLUMN successes TO gone")
    for _ in range(6):
        shop.tomorrow()
    assert "quarantined" in {night.outcome for night in shop.project.history("signup").nights}
    assert theta(shop) == [(8, 17)]


# Write-backs ------------------------------------------------------------------------------------------------


def test_a_posterior_of_ours_that_comes_back_as_a_prior_is_not_counted_twice(
    shop: Shop, sheet: Sheet
) -> None:
    shop.define(prior="", rest=f"{FROM_SQL}\n{DAILY}")
    sheet.say(*BETA_8_17)
    for ago, successes in ((1, 13), (2, 10)):
        shop.sell(ago, 40, successes)
    shop.night()
    row = shop.row()
    assert row.posterior_mean is not None
    assert row.posterior_stdev is not None
    sheet.say(float(f"{row.posterior_mean:.13g}"), float(f"{row.posterior_stdev:.13g}"))  # 12 digits survive
    shop.tomorrow()
    assert [version.reason for version in shop.priors()] == ["declared", "promoted"]
    assert theta(shop)[-1] == (8 + 10, 17 + 30)
    assert shop.posterior() == pytest.approx((8 + 23, 17 + 57))
    shop.tomorrow()
    assert len(shop.priors()) == 2


def test_numbers_that_only_resemble_a_posterior_of_ours_are_a_new_prior(shop: Shop, sheet: Sheet) -> None:
    shop.define(prior="", rest=f"{FROM_SQL}\n{DAILY}")
    sheet.say(*BETA_8_17)
    shop.sell(1, 40, 13)
    shop.night()
    row = shop.row()
    sheet.say(float(f"{row.posterior_mean:.6g}"), float(f"{row.posterior_stdev:.6g}"))
    shop.tomorrow()
    assert [version.reason for version in shop.priors()] == ["declared", "declared"]
