"""Whether the server answers at all: no key is needed."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

__all__ = ["router"]

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok"] = "ok"


@router.get("", summary="Whether the server answers")
def health() -> Health:
    """Answer 200, without asking the store."""
    return Health()
