"""A posterior becomes the prior: no number changes, and no event is counted twice or lost."""

from __future__ import annotations

import pytest

from evenfall.errors import UsageError

from ..shop import DAY, TONIGHT, Shop

DISCOUNTED = "discount: {half_life_days: 2}"
OVERDISPERSED = "overdispersion: {kappa: 50}"


def load_a_week(shop: Shop) -> None:
    for ago, successes in enumerate([11, 14, 9, 17], start=1):
        shop.sell(ago, 40, successes)


# Accepting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("update", ["", DISCOUNTED, OVERDISPERSED, f"{DISCOUNTED}\n  {OVERDISPERSED}"])
def test_accepting_changes_no_current_number(shop: Shop, update: str) -> None:
    shop.define(update=update)
    load_a_week(shop)
    shop.night()
    before, row = shop.posterior(), shop.row()
    answer = shop.project.accept("signup")
    assert answer["changed"] is True
    assert shop.posterior() == before
    shop.night()
    assert shop.posterior() == before
    after = shop.row()
    assert (after.posterior_mean, after.lower, after.upper) == (row.posterior_mean, row.lower, row.upper)
    assert shop.project.rebuild().exit_code == 0


def test_the_accepted_version_holds_the_closed_days_and_says_so(shop: Shop) -> None:
    # the night of the 20th: until a delay is learned a day closes after one day, so the 19th is still open
    shop.define()
    load_a_week(shop)
    shop.night()
    shop.project.accept("signup")
    declared, promoted = shop.priors()
    assert (declared.reason, declared.absorbed_until, declared.belief.theta) == ("declared", None, (8, 17))
    assert promoted.reason == "promoted"
    assert promoted.root == declared.version
    assert promoted.absorbed_until == TONIGHT - DAY
    # 14 + 9 + 17 successes of 120; the 11 of the open day stay data
    assert promoted.belief.theta == (8 + 40, 17 + 80)
    assert str(promoted.belief.origin) == f"posterior (signup as of {TONIGHT})"


def test_accepting_twice_is_accepting_once(shop: Shop) -> None:
    shop.define()
    load_a_week(shop)
    shop.night()
    assert shop.project.accept("signup")["changed"] is True
    kept = shop.kept()
    assert shop.project.accept("signup")["changed"] is False
    assert shop.kept() == kept


def test_without_a_posterior_there_is_nothing_to_accept(shop: Shop) -> None:
    shop.define()
    with pytest.raises(UsageError, match="no posterior to accept"):
        shop.project.accept("signup")


def test_nights_after_an_accepted_posterior_go_on_from_it(shop: Shop) -> None:
    shop.define()
    load_a_week(shop)
    shop.night()
    shop.project.accept("signup")
    shop.sell(0, 10, 5)
    shop.tomorrow()
    assert shop.posterior() == (8 + 51 + 5, 17 + 109 + 5)


def test_a_restatement_of_absorbed_days_rebuilds_the_accepted_version(shop: Shop) -> None:
    shop.define()
    load_a_week(shop)
    shop.night()
    shop.project.accept("signup")
    shop.sell(3, 40, 19)  # was 9, and absorbed
    shop.tomorrow()
    *_, promoted, rebuilt = shop.priors()
    assert (promoted.reason, rebuilt.reason) == ("promoted", "rebuilt")
    assert (rebuilt.root, rebuilt.absorbed_until) == (promoted.root, promoted.absorbed_until)
    assert rebuilt.belief.theta == (8 + 50, 17 + 70)
    assert shop.posterior() == (8 + 61, 17 + 99)
    assert shop.night().written == {}


def test_the_window_is_compared_with_the_accepted_belief_as_it_stood_before_it(shop: Shop) -> None:
    # a week at .3, then a week at .6, most of which the accepted version absorbs: the light must go on to
    # compare that week with what was believed before it
    shop.write("evenfall.toml", (shop.root / "evenfall.toml").read_text().replace("= 5", "= 14"))
    shop.define(prior="{distribution: beta, alpha: 30, beta: 70}")
    for ago in range(1, 15):
        shop.sell(ago, 100, 60 if ago <= 7 else 30)
    shop.night()
    assert shop.result().light == "red"
    before = shop.result().verdict
    shop.project.accept("signup")
    shop.night()
    assert shop.result().light == "red"
    # Beta(30, 70), with or without the week of 30 of 100: .3
    assert before["expected_mean"] == pytest.approx(0.3)
    assert shop.result().verdict["expected_mean"] == pytest.approx(0.3)


# Editing ----------------------------------------------------------------------------------------------------


def test_an_edited_prior_is_a_new_root_over_the_whole_ledger(shop: Shop) -> None:
    shop.define()
    load_a_week(shop)
    shop.night()
    shop.project.accept("signup")
    shop.define(prior="{distribution: beta, alpha: 2, beta: 3}")
    shop.tomorrow()
    edited = shop.priors()[-1]
    assert (edited.reason, edited.root, edited.absorbed_until) == ("declared", edited.version, None)
    assert shop.posterior() == (2 + 51, 3 + 109)


