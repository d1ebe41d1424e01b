"""References to slices that have too little evidence of their own, and lean on the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from evenfall.errors import ConfigError

from ..shop import DAY, TONIGHT, Shop

GRAPH = """\
nodes: [{slug: form}, {slug: reviews}, {slug: done, outcome: true}]
edges:
  - {slug: pay, from: form, to: done, p: {parameter_id: pay}}
"""
CHANNELS = ("google", "facebook", "bing", "email", "tv", "radio")
PAY = """\
id: pay
edge_reference: e.pay.p.mean
posterior_destination: {write_frequency: 1d}
bayesian_update: {prior: {distribution: beta, mean: 0.4, stdev: 0.15}, pooling: partial}
observation_source:
  type: sqlite
  connection: shop
  min_sample_size: 100
  context_variables: [channel]
  query_template: |
    SELECT channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts
    WHERE edge = 'pay' AND day >= :start_date AND day < :end_date GROUP BY channel
"""
SIGNUP = """\
id: signup
edge_reference: e.pay.p.mean
observation_source:
  type: events
  connection: shop
  table: events
  columns: {user: user_id, event: event, node: node, time: at, channel: channel}
  unit: user
  attempt: start
  success: done
  lookback: 1d
bayesian_update:
  prior: {distribution: beta, mean: 0.4, stdev: 0.15}
  pooling: {effects: [channel], visited: [reviews]}
posterior_destination: {write_frequency: 1d}
"""


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Four channels with 1,000 trials each near 30 %, tv with 10 of 20, radio with none."""
    with Shop(tmp_path_factory.mktemp("pooled") / "shop") as shop:
        shop.write("graphs/shop.yaml", GRAPH)
        values = ", ".join(f"{{id: {name}}}" for name in CHANNELS)
        shop.write("contexts/channel.yaml", f"id: channel\nmece: true\nvalues: [{values}]\n")
        shop.write("parameters/pay.yaml", PAY)
        for channel, (trials, successes) in zip(
            CHANNELS, [(1000, 280), (1000, 310), (1000, 330), (1000, 290), (20, 10)], strict=False
        ):
            shop.sell(1, trials, successes, edge="pay", channel=channel)
        shop.night()
        yield shop


def of(channel: str) -> str:
    return f"e.pay.context(channel='{channel}').p.mean"


def test_a_slice_with_evidence_answers_its_own_posterior(sharded: Shop) -> None:
    answer = sharded.project[of("google")]
    assert (answer.level, answer.parameter_id, answer.n) == ("exact", "pay[channel=google]", 1000)


def test_a_slice_below_its_sample_size_is_drawn_towards_the_others(sharded: Shop) -> None:
    answer = sharded.project[of("tv")]
    assert (answer.level, answer.parameter_id, answer.origin) == ("pooled", "pay[channel=tv]", "posterior")
    assert answer.n == 20
    assert 0.29 < answer.value < 0.45  # between 30 % of the others and 50 % of its own 20
    strict = sharded.project.resolve(of("tv"), mode="strict")
    assert (strict.level, strict.origin) == ("exact", "prior")


def test_a_value_never_seen_answers_as_one_more_of_its_kind(sharded: Shop) -> None:
    answer, tv = sharded.project[of("radio")], sharded.project[of("tv")]
    assert (answer.level, answer.parameter_id, answer.n) == ("pooled", "pay[channel=radio]", 0)
    assert 0.25 < answer.value < 0.36
    google = sharded.project[of("google")]
    assert answer.stdev > google.stdev  # how channels differ comes on top of what is known of their centre
    assert answer.lower < 0.28
    assert tv.stdev > google.stdev


def test_alpha_and_beta_of_a_pooled_answer_have_its_mean_and_stdev(sharded: Shop) -> None:
    project = sharded.project
    alpha, beta = (project[of("tv").replace("mean", leaf)].value for leaf in ("alpha", "beta"))
    answer = project[of("tv")]
    total = alpha + beta
    assert alpha / total == pytest.approx(answer.mean)
    assert np.sqrt(alpha * beta / total**2 / (total + 1)) == pytest.approx(answer.stdev)


