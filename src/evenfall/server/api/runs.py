"""Runs: the nights there were, those under way as a stream of events, and nights started and cancelled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from evenfall.project import Project
from evenfall.runs.night.listing import ListedRun, RunDetail
from evenfall.server.jobs import Jobs
from evenfall.server.paging import Page, Paging
from evenfall.server.problems import Refused
from evenfall.server.security import Editor, Opened, Viewer

__all__ = ["RunAnswer", "jobs_of", "router", "run_answer"]

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])

_LOOK_SECONDS: Final = 0.1
_TELL_SECONDS: Final = 1.0
"""How long a stream of events may be silent."""

_STANDING: Final = "live."
"""Begins the cursor of a page that ends among the runs that are not in the store."""

_RUN: Final[dict[str, JsonValue]] = {
    "run_key": "nightly:2026-10-01",
    "kind": "nightly",
    "as_of": "2026-10-01",
    "state": "completed",
    "ended": "partial",
    "attempt": 1,
    "progress": 1.0,
    "done": 33,
    "total": 33,
    "label": "",
    "counts": {"not_due": 22, "source_down": 1, "updated": 10},
    "failures": 1,
    "error": None,
    "started_at": "2026-10-01T06:00:00Z",
    "finished_at": "2026-10-01T06:00:04Z",
    "seconds": 4.2,
}


class TroubleAnswer(BaseModel):
    """Why a run as a whole came to nothing, and what to do."""

    message: str
    remedy: str
    traceback: str | None


class RunHead(BaseModel):
    """How a run stands: the newest attempt at its key, or one that waits for its turn."""

    run_key: str
    kind: str
    as_of: date
    state: Annotated[str, Field(description="queued, running, completed, failed or cancelled")]
    ended: str | None = Field(
        description="ok, partial, failed, cancelled or interrupted; null before the end"
    )
    attempt: int
    progress: Annotated[float, Field(ge=0, le=1)]
    done: int
    total: int
    label: str = Field(description="What was done last, while it runs.")
    counts: dict[str, int] = Field(description="How many parameters had which outcome.")
    error: TroubleAnswer | None
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None


class RunAnswer(RunHead):
    """A run in a list; `failures` counts them."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUN]})

    failures: int


class FailureAnswer(BaseModel):
    """What went wrong with one parameter."""

    parameter_id: str
    outcome: str
    message: str
    remedy: str
    traceback: str | None


class RunDetailAnswer(RunHead):
    """A run with its plan, what came of each parameter, and the failures among them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_RUN, "failures": [], "failed": 1, "plan": None, "results": []}]}
    )

    failures: list[FailureAnswer]
    failed: int = Field(description="How many failures there are.")
    plan: list[dict[str, Any]] | None
    results: list[dict[str, Any]]


class PlanAnswer(BaseModel):
    """What a night would do."""

    kind: str
    run_key: str
    as_of: date
    logical_clock: datetime
    zone: str
    tasks: list[dict[str, Any]]


class NewRun(BaseModel):
    """Which night is to be run; without anything, tonight's of every parameter."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"as_of": "2026-10-01"}]})

    as_of: Annotated[date, Field(ge=date(1970, 1, 1))] | None = None
    only: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        None, description="A parameter's id, a template's id, or a reference."
    )
    retry_failed: bool = Field(False, description="Also parameters that wait out their back-off.")
    plan: bool = Field(False, description="Answer what would be done, and do nothing.")


RunKey = Annotated[str, Path(max_length=600, examples=["nightly:2026-10-01"])]


def jobs_of(request: Request) -> Jobs:
    """Return the runs that this server started."""
    jobs: Jobs = request.app.state.jobs
    return jobs


def run_answer(run: ListedRun) -> RunAnswer:
    """Return a run as it is answered in lists."""
    return RunAnswer.model_validate(run.as_dict())


@router.get("", summary="The runs there were, and those to come, the newest first")
def list_runs(caller: Viewer, project: Opened, request: Request, turning: Paging) -> Page[RunAnswer]:
    """Return what waits and runs, then the newest attempt of every run in the store."""
    standing = jobs_of(request).standing(caller.tenant)
    first, before = _place(turning.cursor, len(standing))
    live = standing[first : first + turning.limit]
    room = turning.limit - len(live)
    stored, total = project.nights.listed(room + 1, before)
    following = None
    if len(stored) > room:
        following = str(stored[room - 1].run_id) if room else f"{_STANDING}{first + len(live)}"
    elif first + len(live) < len(standing):
        following = f"{_STANDING}{first + len(live)}"
    keys = {run.run_key for run in standing}
    shown = live + [run for run in stored[:room] if run.run_key not in keys]
    fresh = sum(project.nights.find(key) is None for key in keys)
    return Page(items=[run_answer(run) for run in shown], next=following, total=total + fresh)


