"""The server as a process: started, asked over a socket, stopped."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from evenfall.registry.files import initialise


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    initialise(root)
    return root


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "evenfall", *map(str, arguments)]


@contextmanager
def served(*arguments: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yield the address a server prints, and its process; it is ended at the end."""
    process = subprocess.Popen(
        command("serve", "--json", "--no-scheduler", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        document = ""
        while not document.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            document += line
        yield json.loads(document)["url"], process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_server_answers_when_it_says_so_logs_json_and_ends_with_ctrl_c(project: Path, port: int) -> None:
    with served("--project", project, "--port", port) as (url, process):
        assert url == f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/health").json() == {"status": "ok"}
        assert httpx.get(f"{url}/api/v1/me").json()["project"]["name"] == "shop"
        taken = subprocess.run(
            command("serve", "--project", project, "--port", port),
            capture_output=True,
            text=True,
            check=False,
        )
        assert taken.returncode == 64
        assert f"port {port} of 127.0.0.1 is taken" in taken.stderr
        assert f"--port {port + 1}" in taken.stderr
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        lines = [json.loads(line) for line in said.splitlines()]
        asked = [(line["path"], line["status"]) for line in lines if "path" in line]
        assert asked == [("/health", 200), ("/api/v1/me", 200)]


@pytest.mark.slow
def test_where_others_reach_it_a_key_is_needed_and_the_first_is_asked_for(project: Path, port: int) -> None:
    with served("--project", project, "--port", port, "--host", "0.0.0.0") as (_, process):
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/api/v1/me").status_code == 401
        made = subprocess.run(
            command("key", "create", "ada", "--role", "admin", "--json", "--project", project),
            capture_output=True,
            text=True,
            check=True,
        )
        key = json.loads(made.stdout)["key"]
        told = httpx.get(f"{url}/api/v1/me", headers={"Authorization": f"Bearer {key}"}).json()
        assert (told["member"], told["role"], told["keys"]) == ("ada", "admin", True)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert "evenfall key create" in said
        assert key not in said


@pytest.mark.slow
def test_a_server_without_keys_for_others_does_not_start(project: Path) -> None:
    with (project / "evenfall.toml").open("a") as settings:
        settings.write('\n[server]\nhost = "0.0.0.0"\nkeys = false\n')
    refused = subprocess.run(
        command("serve", "--project", project), capture_output=True, text=True, check=False
    )
    assert refused.returncode == 64
    assert "anybody who reaches 0.0.0.0 would be admin" in refused.stderr


@pytest.mark.slow
def test_the_demo_looks_for_its_port_before_it_runs_thirty_nights(tmp_path: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        refused = subprocess.run(
            command("demo", "--path", tmp_path / "demo", "--port", port),
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 64
    assert "is taken" in refused.stderr
    assert not (tmp_path / "demo").exists()
