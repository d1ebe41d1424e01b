"""Whatever the OpenAPI description allows, and much that it does not: never a 5xx, never another shape."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    ensure_resource_availability,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)
from tests.server.fixtures import TestClient
from tests.server.small import build_small

import evenfall
from evenfall.server import ServerSettings, create_app
from evenfall.server.api import ROUTERS

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXPECTED_503: Final = ("GET /health/nightly",)
"""Says by 503 that a night is late: that is its answer, not a failure."""

IDS: Final = {
    "contexts": "shopchannel",
    "graphs": "shop-shop",
    "parameters": "shop-signup[shopchannel=google]",
    "scenarios": "shop-better",
    "runs": "nightly:2026-03-05",
    "incidents": "1",
}
OPERATIONS: Final = sorted(
    f"{method} {route.path}"  # type: ignore[attr-defined]
    for router in ROUTERS
    for route in router.routes
    for method in route.methods  # type: ignore[attr-defined]
)
TRIED: Final = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SETTINGS: Final = ServerSettings(
    scheduler=False, requests_per_minute=10**9, hosts=("localhost", "testserver")
)


class Server:
    """The API over a small project that may be changed and broken; `start` begins anew with another copy."""

    def __init__(self, folder: Path) -> None:
        self.built, self.copies = build_small(folder / "shop", tenant="shop"), itertools.count()
        self.app: Any = None
        self.start()
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", self)

    def start(self) -> None:
        """Serve a fresh copy in place of the one before."""
        self.stop()
        copy = self.built.with_name(f"shop-{next(self.copies)}")
        shutil.copytree(self.built, copy)
        self.app = create_app([evenfall.open(copy)], SETTINGS)

    def stop(self) -> None:
        """End as a server does that is told to."""
        if self.app is not None:
            with TestClient(self.app):
                pass

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":  # the test's client would end the application after every question
            await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("schema"))
    yield server
    server.stop()


@pytest.fixture
def schema(server: Server) -> Any:
    return server.schema


def cases(operation: Any) -> Any:
    """Return requests as described, three of four about something that is there, and some that are not."""
    ids = {name: IDS.get(operation.path.split("/")[3]) for name in re.findall(r"\{(\w+)\}", operation.path)}

    def known(case: Any, about: int) -> Any:
        if about:
            case.path_parameters.update({name: value for name, value in ids.items() if value})
        return case

    described = (
        st.builds(known, operation.as_strategy(), st.integers(0, 3)) if ids else operation.as_strategy()
    )
    wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return st.integers(0, 4).flatmap(lambda kind: described if kind else wrong)


def check(schema: Any, name: str, tried: settings) -> None:
    """Send what an operation describes, and hold every answer to its description."""
    method, path = name.split(" ")

    @tried
    @given(case=cases(schema[path][method]))
    def answered(case: Any) -> None:
        answer = case.call()
        late = name in EXPECTED_503 and answer.status_code == 503
        case.validate_response(answer, checks=CHECKS[1:] if late else CHECKS)
        assert answer.status_code < 400 or late or "problem+json" in answer.headers["content-type"][0]

    answered()


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_described(schema: Any, name: str) -> None:
    check(schema, name, TRIED)


@pytest.mark.verify
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_described_in_five_hundred_tries(schema: Any, name: str) -> None:
    check(schema, name, settings(TRIED, max_examples=500))


@pytest.mark.verify
def test_every_answer_is_as_described_along_the_links_from_answer_to_question(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = Server(tmp_path_factory.mktemp("links"))

    class Walk(server.schema.as_state_machine()):  # type: ignore[misc]
        """Asks without a key, as a server on this machine allows; that keys count is tested elsewhere."""

        def setup(self) -> None:
            server.start()

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            late = response.status_code == 503 and case.operation.label in EXPECTED_503
            kept = [use_after_free, ensure_resource_availability]
            case.validate_response(response, checks=[*CHECKS[late:], *kept])

    Walk.run(settings=settings(TRIED, max_examples=500, stateful_step_count=6))
    server.stop()
