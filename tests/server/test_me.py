"""Who asks."""

from __future__ import annotations

from pathlib import Path

from tests.server.fixtures import Serve


def test_without_keys_the_caller_is_admin_of_the_first_project(serve: Serve, starter: Path) -> None:
    told = serve(starter).get("/api/v1/me").json()
    assert (told["member"], told["role"], told["tenant"], told["keys"]) == (
        "local",
        "admin",
        "default",
        False,
    )
    assert told["project"]["name"] == "starter"
