"""How long those who convert take, fitted to people by entry day and conversions by age."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from evenfall.registry.schemas.base import Model, refuse

__all__ = ["MAX_AGE_DAYS", "Centre", "DelayFamily", "LatencyBlock"]

MAX_AGE_DAYS: Final = 60
"""Days a cohort is followed unless its definition says otherwise."""

_LONGEST: Final = 1000

DelayFamily = Literal["lognormal", "weibull", "gamma", "log_logistic", "generalised_gamma", "auto"]

_Days = Annotated[float, Field(gt=0)]


class Centre(Model):
    """What is believed of a length of time before the data: its mean, and how surely."""

    mean: _Days
    stdev: _Days


def _number_or_object(value: Any) -> str:
    return "<object>" if isinstance(value, dict | Centre) else "<number>"


_Belief = (
    Annotated[
        Annotated[float, Field(gt=0), Tag("<number>")] | Annotated[Centre, Tag("<object>")],
        Discriminator(_number_or_object),
    ]
    | None
)


class LatencyBlock(Model):
    """The delay between the attempt and the conversion; the rate then counts those who are still to come.

    Attributes
    ----------
    family
        Law of the delay; auto compares them and weighs what they say.
    horizon_days
        Days within which a conversion counts in the headline rate; found from the data when unset.
    onset
        Whether nobody converts before some first moment, which is then learned.
    median_days, t95_days
        Where the prior puts the time by which half, and 95 %, of those who convert have done so.
    max_age_days
        Days a cohort is followed.
    """

    family: DelayFamily = "lognormal"
    horizon_days: _Days | None = None
    onset: bool = False
    median_days: _Belief = None
    t95_days: _Belief = None
    max_age_days: Annotated[int, Field(ge=1, le=_LONGEST)] = MAX_AGE_DAYS

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        median, t95 = self.centre("median_days"), self.centre("t95_days")
        if median is not None and t95 is not None and t95[0] <= median[0]:
            raise refuse(
                f"95 % cannot have come by day {t95[0]:g} when half come by day {median[0]:g}",
                "make t95_days greater than median_days",
            )
        if self.horizon_days is not None and self.horizon_days > self.max_age_days:
            raise refuse(
                f"nobody is followed to the horizon of {self.horizon_days:g} days",
                f"write max_age_days: {-int(-self.horizon_days // 1)}, or a nearer horizon_days",
            )
        return self

    def centre(self, key: Literal["median_days", "t95_days"]) -> tuple[float, float | None] | None:
        """Return the prior's mean and standard deviation of a figure, the latter None where none is given."""
        said = getattr(self, key)
        if isinstance(said, Centre):
            return said.mean, said.stdev
        return None if said is None else (float(said), None)
