"""A first night of 10,000 parameters with 30 days each, from Parquet, beside a hand-written loop.

Run with ``python benchmarks/bench_night.py [--own 10000]``. It prints wall seconds, peak memory of the
process and the ratio to the straightforward loop, which asks one query per parameter and day and keeps one
posterior per transaction; the loop is run on a sample and its time per parameter is compared.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import evenfall as ef

FIRST = date(2026, 9, 1)
DAYS = 30
EDGES, CHANNELS, DEVICES = 100, 10, 10
TEMPLATE = """\
id: edge-{edge}
observation_source:
  type: duckdb
  connection: data
  query_template: |
    SELECT channel AS context_channel, device AS context_device,
           COUNT(*) AS trials, SUM(CASE WHEN converted THEN 1 ELSE 0 END) AS successes
    FROM journeys
    WHERE edge_slug = 'edge-{edge}' AND created_at >= :start_date AND created_at < :end_date
    GROUP BY channel, device
  context_variables: [channel, device]
  parameters: {{start_date: "NOW() - INTERVAL '30 days'", end_date: "NOW()"}}
bayesian_update:
  prior: {{distribution: beta, alpha: 8, beta: 17}}
"""
OWN = """\
id: own-{number}
context_filter: {{channel: c{channel}, device: d{device}}}
observation_source:
  type: duckdb
  connection: data
  query: |
    SELECT CAST(created_at AS DATE) AS observation_date,
           COUNT(*) AS trials, SUM(CASE WHEN converted THEN 1 ELSE 0 END) AS successes
    FROM journeys
    WHERE edge_slug = 'edge-{edge}' AND channel = 'c{channel}' AND device = 'd{device}'
      AND created_at >= :start_date AND created_at < :end_date
    GROUP BY CAST(created_at AS DATE)
  parameters: {{start_date: "NOW() - INTERVAL '30 days'", end_date: "NOW()"}}
  result_type: timeseries
  result_mapping: {{date: observation_date}}
bayesian_update:
  prior: {{distribution: beta, alpha: 8, beta: 17}}
"""


def build(root: Path, own: int) -> None:
    (root / "contexts").mkdir(parents=True)
    (root / "parameters").mkdir()
    (root / "evenfall.toml").write_text(f'clock = "{FIRST + timedelta(days=DAYS)}"\n')
    for key, letter, count in (("channel", "c", CHANNELS), ("device", "d", DEVICES)):
        values = "".join(f"  - {{id: {letter}{i}}}\n" for i in range(count))
        (root / f"contexts/{key}.yaml").write_text(f"id: {key}\nvalues:\n{values}")
    if own:
        for number in range(own):
            edge, rest = divmod(number, CHANNELS * DEVICES)
            channel, device = divmod(rest, DEVICES)
            text = OWN.format(number=number, edge=edge, channel=channel, device=device)
            (root / f"parameters/own-{number}.yaml").write_text(text)
    else:
        for edge in range(EDGES):
            (root / f"parameters/edge-{edge}.yaml").write_text(TEMPLATE.format(edge=edge))
    write_events(root / "data" / "journeys")


def write_events(folder: Path) -> None:
    rng = np.random.default_rng(20261001)
    per_day = EDGES * CHANNELS * DEVICES * 4
    for offset in range(DAYS):
        day = FIRST + timedelta(days=offset)
        seconds = np.sort(rng.integers(0, 86_400, per_day))
        edge = rng.integers(0, EDGES, per_day)
        table = pa.table(
            {
                "created_at": pa.array(np.datetime64(day, "us") + seconds.astype("timedelta64[s]")),
                "edge_slug": pa.array(np.char.add("edge-", edge.astype(str))),
                "channel": pa.array(np.char.add("c", rng.integers(0, CHANNELS, per_day).astype(str))),
                "device": pa.array(np.char.add("d", rng.integers(0, DEVICES, per_day).astype(str))),
                "converted": pa.array(rng.random(per_day) < 0.2 + 0.002 * edge),
            }
        )
        part = folder / f"day={day}"
        part.mkdir(parents=True)
        pq.write_table(table, part / "part-0.parquet")


def naive(root: Path, sample: int) -> float:
    """Return the seconds per parameter of the loop: one query per parameter and day, one commit each."""
    source = duckdb.connect()
    source.execute(f"CREATE VIEW journeys AS SELECT * FROM read_parquet('{root}/data/journeys/**/*.parquet')")
    store = sqlite3.connect(root / "naive.db")
    store.execute("CREATE TABLE posterior (id TEXT, alpha REAL, beta REAL)")
    started = time.perf_counter()
    for number in range(sample):
        alpha, beta = 8.0, 17.0
        for offset in range(DAYS):
            row = source.execute(
                "SELECT COUNT(*), SUM(CASE WHEN converted THEN 1 ELSE 0 END) FROM journeys"
                " WHERE edge_slug = ? AND channel = ? AND device = ? AND created_at >= ? AND created_at < ?",
                [
                    f"edge-{number % EDGES}",
                    f"c{number % CHANNELS}",
                    f"d{number % DEVICES}",
                    FIRST + timedelta(days=offset),
                    FIRST + timedelta(days=offset + 1),
                ],
            ).fetchone()
            assert row is not None
            alpha += row[1] or 0
            beta += row[0] - (row[1] or 0)
        store.execute("INSERT INTO posterior VALUES (?, ?, ?)", (f"p{number}", alpha, beta))
        store.commit()
    return (time.perf_counter() - started) / sample


def measure(title: str, own: int, sample: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        build(root, own)
        started = time.perf_counter()
        with ef.open(root) as project:
            parameters = len(project.registry.parameters)
            loaded = time.perf_counter()
            report = project.nightly().apply()
            done = time.perf_counter()
        assert report.exit_code == 0, report.counts
        ours = (done - started) / parameters
        loop = naive(root, sample)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{title}: {parameters} parameters x {DAYS} days: load {loaded - started:.1f} s,"
            f" night {done - loaded:.1f} s, peak {peak:.0f} MB, {report.counts};"
            f" loop {loop * parameters:.0f} s (from {sample}), ratio {loop / ours:.0f}x"
        )


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument(
        "--own", type=int, default=10_000, help="parameters with a query of their own; 0: none"
    )
    arguments.add_argument("--sample", type=int, default=100)
    given = arguments.parse_args()
    measure("100 templates x 100 shards", 0, given.sample)
    if given.own:
        measure("own queries", given.own, given.sample)


if __name__ == "__main__":
    main()
