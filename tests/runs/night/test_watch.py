"""Incidents through real nights: opened once, told once, resolved with evidence, the same when run again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from evenfall.store.records import IncidentRecord

from ..shop import DAY, TONIGHT, Shop

ROUTES = """\
posterior_destination: {write_frequency: 1d}
model_fit:
  alarm: %s
  alerts:
    - {type: slack, webhook: {env: SLACK_HOOK}}
    - {type: email, email: team@example.com}
"""
FIRM = "{distribution: beta, alpha: 300, beta: 700}"


def messages(shop: Shop) -> list[dict[str, Any]]:
    return [{**row, "payload": json.loads(row["payload"])} for row in shop.rows("outbox")]


def incidents(shop: Shop) -> list[IncidentRecord]:
    night = shop.project.world.night()
    return shop.project.world.store.incidents(None, night.instant)


def test_the_threshold_rule_rings_once_and_says_when_it_is_over(shop: Shop) -> None:
    shop.define(prior=FIRM, rest=ROUTES % "threshold")
    shop.sell(2, 1000, 300)
    shop.night()
    assert messages(shop) == []
    for _ in range(3):
        shop.sell(1, 1000, 500)
        shop.tomorrow()
    (incident,) = incidents(shop)
    assert (incident.kind, incident.state, incident.opened_on) == ("change", "open", TONIGHT + DAY)
    queued = messages(shop)
    assert [(m["channel"], m["payload"]["what"]) for m in queued] == [
        ("slack", "opened"),
        ("email", "opened"),
    ]
    # 300 and 500 of 1,000 each, against Beta(300, 700): 200 / sqrt(2000 .3 .7 3000/1001) = 5.64
    assert "5.6σ" in queued[0]["payload"]["text"]
    assert queued[0]["payload"]["parameters"] == ["signup"]
    shop.today += 8 * DAY  # the bad days leave the window
    for _ in range(3):
        for ago in range(1, 8):
            shop.sell(ago, 1000, 300)
        shop.tomorrow()
    (incident,) = incidents(shop)
    assert incident.state == "resolved"
    assert [m["payload"]["what"] for m in messages(shop)] == ["opened", "opened", "resolved", "resolved"]


def a_drop(shop: Shop, successes: int = 200) -> None:
    """Sixty days at .3, the last six of them lower; each with 1,000 trials."""
    for ago in range(1, 61):
        shop.sell(ago, 1000, successes if ago <= 6 else 290 + 7 * ago % 21)
    shop.project.backfill(shop.today - 60 * DAY, shop.today).apply()


def test_the_detector_finds_the_day_of_a_drop_and_running_the_night_again_changes_nothing(shop: Shop) -> None:
    shop.define(prior=FIRM, rest=ROUTES % "detector")
    a_drop(shop)
    (incident,) = incidents(shop)
    assert incident.since is not None
    assert abs(incident.since - (TONIGHT - 6 * DAY)) <= timedelta(days=1)
    assert incident.figures["direction"] == "lower"
    level = incident.figures["level"]
    assert isinstance(level, float)
    assert abs(level - 0.2) < 0.04  # the drop; its first day shares a week with a day before it
    assert "since" in incident.message
    assert shop.row().light == "red"
    kept = ("incidents", "incident_events", "outbox")
    before = {table: shop.rows(table) for table in kept}
    shop.night()
    assert {table: shop.rows(table) for table in kept} == before


def test_without_a_drop_nothing_rings(shop: Shop) -> None:
    shop.define(prior=FIRM, rest=ROUTES % "detector")
    a_drop(shop, successes=300)
    assert incidents(shop) == []
    assert messages(shop) == []


def test_a_drop_that_is_mended_is_resolved_after_three_calm_nights_that_show_it(shop: Shop) -> None:
    shop.define(prior=FIRM, rest=ROUTES % "detector")
    a_drop(shop)
    for _ in range(12):
        shop.sell(0, 1000, 300)
        shop.tomorrow()
    (incident,) = incidents(shop)
    assert incident.state == "resolved"
    assert [m["payload"]["what"] for m in messages(shop)][-1] == "resolved"


def test_a_source_that_is_down_silences_its_parameters_with_one_message(shop: Shop) -> None:
    for name in ("signup", "checkout"):
        shop.define(name, prior=FIRM, rest=ROUTES % "detector")
        shop.sell(2, 1000, 300, edge=name)
    shop.night()
    (shop.root / "shop.db").rename(shop.root / "gone.db")
    shop.tomorrow()
    assert {(one.parameter_id, one.kind) for one in incidents(shop)} == {
        ("signup", "source_down"),
        ("checkout", "source_down"),
    }
    told = messages(shop)
    assert [(m["channel"], len(m["payload"]["parameters"])) for m in told] == [("slack", 2), ("email", 2)]
    (shop.root / "gone.db").rename(shop.root / "shop.db")
    shop.tomorrow()
    assert {one.state for one in incidents(shop)} == {"resolved"}
