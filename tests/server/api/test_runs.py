"""Runs over HTTP: listed, planned, started, followed as events, cancelled; and whether nights come."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from tests.runs.shop import Shop
from tests.server.fixtures import Serve
from tests.server.nights import KEY, TONIGHT, make_shop, slow_down

import evenfall
from evenfall.server import ServerSettings, create_app

RUNS = "/api/v1/runs"

RATE = """\
SELECT SUM(successes) AS events, SUM(trials) AS exposure FROM counts
    WHERE edge = 'signup' AND day >= :start_date AND day < :end_date"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path / "shop") as shop:
        yield shop


@contextmanager
def listening(root: Path) -> Iterator[tuple[httpx.Client, uvicorn.Server]]:
    """Serve a project on a port of its own, as `evenfall serve` does, until the block ends."""
    app = create_app([evenfall.open(root)], ServerSettings(scheduler=False))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client, server
    finally:
        server.should_exit = True
        thread.join()


def events_of(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of a stream as (name, data)."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


# What there was -----------------------------------------------------------------------------------------


def test_nights_are_listed_page_by_page_the_newest_first(shop: Shop, serve: Serve) -> None:
    nights = [TONIGHT - timedelta(days=ago) for ago in (2, 1, 0)]
    for night in nights:
        shop.night(night)
    shop.night(TONIGHT)
    client = serve(shop.root)
    first = client.get(RUNS, params={"limit": 2}).json()
    assert [run["run_key"] for run in first["items"]] == [KEY, f"nightly:{nights[1]}"]
    assert first["total"] == 3
    newest = first["items"][0]
    assert (newest["state"], newest["ended"], newest["attempt"]) == ("completed", "ok", 2)
    assert (newest["progress"], newest["done"], newest["counts"]) == (1, 1, {"updated": 1})
    rest = client.get(RUNS, params={"limit": 2, "cursor": first["next"]}).json()
    assert [run["run_key"] for run in rest["items"]] == [f"nightly:{nights[0]}"]
    assert rest["next"] is None
    assert client.get(RUNS, params={"cursor": "neither"}).status_code == 422


def test_a_failed_parameter_is_shown_with_its_traceback_and_what_to_do(shop: Shop, serve: Serve) -> None:
    # two days of 1e308 exceed the largest number there is: summing them raises, deep inside the computation
    shop.define("other")
    shop.sell(1, 40, 13, edge="other")
    shop.define(prior="{distribution: gamma, shape: 2, rate: 1}", query=RATE, rest="type: rate")
    for ago in (1, 2):
        shop.sell(ago, 1e308, 1)
    shop.night()
    told = serve(shop.root).get(f"{RUNS}/{KEY}").json()
    assert (told["state"], told["ended"], told["failed"]) == ("completed", "partial", 1)
    (failure,) = told["failures"]
    assert (failure["parameter_id"], failure["outcome"]) == ("signup", "failed")
    assert failure["message"].startswith("OverflowError")
    assert failure["traceback"].startswith("Traceback")
    assert "retry" in failure["remedy"]
    assert [task["parameter_id"] for task in told["plan"]] == ["other", "signup"]
    assert [result["outcome"] for result in told["results"]] == ["updated", "failed"]


def test_a_night_whose_process_is_gone_is_interrupted_and_says_what_to_do(shop: Shop, serve: Serve) -> None:
    gone = "somewhere-else:1:1"
    shop.project.world.store.start_run(KEY, "nightly", TONIGHT, gone, lease_seconds=0)
    told = serve(shop.root).get(f"{RUNS}/{KEY}").json()
    assert (told["state"], told["ended"]) == ("failed", "interrupted")
    assert gone in told["error"]["message"]
    assert "run it again" in told["error"]["remedy"]


def test_a_plan_is_answered_and_nothing_is_done(shop: Shop, serve: Serve) -> None:
    answer = serve(shop.root).post(RUNS, json={"plan": True})
    assert answer.status_code == 200
    assert answer.json()["run_key"] == KEY
    assert [task["parameter_id"] for task in answer.json()["tasks"]] == ["signup"]
    assert shop.rows("runs") == []


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"as_of": "2030-01-01"}, 422, "has not come yet"),
        ({"as_of": "yesterday"}, 422, "as_of"),
        ({"only": "sign-up"}, 404, "signup"),
        ({"nights": 3}, 422, "nights"),
    ],
)
def test_a_night_that_cannot_be_is_refused_with_a_remedy(
    shop: Shop, serve: Serve, asked: dict[str, object], status: int, said: str
) -> None:
    answer = serve(shop.root).post(RUNS, json=asked)
    assert answer.status_code == status
    assert said in answer.text
    assert answer.json()["remedy"]


