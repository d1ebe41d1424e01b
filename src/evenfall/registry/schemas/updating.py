"""How a prior and evidence become a posterior."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from evenfall.registry.schemas.base import Model, refuse
from evenfall.registry.schemas.numbers import PriorNumbers
from evenfall.registry.schemas.pooling import PoolingSetting

__all__ = ["BayesianUpdate", "Discount", "McmcConfig", "Overdispersion", "Robust", "VariationalConfig"]

_Count = Annotated[int, Field(ge=1)]
_Positive = Annotated[float, Field(gt=0)]


class McmcConfig(Model):
    """How many draws are kept and dropped per chain."""

    samples: _Count | None = None
    burn_in: _Count | None = None
    chains: _Count | None = None


class VariationalConfig(Model):
    """How long the approximation is trained and how many draws are taken from it."""

    steps: _Count | None = None
    learning_rate: _Positive | None = None
    draws: _Count | None = None


class Discount(Model):
    """How fast old evidence loses weight."""

    half_life_days: _Positive | Literal["learned"]


class Overdispersion(Model):
    """How much more days differ than chance alone allows; small kappa, large difference."""

    kappa: _Positive


class Robust(Model):
    """How much the prior is trusted: its weight beside that of a prior that knows nothing."""

    weight: Annotated[float, Field(gt=0, le=1)]


def _word_or_object(value: Any) -> str:
    return "<word>" if isinstance(value, str) else "<object>"


class BayesianUpdate(Model):
    """The prior and the rule.

    Attributes
    ----------
    model, quantity
        Where update_rule is model: the function that builds it, and the name of the variable that is the
        parameter.
    robust
        Mixes the prior with one that knows nothing, so that data far from the belief win sooner.
    pooling
        Whether slices lean on each other; partial for a template of three shards or more when unset.
    """

    prior: PriorNumbers | None = None
    update_rule: Literal["conjugate", "mcmc", "variational", "auto", "model"] = "conjugate"
    model: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    quantity: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] = "value"
    mcmc_config: McmcConfig | None = None
    variational_config: VariationalConfig | None = None
    discount: Annotated[
        Annotated[Literal["none", "learned"], Tag("<word>")] | Annotated[Discount, Tag("<object>")],
        Discriminator(_word_or_object),
    ] = "none"
    overdispersion: Annotated[
        Annotated[Literal["none", "learned"], Tag("<word>")] | Annotated[Overdispersion, Tag("<object>")],
        Discriminator(_word_or_object),
    ] = "none"
    robust: Robust | None = None
    pooling: PoolingSetting = None

    @model_validator(mode="after")
    def _model_named(self) -> Self:
        if (self.update_rule == "model") != (self.model is not None):
            raise refuse(
                "update_rule: model and the key model belong together",
                "write both, such as model: my_package.my_module:build",
            )
        if self.model is None and "quantity" in self.model_fields_set:
            raise refuse("quantity without a model", "remove it, or write update_rule: model and model: ...")
        return self

    @property
    def half_life_days(self) -> float | Literal["learned"] | None:
        """Days after which evidence counts half; None when it never fades."""
        if isinstance(self.discount, Discount):
            return self.discount.half_life_days
        return "learned" if self.discount == "learned" else None

    @property
    def kappa(self) -> float | Literal["learned"] | None:
        """Concentration of the days' rates; None when days differ by chance alone."""
        if isinstance(self.overdispersion, Overdispersion):
            return self.overdispersion.kappa
        return "learned" if self.overdispersion == "learned" else None