def test_the_same_numbers_in_other_words_are_no_new_prior(shop: Shop) -> None:
    # Beta(8, 17): mean .32, variance .32 * .68 / 26
    shop.define()
    load_a_week(shop)
    shop.night()
    shop.define(prior="{distribution: beta, mean: 0.32, stdev: 0.09148349998349846}")
    shop.tomorrow()
    assert len(shop.priors()) == 1


# absorbed_until in the file ---------------------------------------------------------------------------------

ABSORBED = "{{distribution: beta, alpha: 8, beta: 17, absorbed_until: {}}}"


@pytest.mark.parametrize("key", ["bayesian_update.prior", "value"])
def test_events_before_absorbed_until_are_not_counted_and_listed(shop: Shop, key: str) -> None:
    absorbed = f"absorbed_until: {TONIGHT - 2 * DAY}"
    prior = "{distribution: beta, alpha: 8, beta: 17, " + absorbed + "}"
    if key == "value":
        shop.define(prior="", rest=f"value: {{alpha: 8, beta: 17, {absorbed}}}")
    else:
        shop.define(prior=prior)
    load_a_week(shop)
    shop.sell(4, 10, 11)  # quarantined: more successes than trials
    for _ in range(2):
        result = shop.result("signup", shop.night())
        assert shop.posterior() == (8 + 25, 17 + 55)  # the two days from absorbed_until on
        # loaded = counted + late_not_counted + quarantined, in trials: days 1 and 2, day 3, day 4
        account = (result.loaded, result.counted, result.late_not_counted, result.quarantined)
        assert account == (130, 80, 40, 10)


def test_a_prior_from_long_ago_reads_every_day_it_has_not_absorbed(shop: Shop) -> None:
    shop.define(prior=ABSORBED.format(TONIGHT - 30 * DAY))
    shop.sell(30, 40, 13)
    shop.sell(31, 40, 13)
    shop.night()
    assert shop.posterior() == (21, 44)
    assert shop.result().loaded == 40
    assert shop.night().written == {}


def test_moving_absorbed_until_is_a_new_version(shop: Shop) -> None:
    shop.define(prior=ABSORBED.format(TONIGHT - 2 * DAY))
    load_a_week(shop)
    shop.night()
    shop.define(prior=ABSORBED.format(TONIGHT - 3 * DAY))
    shop.night()
    assert [version.absorbed_until for version in shop.priors()] == [TONIGHT - 2 * DAY, TONIGHT - 3 * DAY]
    assert shop.posterior() == (8 + 34, 17 + 86)


# posterior_history ------------------------------------------------------------------------------------------


def test_posterior_history_promotes_by_itself(shop: Shop) -> None:
    shop.define(rest="prior_source: {type: posterior_history}\nposterior_destination: {write_frequency: 1d}")
    total = 0
    for n in range(4):
        shop.sell(1, 40, 10 + n)
        total += 10 + n
        shop.night()
        assert shop.posterior() == (8 + total, 17 + 40 * (n + 1) - total)
        assert shop.night().written == {}
        shop.today += DAY
    # each night stands on the closed days of the one before: the 18th closes on the 20th, and so on
    assert [(v.reason, v.absorbed_until) for v in shop.priors()] == [
        ("declared", None),
        *[("promoted", TONIGHT + n * DAY) for n in (-1, 0, 1)],
    ]
    assert [v.belief.theta for v in shop.priors()] == [(8, 17), (8, 17), (18, 47), (29, 76)]


def test_posterior_history_of_another_parameter_takes_its_current_posterior(shop: Shop) -> None:
    shop.define("all")
    shop.sell(1, 40, 13, edge="all")
    source = "SELECT mean, stdev FROM posteriors WHERE param_id = 'all' ORDER BY timestamp DESC LIMIT 1"
    rest = f'prior_source: {{type: posterior_history, query: "{source}"}}'
    shop.define("part", prior="{distribution: beta, alpha: 1, beta: 1}", rest=rest)
    shop.night()
    assert shop.priors("part")[-1].belief.theta == (1, 1)
    shop.tomorrow()
    assert shop.priors("part")[-1].belief.theta == (21, 44)
    assert shop.priors("part")[-1].belief.origin.kind == "posterior"


@pytest.mark.parametrize(
    ("query", "message", "remedy"),
    [
        ("SELECT mean, stdev FROM somewhere", "can only name a parameter", "leave query out"),
        (
            "SELECT mean, stdev FROM posteriors WHERE param_id = 'sinup' ORDER BY timestamp DESC LIMIT 1",
            "no parameter is called 'sinup'",
            "did you mean signup?",
        ),
    ],
)
def test_a_history_of_nobody_is_named_and_the_file_stands_in(
    shop: Shop, query: str, message: str, remedy: str
) -> None:
    shop.define(rest=f'prior_source: {{type: posterior_history, query: "{query}"}}')
    shop.sell(1, 40, 13)
    (problem,) = shop.project.validate()
    assert str(problem).startswith("parameters/signup.yaml:11:")
    assert message in str(problem)
    assert remedy in str(problem)
    assert shop.night().counts == {"updated": 1}
    assert shop.posterior() == (21, 44)
    (row,) = [row for row in shop.rows("findings") if row["check_name"] == "prior_source"]
    assert message in row["message"]
    assert remedy in row["remedy"]