def test_who_may_look_may_not_start_or_cancel(shop: Shop, serve: Serve) -> None:
    with evenfall.open(shop.root) as project:
        looks = project.keys.create("vera", "viewer", None).text
        asks = project.keys.create("anton", "analyst", None).text
    client = serve(shop.root, key=looks, keys_required=True)
    assert client.get(RUNS).status_code == 200
    assert client.post(RUNS, json={}).status_code == 403
    assert client.delete(f"{RUNS}/{KEY}").status_code == 403
    assert client.post("/api/v1/parameters/signup/refresh").status_code == 403
    bearer = {"Authorization": f"Bearer {asks}"}
    assert client.post(RUNS, json={}, headers=bearer).status_code == 403
    assert client.post("/api/v1/parameters/sign-up/refresh", headers=bearer).status_code == 404
    assert client.get(f"{RUNS}/nightly:1999-01-01").status_code == 404


# Whether nights come ------------------------------------------------------------------------------------


def test_the_health_of_nights_needs_no_key(shop: Shop, serve: Serve) -> None:
    client = serve(shop.root, keys_required=True)
    never = client.get("/health/nightly")
    assert (never.status_code, never.json()["status"]) == (503, "never")
    shop.night()
    well = client.get("/health/nightly")
    assert well.status_code == 200
    assert well.json() | {"started_at": "", "finished_at": ""} == {
        "status": "ok",
        "as_of": "2026-03-20",
        "due_at": "2026-03-20T06:00:00Z",
        "started_at": "",
        "finished_at": "",
        "counts": {"updated": 1},
    }


# Over a real socket -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_night_is_followed_to_its_end_and_its_numbers_are_answered(shop: Shop) -> None:
    with listening(shop.root) as (client, _):
        (before,) = client.get("/api/v1/parameters").json()["items"]
        assert before["posterior_mean"] is None
        started = client.post("/api/v1/parameters/signup/refresh")
        assert started.status_code == 202
        key = started.json()["run_key"]
        assert key == f"{KEY}:signup"
        with client.stream("GET", f"{RUNS}/{key}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            told = list(events_of(stream))
        assert [name for name, _ in told[:-1]] == ["progress"] * (len(told) - 1)
        name, data = told[-1]
        assert (name, data["state"], data["ended"], data["progress"]) == ("done", "completed", "ok", 1)
        assert "results" not in data
        shown = client.get(f"{RUNS}/{key}").json()
        assert [result["outcome"] for result in shown["results"]] == ["updated"]
        (after,) = client.get("/api/v1/parameters").json()["items"]
        # Beta(8, 17) and 13 of 40: Beta(21, 44), whose mean is 21/65
        assert after["posterior_mean"] == pytest.approx(21 / 65)
        assert client.get("/api/v1/parameters/signup").json()["posterior_mean"] == pytest.approx(21 / 65)
        assert client.delete(f"{RUNS}/{key}").status_code == 409


@pytest.mark.slow
def test_twenty_who_follow_a_night_and_leave_leave_nothing_behind(shop: Shop) -> None:
    slow_down(shop)
    with listening(shop.root) as (client, server):
        assert client.post(RUNS, json={}).status_code == 202
        assert client.post(RUNS, json={}).json()["state"] == "running"
        began = time.monotonic()
        with client.stream("GET", f"{RUNS}/{KEY}/events") as own:
            following = events_of(own)
            heard = [next(following) for _ in range(3)]
            assert time.monotonic() - began < 10, "it is told at least once a second"
            assert {name for name, _ in heard} == {"progress"}
            with ExitStack() as crowd:
                streams = [client.stream("GET", f"{RUNS}/{KEY}/events") for _ in range(20)]
                followed = [events_of(crowd.enter_context(stream)) for stream in streams]
                assert {next(events)[1]["state"] for events in followed} == {"running"}
                assert len(server.server_state.tasks) == 21
                threads = threading.active_count()
            for _ in range(200):
                time.sleep(0.02)
                if len(server.server_state.tasks) == 1:
                    break
            assert len(server.server_state.tasks) == 1, "only the one who stayed is still answered"
            assert threading.active_count() <= threads
            assert client.get("/api/v1/me").status_code == 200
            cancelled = client.delete(f"{RUNS}/{KEY}")
            assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
            name, data = list(following)[-1]
            assert (name, data["ended"]) == ("done", "cancelled")
