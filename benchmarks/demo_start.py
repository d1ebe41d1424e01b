"""From `evenfall demo` to pages that answer: nothing compiled yet, all compiled, once more.

Run with ``python benchmarks/demo_start.py [--port PORT]``, after `make ui`. Set-up and the build of the pages
are apart. Each condition is the real program in a process of its own, with a home of its own:

* cold: an empty home, no compiled model, no byte code of Python's either (the operating system's own cache
  of files is left as it is);
* warm: another folder for the project, with the home and the `.evenfall/cache` that the first left;
* again: the folder of the second, whose thirty nights have run already.

The clock stops when the address that was printed has answered `/health`, the page, and the graph that the
page asks for first. Limits: 300 s cold, 90 s warm. Ratios hold on any machine, seconds on this one.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

LIMITS = {"cold": 300.0, "warm": 90.0}
ADDRESS = re.compile(r"at (http://[^/\s]+)(/\S*)")


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the program."""

    printed: float
    answered: float


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a person whose home is `home`, with every cache in it."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "PYTENSOR", "NUMBA"))
    }
    return {
        **kept,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTENSOR_FLAGS": f"base_compiledir={home / 'pytensor'}",
        "NUMBA_CACHE_DIR": str(home / "numba"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "PYTHONPYCACHEPREFIX": str(home / "bytecode"),
    }


def start(project: Path, home: Path, port: int) -> Start:
    """Return how long the example takes from its start to its answers."""
    command = [sys.executable, "-m", "evenfall", "demo", "--path", str(project), "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        try:
            address, page = printed_address(running)
            printed = time.perf_counter() - began
            for path, word in (("/health", "ok"), (page, "<html"), ("/api/v1/graphs/acme", '"red"')):
                if word not in (said := get(address + path)):
                    raise SystemExit(f"{path} says {said[:300]!r}")
            return Start(printed, time.perf_counter() - began)
        finally:
            running.terminate()


def printed_address(running: subprocess.Popen[str]) -> tuple[str, str]:
    """Return the address that the program prints, and the page."""
    assert running.stdout is not None
    for line in running.stdout:
        if found := ADDRESS.search(line):
            return found[1], found[2]
    raise SystemExit(f"no address was printed; the program ended with {running.wait()}")


def get(address: str) -> str:
    """Return what an address answers."""
    with urllib.request.urlopen(address.partition("#")[0], timeout=60) as answer:
        return str(answer.read().decode())


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def say(condition: str, taken: Start, before: str) -> None:
    """Print one line."""
    limit = f"limit {LIMITS[condition]:.0f} s" if condition in LIMITS else "no limit"
    print(
        f"{condition:<6} printed after {taken.printed:6.1f} s  answers after {taken.answered:6.1f} s"
        f"  {limit:<12}  load {before} before, {load()} after, {os.cpu_count()} cores",
        flush=True,
    )


def main() -> None:
    """Start it three times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="by default a free one")
    port = parser.parse_args().port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        home, first, second = (Path(folder) / name for name in ("home", "first", "second"))
        home.mkdir()
        taken: dict[str, Start] = {}
        for condition, project in (("cold", first), ("warm", second), ("again", second)):
            if condition == "warm":
                shutil.copytree(first / ".evenfall" / "cache", second / ".evenfall" / "cache")
            before = load()
            taken[condition] = start(project, home, port)
            say(condition, taken[condition], before)
        cold, warm, again = (taken[name].answered for name in ("cold", "warm", "again"))
        print(
            f"cold takes {cold / warm:.2f} times as long as warm,"
            f" warm {warm / again:.2f} times as long as again"
        )


if __name__ == "__main__":
    main()
