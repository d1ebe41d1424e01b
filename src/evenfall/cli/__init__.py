"""The command line: one file per verb, nothing heavy imported before a verb runs."""

from evenfall.cli.app import main

__all__ = ["main"]
