"""Builders of what a check is given; the numbers stand in the tests."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.monitoring.inputs import CheckInput

FIRST = date(2025, 11, 3)
KEYS = {
    "beta": ("alpha", "beta"),
    "gamma": ("shape", "rate"),
    "normal": ("mu", "sigma", "noise_sigma"),
    "lognormal": ("mu", "sigma", "noise_sigma"),
    "normal-inverse-gamma": ("mu", "sigma", "noise_shape", "noise_scale"),
}
TYPES = {
    "beta": "probability",
    "gamma": "rate",
    "normal": "mean",
    "lognormal": "duration",
    "normal-inverse-gamma": "mean",
}


def belief(family: str, *theta: float, kind: str = "manual") -> Belief:
    return Belief(family, KEYS[family], tuple(map(float, theta)), Origin(kind, "parameters/demo.yaml:4"))


def week(size: float, total: float, squares: float = 0.0) -> Observations:
    """Return the sums as one row of seven days."""
    return Observations.of([(FIRST, FIRST + timedelta(days=7), size, total, squares)])


def check_input(
    expected: Belief | None, window: Observations | None, baseline: Belief | None = None, **rest: Any
) -> CheckInput:
    known = expected or baseline
    kind = TYPES[known.family] if known is not None else "probability"
    settings: dict[str, Any] = {"parameter_id": "checkout.p.mean", "type": kind, **rest}
    return CheckInput(expected=expected, baseline=baseline, window=window, **settings)


@pytest.fixture
def make() -> SimpleNamespace:
    return SimpleNamespace(belief=belief, week=week, input=check_input)
