"""`evenfall update`: one parameter now, or its posterior accepted as the new prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, AsOf, Identifier, ProjectPath, open_project
from evenfall.cli.output import emit, say
from evenfall.findings import Light

__all__ = ["update"]


def update(
    parameter: Identifier,
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="Make the current posterior the parameter's new prior.")
    ] = False,
    as_of: AsOf = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Read, update and check one parameter; exit 1 when that failed."""
    from evenfall.runs.report import PARTIAL_OUTCOMES  # noqa: PLC0415

    with open_project(project) as opened:
        answer = opened.accept(parameter) if accept else opened.update(parameter, as_of=as_of)
        if as_json:
            emit(answer)
        elif accept:
            _print_accepted(answer, opened.registry.parameter(parameter).type)
        else:
            for one in answer.get("parameters", [answer]):
                _print_update(one, opened.registry.parameter(one["parameter_id"]).type)
    if "exit_code" in answer:
        return int(answer["exit_code"])
    return 1 if answer.get("outcome") in PARTIAL_OUTCOMES else 0


def _print_accepted(answer: Mapping[str, Any], of_type: str) -> None:
    prior, until = answer["prior"], answer.get("absorbed_until")
    head = f"{answer['parameter_id']}: prior {formatting.spread(of_type, prior['mean'], prior['stdev'])}"
    counted = f", evidence before {until} is in it" if until else ""
    say(f"{head}{counted}" if answer["changed"] else f"{head} already was this posterior{counted}")


def _print_update(answer: Mapping[str, Any], of_type: str) -> None:
    name = answer["parameter_id"]
    if answer.get("skipped"):
        detail = f": {answer['detail']}" if answer["detail"] else ""
        say(f"{name}: {answer['reason']}{detail}")
        if answer["remedy"]:
            say(f"  → {answer['remedy']}")
        return
    posterior, divergence = answer["posterior"], answer["divergence"]
    not_due = answer["outcome"] == "not_due"
    say(f"{name}: {'computed and checked, not due to become current yet' if not_due else answer['outcome']}")
    shown = formatting.estimate(of_type, posterior["mean"], *posterior["credible_interval_95"])
    say(f"  posterior     {shown}")
    seen = ", ".join(f"{key} {number:,.6g}" for key, number in answer["observations"].items())
    say(f"  observations  {seen}")
    sigma = formatting.sigma(divergence.get("sigma_predictive"))
    say(f"  light         {formatting.light(Light(divergence['light']))} ({sigma})")
