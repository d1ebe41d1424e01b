"""One light per parameter: the worst that any check asks for, with the findings and figures behind it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evenfall.findings import Finding, Light, worst
from evenfall.monitoring.checks import CHECKS, Check
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.wording import quantity, sigmas

__all__ = ["CheckInput", "Verdict", "check_chunk"]

_JUDGED = (Light.GREEN, Light.AMBER, Light.RED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks together say of one parameter on one night.

    Attributes
    ----------
    light
        The worst light any check asks for.
    findings
        What is worth saying, worst first; for a grey light, why nothing can be said.
    figures
        The belief check's numbers by name, the drift check's with ``drift_`` before them, and the age of the
        last good read (JSON-ready).
    """

    parameter_id: str
    light: Light
    findings: tuple[Finding, ...]
    figures: Mapping[str, float | int | str | None]

    @property
    def detail(self) -> str:
        """The sentence that explains the light; empty when it is green."""
        return self.findings[0].message if self.findings else ""

    @property
    def remedy(self) -> str:
        """What to do about the light; empty when nothing is to be done."""
        return self.findings[0].remedy if self.findings else ""


def check_chunk(inputs: Sequence[CheckInput]) -> list[Verdict]:
    """Return one verdict per input, in the same order; every check in the catalogue has its say.

    Examples
    --------
    >>> from datetime import date
    >>> from evenfall.beliefs.belief import Belief, Origin
    >>> from evenfall.beliefs.observations import Observations
    >>> prior = Belief("beta", ("alpha", "beta"), (98.9, 80.9), Origin("manual"))
    >>> week = Observations.of([(date(2025, 11, 3), date(2025, 11, 10), 892, 375, 0)])
    >>> [verdict] = check_chunk([CheckInput("checkout.p.mean", "probability", prior, None, week)])
    >>> verdict.light, verdict.detail
    (<Light.RED: 'red'>, 'checkout.p.mean diverging: expected 55 %, observed 42 % (3.2σ), n 892')
    """
    if not inputs:
        return []
    checks: list[Check] = [CHECKS.resolve(name) for name in CHECKS.entries]
    answers = {check.name: check.check(inputs) for check in checks}
    colouring = {check.name for check in checks if getattr(check, "colours", True)}
    return [
        _verdict(item, {name: found[index] for name, found in answers.items()}, colouring)
        for index, item in enumerate(inputs)
    ]


def _verdict(item: CheckInput, found: Mapping[str, Finding | None], colouring: set[str]) -> Verdict:
    said = {name: finding for name, finding in found.items() if finding is not None}
    light = worst(finding.light for name, finding in said.items() if name in colouring)
    talking = [_beside(item, finding, said) for finding in said.values() if _worth_saying(finding, light)]
    # Whatever explains the light comes first.
    talking.sort(key=lambda finding: (finding.check not in colouring, finding.light is not light))
    return Verdict(item.parameter_id, light, tuple(talking), _figures(item, said))


def _worth_saying(finding: Finding, light: Light) -> bool:
    if finding.light is Light.GREEN or not finding.message:
        return False
    return finding.light is not Light.GREY or light is Light.GREY


def _beside(item: CheckInput, finding: Finding, said: Mapping[str, Finding]) -> Finding:
    """Return the finding with the other check named, where belief and drift were both judged and disagree."""
    other = said.get({"belief": "drift", "drift": "belief"}.get(finding.check, ""))
    if other is None or other.light not in _JUDGED or other.light is finding.light:
        return finding
    mean, stdev, sigma = (
        other.figures[key] for key in ("expected_mean", "expected_stdev", "sigma_predictive")
    )
    assert isinstance(mean, float)
    against = quantity(item.type, mean, stdev if isinstance(stdev, float) else 0.0)
    held = f"{against} before the window" if other.check == "drift" else f"a prior of {against}"
    distance = sigmas(sigma) if isinstance(sigma, float) else sigmas(float("inf"))
    return dataclasses.replace(
        finding,
        message=f"{finding.message}; the {other.check} check is {other.light} ({distance} from {held})",
    )


def _figures(item: CheckInput, said: Mapping[str, Finding]) -> dict[str, float | int | str | None]:
    """Return every check's numbers under names that cannot collide; belief speaks without a prefix."""
    figures: dict[str, float | int | str | None] = {}
    for name, finding in said.items():
        prefix = "" if name == "belief" else f"{name}_"
        figures.update({prefix + key: value for key, value in finding.figures.items()})
        figures[f"{name}_light"] = finding.light.value
    figures["age_days"] = None if item.read_age is None else item.read_age.total_seconds() / 86400
    return figures
