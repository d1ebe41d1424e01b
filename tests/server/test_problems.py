"""Whatever goes wrong is told as a problem: field, value, remedy, and no more than is good to tell."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel
from tests.server.fixtures import Serve

from evenfall import errors
from evenfall.errors import ConfigError, EvenfallError, UnknownName
from evenfall.server.problems import RESPONSES


class Body(BaseModel):
    name: str
    password: str = ""
    nested: list[dict[str, int]] = []


def add_failing_routes(app: FastAPI, error: Exception) -> None:
    @app.get("/fails")
    def fails() -> None:
        raise error

    @app.post("/body")
    def body(_given: Body, _n: Annotated[int, Query(le=5)] = 0) -> None:
        return None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownName("parameter", "chekout", ["checkout"]), 404),
        (errors.UsageError("no such night"), 422),
        (errors.InfeasibleBelief("no beta has this"), 422),
        (errors.QueryRefused("two statements"), 422),
        (errors.LeaseLost("taken over"), 409),
        (errors.AlreadyAbsorbed("counted before"), 409),
        (errors.StoreError("the disk is full"), 503),
        (errors.SourceDown("timed out", connection="shop"), 503),
        (errors.MissingDriver("x", install="pip install x"), 501),
    ],
)
def test_each_error_of_ours_has_its_status_and_tells_what_to_do(
    serve: Serve, starter: Path, error: EvenfallError, status: int
) -> None:
    client = serve(starter)
    add_failing_routes(client.app, error)  # type: ignore[arg-type]
    answer = client.get("/fails")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert (told["detail"], told["remedy"]) == (error.message, error.remedy)


def test_an_unknown_name_tells_the_nearest_and_a_broken_file_its_line(serve: Serve, starter: Path) -> None:
    client = serve(starter)
    add_failing_routes(client.app, UnknownName("parameter", "chekout", ["checkout"]))  # type: ignore[arg-type]
    told = client.get("/fails").json()
    assert (told["value"], told["remedy"]) == ("chekout", "did you mean checkout?")
    client = serve(starter)
    wrong = ConfigError("not a number", file="parameters/a.yaml", line=7, path="value.mean", value="x" * 900)
    add_failing_routes(client.app, wrong)  # type: ignore[arg-type]
    told = client.get("/fails").json()
    assert (told["file"], told["line"], told["field"]) == ("parameters/a.yaml", 7, "value.mean")
    assert len(told["value"]) == 201


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("", b"{}", "name"),
        ("", b'{"name": 3}', "name"),
        ("", b'{"name": "a", "nested": [{"x": 1}, {"y": "two"}]}', "nested.1.y"),
        ("?_n=6", b'{"name": "a"}', "_n"),
        ("", b'{"name": ', "body"),
        ("", b"[]", "body"),
        ("", b"", "body"),
        ("", b"\xff\xfe", "body"),
        ("", b"[" * 5000, "body"),
    ],
)
def test_a_body_or_query_that_does_not_hold_names_its_field(
    serve: Serve, starter: Path, query: str, body: bytes, field: str
) -> None:
    client = serve(starter)
    add_failing_routes(client.app, RuntimeError())  # type: ignore[arg-type]
    answer = client.post(f"/body{query}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    if answer.status_code == 422:
        assert answer.json()["field"] == field
        assert answer.json()["remedy"]


def test_a_long_value_is_cut_and_a_secret_one_not_told(serve: Serve, starter: Path) -> None:
    client = serve(starter)
    add_failing_routes(client.app, RuntimeError())  # type: ignore[arg-type]
    answer = client.post("/body", json={"name": ["x" * 5000], "password": ["hunter2"]})
    assert answer.status_code == 422
    assert len(answer.content) < 2000
    assert "hunter2" not in answer.text
    assert [one["field"] for one in answer.json()["errors"]] == ["name", "password"]


def test_an_unforeseen_error_is_told_by_a_number_that_stands_in_the_log(
    serve: Serve, starter: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(starter)
    add_failing_routes(client.app, RuntimeError("inside matters"))  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR, "evenfall.server"):
        answer = client.get("/fails")
    assert answer.status_code == 500
    assert "inside matters" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert json.loads(record.getMessage())["problem_id"] == answer.json()["problem_id"]
    assert record.exc_info is not None
    assert "inside matters" in str(record.exc_info[1])


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/api/v1/me", 405)])
def test_what_is_not_there_is_a_problem_too(
    serve: Serve, starter: Path, method: str, path: str, status: int
) -> None:
    answer = serve(starter).request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.json()["remedy"]


def test_every_endpoint_documents_every_refusal_as_a_problem(serve: Serve, starter: Path) -> None:
    described = serve(starter).get("/openapi.json").json()
    assert set(described["components"]["schemas"]["Problem"]["required"]) == {"title", "status", "detail"}
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert {str(status) for status in RESPONSES} <= set(operation["responses"]), (method, path)
            for status in filter(lambda one: int(one) < 500, RESPONSES):
                content = operation["responses"][str(status)]["content"]
                schema = content["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
