"""What is seen of every request: one line of log, its counters, and an answer when something breaks."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evenfall.server.guard import add_safe_headers
from evenfall.server.problems import problem_answer

__all__ = ["Observed", "Requests", "log"]

log: Final = logging.getLogger("evenfall.server")
"""Where the server's lines go: one JSON object each; no key, no body, no query string."""

_NO_ROUTE: Final = "(none)"


class Requests:
    """Counters of requests by route template, so that ids do not become series of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self._count = Counter("evenfall_requests", "Requests answered.", labels, registry=registry)
        self._seconds = Histogram(
            "evenfall_request_seconds",
            "Time to answer.",
            labels[:2],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._count.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class Observed:
    """Outermost of all: nothing leaves the server unseen."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self.app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and write down that it was."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        problem_id = ""

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                add_safe_headers(MutableHeaders(scope=message))
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception:  # whatever it was: it is written down with its number, and not told outside
            problem_id = uuid.uuid4().hex
            log.exception(_line(level="error", problem_id=problem_id, path=scope["path"]))
            if status:
                raise
            await _broken(problem_id)(scope, receive, sending)
        finally:
            self._note(scope, status, time.perf_counter() - began, problem_id)

    def _note(self, scope: Scope, status: int, seconds: float, problem_id: str) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = getattr(scope.get("route"), "path", _NO_ROUTE)
        self._requests.note(method, route, status, seconds)
        if log.isEnabledFor(logging.INFO):
            log.info(_request_line(scope, status, seconds, route, problem_id))


_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def _broken(problem_id: str) -> ASGIApp:
    return problem_answer(
        500,
        "something went wrong inside the server",
        remedy=f"look for {problem_id} in the server's log, and report what stands there",
        problem_id=problem_id,
    )


def _request_line(scope: Scope, status: int, seconds: float, route: str, problem_id: str) -> str:
    state: MutableMapping[str, Any] = scope.get("state", {})
    caller = state.get("caller")
    return _line(
        level="info",
        method=scope["method"],
        path=scope["path"],
        route=route,
        status=status,
        ms=round(seconds * 1000, 2),
        address=scope["client"][0] if scope.get("client") else None,
        member=getattr(caller, "member", None),
        tenant=getattr(caller, "tenant", None),
        problem_id=problem_id or None,
    )


def _line(**facts: object) -> str:
    told = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}
    return json.dumps({name: fact for name, fact in told.items() if fact is not None})
