"""The world of a run: which night it is, which parameters are meant, which files are believed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

import evenfall as ef
from evenfall.clock import PinnedClock
from evenfall.errors import UnknownName, UsageError
from evenfall.runs.world import World

from .shop import DAY, TONIGHT, Shop


def world_at(shop: Shop, instant: str, settings: str) -> World:
    shop.write("evenfall.toml", settings)
    clock = PinnedClock(datetime.fromisoformat(instant).astimezone(UTC))
    return ef.open(shop.root, clock=clock, store="memory").world


@pytest.mark.parametrize(
    ("settings", "now", "as_of", "instant"),
    [
        # by hand, in the zone's own offset of that day
        ('zone = "UTC"', "2026-03-20T23:59Z", date(2026, 3, 20), "2026-03-20T06:00Z"),
        ('zone = "Europe/Berlin"', "2026-03-28T23:30Z", date(2026, 3, 29), "2026-03-29T04:00Z"),
        ('zone = "Europe/Berlin"', "2026-03-28T22:30Z", date(2026, 3, 28), "2026-03-28T05:00Z"),
        (
            'zone = "Pacific/Auckland"\nscheduled_hour = "05:30"',
            "2026-03-20T12:00Z",
            date(2026, 3, 21),
            "2026-03-20T16:30Z",
        ),
        ('zone = "America/New_York"', "2026-11-01T05:30Z", date(2026, 11, 1), "2026-11-01T11:00Z"),
    ],
)
def test_a_night_is_the_local_date_at_the_scheduled_hour(
    shop: Shop, settings: str, now: str, as_of: date, instant: str
) -> None:
    world = world_at(shop, now, settings)
    assert world.night().as_of == as_of
    assert world.night().instant == datetime.fromisoformat(instant)
    assert World.before(world.night()).as_of == as_of - DAY
    world.store.close()


def test_a_past_night_can_be_named_and_a_coming_one_not(shop: Shop) -> None:
    world = shop.project.world
    assert world.night("2026-03-01").as_of == date(2026, 3, 1)
    assert world.night(TONIGHT).as_of == TONIGHT
    with pytest.raises(UsageError, match="2026-03-21 has not come yet: it is 2026-03-20 in UTC"):
        world.night("2026-03-21")
    with pytest.raises(UsageError, match="'yesterday' is not a date"):
        world.night("yesterday")


def test_the_projects_own_pinned_clock_is_used_unless_another_is_given(shop: Shop) -> None:
    shop.write("evenfall.toml", 'clock = "2026-01-05"\n')
    with ef.open(shop.root, store="memory") as project:
        assert project.world.night().as_of == date(2026, 1, 5)
    assert shop.project.world.night().as_of == TONIGHT


def test_parameters_are_meant_by_id_template_or_reference(shop: Shop) -> None:
    shop.write("contexts/channel.yaml", "id: channel\nvalues: [{id: google}, {id: email}]\n")
    shop.define(
        query="SELECT channel, SUM(trials) AS trials, SUM(successes) AS successes FROM counts"
        " WHERE day >= :start_date AND day < :end_date GROUP BY channel",
        source="context_variables: [channel]",
        rest="edge_reference: e.signup.p.mean",
    )
    text = (shop.root / "parameters" / "signup.yaml").read_text()
    shop.write("parameters/signup.yaml", text.replace("  query: |", "  query_template: |"))
    shop.define("checkout")
    world = shop.project.world

    def ids(only: str | None) -> list[str]:
        return [parameter.id for parameter in world.selected(only)]

    email, google = "signup[channel=email]", "signup[channel=google]"
    assert ids(None) == ["checkout", email, google]
    assert ids("signup") == [email, google]
    assert ids(google) == [google]
    reference = world.registry.parameters[google].edge_reference
    assert reference is not None
    assert ids(reference) == [google]
    with pytest.raises(UnknownName, match="did you mean checkout"):
        ids("chekout")


def test_definitions_read_again_are_those_of_the_files_now(shop: Shop) -> None:
    shop.define()
    assert list(shop.project.registry.parameters) == ["signup"]
    store = shop.project.world.store
    shop.define("checkout")
    assert list(shop.project.registry.parameters) == ["checkout", "signup"]
    assert shop.project.world.store is store


def test_a_file_broken_before_it_was_ever_good_gives_no_parameter(shop: Shop) -> None:
    shop.write("parameters/bad.yaml", "id: bad\nvalue: {mean: 2, stdev: 1}\n")
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    assert list(shop.project.registry.parameters) == ["signup"]
    assert len(shop.project.registry.problems) == 1
