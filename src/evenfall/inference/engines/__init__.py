"""What an engine does, and the engines by name."""

from __future__ import annotations

from typing import Final, Protocol

from evenfall.catalogue import Catalogue
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import LogDensity, PymcModel

__all__ = ["ENGINES", "Engine"]

ENGINES: Final = Catalogue(
    kind="engine",
    built_in={
        "conjugate": "evenfall.inference.engines.conjugate:CONJUGATE",
        "laplace": "evenfall.inference.engines.laplace:LAPLACE",
        "nuts": "evenfall.inference.engines.nuts:NUTS",
        "quadrature": "evenfall.inference.engines.quadrature:QUADRATURE",
        "variational": "evenfall.inference.engines.variational:VARIATIONAL",
    },
    extras={},
)


class Engine(Protocol):
    """One way from a model to draws of its posterior."""

    def fit(self, model: LogDensity | PymcModel, request: FitRequest) -> Fit:
        """Return the outcome; one that cannot be used says why in its failures and does not raise."""
