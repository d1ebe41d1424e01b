"""One night, applied: chunk after chunk is read, computed and kept; no parameter stops another."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from evenfall.errors import EvenfallError
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.night.case import recall
from evenfall.runs.night.keep import failed_record
from evenfall.runs.night.learned import Learned, learn
from evenfall.runs.night.plan import NightPlan, Task
from evenfall.runs.night.update import update
from evenfall.runs.report import NightReport
from evenfall.runs.world import World
from evenfall.store.draws import sweep
from evenfall.store.records import Definition, Lease, NightResult, Record

__all__ = ["Progress", "apply"]

Progress = Callable[[int, int, str], None]
"""Called with (parameters done, parameters in all, what was done last)."""

LEASE_SECONDS = 900
"""How long a silent worker keeps its night; it renews the lease with every chunk."""


def apply(
    world: World, plan: NightPlan, progress: Progress | None = None, fitter: Fitter | None = None
) -> NightReport:
    """Carry out `plan` and return what came of it.

    Parameters
    ----------
    fitter
        Who fits what needs fitting; by default the project's own, whose workers end with the night.

    Raises
    ------
    StoreError
        When the same night is being run by another living process, or the lease was lost to one.
    """
    store = world.store
    instant = plan.night.instant
    store.record_definitions(_definitions(world), instant)
    lease = store.start_run(
        plan.run_key,
        plan.kind,
        plan.night.as_of,
        plan_json=json.dumps(plan.summary()),
        lease_seconds=LEASE_SECONDS,
    )
    own = Fitter.of(world)
    fitter = fitter or own
    status = "failed"
    said: dict[str, object] = {}
    written: Counter[str] = Counter()
    results: list[NightResult] = []

    def tell(label: str) -> None:
        if progress is not None:
            progress(len(results), len(plan.tasks), label)

    fitter.heard = lambda ended, total: tell(f"{ended} of {total} fits")
    try:
        learned = learn(world, plan.night)
        chunks = {f"chunk-{number}": tasks for number, tasks in enumerate(plan.chunks)}
        store.add_tasks(lease, [(name, {"parameters": len(tasks)}) for name, tasks in chunks.items()])
        while (claimed := store.claim_task(lease, lease_seconds=LEASE_SECONDS)) is not None:
            tasks = chunks[claimed.name]
            records = _isolated(tasks, plan, world, learned, fitter)
            if not results and records:
                records[0] = _with_learned(records[0], learned, plan)
            written += _commit(world, plan, tasks, records, claimed.lease)
            came = [record.result for record in records if record.parameter_id in plan.ids]
            store.finish_task(claimed.lease, result={"outcomes": Counter(one.outcome for one in came)})
            results += came
            tell(tasks[-1].parameter_id)
        sweep(world.artifacts, store.artifacts())
        report = _report(world, plan, results, written)
        status = {0: "ok", 1: "failed", 2: "partial"}[report.exit_code]
    except KeyboardInterrupt:
        status = "cancelled"
        raise
    except Exception as error:
        said = _complaint(error)
        raise
    finally:
        own.close()
        store.finish_run(lease, status, {"written": dict(written), **said})
    return report


def _complaint(error: Exception) -> dict[str, object]:
    """Return what is kept with a run of the error that ended it."""
    if isinstance(error, EvenfallError):
        return {"error": {"message": error.message, "remedy": error.remedy, "traceback": None}}
    message = f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error))
    return {
        "error": {"message": message, "remedy": "see the traceback, then run it again", "traceback": trace}
    }


def _isolated(
    tasks: Sequence[Task], plan: NightPlan, world: World, learned: Learned, fitter: Fitter
) -> list[Record]:
    """Return the records of a chunk; where something unexpected goes wrong, halve it down to one parameter.

    This is the one broad catch of the program: the traceback is recorded and the next parameter goes on.
    """
    try:
        return update(tasks, plan.night, world, learned, fitter)
    except Exception as error:
        if len(tasks) > 1:
            half = len(tasks) // 2
            halves = (tasks[:half], tasks[half:])
            return [record for part in halves for record in _isolated(part, plan, world, learned, fitter)]
        (case,) = recall(tasks, plan.night, world)
        case.fail(error)
        return [failed_record(case)]


def _commit(
    world: World, plan: NightPlan, tasks: Sequence[Task], records: list[Record], lease: Lease
) -> Counter[str]:
    """Keep a chunk and return the rows written; a record the store refuses becomes a failed night instead."""
    report = world.store.commit(records, lease)
    written = Counter(report.written)
    refused = {}
    for case in recall([task for task in tasks if task.parameter_id in report.failed], plan.night, world):
        case.fail(report.failed[case.id])
        refused[case.id] = failed_record(case)
    if refused:
        written.update(world.store.commit(list(refused.values()), lease).written)
        records[:] = [refused.get(record.parameter_id, record) for record in records]
    return written


def _with_learned(record: Record, learned: Learned, plan: NightPlan) -> Record:
    versions = learned.versions(plan.night.instant)
    return replace(record, hyperparameters=record.hyperparameters + versions)


def _definitions(world: World) -> list[Definition]:
    registry = world.registry
    return [
        Definition(source.path, source.sha256, source.text, True, registry.git_revision)
        for source in (registry.sources or {}).values()
    ]


def _report(
    world: World,
    plan: NightPlan,
    results: list[NightResult],
    written: Counter[str],
) -> NightReport:
    return NightReport(
        run_key=plan.run_key,
        as_of=plan.night.as_of,
        results=tuple(sorted(results, key=lambda result: result.parameter_id)),
        written=dict(sorted(written.items())),
        failures={r.parameter_id: r.detail for r in results if r.outcome == "failed"},
        config_problems=len(world.registry.problems),
    )