def _place(cursor: str | None, standing: int) -> tuple[int, int | None]:
    """Return where a page begins: among what is not in the store, and below which number in the store."""
    if cursor is None:
        return 0, None
    live, number = cursor.startswith(_STANDING), cursor.removeprefix(_STANDING)
    if not (number.isascii() and number.isdecimal() and len(number) <= 18):
        raise Refused(
            422,
            "the cursor is not one that a page gave",
            field="cursor",
            value=cursor,
            remedy="take `next` of the page before, or leave it out for the first page",
        )
    return (int(number), None) if live else (standing, int(number))


@router.post(
    "",
    status_code=202,
    summary="Start a night",
    response_model=RunAnswer | PlanAnswer,
    responses={200: {"model": PlanAnswer, "description": "With `plan`: what would be done."}},
)
def start_run(
    wanted: NewRun, caller: Editor, project: Opened, request: Request, response: Response
) -> RunAnswer | PlanAnswer:
    """Queue a night; asked for again while it waits or runs, the same one is answered."""
    if wanted.plan:
        plan = project.nightly(wanted.as_of, only=wanted.only, retry_failed=wanted.retry_failed)
        response.status_code = 200
        return PlanAnswer.model_validate(plan.as_dict())
    run = jobs_of(request).submit(caller.tenant, wanted.as_of, wanted.only, retry_failed=wanted.retry_failed)
    response.headers["Location"] = f"/api/v1/runs/{run.run_key}"
    return run_answer(run)


@router.get("/{run_key}", summary="A run with its plan, results and failures")
def show_run(run_key: RunKey, caller: Viewer, project: Opened, request: Request) -> RunDetailAnswer:
    """Return one run; what came of each parameter is there once it has ended."""
    detail = _detail(project, jobs_of(request), caller.tenant, run_key)
    return RunDetailAnswer.model_validate(detail.as_dict())


@router.delete("/{run_key}", status_code=202, summary="Cancel a run")
def cancel_run(run_key: RunKey, caller: Editor, request: Request) -> RunAnswer:
    """Take a run out of the queue, or end its process; what it has kept stays, nothing is half kept."""
    return run_answer(jobs_of(request).cancel(caller.tenant, run_key))


@router.get(
    "/{run_key}/events",
    summary="How a run goes on, as server-sent events",
    response_class=StreamingResponse,
    responses={200: {"description": "Events `progress` and `done`.", "content": {"text/event-stream": {}}}},
)
async def follow_run(run_key: RunKey, caller: Viewer, project: Opened, request: Request) -> StreamingResponse:
    """Tell how the run stands with every change, at least once a second, and once more when it is over."""
    jobs = jobs_of(request)

    def look() -> RunDetail:
        return _detail(project, jobs, caller.tenant, run_key)

    def changes() -> int:
        return jobs.changes(caller.tenant, run_key)

    await run_in_threadpool(look)  # an unknown run is told before the stream begins
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(look, changes), media_type="text/event-stream", headers=headers)


async def _events(look: Callable[[], RunDetail], changes: Callable[[], int]) -> AsyncIterator[str]:
    while True:
        seen = changes()
        detail = await run_in_threadpool(look)
        over = detail.run.state not in ("queued", "running")
        told = RunDetailAnswer.model_validate(replace(detail, plan=None, results=()).as_dict())
        data = json.dumps(told.model_dump(mode="json", exclude={"results"}), allow_nan=False)
        yield f"event: {'done' if over else 'progress'}\ndata: {data}\n\n"
        if over:
            return
        await _until_changed(seen, changes)


async def _until_changed(seen: int, changes: Callable[[], int]) -> None:
    for _ in range(round(_TELL_SECONDS / _LOOK_SECONDS)):
        await asyncio.sleep(_LOOK_SECONDS)
        if changes() != seen:
            return


def _detail(project: Project, jobs: Jobs, tenant: str, run_key: str) -> RunDetail:
    run = jobs.find(tenant, run_key)
    if run.run_id is None:
        return RunDetail(run)
    stored = project.nights.detail(run_key)
    if run.state == "running":
        return RunDetail(run, plan=stored.plan)
    return replace(stored, run=run)
