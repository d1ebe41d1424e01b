"""Ten million events to one cube, and a thousand conditional rates from it, beside one query for each.

Run with ``python benchmarks/bench_events.py [--events 10000000]``. The engine has every project's limits,
one gigabyte and 60 seconds. The queries it is compared with are written the way people write them: first the
users who visited the nodes, then their attempts. They answer less: they never ask which came first.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np

from evenfall.beliefs.cube import Cube, Visited
from evenfall.connectors.events.questions import CubeAsk, EventQuestion
from evenfall.connectors.events.read import fetch_cube
from evenfall.connectors.warehouses import Limits, Opening
from evenfall.connectors.warehouses.duckdb import DuckDB
from evenfall.window import DayWindow

FIRST, DAYS = date(2026, 9, 1), 30
ZONE = ZoneInfo("Europe/Berlin")
NODES = tuple(f"node-{i}" for i in range(8))
CHANNELS, DEVICES = 6, 3
SPAN = DayWindow(FIRST + timedelta(days=7), FIRST + timedelta(days=DAYS - 1))
QUESTION = EventQuestion(
    connection="data",
    table="events",
    attempt="attempt",
    success="success",
    contexts=(("channel", "channel"), ("device", "device")),
    lookback=timedelta(days=7),
    horizon=timedelta(days=1),
)
EVENTS = """
COPY (
    SELECT 'user-' || user AS user, 'session-' || user || '-' || (i % 5) AS session,
           CASE WHEN kind < 0.80 THEN 'view' WHEN kind < 0.93 THEN 'attempt' ELSE 'success' END AS event,
           CASE WHEN kind < 0.80 THEN 'node-' || CAST(floor(spread * spread * 20) AS INTEGER) END AS node,
           TIMESTAMP '{first}' + to_microseconds(CAST(share * 86400000000 * {days} AS BIGINT)) AS time,
           'channel-' || (user % {channels}) AS channel, 'device-' || (user % 7 % {devices}) AS device
    FROM (SELECT i, CAST(floor(random() * {users}) AS BIGINT) AS user, random() AS kind, random() AS spread,
                 random() AS share FROM range({count}) AS numbers(i))
    ORDER BY time
) TO '{file}' (FORMAT parquet)
"""
NAIVE = """
WITH visited_users AS (
    SELECT user FROM events WHERE event = 'view' AND node IN ({nodes}) AND time >= $first AND time < $stop
    GROUP BY user HAVING COUNT(DISTINCT node) = $count
), attempts AS (
    SELECT e.user, e.session, MAX(CASE WHEN e.event = 'success' THEN 1 ELSE 0 END) AS converted
    FROM events e INNER JOIN visited_users v ON e.user = v.user
    WHERE e.event IN ('attempt', 'success') AND e.channel = $channel AND e.device = $device
      AND e.time >= $first AND e.time < $stop
    GROUP BY e.user, e.session
)
SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM attempts
"""

type Condition = tuple[tuple[str, ...], str, str]


def lay_events(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SELECT setseed(0.20261120)")
        sizes = {"count": count, "users": count // 20, "channels": CHANNELS, "devices": DEVICES}
        connection.execute(EVENTS.format(first=FIRST, days=DAYS, file=folder / "part.parquet", **sizes))


def conditions(count: int) -> list[Condition]:
    rng = np.random.default_rng(20261120)
    return [
        (
            tuple(rng.choice(NODES, size=1 + i % 3, replace=False).tolist()),
            f"channel-{rng.integers(CHANNELS)}",
            f"device-{rng.integers(DEVICES)}",
        )
        for i in range(count)
    ]


def ask(cube: Cube, number: int, condition: Condition) -> float:
    nodes, channel, device = condition
    every = frozenset(nodes)
    visited = (Visited(all=every), Visited(any=(every,)), Visited(none=every))[number % 3]
    return cube.lookup(visited, {"channel": channel, "device": device}).size


def naive(data: Path, asked: list[Condition]) -> float:
    """Return the seconds of one query each."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"SET threads = {min(os.cpu_count() or 1, 4)}")
        connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{data}/events/*.parquet')")
        started = time.perf_counter()
        for nodes, channel, device in asked:
            text = NAIVE.format(nodes=", ".join(f"'{node}'" for node in nodes))
            binds = {"first": SPAN.first, "stop": SPAN.stop, "count": len(nodes)}
            connection.execute(text, {**binds, "channel": channel, "device": device}).fetchall()
        return time.perf_counter() - started


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--events", type=int, default=10_000_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        # In a process of its own, so that the peak below is not that of laying the events.
        laying = multiprocessing.get_context("spawn").Process(
            target=lay_events, args=(data / "events", given.events)
        )
        laying.start()
        laying.join()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        warehouse = DuckDB(Opening("data", data, ZONE, Limits()))
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        started = time.perf_counter()
        cube = fetch_cube(CubeAsk(QUESTION, NODES, ("channel", "device"), SPAN, ZONE), warehouse)
        counted = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        warehouse.close()
        print(
            f"{given.events:,} events to a cube of {len(cube):,} rows, {cube.trials.sum():,} attempts,"
            f" {len(NODES)} nodes: {counted:.1f} s, peak {peak:,.0f} MB ({before:,.0f} MB before)"
        )
        asked = conditions(1_000)
        started = time.perf_counter()
        sizes = [ask(cube, number, condition) for number, condition in enumerate(asked)]
        looked_up = time.perf_counter() - started
        print(f"1,000 lookups: {looked_up:.2f} s, {sum(sizes) / len(sizes):,.0f} attempts each")
        each = naive(data, asked[:20]) / 20
        print(
            f"20 of them as queries: {each:.2f} s each, {each * 1_000:,.0f} s for 1,000; ratio"
            f" {each * 1_000 / (counted + looked_up):,.0f}x with the cube's making,"
            f" {each * 1_000 / looked_up:,.0f}x without"
        )


if __name__ == "__main__":
    main()
