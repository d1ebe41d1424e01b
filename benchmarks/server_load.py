"""Sixteen connections that read posteriors of 10,000 parameters with an API key, still and during a night.

Run with ``python benchmarks/server_load.py [--connections 16] [--seconds 10]``. The server is the real
process `evenfall serve` with keys on. It prints p50, p95, p99 and errors, requests a second, and what the
client itself costs: each connection is a bare socket of one asyncio process, which sends its next question
when the answer to the last has come. Client, server and night share the machine's cores; the limits are 50 ms
for p99 while the store is still and 250 ms during a night. `/metrics` is then asked for, first after its
figures have grown too old, then at once again, and once more while all connections read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
from bench_night import CHANNELS, DAYS, DEVICES, EDGES, FIRST, build

import evenfall as ef

SERVER = "\n[server]\nkeys = true\nrequests_per_minute = 10000000\n"

TOO_OLD = 11  # seconds; the server keeps how parameters stand for ten

FEW = "  min_sample_size: 20\n"


@dataclass
class Load:
    """What came back."""

    millis: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""

    def report(self, title: str, seconds: float, client: float) -> None:
        """Print one line."""
        p50, p95, p99, worst = np.quantile(self.millis, [0.5, 0.95, 0.99, 1.0])
        count = len(self.millis)
        print(
            f"{title:<16} {count:>7,} answers {count / seconds:>6,.0f}/s  p50 {p50:5.1f}  p95 {p95:5.1f}"
            f"  p99 {p99:5.1f}  worst {worst:6.1f} ms  errors {self.errors}"
            f"  client {1000 * client / count:.2f} ms CPU each",
            flush=True,
        )
        if self.errors:
            print("  the first error:", self.first_error)


def addresses() -> list[str]:
    """Return the address of every parameter's posterior, in no order."""
    ids = [
        f"edge-{edge}[channel=c{channel},device=d{device}]"
        for edge in range(EDGES)
        for channel in range(CHANNELS)
        for device in range(DEVICES)
    ]
    np.random.default_rng(16).shuffle(ids)
    return [f"/api/v1/parameters/{quote(one, safe='')}/posterior" for one in ids]


async def ask(port: int, key: str, paths: list[str], until: Callable[[], bool], load: Load) -> None:
    """Ask over one connection until told to stop."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tail = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    turn = 0
    while not until():
        started = time.perf_counter()
        writer.write(b"GET " + paths[turn % len(paths)].encode() + tail)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        body = await reader.readexactly(length)
        load.millis.append(1000 * (time.perf_counter() - started))
        if not (head.startswith(b"HTTP/1.1 200") and b'"mean":' in body):
            load.errors += 1
            load.first_error = load.first_error or body.decode()
        turn += 1
    writer.close()


def press(port: int, key: str, connections: int, until: Callable[[], bool], title: str) -> None:
    """Ask over all connections at once and print what came of it."""
    paths, load = addresses(), Load()

    async def all_at_once() -> None:
        parts = [paths[number::connections] for number in range(connections)]
        await asyncio.gather(*(ask(port, key, part, until, load) for part in parts))

    started, used = time.perf_counter(), time.process_time()
    asyncio.run(all_at_once())
    load.report(title, time.perf_counter() - started, time.process_time() - used)


def scrape(port: int, key: str) -> float:
    """Return the milliseconds that `/metrics` takes."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {key}"}
    )
    started = time.perf_counter()
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert b"evenfall_parameters" in answer.read()
    return 1000 * (time.perf_counter() - started)


def press_and_scrape(port: int, key: str, connections: int) -> None:
    """Print what `/metrics` takes, and what those who read meanwhile notice of it."""
    first, again = scrape(port, key), scrape(port, key)
    time.sleep(TOO_OLD)
    old = scrape(port, key)
    print(
        f"/metrics: first {first:.0f} ms, at once again {again:.0f} ms, when too old {old:.0f} ms", flush=True
    )
    taken: list[float] = []
    time.sleep(TOO_OLD)
    other = threading.Timer(1, lambda: taken.append(scrape(port, key)))
    other.start()
    press(port, key, connections, for_seconds(4), "during a scrape")
    other.join()
    print(f"/metrics while all read: {taken[0]:.0f} ms", flush=True)


def for_seconds(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def evenfall(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "evenfall", *arguments]


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        build(root, own=0)
        (root / "evenfall.toml").write_text((root / "evenfall.toml").read_text() + SERVER)
        for file in (root / "parameters").iterdir():  # few as the samples are, each has its posterior
            file.write_text(file.read_text().replace("  context_variables", FEW + "  context_variables"))
        last = FIRST + timedelta(days=DAYS)
        with ef.open(root) as project:
            project.nightly(last - timedelta(days=1)).apply()
            key = project.keys.create("reader", "viewer").text
            assert len(project.registry.parameters) == len(addresses())
            print(f"{len(project.registry.parameters):,} parameters, {os.cpu_count()} cores")
        port = free_port()
        with subprocess.Popen(
            evenfall("serve", f"--project={root}", f"--port={port}", "--no-scheduler"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                wait_for(port)
                press(port, key, asked.connections, for_seconds(2), "warming up")
                press(port, key, 1, for_seconds(asked.seconds / 2), "1 connection")
                press(port, key, asked.connections, for_seconds(asked.seconds), "still")
                press_and_scrape(port, key, asked.connections)
                night = subprocess.Popen(
                    evenfall("nightly", f"--project={root}", f"--as-of={last}"),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
                press(port, key, asked.connections, lambda: night.poll() is not None, "during a night")
                assert night.wait() in (0, 1), night.communicate()[1].decode()
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
