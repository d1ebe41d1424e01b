"""What a night keeps for the outside world: posteriors to deliver, alerts to send, each once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..shop import DAY, TONIGHT, Shop

TWO_PLACES = """\
posterior_destination:
  destinations:
    - {type: sql, connection: shop, table: posteriors}
    - {type: webhook, url: {env: HOOK}}
"""

LOUD = """\
posterior_destination: {write_frequency: 1d}
model_fit:
  alerts:
    - {type: slack, webhook: {env: SLACK_HOOK}}
    - {type: email, email: team@example.com}
"""

FIRM = "{distribution: beta, alpha: 300, beta: 700}"


def messages(shop: Shop) -> list[dict[str, Any]]:
    return [{**row, "payload": json.loads(row["payload"])} for row in shop.rows("outbox")]


# Posteriors -------------------------------------------------------------------------------------------------


def test_each_destination_gets_its_message_once(shop: Shop) -> None:
    shop.define(rest=TWO_PLACES)
    shop.sell(1, 40, 13)
    shop.night()
    queued = messages(shop)
    assert [(m["channel"], m["payload"]["destination"], m["status"]) for m in queued] == [
        ("sql", 0, "pending"),
        ("webhook", 1, "pending"),
    ]
    assert len({m["idempotency_key"] for m in queued}) == 2
    shop.night()
    assert messages(shop) == queued
    shop.tomorrow()
    assert len(messages(shop)) == 4


def test_a_night_that_is_run_again_over_other_data_delivers_again(shop: Shop) -> None:
    shop.define(rest=TWO_PLACES)
    shop.sell(1, 40, 13)
    shop.night()
    shop.sell(1, 41, 13)
    shop.night()
    assert [m["payload"]["row"]["trials"] for m in messages(shop)] == [40, 40, 41, 41]
    assert len({m["idempotency_key"] for m in messages(shop)}) == 4


def test_a_message_carries_every_column_a_destination_may_ask_for(shop: Shop) -> None:
    # the names of a SQL destination; Beta(8, 17) and 52 of 150 are the design's worked example
    shop.write("graphs/shop.yaml", "nodes: [{slug: home}, {slug: done}]\nedges: []\n")
    shop.define(rest=f"{TWO_PLACES}visited_filter: [home]\ncontext_filter: {{device: mobile}}")
    shop.sell(1, 100, 40)
    shop.sell(2, 50, 12)
    shop.night()
    row = messages(shop)[0]["payload"]["row"]
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}
    assert rounded == {
        "param_id": "signup",
        "observation_date": str(TONIGHT - DAY),
        "timestamp": f"{TONIGHT}T06:00:00+00:00",
        "prior_mean": 0.32,
        "prior_stdev": 0.0915,
        "trials": 150,
        "successes": 52,
        "posterior_mean": 0.3429,
        "posterior_stdev": 0.0358,
        "alpha": 60,
        "beta": 115,
        "lower": 0.2745,
        "upper": 0.4146,
        "visited_nodes": ["home"],
        "context_filter": {"device": "mobile"},
        "drift_alert": False,
        "run_key": f"nightly:{TONIGHT}",
    }


def test_what_is_not_published_is_not_delivered(shop: Shop) -> None:
    shop.define(rest=TWO_PLACES.replace("  destinations:", "  write_frequency: 3d\n  destinations:"))
    for _ in range(4):
        shop.sell(1, 40, 13)
        shop.night()
        shop.today += DAY
    assert [m["payload"]["row"]["trials"] for m in messages(shop)] == [40, 40, 160, 160]


def test_too_few_samples_deliver_nothing(shop: Shop) -> None:
    shop.define(source="min_sample_size: 100", rest=TWO_PLACES)
    shop.sell(1, 40, 13)
    shop.night()
    assert messages(shop) == []


def test_no_secret_is_in_a_message(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://hooks.example.com/s3cr3t")
    shop.define(rest=TWO_PLACES)
    shop.sell(1, 40, 13)
    shop.night()
    assert "s3cr3t" not in json.dumps(messages(shop))
    assert b"s3cr3t" not in shop.store_file.read_bytes()


# Findings ---------------------------------------------------------------------------------------------------


def test_red_and_green_findings_are_kept_by_their_worth(shop: Shop) -> None:
    shop.define(prior=FIRM, rest=LOUD)
    shop.define("calm", prior=FIRM)
    for edge, successes in (("signup", 500), ("calm", 300)):
        shop.sell(2, 1000, successes, edge=edge)
    shop.night()
    assert {(row["parameter_id"], row["light"]) for row in shop.rows("findings")} == {("signup", "red")}
    assert all(row["remedy"] for row in shop.rows("findings"))
