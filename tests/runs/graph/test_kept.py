"""What is kept between questions changes no answer: not in its last digit, and not beyond its time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from evenfall.project import Project
from evenfall.runs.graph.kept import Kept

from ..shop import Shop
from .test_whatif import BY_CHANNEL, CHANNEL

GRAPH = """\
id: shop
nodes: [{slug: land}, {slug: cart}, {slug: gift}, {slug: order, outcome: true}, {slug: left, outcome: true}]
edges:
  - {slug: add, from: land, to: cart}
  - {slug: buy, from: cart, to: order, p: {mean: 0.4, stdev: 0.05}, cost: {mean: 3, stdev: 0.4}}
  - {slug: wrap, from: cart, to: gift, p: {mean: 0.2, stdev: 0.1}, cost: 1}
  - {slug: back, from: gift, to: cart, p: {mean: 0.5, stdev: 0.1}}
  - {slug: leave, from: cart, to: left, p: {mean: 0.35, stdev: 0.1}}
"""
BOTH = {"select": {"channel": ["google", "facebook"]}}
QUESTIONS: tuple[dict[str, Any], ...] = (
    BOTH,
    {"select": {"channel": ["google"]}},
    {**BOTH, "overrides": {"buy": 0.5}},
    {**BOTH, "overrides": {"e.add.context(channel='google').p.mean": (0.7, 0.02), "wrap": 0.1}},
    {**BOTH, "overrides": {"e.buy.visited(gift).p.mean": 0.6}},
    {**BOTH, "mix": {"google": 20, "facebook": 80}},
    {**BOTH, "measure": "reach", "overrides": {"back": 0.1}},
    {**BOTH, "to": ["cart", "gift", "order"], "overrides": {"back": 0.9}},
)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """A graph with a cycle, siblings that exceed 1 and costs; one edge is counted per channel."""
    shop.write("graphs/shop.yaml", GRAPH)
    shop.write("contexts/channel.yaml", CHANNEL)
    shop.write("parameters/add.yaml", BY_CHANNEL)
    for channel, trials, successes in (("google", 300, 150), ("facebook", 100, 20)):
        shop.sell(2, trials, successes, edge="add", channel=channel)
    shop.night()
    return shop


def ask(project: Project, question: dict[str, Any]) -> dict[str, Any]:
    return project.whatif(**question).as_dict()


def ask_anew(shop: Shop, question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a project that nobody asked anything before."""
    with Project(shop.root, shop.clock) as fresh:
        return ask(fresh, question)


def test_every_answer_is_that_of_a_project_nobody_asked_before(shop: Shop) -> None:
    for question in (*QUESTIONS, *reversed(QUESTIONS)):
        assert ask(shop.project, question) == ask_anew(shop, question)


def test_after_a_night_the_answer_is_the_new_one(shop: Shop) -> None:
    before = ask(shop.project, BOTH)
    shop.sell(2, 500, 50, edge="add", channel="google")
    with Project(shop.root, shop.clock) as other:  # as the command line does, beside the server
        other.nightly(retry_failed=True, only="add").apply()
    after = ask(shop.project, BOTH)
    assert after == ask_anew(shop, BOTH)
    assert after["mixed"] != before["mixed"]
    assert after["mix"]["before"] != before["mix"]["before"]


def test_after_an_edit_the_answer_is_the_new_one(shop: Shop) -> None:
    before = ask(shop.project, BOTH)
    shop.write("graphs/shop.yaml", GRAPH.replace("mean: 0.4", "mean: 0.3"))
    after = ask(shop.project, BOTH)
    assert after == ask_anew(shop, BOTH)
    assert after["mixed"] != before["mixed"]


def test_after_an_accept_the_answer_is_the_new_one(shop: Shop) -> None:
    """No current number changes with it, but what is kept is another prior's."""
    kept = Kept()
    before, ground = ask(shop.project, BOTH), kept.ground(shop.project.world)
    shop.project.accept("add[channel=google]")
    assert kept.ground(shop.project.world) is not ground
    assert ask(shop.project, BOTH) == ask_anew(shop, BOTH) == before


def test_while_a_night_is_at_work_nothing_is_kept(shop: Shop) -> None:
    kept, world = Kept(), shop.project.world
    assert kept.ground(world) is kept.ground(world)
    lease = world.store.start_run("nightly:x", "nightly", shop.today)
    assert kept.ground(world) is not kept.ground(world)
    world.store.finish_run(lease, "ok")
    assert kept.ground(world) is kept.ground(world)


def test_a_saved_scenario_throws_nothing_away(shop: Shop) -> None:
    kept = Kept()
    ground = kept.ground(shop.project.world)
    shop.project.save_scenario("mine", shop.project.whatif(**QUESTIONS[2]))
    assert "mine" in shop.project.registry.scenarios
    assert kept.ground(shop.project.world) is ground


def test_a_project_read_again_answers_from_what_was_kept(shop: Shop) -> None:
    renewed = shop.project.renewed()
    assert renewed._kept is shop.project._kept
    assert ask(renewed, QUESTIONS[3]) == ask_anew(shop, QUESTIONS[3])


def test_earlier_nights_are_answered_beside_tonight(shop: Shop) -> None:
    shop.today = shop.day(-1)
    shop.sell(1, 900, 90, edge="add", channel="google")
    shop.night()
    for _ in range(2):
        for night in (shop.day(1), shop.day(0)):
            question = {**BOTH, "as_of": night}
            assert ask(shop.project, question) == ask_anew(shop, question)


def test_questions_asked_at_once_have_the_answers_they_have_alone(shop: Shop) -> None:
    alone = [ask_anew(shop, question) for question in QUESTIONS]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda q: ask(shop.project, q), QUESTIONS * 3))
    assert found == alone * 3


def test_slices_beyond_the_memory_they_may_take_are_forgotten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evenfall.runs.graph.kept._MOST_BYTES", 1)
    for question in QUESTIONS:
        assert ask(shop.project, question) == ask_anew(shop, question)
    ground = shop.project._kept.ground(shop.project.world)
    assert len(ground._standing) == 1
