"""Figures for Prometheus: requests, parameters by light, the age of the last night."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from evenfall.findings import Light
from evenfall.project import Project
from evenfall.server.security import Opened, Viewer

__all__ = ["Standings", "router"]

router = APIRouter(prefix="/metrics", tags=["metrics"])

_GOOD_FOR_SECONDS: Final = 10.0
_RUNS_LOOKED_AT: Final = 100
_ENDED: Final = frozenset({"ok", "partial"})


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is told of one project.

    Attributes
    ----------
    finished_at
        When the last night that came to its end did; None before the first.
    """

    lights: Mapping[str, int]
    finished_at: datetime | None


class Standings:
    """How projects stood within the last seconds, so that scraping costs the store little."""

    def __init__(self, seconds: float = _GOOD_FOR_SECONDS) -> None:
        self._seconds = seconds
        self._by_tenant: dict[str, tuple[float, _Standing]] = {}
        self._turn = threading.Lock()

    def of(self, project: Project) -> _Standing:
        """Return how a project stands, looked up again after some seconds."""
        with self._turn:
            until, standing = self._by_tenant.get(project.tenant, (0.0, None))
            if standing is None or time.monotonic() >= until:
                standing = _look(project)
                self._by_tenant[project.tenant] = (time.monotonic() + self._seconds, standing)
            return standing


def _look(project: Project) -> _Standing:
    lights = project.parameters().counts  # kept until the store is written to: of 10,000, anew takes a second
    ended = (
        run.finished_at
        for run in project.world.store.runs(_RUNS_LOOKED_AT)
        if run.kind == "nightly" and run.status in _ENDED and run.finished_at is not None
    )
    return _Standing(lights, max(ended, default=None))


@router.get(
    "",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, caller: Viewer, project: Opened) -> Response:
    """Return the server's counters, and the lights and the last night of the caller's tenant."""
    state = request.app.state
    own = CollectorRegistry()
    _write(own, caller.tenant, state.standings.of(project))
    text = generate_latest(state.registry) + generate_latest(own)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _write(registry: CollectorRegistry, tenant: str, standing: _Standing) -> None:
    lights = Gauge("evenfall_parameters", "Parameters by light.", ("tenant", "light"), registry=registry)
    for light in Light:
        lights.labels(tenant, str(light)).set(standing.lights.get(str(light), 0))
    if standing.finished_at is not None:
        age = Gauge(
            "evenfall_last_night_age_seconds",
            "Time since the last night came to its end.",
            ("tenant",),
            registry=registry,
        )
        age.labels(tenant).set((datetime.now(UTC) - standing.finished_at).total_seconds())
