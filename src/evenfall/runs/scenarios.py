"""Saved what-ifs of a project: listed with their versions, written, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evenfall.errors import EditRefused, FileChanged, UnknownName, UsageError
from evenfall.registry.edit import DefinitionFile, change_file, problems_of, read_definition
from evenfall.registry.files import read_texts
from evenfall.registry.scenarios import save_scenario, scenario_text
from evenfall.registry.schemas import Scenario
from evenfall.registry.sources import Text, read
from evenfall.runs.graph.question import read_scenario
from evenfall.runs.validate import query_problems
from evenfall.runs.world import World

__all__ = ["SavedScenario", "Scenarios"]


@dataclass(frozen=True, slots=True)
class SavedScenario:
    """A saved what-if with the version of its file."""

    id: str
    scenario: Scenario
    file: str
    etag: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data, with the keys of a what-if."""
        asked = self.scenario.model_dump(mode="json", exclude={"id"})
        return {"id": self.id, "file": self.file, "etag": self.etag, **asked}


@dataclass(frozen=True, slots=True)
class Scenarios:
    """The saved what-ifs of a project, as they are on the disk."""

    world: World

    def all(self) -> list[SavedScenario]:
        """Return every scenario that holds, by id."""
        files = self._files()
        known = self.world.registry.scenarios
        return [self._saved(name, known[name], files[name]) for name in sorted(known) if name in files]

    def find(self, name: str) -> SavedScenario:
        """Return one scenario.

        Raises
        ------
        UnknownName
            When there is none of this id.
        """
        known, files = self.world.registry.scenarios, self._files()
        if name not in known or name not in files:
            raise UnknownName("scenario", name, known, path="scenario_id")
        return self._saved(name, known[name], files[name])

    def exists(self, name: str) -> bool:
        """Return whether a file says it is this scenario, valid or not."""
        return name in self._files()

    def save(self, name: str, asked: Mapping[str, Any], seen: str | None = None) -> str:
        """Write a scenario and return its file; one that is there already is replaced as a whole.

        Parameters
        ----------
        asked
            Keys of a scenario file.
        seen
            Version of the file to replace; None for a scenario that is not there yet.

        Raises
        ------
        FileChanged
            When the file is another version than `seen`.
        EditRefused
            When it names what the project does not have.
        UsageError
            When it says what no scenario may say, or another file has the id.
        """
        root, files = self.world.registry.root, self._files()
        scenario = read_scenario({}, None, **{**asked, "id": name})
        text = scenario_text(scenario)
        if seen is not None and name in files:
            change_file(
                root,
                files[name],
                lambda _text, _tree: text,
                seen=lambda found: seen in ("*", found.etag),
                check=query_problems,
            )
            return files[name]
        taken = {known.lower(): known for known in files}
        if name.lower() in taken:
            raise UsageError(
                f"the scenario {taken[name.lower()]} is there already",
                remedy="choose another name; upper and lower case count as one",
            )
        file = f"scenarios/{name}.yaml"
        found = problems_of(root, Text(file, text), query_problems)
        if found:
            raise EditRefused(found)
        return save_scenario(root, scenario, taken=files).relative_to(root).as_posix()

    def remove(self, name: str, seen: str | None = None) -> None:
        """Take a scenario's file away.

        Raises
        ------
        UnknownName
            When there is none of this id.
        FileChanged
            When the file is another version than `seen`.
        """
        files, root = self._files(), self.world.registry.root
        if name not in files:
            raise UnknownName("scenario", name, files, path="scenario_id")
        found = read_definition(root, files[name])
        if seen not in (None, "*", found.etag):
            raise FileChanged(files[name], found.etag)
        Path(root, files[name]).unlink(missing_ok=True)

    def _files(self) -> dict[str, str]:
        files: dict[str, str] = {}
        for reading in (read(Scenario, text) for text in read_texts(self.world.registry.root).scenarios):
            files.setdefault(reading.declared_id, reading.file)
        return files

    def _saved(self, name: str, scenario: Scenario, file: str) -> SavedScenario:
        found: DefinitionFile = read_definition(self.world.registry.root, file)
        return SavedScenario(name, scenario, file, found.etag)
