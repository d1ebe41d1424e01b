"""One parameter's trouble is its own: it is named, tried again less and less often, and stops nobody."""

from __future__ import annotations

import pytest

from ..shop import DAY, QUERY, TONIGHT, Shop

RATE = """\
SELECT SUM(successes) AS events, SUM(trials) AS exposure FROM counts
    WHERE edge = 'signup' AND day >= :start_date AND day < :end_date"""


def define_two_good_ones(shop: Shop) -> None:
    for edge in ("a-good-one", "z-good-one"):
        shop.define(edge)
        shop.sell(1, 40, 13, edge=edge)


def outcomes(shop: Shop, name: str = "signup") -> str:
    """Return a letter per night: u updated, f failed, q quarantined."""
    return "".join(night.outcome[0] for night in shop.project.history(name).nights)


# Trouble ----------------------------------------------------------------------------------------------------


def define_rate(shop: Shop, prior: str) -> None:
    shop.define(prior=f"{{distribution: gamma, {prior}}}", query=RATE, rest="type: rate")


def test_an_unexpected_error_is_recorded_and_the_others_have_their_night(shop: Shop) -> None:
    # two days of 1e308 exceed the largest number there is: summing them raises, deep inside the computation
    define_two_good_ones(shop)
    define_rate(shop, "shape: 2, rate: 1")
    for ago in (1, 2):
        shop.sell(ago, 1e308, 1)
    report = shop.night()
    assert report.counts == {"failed": 1, "updated": 2}
    assert report.exit_code == 2
    assert "Traceback" in report.failures["signup"]
    assert "OverflowError" in report.failures["signup"]
    assert shop.posterior("a-good-one") == shop.posterior("z-good-one") == (21, 44)
    for table in ("evidence_streams", "prior_versions", "posteriors"):
        assert "signup" not in {row["parameter_id"] for row in shop.rows(table)}, table
    assert shop.result().failures == 1


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_number_the_store_refuses_is_a_failed_night_of_one_parameter(shop: Shop) -> None:
    # 1e308 of exposure on top of as much in the prior: infinity, which is no number to keep
    define_two_good_ones(shop)
    define_rate(shop, "shape: 2, rate: 1.0e+308")
    shop.sell(1, 1e308, 1)
    report = shop.night()
    assert report.counts == {"failed": 1, "updated": 2}
    assert shop.posterior("a-good-one") == (21, 44)
    for table in ("evidence_streams", "prior_versions", "posteriors"):
        assert "signup" not in {row["parameter_id"] for row in shop.rows(table)}, table
    for _ in range(4):
        shop.tomorrow()
    assert outcomes(shop) == "ffffq"


@pytest.mark.parametrize(
    "break_it", ["DROP TABLE counts", "ALTER TABLE counts RENAME COLUMN successes TO gone"]
)
def test_a_table_that_is_gone_or_changed_stops_only_who_reads_it(shop: Shop, break_it: str) -> None:
    shop.db.execute("CREATE TABLE others AS SELECT * FROM counts")
    shop.define("a-good-one", query=QUERY.format(edge="a-good-one").replace("counts", "others"))
    shop.define("signup")
    shop.db.execute("INSERT INTO others VALUES (?, 'a-good-one', 40, 13, NULL)", (str(TONIGHT - DAY),))
    shop.sell(1, 40, 13)
    shop.night()
    shop.db.execute(break_it)
    report = shop.tomorrow()
    assert report.exit_code == 2
    assert shop.result("a-good-one", report).outcome == "updated"
    bad = shop.result("signup", report)
    assert bad.outcome in ("failed", "config_error")
    assert "counts" in bad.detail or "successes" in bad.detail
    assert shop.row().posterior_mean == pytest.approx(21 / 65)  # the last good one stays


def test_a_model_that_cannot_be_built_is_named_and_skipped(shop: Shop) -> None:
    define_two_good_ones(shop)
    shop.define(update="{update_rule: model, model: 'nowhere.models:build'}"[1:-1].replace(", ", "\n  "))
    shop.sell(1, 40, 13)
    report = shop.night()
    assert report.counts == {"config_error": 1, "updated": 2}
    assert "nowhere" in shop.result().detail
    assert shop.posterior() is None


def test_a_broken_file_is_read_in_its_last_good_version(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    text = (shop.root / "parameters" / "signup.yaml").read_text()
    shop.write("parameters/signup.yaml", text.replace("alpha: 8", "alpha: -8"))
    shop.sell(0, 10, 1)
    report = shop.tomorrow()
    assert (report.exit_code, report.config_problems) == (2, 1)
    assert shop.posterior() == (8 + 14, 17 + 36)
    place = "parameters/signup.yaml:10:38"  # the tenth line as the shop writes it, before -8
    assert shop.row().config_error.startswith(f"{place} bayesian_update.prior.alpha -8")


# Trying again -----------------------------------------------------------------------------------------------


def test_a_poison_parameter_is_tried_less_and_less_often(shop: Shop) -> None:
    # three failures in a row, then a day's wait, two, four, eight: a night without a try is quarantined
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    shop.db.execute("ALTER TABLE counts RENAME COLUMN successes TO gone")
    for _ in range(18):
        shop.tomorrow()
    assert outcomes(shop) == "u" + "ffff" + "qf" + "qqqf" + "qqqqqqqf"


def test_a_waiting_parameter_says_when_it_is_tried_again_and_a_retry_does_not_wait(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    shop.db.execute("ALTER TABLE counts RENAME COLUMN successes TO gone")
    for _ in range(5):
        report = shop.tomorrow()
    assert report.results[0].outcome == "quarantined"
    assert report.results[0].detail == (
        f"failed 4 nights in a row, last on {TONIGHT + 4 * DAY}; tried again on {TONIGHT + 6 * DAY}"
    )
    assert "--retry-failed" in report.results[0].remedy
    shop.db.execute("ALTER TABLE counts RENAME COLUMN gone TO successes")
    assert shop.night().counts == {"quarantined": 1}
    assert shop.night(retry_failed=True).counts == {"updated": 1}
    assert shop.result().failures == 0
    assert shop.tomorrow().counts == {"updated": 1}


def test_running_a_failing_night_again_does_not_count_as_another_failure(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    shop.db.execute("ALTER TABLE counts RENAME COLUMN successes TO gone")
    shop.today += DAY
    for _ in range(4):
        shop.night()
    assert shop.result().failures == 1


def test_a_source_that_is_down_is_no_fault_of_the_parameter(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    (shop.root / "shop.db").rename(shop.root / "away.db")
    for _ in range(5):
        assert shop.tomorrow().results[0].outcome == "source_down"
    assert shop.result().failures == 0
