"""API keys: made, listed and revoked by admins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from evenfall.errors import UsageError
from evenfall.server.paging import Page, Paging, paged
from evenfall.server.problems import Refused
from evenfall.server.security import Admin, Opened, Role

if TYPE_CHECKING:
    from evenfall.store.api_keys import ApiKey

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])

_KEY: Final[dict[str, JsonValue]] = {
    "prefix": "0f3c9a7be512",
    "member": "maria",
    "role": "analyst",
    "created_at": "2026-10-01T09:30:00Z",
    "expires_at": "2027-10-01T09:30:00Z",
    "revoked_at": None,
}


class KeyAnswer(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY]})

    prefix: str
    member: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKeyAnswer(KeyAnswer):
    """A key just made, with its text: it is told this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_KEY, "key": "ef_0f3c9a7be512_…"}]})

    key: str


class NewKey(BaseModel):
    """For whom a key is made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"member": "maria", "role": "analyst", "days": 365}]},
    )

    member: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
    role: Role | None = Field(None, description="By default the member's own, viewer for a new one.")
    days: Annotated[int, Field(ge=1, le=3660, strict=True)] | None = Field(
        None, description="How long it holds; by default until it is revoked."
    )


Prefix = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", examples=["0f3c9a7be512"])]


@router.get("", summary="Every key ever made")
def list_keys(_caller: Admin, project: Opened, turning: Paging) -> Page[KeyAnswer]:
    """Return the keys of the tenant, the newest last, without their secrets."""
    keys = project.keys.all()
    chosen, following = paged(keys, turning, lambda key: key.prefix)
    return Page(items=[_answer(key) for key in chosen], next=following, total=len(keys))


@router.post("", status_code=201, summary="Make a key")
def create_key(wanted: NewKey, _caller: Admin, project: Opened) -> NewKeyAnswer:
    """Make a key for a member; its text is told this once."""
    lifetime = None if wanted.days is None else timedelta(days=wanted.days)
    new = project.keys.create(wanted.member, wanted.role, lifetime)
    return NewKeyAnswer(**_answer(new.key).model_dump(), key=new.text)


@router.delete("/{prefix}", summary="Revoke a key")
def revoke_key(prefix: Prefix, request: Request, _caller: Admin, project: Opened) -> KeyAnswer:
    """Make a key open nothing from now on."""
    try:
        revoked = project.keys.revoke(prefix)
    except UsageError as unknown:
        raise Refused(404, unknown.message, field="prefix", value=prefix) from None
    request.app.state.gate.known.forget()
    return _answer(revoked)


def _answer(key: ApiKey) -> KeyAnswer:
    return KeyAnswer.model_validate(key, from_attributes=True)
