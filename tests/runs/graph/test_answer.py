"""What `update` answers: posterior, observations and divergence, or that there is none and why."""

from __future__ import annotations

import json

import pytest

from ..shop import DAY, TONIGHT, Shop


def test_the_answer_carries_posterior_observations_and_divergence(shop: Shop) -> None:
    # the design's worked example: Beta(8, 17) and 52 of 150
    shop.define()
    shop.sell(1, 100, 40)
    shop.sell(2, 50, 12)
    answer = shop.project.update("signup")
    assert json.loads(json.dumps(answer)) == answer
    posterior = answer["posterior"]
    assert (posterior["alpha"], posterior["beta"]) == (60, 115)
    assert [round(end, 4) for end in posterior["credible_interval_95"]] == [0.2745, 0.4146]
    assert answer["observations"] == {"trials": 150, "successes": 52}
    assert answer["divergence"]["light"] == "grey"  # 50 closed trials are too few to judge
    assert answer["divergence"]["alert"] is False
    # Beta(8, 17) and 12 of the 50 trials that are closed: z = (12 - 16) / sqrt(50 .32 .68 75/26)
    assert answer["divergence"]["sigma_predictive"] == pytest.approx(-4 / (50 * 0.32 * 0.68 * 75 / 26) ** 0.5)
    assert answer["read"] == {"loaded": 150, "counted": 150, "late_not_counted": 0, "quarantined": 0}


def test_without_a_posterior_the_answer_says_why(shop: Shop) -> None:
    shop.define(source="min_sample_size: 100")
    shop.sell(1, 40, 13)
    answer = shop.project.update("signup")
    assert (answer["skipped"], answer["reason"]) == (True, "insufficient_samples")
    assert answer["detail"].startswith("40 of 100 samples so far")
    assert "posterior" not in answer


def test_a_night_that_failed_does_not_pass_off_an_older_posterior_as_its_own(shop: Shop) -> None:
    shop.define(source="min_sample_size: 30")
    shop.sell(2, 40, 13)
    shop.project.update("signup")
    shop.project.accept("signup")
    shop.today += 2 * DAY
    shop.sell(TONIGHT, 10, 11)
    answer = shop.project.update("signup")
    assert (answer["outcome"], answer["reason"]) == ("quarantined", "quarantined")
    assert "posterior" not in answer
    (shop.root / "shop.db").unlink()
    assert shop.project.update("signup")["reason"] == "source_down"


def test_bad_days_are_no_reason_to_withhold_the_posterior_of_the_others(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.sell(2, 10, 11)
    answer = shop.project.update("signup")
    assert answer["outcome"] == "quarantined"
    assert answer["posterior"]["alpha"] == 21
    assert answer["read"] == {"loaded": 50, "counted": 40, "late_not_counted": 0, "quarantined": 10}


def test_a_template_answers_for_each_of_its_shards(shop: Shop) -> None:
    shop.write("contexts/channel.yaml", "id: channel\nvalues: [{id: google}, {id: email}]\n")
    query = "SELECT channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts"
    shop.define(
        query=f"{query} WHERE day >= :start_date AND day < :end_date GROUP BY channel",
        source="context_variables: [channel]\n  min_sample_size: 1",
    )
    text = (shop.root / "parameters" / "signup.yaml").read_text()
    shop.write("parameters/signup.yaml", text.replace("  query: |", "  query_template: |"))
    shop.sell(1, 40, 13, channel="google")
    answer = shop.project.update("signup")
    assert [each["parameter_id"] for each in answer["parameters"]] == [
        "signup[channel=email]",
        "signup[channel=google]",
    ]
    assert answer["exit_code"] == 0
