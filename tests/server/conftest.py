"""Every test of the server may ask for a project, and for a client of a server over it."""

from tests.server.fixtures import serve, starter

__all__ = ["serve", "starter"]
