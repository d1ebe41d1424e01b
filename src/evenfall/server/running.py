"""The server as a process: the socket, the log, and an end that lets answers finish."""

from __future__ import annotations

import errno
import json
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import uvicorn

from evenfall.errors import UsageError
from evenfall.project import Project
from evenfall.server.app import create_app
from evenfall.server.settings import ServerSettings

__all__ = ["check_port", "run"]

_GRACE_SECONDS: Final = 10


def run(projects: Sequence[Project], settings: ServerSettings, ready: Callable[[str], None]) -> None:
    """Serve `projects` until the process is told to stop; answers that have begun are finished.

    Parameters
    ----------
    ready
        Told the address of the pages once the port is ours.

    Raises
    ------
    UsageError
        When the port is taken, or the address is not one of this machine.
    """
    listening = _listen(settings.host, settings.port)
    with listening:
        app = create_app(projects, settings)
        _log_lines()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.proxies),
            forwarded_allow_ips=list(settings.proxies),
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        listening.listen()  # whoever reads the address may come at once
        ready(f"http://{name}:{listening.getsockname()[1]}")
        with suppress(KeyboardInterrupt):  # raised again by uvicorn once everything has come to its end
            uvicorn.Server(config).run(sockets=[listening])


def check_port(host: str, port: int) -> None:
    """See that the port is free, before anything is done that takes long.

    Raises
    ------
    UsageError
        When it is not.
    """
    _listen(host, port).close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only where the protocol is named does asyncio switch Nagle's delay off, which costs 40 ms an answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise _cannot_listen(host, port, error) from None
    listening.set_inheritable(True)
    return listening


def _cannot_listen(host: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"port {port} of {host} is taken by another program",
            remedy=f"stop that one, or choose another: --port {port % 65535 + 1}",
        )
    if error.errno == errno.EACCES:
        return UsageError(f"port {port} needs rights this user has not", remedy="choose one above 1023")
    return UsageError(f"cannot listen on {host}: {error.strerror}", remedy="choose 127.0.0.1 or 0.0.0.0")


class _JsonLines(logging.Formatter):
    """One JSON object per line, a traceback within it."""

    def format(self, record: logging.LogRecord) -> str:
        said = record.getMessage()
        if not said.startswith("{"):
            at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
            said = json.dumps({"at": at, "level": record.levelname.lower(), "message": said})
        if record.exc_info:
            said = json.dumps({**json.loads(said), "traceback": self.formatException(record.exc_info)})
        return said


def _log_lines() -> None:
    """Send the server's lines to stderr, one JSON object each."""
    log = logging.getLogger("evenfall.server")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_JsonLines())
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
