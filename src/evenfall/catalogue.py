"""Parts by name: built-ins and third parties resolve through the same entry points."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any

from evenfall.errors import MissingDriver, UnknownName

__all__ = ["Catalogue"]


@dataclass(frozen=True)
class Catalogue:
    """Names of one kind of part and the ``module:name`` strings they resolve to.

    Nothing is imported until a name is resolved, so a part whose driver is missing costs nothing until used.

    Attributes
    ----------
    kind
        What the parts are, such as ``family`` or ``warehouse``; third parties register under the entry-point
        group ``evenfall.<kind>``.
    built_in
        The names that ship with Evenfall.
    extras
        The optional dependency to install for a name, where one is needed.
    """

    kind: str
    built_in: Mapping[str, str]
    extras: Mapping[str, str]

    @cached_property
    def entries(self) -> dict[str, str]:
        """All names with their ``module:name`` strings; built-ins cannot be replaced from outside."""
        third_parties = {e.name: e.value for e in entry_points(group=f"evenfall.{self.kind}")}
        return {**third_parties, **self.built_in}

    def register(self, name: str, target: str) -> None:
        """Add a part to this running program, as an installed entry point would."""
        self.entries[name] = target

    def resolve(self, name: str) -> Any:  # the part's own Protocol says what it is
        """Return the object that `name` stands for.

        Raises
        ------
        UnknownName
            When nothing is registered under `name`.
        MissingDriver
            When its module needs a package that is not installed.
        """
        if name not in self.entries:
            raise UnknownName(self.kind, name, self.entries)
        module_name, _, attribute = self.entries[name].partition(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as missing:
            extra = self.extras.get(name)
            if extra is None:
                raise
            raise MissingDriver(name, install=f"pip install 'evenfall[{extra}]'") from missing
        return getattr(module, attribute)
