"""Whatever goes wrong, told as application/problem+json: what, which field and value, and what to do."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from evenfall.errors import (
    AlreadyAbsorbed,
    ConfigError,
    EvenfallError,
    LeaseLost,
    MissingDriver,
    SourceError,
    StoreError,
    UnknownName,
)

__all__ = ["RESPONSES", "Problem", "Refused", "answer_problems", "problem_answer", "refusal_answer"]

_LONGEST_VALUE: Final = 200
_SECRETS: Final = ("key", "secret", "password", "token", "authorization")

_STATUSES: Final[tuple[tuple[type[EvenfallError], int], ...]] = (
    (UnknownName, 404),
    (AlreadyAbsorbed, 409),
    (LeaseLost, 409),
    (StoreError, 503),
    (MissingDriver, 501),
    (SourceError, 503),
)
"""Status of each error, the first that fits; every other error of ours is 422."""

_REMEDIES: Final = {
    400: "send JSON in UTF-8; see /docs for what is read",
    401: "send `Authorization: Bearer KEY`; `evenfall key create` makes one",
    404: "see /docs for what there is",
    405: "see /docs for what can be done there",
    413: "send less, or raise `body_limit` under [server] in evenfall.toml",
    415: "send JSON, with `Content-Type: application/json`",
}


class Problem(BaseModel):
    """What went wrong, to which field and value, and what to do (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "no parameter is called 'chekout'",
                    "field": "parameter_id",
                    "value": "chekout",
                    "remedy": "did you mean checkout?",
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    field: str = ""
    value: Any = None
    remedy: str = ""
    file: str | None = None
    line: int | None = None
    problem_id: str | None = Field(None, description="Number under which the server's log tells more.")


class Refused(EvenfallError):
    """An answer that is a status of HTTP: `field` and `value` say what it is about."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str = "",
        value: object = None,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status, self.field, self.value = status, field, value
        self.headers = dict(headers or {})


def _documented(status: int, when: str) -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {"description": when, "content": {"application/problem+json": schema}}


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: _documented(status, when)
    for status, when in {
        400: "it cannot be read at all, or asks for a host that is not this one",
        401: "no key, or one that does not hold",
        403: "the key's role is too low, or the request comes from another site",
        404: "nothing of this name is there for the key's tenant",
        409: "something else is at work on it, or it exists already",
        412: "it was changed meanwhile: `If-Match` names an older version",
        413: "the body is too long",
        415: "the body is not JSON",
        422: "a field does not hold",
        428: "a change needs `If-Match`",
        429: "too many requests; `Retry-After` says when to come again",
        503: "a source or the store cannot answer now",
    }.items()
}
"""What every endpoint may answer besides its own, for OpenAPI."""


def problem_answer(
    status: int,
    detail: str,
    *,
    field: str = "",
    value: object = None,
    remedy: str = "",
    headers: Mapping[str, str] | None = None,
    **facts: object,
) -> Response:
    """Return a problem as the answer to a request."""
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "field": field,
        "value": _cut(field, value),
        "remedy": remedy or _REMEDIES.get(status, ""),
        **{name: fact for name, fact in facts.items() if fact},
    }
    text = json.dumps(problem, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(text, status, dict(headers or {}), media_type="application/problem+json")


def refusal_answer(refused: Refused) -> Response:
    """Return a refusal as the answer to a request."""
    return problem_answer(
        refused.status,
        refused.message,
        field=refused.field,
        value=refused.value,
        remedy=refused.remedy,
        headers=refused.headers,
    )


def answer_problems(app: FastAPI) -> None:
    """Make `app` tell everything that goes wrong as a problem."""
    app.add_exception_handler(EvenfallError, _ours)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _not_served)


def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, EvenfallError)
    if isinstance(error, Refused):
        return refusal_answer(error)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
    if not isinstance(error, ConfigError):
        return problem_answer(status, error.message, remedy=error.remedy)
    value = error.name if isinstance(error, UnknownName) else error.value
    return problem_answer(
        status,
        error.message,
        field=error.path,
        value=value,
        remedy=error.remedy,
        file=error.file,
        line=error.line,
    )


def _not_valid(_request: Request, error: Exception) -> Response:
    """Answer for the first field that does not hold; the others are told with it."""
    assert isinstance(error, RequestValidationError)
    found = [_field_problem(one) for one in error.errors()]
    first = found[0]
    return problem_answer(
        422, first["detail"], field=first["field"], value=first["value"], remedy=first["remedy"], errors=found
    )


def _field_problem(error: Mapping[str, Any]) -> dict[str, Any]:
    where: Sequence[str | int] = error["loc"]
    context = error.get("ctx", {})
    field = ".".join(str(part) for part in where[1:]) or str(where[0])
    if error["type"] == "json_invalid":
        detail, field = f"the body is not JSON: {context.get('error', '')} at character {where[-1]}", "body"
    else:
        detail = f"{field}: {error['msg']}"
    remedy = context.get("remedy", "") or f"correct {field} in the {where[0]}; /docs lists what is allowed"
    return {
        "field": field,
        "value": _cut(field, error.get("input")),
        "detail": detail,
        "remedy": remedy,
    }


def _not_served(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_answer(error.status_code, str(error.detail), headers=error.headers)


def _cut(field: str, value: object) -> Any:
    """Return a value as it may be told: short, and nothing secret."""
    if value is not None and any(word in field.lower() for word in _SECRETS):
        return "***"
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
