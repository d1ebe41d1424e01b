"""What an update answers: posterior, observations and divergence, or why there is none."""

from __future__ import annotations

from typing import Any

from evenfall.beliefs.observations import STATISTIC_NAMES
from evenfall.runs.report import NightReport, json_ready
from evenfall.runs.world import World
from evenfall.store.records import NightResult, PosteriorRecord

__all__ = ["update_answer"]


def update_answer(world: World, report: NightReport) -> dict[str, Any]:
    """Return the night of one parameter (or of one template's shards) as JSON has it."""
    answers = [_answer(world, result) for result in report.results]
    if len(answers) == 1:
        return answers[0]
    return {"parameters": answers, "exit_code": report.exit_code}


def _answer(world: World, result: NightResult) -> dict[str, Any]:
    night = world.night(result.as_of)
    identity = result.parameter_id
    newest = world.store.posteriors([identity], night.instant).get(identity)
    kept = world.store.night_results([identity], result.as_of)[identity]
    answer: dict[str, Any] = {
        "parameter_id": identity,
        "as_of": result.as_of.isoformat(),
        "outcome": result.outcome,
        "divergence": {
            "light": str(result.light),
            **json_ready(dict(result.verdict)),
            "alert": result.light == "red",
        },
        "read": {
            "loaded": result.loaded,
            "counted": result.counted,
            "late_not_counted": result.late_not_counted,
            "quarantined": result.quarantined,
        },
    }
    if kept.posterior_id is None or newest is None:  # nothing was computed tonight, whatever is current
        return {
            **answer,
            "skipped": True,
            "reason": result.outcome,
            "detail": result.detail,
            "remedy": result.remedy,
        }
    names = STATISTIC_NAMES[world.registry.parameters[identity].type]
    answer["posterior"] = posterior_as_dict(newest)
    answer["observations"] = dict(zip(names, newest.sums, strict=False))
    return answer


def posterior_as_dict(record: PosteriorRecord) -> dict[str, Any]:
    """Return a posterior as JSON has it, with its 95 % interval."""
    return {
        "distribution": record.belief.family,
        **record.belief.numbers,
        "mean": record.mean,
        "stdev": record.stdev,
        "credible_interval_95": [record.lower, record.upper],
        "prior_version": record.prior_version,
        "counted_until": record.counted_until.isoformat(),
        "watermark": record.watermark.isoformat(),
    }
