"""The API and the pages, over the same facade as everything else."""

from __future__ import annotations

from evenfall.server.app import create_app
from evenfall.server.running import run
from evenfall.server.settings import ServerSettings

__all__ = ["ServerSettings", "create_app", "run"]
