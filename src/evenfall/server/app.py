"""The application: the guard, the routers and the pages, wired over the projects it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.utils import get_openapi
from prometheus_client import CollectorRegistry
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from evenfall.project import Project
from evenfall.server.api import ROUTERS
from evenfall.server.api.metrics import Standings
from evenfall.server.gate import Gate
from evenfall.server.guard import Guard
from evenfall.server.jobs import Jobs
from evenfall.server.observed import Observed, Requests
from evenfall.server.pages import add_pages
from evenfall.server.problems import RESPONSES, Problem, answer_problems
from evenfall.server.scheduler import start
from evenfall.server.served import Served
from evenfall.server.settings import ServerSettings

__all__ = ["create_app"]


def create_app(projects: Sequence[Project], settings: ServerSettings) -> FastAPI:
    """Return the application that answers for `projects`, each under its own tenant.

    Parameters
    ----------
    projects
        Opened projects; the first is the one that callers without keys see. The application closes them
        when it ends.
    """
    served = Served(projects)
    app = FastAPI(
        title="Evenfall",
        version=version("evenfall"),
        summary="Beliefs meet data, nightly: priors with an origin, evidence in a ledger, posteriors.",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    registry = CollectorRegistry()
    app.state.served, app.state.settings, app.state.registry = served, settings, registry
    app.state.gate, app.state.standings = Gate(served, settings), Standings()
    app.state.jobs = Jobs(served)
    answer_problems(app)
    for router in ROUTERS:
        app.include_router(router, responses=RESPONSES)
    add_pages(app)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.body_bytes)
    app.add_middleware(Guard, settings=settings, served=served, gate=app.state.gate)
    app.add_middleware(Observed, requests=Requests(registry))
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    jobs: Jobs = app.state.jobs
    stop = await run_in_threadpool(start, app.state.served, app.state.settings, jobs)
    yield
    stop()
    await run_in_threadpool(jobs.close)
    app.state.served.close()


def _described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, with the problem every endpoint may answer."""
    if not app.openapi_schema:
        described = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        app.openapi_schema = described
    return app.openapi_schema
