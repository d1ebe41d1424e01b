"""Owners are told apart, also when a later process has the same number."""

from __future__ import annotations

import os
import subprocess
import sys

from evenfall.store.owners import is_alive, this_process


def owner_of_a_child(wait: str) -> tuple[subprocess.Popen[str], str]:
    script = f"from evenfall.store.owners import this_process; print(this_process(), flush=True); {wait}"
    pipe = subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", script], stdout=pipe, stdin=pipe, text=True)
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def test_this_process_lives_also_under_a_longer_name() -> None:
    assert this_process().split(":")[1] == str(os.getpid())
    assert is_alive(this_process()) is True
    assert is_alive(f"{this_process()}:worker-3") is True


def test_a_child_lives_until_it_is_killed_and_is_dead_before_anybody_asks_for_its_status() -> None:
    child, owner = owner_of_a_child("input()")
    with child:
        assert is_alive(owner) is True
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
        assert is_alive(owner) is False
    assert is_alive(owner) is False


def test_a_number_used_before_by_another_process_is_not_alive() -> None:
    host, pid, start = this_process().split(":")
    assert is_alive(f"{host}:{pid}:{start}0") is False


def test_nothing_can_be_said_of_another_host_or_of_no_process() -> None:
    assert is_alive("elsewhere:1:2") is None
    assert is_alive("somebody") is None
    assert is_alive("") is None
