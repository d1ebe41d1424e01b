"""Projects that are read again when their files change, by many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.server.fixtures import Serve

import evenfall
from evenfall.errors import UsageError
from evenfall.project import open_project
from evenfall.server import served as serving
from evenfall.server.served import Served, fingerprint

NEW = "id: extra\ntype: probability\nvalue: {mean: 0.5, stdev: 0.1}\n"


@pytest.fixture
def served(starter: Path) -> Iterator[Served]:
    one = Served([evenfall.open(starter)])
    yield one
    one.close()


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the monotonic clock shows; tests move it."""
    now = [1000.0]
    monkeypatch.setattr(serving.time, "monotonic", lambda: now[0])
    return now


def test_a_file_that_is_added_changed_or_taken_away_is_seen(starter: Path) -> None:
    seen = [fingerprint(starter)]
    extra = starter / "parameters" / "extra.yaml"
    extra.write_text(NEW)
    seen.append(fingerprint(starter))
    extra.write_text(NEW.replace("0.5", "0.6"))
    seen.append(fingerprint(starter))
    other = starter / "parameters" / "other.yaml"
    other.write_text(extra.read_text())
    other.replace(extra)
    seen.append(fingerprint(starter))
    extra.unlink()
    assert len(set(seen)) == 4
    assert fingerprint(starter) == seen[0]


def test_what_the_night_writes_is_not_taken_for_a_change(starter: Path) -> None:
    before = fingerprint(starter)
    (starter / ".evenfall").mkdir(exist_ok=True)
    (starter / ".evenfall" / "x.yaml").write_text("x")
    (starter / "parameters" / ".swp").write_text("x")
    assert fingerprint(starter) == before


def test_a_project_without_files_to_serve_is_refused() -> None:
    with pytest.raises(UsageError, match="no project to serve"):
        Served([])


def test_files_are_looked_at_once_a_second(starter: Path, seconds: list[float]) -> None:
    served = Served([evenfall.open(starter)])
    (starter / "parameters" / "extra.yaml").write_text(NEW)
    seconds[0] += 0.9
    assert "extra" not in served.fresh("default").registry.parameters
    seconds[0] += 0.2
    assert "extra" in served.fresh("default").registry.parameters
    served.close()


def test_after_a_noted_change_the_next_to_ask_sees_it_at_once(starter: Path, seconds: list[float]) -> None:
    served = Served([evenfall.open(starter)])
    before = served.project("default")
    (starter / "parameters" / "extra.yaml").write_text(NEW)
    served.note_change("default")
    assert served.is_due("default")
    assert "extra" in served.fresh("default").registry.parameters
    assert not served.is_due("default")
    assert "extra" not in before.registry.parameters, "a request under way keeps the state it began with"
    served.close()


def test_a_broken_file_keeps_what_it_last_said_to_the_night(starter: Path, seconds: list[float]) -> None:
    path = starter / "parameters" / "extra.yaml"
    path.write_text(NEW)
    with evenfall.open(starter) as project:
        project.nightly().apply()
    served = Served([evenfall.open(starter)])
    path.write_text("id: extra\ntype: [\n")
    seconds[0] += 2
    broken = served.fresh("default").registry.parameters["extra"]
    assert broken.config_error is not None
    assert broken.value is not None
    path.write_text(NEW.replace("0.5", "0.6"))
    seconds[0] += 2
    assert served.fresh("default").registry.parameters["extra"].config_error is None
    served.close()


def test_while_one_thread_reads_the_files_the_others_are_answered(
    served: Served, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()
    before = served.project("default")

    def slow(root: Path) -> int:
        reading.set()
        assert go_on.wait(10)
        return fingerprint(root)

    (starter / "parameters" / "extra.yaml").write_text(NEW)
    monkeypatch.setattr(serving, "fingerprint", slow)
    monkeypatch.setattr(serving, "_CHECK_SECONDS", 0.0)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(served.fresh, "default")
        assert reading.wait(10)
        assert served.fresh("default") is before
        go_on.set()
        assert "extra" in first.result(10).registry.parameters


def test_threads_that_ask_while_files_change_get_whole_projects(starter: Path) -> None:
    """Two files are renamed in turn; every project holds the names of one state, under one history."""
    served = Served([evenfall.open(starter)])
    store = served.project("default").world.store
    known = frozenset(served.project("default").registry.parameters)
    stop = threading.Event()

    def ask() -> set[frozenset[str]]:
        seen = set()
        while not stop.is_set():
            project = served.fresh("default")
            assert project.world.store is store
            seen.add(frozenset(project.registry.parameters) - known)
        return seen

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        try:
            for n in range(5):
                (starter / "parameters" / "extra.yaml").write_text(NEW.replace("extra", f"extra{n}"))
                served.note_change("default")
                assert f"extra{n}" in served.fresh("default").registry.parameters
        finally:
            stop.set()
        seen = set().union(*(one.result() for one in asking))
    assert all(len(extra) <= 1 for extra in seen)
    served.close()


def test_a_store_in_memory_is_served_to_many_threads(starter: Path) -> None:
    served = Served([open_project(starter, store="memory")])
    with ThreadPoolExecutor(8) as threads:
        rows = list(threads.map(lambda _: len(served.fresh("default").status().rows), range(16)))
    assert len(set(rows)) == 1
    served.close()


def test_an_edit_over_the_api_is_seen_by_the_next_request(serve: Serve, starter: Path) -> None:
    client = serve(starter)
    client.get("/api/v1/me")
    (starter / "graphs" / "more.yaml").write_text(
        "id: more\nnodes: [{slug: a}, {slug: b, outcome: true}]\n"
        "edges: [{slug: e, from: a, to: b, p: {mean: 0.5}}]\n"
    )
    client.app.state.served.note_change("default")  # type: ignore[attr-defined]
    assert "more" in client.get("/api/v1/me").json()["project"]["graphs"]
