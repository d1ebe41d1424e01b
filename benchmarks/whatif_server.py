"""Contexts unticked and sliders moved on the graph page: what `evenfall serve` takes to answer.

Run with ``python benchmarks/whatif_server.py [PROJECT] [--questions 60]``; PROJECT is a folder such as
`evenfall demo --no-serve` leaves, of which a copy is asked; without one it is made first. A second project,
of 100 nodes, 300 edges and two contexts (2 x 2 values, every tenth edge with a rate per channel and every
tenth per device), is made. The server is the real process with keys on, asked over one loopback connection.
Limits of p95 are 150 ms for a context unticked and 100 ms for a slider. Every question is another one: a
slider is never twice at the same place. The same questions are then asked in one process with and without
what is kept between questions, alternately, for the ratio.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import evenfall as ef
from evenfall.runs.graph.question import read_scenario
from evenfall.runs.graph.whatif import answer_whatif

SERVER = "\n[server]\nkeys = true\nrequests_per_minute = 10000000\n"
NODES, EDGES = 100, 300
VALUES = {"channel": ("google", "direct"), "device": ("mobile", "desktop")}

type Question = dict[str, Any]


def build_large(root: Path) -> Path:
    """Write a project whose graph has 100 nodes and 300 edges, with cycles."""
    rng = np.random.default_rng(5)
    (root / "graphs").mkdir(parents=True)
    (root / "contexts").mkdir()
    (root / "parameters").mkdir()
    (root / "evenfall.toml").write_text('zone = "UTC"\nclock = "2026-10-01"\n')
    for key, values in VALUES.items():
        listed = ", ".join(f"{{id: {value}}}" for value in values)
        (root / "contexts" / f"{key}.yaml").write_text(f"id: {key}\nmece: true\nvalues: [{listed}]\n")
    pairs = [(node, node + 1) for node in range(NODES - 1)]
    while len(pairs) < EDGES:
        first = int(rng.integers(0, NODES - 12))
        step = int(rng.integers(2, 12)) if len(pairs) % 30 else -3  # one in thirty leads back
        if first + step > 0:
            pairs.append((first, first + step))
    leaving = np.bincount([first for first, _ in pairs], minlength=NODES)
    nodes = "".join(f"  - {{slug: n{node}}}\n" for node in range(NODES - 1))
    edges = ""
    for number, (first, last) in enumerate(pairs):
        slug, mean = f"e{number}", 0.9 / leaving[first]
        keys = {0: "channel", 5: "device"}.get(number % 10)
        cost = ", cost: 1.5" if number % 60 == 7 else ""
        edges += f"  - {{slug: {slug}, from: n{first}, to: n{last}{cost}}}\n"
        for place, value in enumerate(VALUES[keys] if keys else ("",)):
            context = f".context({keys}='{value}')" if keys else ""
            name = f"{slug}-{value}" if value else slug
            (root / "parameters" / f"{name}.yaml").write_text(
                f'id: {name}\nedge_reference: "e.{slug}{context}.p.mean"\n'
                f"value: {{mean: {mean * (1 - 0.2 * place):.6f}, stdev: {mean / 20:.6f}}}\n"
            )
    last = f"  - {{slug: n{NODES - 1}, outcome: true}}\n"
    (root / "graphs" / "large.yaml").write_text(f"id: large\nnodes:\n{nodes}{last}edges:\n{edges}")
    return root


def unticks(project: ef.Project, count: int) -> list[Question]:
    """Return selections, each with one value of one context less than all or the one before."""
    listed = {key: one.value_ids for key, one in project.registry.contexts.items() if one.value_ids}
    parts = [
        {key: list(chosen)}
        for key, values in listed.items()
        for size in range(len(values), 0, -1)
        for chosen in itertools.combinations(values, size)
    ]
    both = [{**a, **b} for a in parts for b in parts if a.keys() != b.keys()]
    return [{"select": select} for select in itertools.islice(itertools.cycle(parts + both), count)]


def sliders(project: ef.Project, count: int) -> list[Question]:
    """Return one edge after the other set to another value each time."""
    (graph,) = project.registry.graphs.values()
    rng = np.random.default_rng(7)
    leaving = {edge.slug: sum(e.from_node == edge.from_node for e in graph.edges) for edge in graph.edges}
    slugs = list(leaving)
    chosen = [slugs[int(rng.integers(len(slugs)))] for _ in range(count)]
    return [{"overrides": {slug: float(rng.uniform(0.02, 0.9) / leaving[slug])}} for slug in chosen]


@contextmanager
def served(root: Path) -> Any:
    """Yield what asks the real server over one connection, with a key."""
    with (root / "evenfall.toml").open("a") as settings:
        settings.write(SERVER)
    with ef.open(root) as project:
        key = project.keys.create("bench", "analyst", None).text
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "evenfall", "serve", "--project", str(root), "--port", str(port)]
    command.append("--no-scheduler")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield connect(port, key)
        finally:
            process.terminate()


def connect(port: int, key: str) -> Callable[[Question], float]:
    """Return a function that asks a question and returns the milliseconds it took."""
    head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for _ in range(300):
        try:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            line.connect()
            break
        except OSError:
            time.sleep(0.1)
    line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(question: Question) -> float:
        began = time.perf_counter()
        line.request("POST", "/api/v1/whatif", json.dumps(question), head)
        answer = line.getresponse()
        body = answer.read()
        taken = 1000 * (time.perf_counter() - began)
        if answer.status != 200:
            raise SystemExit(f"{answer.status} {body[:300]!r} for {question}")
        return taken

    return ask


def report(title: str, millis: Sequence[float]) -> None:
    """Print one line."""
    p50, p95, p99, worst = np.quantile(millis, [0.5, 0.95, 0.99, 1.0])
    print(
        f"{title:<28} {len(millis):>4}  p50 {p50:6.1f}  p95 {p95:6.1f}  p99 {p99:6.1f}"
        f"  worst {worst:6.1f} ms",
        flush=True,
    )


def ratio(root: Path, questions: Sequence[Question]) -> float:
    """Return how much longer an answer takes when nothing is kept, asked side by side in one process."""
    with ef.open(root) as project:
        project.whatif()
        kept = cold = 0.0
        for question in questions:
            began = time.perf_counter()
            warm = project.whatif(**question).as_dict()
            middle = time.perf_counter()
            anew = answer_whatif(project.world, read_scenario({}, None, **question)).as_dict()
            cold += time.perf_counter() - middle
            kept += middle - began
            assert warm == anew
    return cold / kept


def main() -> None:
    """Ask both projects."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("project", type=Path, nargs="?")
    parser.add_argument("--questions", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        if asked.project is not None:
            shutil.copytree(asked.project, demo)
        else:
            command = [sys.executable, "-m", "evenfall", "demo", "--no-serve", "--path", str(demo)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, root in (("demo", demo), ("100 nodes, 300 edges", build_large(Path(folder) / "large"))):
            with ef.open(root) as project:
                unticked, moved = unticks(project, asked.questions), sliders(project, asked.questions)
            with served(root) as ask:
                report(f"{name}: first", [ask({})])
                report(f"{name}: untick", [ask(question) for question in unticked])
                report(f"{name}: slider", [ask(question) for question in moved])
            print(f"{name}: nothing kept takes {ratio(root, unticked[:5] + moved[:5]):.1f} times as long")


if __name__ == "__main__":
    main()