def test_a_what_if_draws_what_the_reference_answers(sharded: Shop) -> None:
    found = sharded.project.whatif(select={"channel": ["google", "tv", "radio"]}, start="form")
    by_slice = {rate.slices: rate for rate in found.rates}
    for channel, level in {"google": "exact", "tv": "pooled", "radio": "pooled"}.items():
        answer = sharded.project[of(channel)]
        rate = by_slice[f"channel={channel}",]
        assert (rate.level, rate.mean) == (level, pytest.approx(answer.mean))
        arrivals = found.change("done", f"channel={channel}").before
        assert arrivals.mean == pytest.approx(answer.mean, abs=4 * answer.stdev / np.sqrt(4000))


def test_another_definition_is_not_answered_from_the_pooled_fit_of_this_one(sharded: Shop) -> None:
    sharded.write("parameters/pay.yaml", PAY.replace("pooling: partial", "pooling: none"))
    try:
        answer = sharded.project[of("tv")]
        assert (answer.level, answer.origin) == ("exact", "prior")
    finally:
        sharded.write("parameters/pay.yaml", PAY)


@pytest.fixture(scope="module")
def sliced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Users of two channels, half of whom read reviews: 50 % convert after reviews, 25 % without."""
    with Shop(tmp_path_factory.mktemp("sliced") / "shop", lookback=30) as shop:
        shop.write("graphs/shop.yaml", GRAPH.replace("parameter_id: pay", "parameter_id: signup"))
        shop.write("contexts/channel.yaml", "id: channel\nvalues: [{id: google}, {id: email}, {id: tv}]\n")
        shop.write("parameters/signup.yaml", SIGNUP)
        shop.db.execute("CREATE TABLE events (user_id, at TEXT, event, node, channel)")
        rows = []
        for user in range(1600):
            day = (TONIGHT - (2 + user % 20) * DAY).isoformat()
            channel, reviews = ("google", "email")[user // 20 % 2], user // 40 % 2
            done = user // 80 % (2 if reviews else 4) == 0
            if reviews:
                rows.append((user, f"{day} 09:00:00", "view", "reviews", channel))
            rows.append((user, f"{day} 10:00:00", "start", "form", channel))
            if done:
                rows.append((user, f"{day} 10:30:00", "done", "done", channel))
        shop.db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
        shop.night()
        yield shop


def test_slices_of_one_parameter_answer_from_its_pooled_fit(sliced: Shop) -> None:
    project = sliced.project
    base = project["e.pay.p.mean"]
    assert (base.level, base.n) == ("exact", 1600)
    after = project["e.pay.visited(reviews).p.mean"]
    without = project["e.pay.exclude(reviews).p.mean"]
    assert (after.level, after.n, without.n) == ("pooled", 800, 800)
    assert after.answers_for == "e.pay.visited(reviews).p.mean"
    # 800 trials tell .5 to ±.018 and .25 to ±.015; four of these
    assert after.value == pytest.approx(0.5, abs=0.07)
    assert without.value == pytest.approx(0.25, abs=0.06)
    both = project["e.pay.visited(reviews).context(channel='google').p.mean"]
    assert (both.level, both.n) == ("pooled", 400)
    new = project["e.pay.context(channel='tv').p.mean"]
    assert (new.level, new.n) == ("pooled", 0)
    assert new.stdev > base.stdev
    strict = project.resolve("e.pay.visited(reviews).p.mean", mode="strict")
    assert (strict.level, strict.parameter_id) == ("base", "signup")


def test_what_the_fit_does_not_tell_apart_answers_by_the_discrete_rule(sliced: Shop) -> None:
    answer = sliced.project["e.pay.visited(form).p.mean"]
    assert (answer.level, answer.parameter_id) == ("base", "signup")
    with pytest.raises(ConfigError, match="no latency"):
        sliced.project["e.pay.latency.median"]
