"""Calls of the program in this process, and report objects written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from evenfall.cli import main
from evenfall.findings import Light
from evenfall.runs.report import StatusRow


@dataclass(frozen=True)
class Call:
    """What one call of the program left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def call(capsys, monkeypatch) -> Callable[..., Call]:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*arguments: object) -> Call:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Call(left.value.code, out, err)

    return run


@pytest.fixture
def row() -> Callable[..., StatusRow]:
    """Return a builder of status rows: Beta(8, 17) and 52 of 150, as in the worked numbers of the design."""

    def build(
        parameter_id: str, of_type: str = "probability", light: Light = Light.GREEN, **rest: Any
    ) -> StatusRow:
        stated: dict[str, Any] = {
            "name": parameter_id,
            "outcome": "updated",
            "prior_mean": 0.32,
            "prior_stdev": 0.0915,
            "prior_origin": "manual (parameters/x.yaml:4)",
            "posterior_mean": 60 / 175,
            "posterior_stdev": 0.0358,
            "lower": 0.2745,
            "upper": 0.4146,
            "size": 150.0,
            "total": 52.0,
            "observed": 52 / 150,
            "sigma": 0.376,
            "age_days": 0.25,
            **rest,
        }
        return StatusRow(parameter_id=parameter_id, type=of_type, light=light, **stated)

    return build
