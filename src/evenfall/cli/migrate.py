"""`evenfall migrate`: the store's schema brought to this program's version."""

from __future__ import annotations

from evenfall.cli.options import AsJson, ProjectPath, open_project
from evenfall.cli.output import emit, say

__all__ = ["migrate"]


def migrate(*, project: ProjectPath = None, as_json: AsJson = False) -> int:
    """Bring the store's schema to the version of this program; an up-to-date store stays as it is."""
    with open_project(project) as opened:
        revision = opened.migrate()
    if as_json:
        emit({"migrated": True, "revision": revision})
    else:
        say("the store is up to date" + (f" (revision {revision})" if revision else ""))
    return 0
