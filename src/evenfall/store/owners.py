"""Who holds a lease: one process of one host, told apart from a later process with the same number."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

__all__ = ["is_alive", "this_process"]


def this_process() -> str:
    """Return ``host:pid:start`` of the running process."""
    return f"{_host()}:{os.getpid()}:{_started(os.getpid())}"


def is_alive(owner: str) -> bool | None:
    """Return whether the owner's process still runs; None when that cannot be told from this host."""
    host, pid, start = (*owner.split(":"), "", "")[:3]
    if host != _host() or not pid.isdecimal():
        return None
    return _started(int(pid)) == start != ""


def _host() -> str:
    return socket.gethostname().replace(":", "-")


def _started(pid: int) -> str:
    """Return a mark of when a process began, or nothing when it has ended."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        return _started_by_proc(stat)
    shown = subprocess.run(  # noqa: S603 (a fixed program and a number)
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, began = shown.stdout.strip().partition(" ")
    return "" if not state or state.startswith("Z") else "-".join(began.replace(":", ".").split())


def _started_by_proc(stat: Path) -> str:
    try:
        # The program's name stands in brackets and may hold spaces; the fields are counted from behind it.
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, ticks = fields[0], fields[19]
    if state in "ZX":
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{boot.read_text()[:8]}-{ticks}" if boot.exists() else ticks
