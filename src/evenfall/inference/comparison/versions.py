"""Versions of a parameter's model: what was fitted, told apart by its definition and the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evenfall.errors import UsageError

__all__ = ["ModelVersion", "number_versions", "version_of"]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a model.

    Attributes
    ----------
    definition_hash
        Of the parameter's definition: family, priors, pooling.
    code_version
        Of the program that fitted it.
    git_revision
        Of the project when it was fitted; None outside Git. Other parameters' changes move it too, so two
        versions that differ in it alone are equal.
    """

    definition_hash: str
    code_version: str
    git_revision: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        place = f" at {self.git_revision[:8]}" if self.git_revision else ""
        return f"{self.definition_hash[:8]}{place}, evenfall {self.code_version}"

    def differs_in(self, other: ModelVersion) -> tuple[str, ...]:
        """Return what changed: ``definition``, ``code``, both or nothing."""
        changed = {
            "definition": self.definition_hash != other.definition_hash,
            "code": self.code_version != other.code_version,
        }
        return tuple(name for name, differs in changed.items() if differs)


def version_of(definition_hash: str, git_revision: str | None, code_version: str) -> ModelVersion:
    """Return the version of a model that was fitted.

    Raises
    ------
    UsageError
        When the hash or the code's version is empty: versions would be taken for each other.
    """
    if not definition_hash or not code_version:
        raise UsageError(
            "a model version needs the hash of its definition and the version of the code",
            remedy="give what the fit's record holds",
        )
    return ModelVersion(definition_hash, code_version, git_revision)


def number_versions(history: Sequence[ModelVersion]) -> list[int]:
    """Return 1, 2, … for each fit of a history, oldest first; a return to an old model returns its number."""
    numbers: dict[ModelVersion, int] = {}
    return [numbers.setdefault(version, len(numbers) + 1) for version in history]
