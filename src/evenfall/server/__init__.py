"""The API and the pages, over the same facade as everything else."""

from __future__ import annotations

from evenfall.server.app import create_app
from evenfall.server.running import check_port, run
from evenfall.server.settings import ServerSettings

__all__ = ["ServerSettings", "check_port", "create_app", "run"]
