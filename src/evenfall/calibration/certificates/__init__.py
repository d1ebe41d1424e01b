"""Records of calibration that ship with the package: one per family, of the code it was made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from evenfall.calibration.sources import source_hash
from evenfall.errors import UnknownName, UsageError

__all__ = ["RENEW", "Certificate", "certificate", "certificate_names"]

RENEW: Final = "python tests/recovery/certify.py {name}"
"""The command that makes a certificate anew, in a checkout of the repository."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What simulations said of one family.

    Attributes
    ----------
    name
        Of the family, such as ``delay-lognormal``.
    passed
        Whether nothing spoke against it; errors smaller than ``detectable`` may be there all the same.
    version, sources, source_hash
        The package's version then, the modules that made the posterior, and the hash of their code.
    record
        All of it, as the file has it: factory and shape of the data, simulations, draws, seed, failed, rungs,
        quantities with p-values and coverage, detectable, problems.
    """

    name: str
    passed: bool
    version: str
    sources: tuple[str, ...]
    source_hash: str
    record: Mapping[str, Any]

    @property
    def outdated(self) -> bool:
        """Whether the code that makes the posterior is no longer the code that was looked at."""
        try:
            return source_hash(self.sources) != self.source_hash
        except UsageError:  # a module is gone
            return True

    @property
    def problems(self) -> tuple[str, ...]:
        """What spoke against it."""
        return tuple(self.record["problems"])

    def __str__(self) -> str:
        state = "outdated" if self.outdated else "passed" if self.passed else "NOT passed"
        count, draws = self.record["simulations"], self.record["draws"]
        return f"{self.name}: {state}, {count} simulations, ranks among {draws} draws, version {self.version}"

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Certificate:
        """Return the certificate that a record describes."""
        code = record["code"]
        return cls(
            record["name"],
            bool(record["passed"]),
            code["version"],
            tuple(code["sources"]),
            code["hash"],
            record,
        )


def certificate_names() -> tuple[str, ...]:
    """Return the families that have a certificate."""
    names = (file.name for file in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


def certificate(name: str) -> Certificate:
    """Return the certificate of a family.

    Raises
    ------
    UnknownName
        When the family has none.
    """
    names = certificate_names()
    if name not in names:
        raise UnknownName("certificate", name, names)
    return Certificate.of(json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")))
