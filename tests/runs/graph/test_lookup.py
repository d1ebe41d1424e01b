"""What references answer on a shop with a base, slices, a visited condition and a template."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import pytest

from evenfall.errors import ConfigError, UnknownName, UsageError
from evenfall.runs.graph.lookup import Answer

from ..shop import DAY, TONIGHT, Shop

GRAPH = """\
nodes: [{slug: home}, {slug: pricing}, {slug: form}, {slug: done}]
edges:
  - {slug: signup, from: home, to: form}
  - {slug: pay, from: form, to: done}
"""
CHANNEL = "id: channel\nvalues: [{id: google}, {id: facebook}]\n"
CURRENT = "posterior_destination: {write_frequency: 1d}"
BY_CHANNEL = """\
id: pay
edge_reference: e.pay.p.mean
value: {mean: 0.5, stdev: 0.1}
posterior_destination: {write_frequency: 1d}
observation_source:
  type: sqlite
  connection: shop
  min_sample_size: 1
  context_variables: [channel]
  query_template: |
    SELECT channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE edge = 'pay' AND day >= :start_date AND day < :end_date GROUP BY channel
"""
GOOGLE = "e.signup.context(channel='google')"
MANUAL = "parameters/{}.yaml"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """signup with a base, a google slice that needs 30 trials, one for pricing visitors; pay by channel."""
    shop.write("graphs/shop.yaml", GRAPH)
    shop.write("contexts/channel.yaml", CHANNEL)
    shop.write("parameters/pay.yaml", BY_CHANNEL)
    shop.define("base", rest=f"edge_reference: e.signup.p.mean\n{CURRENT}")
    shop.define(
        "google",
        prior="{distribution: beta, alpha: 2, beta: 2}",
        source="min_sample_size: 30",
        rest=f'edge_reference: "{GOOGLE}.p.mean"\ncontext_filter: {{channel: google}}\n{CURRENT}',
    )
    shop.define(
        "pricing",
        prior="{distribution: beta, alpha: 6, beta: 4}",
        rest=f"edge_reference: e.signup.visited(pricing).p.mean\n{CURRENT}",
    )
    return shop


def told(answer: Answer) -> tuple[Any, ...]:
    return answer.level, answer.parameter_id, answer.origin, answer.n


def test_the_posterior_answers_with_every_figure_of_it(shop: Shop) -> None:
    shop.sell(1, 40, 13, edge="base")
    shop.night()
    alpha, beta = 8 + 13, 17 + 27  # Beta(8, 17) and 13 of 40
    expected = {
        "mean": alpha / 65,
        "stdev": math.sqrt(alpha * beta / (65**2 * 66)),
        "alpha": alpha,
        "beta": beta,
        "n": 40,
        # mpmath: betainc(21, 44, 0, x, regularized=True) = .025 and .975
        "lower": 0.215871998893725,
        "upper": 0.440594366817462,
    }
    for leaf, value in expected.items():
        answer = shop.project[f"e.signup.p.{leaf}"]
        assert float(answer) == answer.value == pytest.approx(value, rel=1e-9), leaf
        assert told(answer) == ("exact", "base", "posterior", 40)
        assert answer.mean == pytest.approx(expected["mean"])
        assert answer.prior_origin == "manual (parameters/base.yaml:10)"


def test_without_a_posterior_the_prior_in_force_answers_and_says_so(shop: Shop) -> None:
    fresh = shop.project["e.signup.p.mean"]
    assert told(fresh) == ("exact", "base", "prior", 0)
    assert (fresh.value, fresh.age_days) == (8 / 25, None)
    assert fresh.prior_origin == "manual (parameters/base.yaml:10)"
    shop.night()
    shop.today += 2 * DAY
    later = shop.project["e.signup.p.mean"]
    assert (told(later), later.value, later.age_days) == (told(fresh), fresh.value, 2)
    assert shop.project["e.signup.p.n"].value == 0


def test_a_slice_below_its_minimum_gives_way_to_evidence_until_it_has_its_own(shop: Shop) -> None:
    shop.sell(1, 40, 13, edge="base")
    shop.sell(1, 29, 10, edge="google")
    shop.night()
    text = f"{GOOGLE}.p.mean"
    answer = shop.project[text]
    assert told(answer) == ("base", "base", "posterior", 40)
    assert (answer.passed_over, answer.answers_for, answer.mode) == (
        ("google",),
        "e.signup.p.mean",
        "default",
    )
    strict = shop.project.resolve(text, mode="strict")
    assert told(strict) == ("exact", "google", "prior", 0)
    assert (strict.value, strict.passed_over, strict.mode) == (0.5, (), "strict")
    shop.sell(1, 30, 10, edge="google")
    shop.night()
    assert told(shop.project[text]) == ("exact", "google", "posterior", 30)
    assert shop.project[text].value == pytest.approx(12 / 34)
    assert shop.project.resolve(text, mode="strict").value == shop.project[text].value


def test_a_posterior_with_less_behind_it_than_is_now_asked_gives_way_too(shop: Shop) -> None:
    shop.sell(1, 40, 13, edge="base")
    shop.sell(1, 30, 10, edge="google")
    shop.night()
    path = shop.root / "parameters" / "google.yaml"
    shop.write(
        "parameters/google.yaml", path.read_text().replace("min_sample_size: 30", "min_sample_size: 31")
    )
    assert told(shop.project[GOOGLE]) == ("base", "base", "posterior", 40)
    strict = shop.project.resolve(GOOGLE, mode="strict")
    assert told(strict) == ("exact", "google", "posterior", 30)


def test_before_any_evidence_the_closest_belief_answers(shop: Shop) -> None:
    assert told(shop.project[GOOGLE]) == ("exact", "google", "prior", 0)
    assert shop.project[GOOGLE].passed_over == ()


def test_a_belief_that_was_only_stated_is_never_passed_over(shop: Shop) -> None:
    shop.write(
        "parameters/facebook.yaml",
        "id: facebook\nedge_reference: e.signup.context(channel='facebook').p.mean\n"
        "value: {mean: 0.1, stdev: 0.02}\n",
    )
    shop.sell(1, 40, 13, edge="base")
    shop.night()
    answer = shop.project["e.signup.context(channel='facebook').visited(home)"]
    assert told(answer) == ("context", "facebook", "prior", 0)
    assert answer.value == pytest.approx(0.1)


def test_shards_of_a_template_answer_for_their_values(shop: Shop) -> None:
    shop.sell(1, 10, 7, edge="pay", channel="google")
    shop.night()
    # mean .5 and sd .1 are Beta(12, 12)
    found = shop.project["e.from(form).to(done).context(channel='google').p.alpha"]
    assert (told(found), found.value) == (
        ("exact", "pay[channel=google]", "posterior", 10),
        pytest.approx(19),
    )
    other = shop.project["e.pay.context(channel='facebook').visited(pricing).p.mean"]
    assert told(other) == ("context", "pay[channel=facebook]", "prior", 0)
    with pytest.raises(ConfigError, match="no parameter of the edge pay"):
        shop.project["e.pay.p.mean"]


def test_a_past_night_answers_as_it_did_then(shop: Shop) -> None:
    shop.sell(1, 40, 13, edge="base")
    shop.night()
    first = shop.project["e.signup.p.mean"]
    shop.sell(0, 100, 20, edge="base")
    shop.tomorrow()
    assert shop.project["e.signup.p.n"].value == 140
    assert shop.project.resolve("e.signup.p.mean", TONIGHT) == first
    assert shop.project.resolve("e.signup.p.mean", as_of=TONIGHT.isoformat()).as_of == TONIGHT
    assert shop.project.resolve("e.signup", as_of=date(2026, 1, 1)).origin == "prior"
    with pytest.raises(UsageError, match="has not come yet"):
        shop.project.resolve("e.signup", as_of=TONIGHT + 9 * DAY)


def test_the_age_counts_from_the_end_of_the_last_day_counted(shop: Shop) -> None:
    shop.sell(1, 40, 13, edge="base")
    shop.night()
    assert shop.project["e.signup"].age_days == 0.25  # a night is at 06:00, the day ended at midnight
    shop.today += 3 * DAY
    assert shop.project["e.signup"].age_days == 3.25


def test_an_answer_is_ready_for_json_and_prints_with_its_provenance(shop: Shop) -> None:
    shop.sell(1, 40, 13, edge="base")
    shop.night()
    answer = shop.project[f"{GOOGLE}.visited(pricing).p.mean"]
    facts = answer.as_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["as_of"], facts["level"], facts["passed_over"]) == (
        "2026-03-20",
        "base",
        ["google", "pricing"],
    )
    assert facts["reference"] == "e.signup.visited(pricing).context(channel='google').p.mean"
    assert str(answer) == (
        f"{facts['reference']}: 0.323077 (base, base, posterior, n 40, mean 0.323 ± 0.058)"
    )


@pytest.mark.parametrize("text", ["", "signup", "e.signup.visted(a)", "e.signup.p.meen", "e.a.context(b=c)"])
def test_what_is_no_reference_is_a_mistake_in_the_call(shop: Shop, text: str) -> None:
    with pytest.raises(UsageError) as wrong:
        shop.project[text]
    assert repr(text) in wrong.value.message
    assert wrong.value.remedy


def test_an_unknown_name_is_told_with_the_nearest(shop: Shop) -> None:
    with pytest.raises(UnknownName, match="did you mean google"):
        shop.project["e.signup.context(channel='gogle')"]
    with pytest.raises(UsageError, match="use strict"):
        shop.project.resolve("e.signup", mode="strikt")  # type: ignore[arg-type]


def test_a_figure_of_another_family_is_an_error(shop: Shop) -> None:
    shop.write(
        "parameters/size.yaml",
        "id: size\ntype: mean\nedge_reference: e.from(pricing).to(done).p.mean\n"
        "value: {mean: 12.5, stdev: 1.5, noise_sigma: 4.0}\n",
    )
    assert shop.project["e.from(pricing).to(done).p.stdev"].value == 1.5
    with pytest.raises(ConfigError, match="size is a normal: it has no alpha"):
        shop.project["e.from(pricing).to(done).p.alpha"]


def test_a_latency_is_refused_while_none_is_known(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="no latency is known of the edge signup"):
        shop.project["e.signup.latency.t95"]


def test_a_prior_that_was_never_read_is_passed_over_and_is_an_error_alone(shop: Shop) -> None:
    unread = (
        "prior_source: {type: sql, connection: shop, query: 'SELECT alpha, beta FROM nowhere'}\n"
        f"edge_reference: e.signup.visited(home).p.mean\n{CURRENT}"
    )
    shop.define("home", prior="", rest=unread)
    answer = shop.project["e.signup.visited(home)"]
    assert told(answer) == ("base", "base", "prior", 0)
    assert answer.passed_over == ("home",)
    with pytest.raises(ConfigError, match="nothing is known of home yet"):
        shop.project.resolve("e.signup.visited(home)", mode="strict")


def test_changed_definitions_answer_once_they_are_read_again(shop: Shop) -> None:
    assert shop.project["e.signup.visited(pricing)"].parameter_id == "pricing"
    (shop.root / "parameters" / "pricing.yaml").unlink()
    shop.project.reload()
    assert shop.project["e.signup.visited(pricing)"].parameter_id == "base"
