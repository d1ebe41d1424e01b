"""Who asks, and what they may: the key of a request, its member's role, and the project of its tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from evenfall.project import Project
from evenfall.server.problems import Refused

__all__ = [
    "Admin",
    "Analyst",
    "Caller",
    "Editor",
    "Opened",
    "Role",
    "Viewer",
    "admin",
    "analyst",
    "caller_of",
    "editor",
    "project_of",
    "viewer",
]

type Role = Literal["viewer", "analyst", "editor", "admin"]

_RANKS: Final[dict[str, int]] = {"viewer": 0, "analyst": 1, "editor": 2, "admin": 3}

_bearer = HTTPBearer(
    bearerFormat="ef_<prefix>_<secret>",
    scheme_name="key",
    description="An API key, made by `evenfall key create`. Not needed where the server runs without keys.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a member of a tenant, in a role."""

    member: str
    role: str
    tenant: str

    def may(self, role: str) -> bool:
        """Return whether the caller's role is at least `role`."""
        return _RANKS[self.role] >= _RANKS[role]


async def caller_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Return who asks.

    Raises
    ------
    Refused
        401 without a key that holds, 429 after too many requests.
    """
    text = credentials.credentials if credentials is not None else None
    caller: Caller = await request.app.state.gate.admit(request, text)
    request.state.caller = caller
    return caller


def _at_least(role: Role) -> Callable[..., Awaitable[Caller]]:
    async def needed(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        if not caller.may(role):
            raise Refused(
                403,
                f"this needs the role {role}; {caller.member} is {caller.role}",
                field="role",
                value=caller.role,
                remedy=f"ask an admin for a key of a member who is {role}",
            )
        if request.method in {"PUT", "PATCH", "DELETE"} or role == "editor":
            request.state.edited = caller.tenant  # whoever asks after this answer sees what it wrote
        return caller

    return needed


viewer = _at_least("viewer")
analyst = _at_least("analyst")
editor = _at_least("editor")
admin = _at_least("admin")


async def project_of(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> Project:
    """Return the project of the caller's tenant, with its definitions as the files say now."""
    served = request.app.state.served
    if served.is_due(caller.tenant):
        return await run_in_threadpool(served.fresh, caller.tenant)
    project: Project = served.project(caller.tenant)
    return project


Viewer = Annotated[Caller, Depends(viewer)]
Analyst = Annotated[Caller, Depends(analyst)]
Editor = Annotated[Caller, Depends(editor)]
Admin = Annotated[Caller, Depends(admin)]
Opened = Annotated[Project, Depends(project_of)]
