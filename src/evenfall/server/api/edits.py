"""Parameters edited: other numbers written into their files, tried out while typed, checked, accepted."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from pydantic_core import PydanticCustomError

from evenfall.errors import UnknownName, UsageError
from evenfall.runs.edits import Numbers
from evenfall.server.api.asked import ParameterId, named
from evenfall.server.api.editing import Committing, EditAnswer, as_it_is_now, editing
from evenfall.server.api.parameters import ParameterDetail
from evenfall.server.etags import IfMatch, quoted
from evenfall.server.problems import Refused
from evenfall.server.security import Editor, Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/parameters", tags=["parameters"])

type Distribution = Literal["beta", "normal", "gamma", "lognormal"]

_LONGEST: Final = 1_000_000


class BeliefNumbers(BaseModel):
    """A belief by mean and stdev, or by its family's own numbers."""

    model_config = ConfigDict(extra="forbid")

    mean: FiniteFloat | None = None
    stdev: FiniteFloat | None = None
    alpha: FiniteFloat | None = None
    beta: FiniteFloat | None = None
    mu: FiniteFloat | None = None
    sigma: FiniteFloat | None = None
    shape: FiniteFloat | None = None
    rate: FiniteFloat | None = None
    noise_sigma: FiniteFloat | None = Field(None, description="Stdev of one observation, where it is known.")
    noise_shape: FiniteFloat | None = None
    noise_scale: FiniteFloat | None = None

    @property
    def given(self) -> dict[str, float]:
        """The numbers that were given, by name."""
        return self.model_dump(exclude_none=True, exclude={"distribution"})


class PriorNumbers(BeliefNumbers):
    """A prior; its distribution stays when none is given."""

    distribution: Distribution | None = None


class ValueNumbers(BaseModel):
    """A value as the first version of definitions has it."""

    model_config = ConfigDict(extra="forbid")

    mean: FiniteFloat
    stdev: FiniteFloat


class ParameterChange(Committing):
    """Other numbers for a prior, or for a value."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"prior": {"mean": 0.5, "stdev": 0.02}, "commit": False}]},
    )

    prior: PriorNumbers | None = None
    value: ValueNumbers | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.prior is None and self.value is None:
            raise PydanticCustomError("evenfall", "nothing to change", {"remedy": "give prior or value"})
        return self


class EditedParameter(ParameterDetail):
    """The parameter as it is after the edit, and what the edit did."""

    edit: EditAnswer


class BeliefQuestion(BeliefNumbers):
    """Numbers on their way, and the distribution they are to be of."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"distribution": "beta", "mean": 0.5, "stdev": 0.02}]},
    )

    distribution: Distribution


class FeasibilityAnswer(BaseModel):
    """What numbers mean as a belief; when they mean none, why, and what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "feasible": False,
                    "message": "no rate with mean 0.5 has stdev 0.6",
                    "remedy": "the largest feasible stdev at this mean is 0.495074",
                    "mean": None,
                    "stdev": None,
                    "lower": None,
                    "upper": None,
                    "observations": None,
                    "numbers": None,
                    "x": [],
                    "density": [],
                }
            ]
        }
    )

    feasible: bool
    message: str
    remedy: str
    mean: float | None
    stdev: float | None
    lower: float | None = Field(description="Of the equal-tailed 95 % interval.")
    upper: float | None
    observations: float | None = Field(description="How many observations the belief is worth.")
    numbers: dict[str, float] | None = Field(description="By the family's own names.")
    x: list[float | None]
    density: list[float | None]


class DefinitionText(BaseModel):
    """A parameter's text as it would be saved, or the file to look at, or both."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "id: signup\nvalue: {mean: 0.3, stdev: 0.02}\n"}]},
    )

    text: Annotated[str, Field(max_length=_LONGEST)] | None = None
    path: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="A parameter file of the project, such as parameters/signup.yaml."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.text is None and self.path is None:
            raise PydanticCustomError("evenfall", "nothing to check", {"remedy": "give text or path"})
        return self


class DefinitionProblem(BaseModel):
    """What is wrong, where, and what to do."""

    file: str
    line: int
    column: int
    path: str
    value: Any
    message: str
    remedy: str


class DefinitionProblems(BaseModel):
    """Whether a definition holds, and everything that is wrong with it."""

    valid: bool
    problems: list[DefinitionProblem]


class Accepted(BaseModel):
    """The prior in force after a posterior was accepted as the new one."""

    parameter_id: str
    changed: bool = Field(description="False when that posterior had been accepted before.")
    prior: dict[str, float]
    absorbed_until: date | None = Field(description="First day whose evidence is not in the prior.")
    origin: str


@router.patch("/{parameter_id}", summary="Edit a prior or a value", response_model=EditedParameter)
def edit(
    *,
    change: ParameterChange,
    parameter_id: ParameterId,
    caller: Editor,
    project: Opened,
    seen: IfMatch,
    request: Request,
    response: Response,
) -> dict[str, Any]:
    """Write other numbers into the parameter's file; the rest of the file stays byte for byte.

    Of a template's slice, the template is edited, and with it every slice: `edit.touches` names them. The
    next night makes a new version of the prior.
    """
    prior, value = change.prior, change.value
    numbers = Numbers(
        prior=prior.given if prior is not None else None,
        distribution=prior.distribution if prior is not None else None,
        value=value.model_dump() if value is not None else None,
    )
    commit = change.commit_of(caller, parameter_id)
    with named(), editing(seen):
        done = project.edit_parameter(parameter_id, numbers, seen=seen, commit=commit)
    now = as_it_is_now(request, caller)
    shown = now.show(parameter_id if parameter_id in now.registry.parameters else done.touches[0])
    response.headers["ETag"] = quoted(shown.etag)
    return {**shown.as_dict(), "edit": done.as_dict()}


@router.post("/feasibility", summary="What numbers would mean", response_model=FeasibilityAnswer)
def feasibility(asked: BeliefQuestion, _caller: Viewer, project: Opened) -> dict[str, Any]:
    """Return the belief that numbers describe, as figures and as a curve, or why there is none."""
    return project.feasibility(asked.distribution, asked.given).as_dict()


@router.post("/validate", summary="Check a definition", response_model=DefinitionProblems)
def validate(asked: DefinitionText, _caller: Viewer, project: Opened) -> dict[str, Any]:
    """Return what is wrong with a parameter's definition, and what would go wrong elsewhere by it."""
    try:
        found = project.check_definition(asked.text, asked.path)
    except UsageError as unknown:
        raise Refused(404, unknown.message, field="path", value=asked.path, remedy=unknown.remedy) from None
    problems = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "value": problem.value,
            "message": problem.message,
            "remedy": problem.remedy,
        }
        for problem in found
    ]
    return {"valid": not problems, "problems": problems}


@router.post("/{parameter_id}/accept", summary="Accept its posterior as its prior", response_model=Accepted)
def accept(parameter_id: ParameterId, _caller: Editor, project: Opened) -> dict[str, Any]:
    """Make the current posterior the new prior; no current number changes by it."""
    try:
        with named():
            return project.accept(parameter_id)
    except UnknownName:
        raise
    except UsageError as nothing:
        raise Refused(
            409, nothing.message, field="parameter_id", value=parameter_id, remedy=nothing.remedy
        ) from None
