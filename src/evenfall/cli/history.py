"""`evenfall history`: what was believed of one parameter, and from which evidence, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, Identifier, ProjectPath, open_project
from evenfall.cli.output import emit, say, show

if TYPE_CHECKING:
    from evenfall.runs.report import History

__all__ = ["history"]


def history(parameter: Identifier, *, project: ProjectPath = None, as_json: AsJson = False) -> int:
    """Show the priors, posteriors and nights of one parameter, oldest first."""
    with open_project(project) as opened:
        kept = opened.history(parameter)
        of_type = opened.registry.parameter(parameter).type
    if as_json:
        emit(kept.as_dict())
        return 0
    _print_priors(kept, of_type)
    _print_nights(kept, of_type)
    return 0


def _print_priors(kept: History, of_type: str) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    if not kept.priors:
        say("no prior yet")
        return
    table = plain_table("prior", "mean ± sd", "reason", "origin", "absorbed until", "seen", right=("prior",))
    for prior in kept.priors:
        until = str(prior.absorbed_until) if prior.absorbed_until else formatting.MISSING
        spread = formatting.spread(of_type, prior.mean, prior.stdev)
        origin = str(prior.belief.origin)
        table.add_row(
            f"{prior.version}", spread, prior.reason, origin, until, f"{prior.seen_at:%Y-%m-%d %H:%M}Z"
        )
    show(table)


def _print_nights(kept: History, of_type: str) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    if not kept.nights:
        say("\nno night has run yet")
        return
    posteriors = {record.as_of: record for record in kept.posteriors}
    table = plain_table("night", "light", "outcome", "n", "posterior [95 %]", "σ", right=("n", "σ"))
    for result in kept.nights:
        record = posteriors.get(result.as_of)
        sigma = result.verdict.get("sigma_predictive")
        shown = formatting.estimate(of_type, record.mean, record.lower, record.upper) if record else ""
        table.add_row(
            str(result.as_of),
            formatting.light(result.light),
            result.outcome,
            formatting.evidence(record.sums[0]) if record else "",
            shown,
            formatting.sigma(float(sigma) if isinstance(sigma, int | float) else None).removesuffix("σ"),
        )
    say("")
    show(table)
