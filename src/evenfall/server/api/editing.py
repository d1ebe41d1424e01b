"""What every edit of a file has in common: its version, its commit, and the project as it is afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field

from evenfall.errors import FileChanged, NotCommitted
from evenfall.project import Project
from evenfall.registry.git import Commit
from evenfall.server.etags import quoted
from evenfall.server.problems import Refused
from evenfall.server.security import Caller

__all__ = ["Committing", "EditAnswer", "as_it_is_now", "editing"]


class Committing(BaseModel):
    """Whether an edit is committed to Git, and what the commit says."""

    commit: bool = Field(False, description="Commit the file, and nothing else, to the project's repository.")
    message: Annotated[str, Field(max_length=2000)] | None = Field(
        None, description="What the commit says; by default what was edited."
    )

    def commit_of(self, caller: Caller, what: str) -> Commit | None:
        """Return how to commit the edit of `what`, or None when it is not to be committed."""
        if not self.commit:
            return None
        said = (self.message or "").strip()
        return Commit(said or f"Edit {what}", caller.member)


class EditAnswer(BaseModel):
    """What an edit did."""

    file: str
    etag: str = Field(description="SHA-256 of the file as it is now.")
    written: bool = Field(description="Whether the file had to be written; false when it said so already.")
    commit: str | None = Field(description="The Git commit that holds it, when one was asked for.")
    touches: list[str] = Field(
        description="Every parameter that the file defines, such as the slices of one."
    )


@contextmanager
def editing(seen: str) -> Iterator[None]:
    """Answer 412 when the file is another version than `seen`, 409 when Git does not take the change."""
    try:
        yield
    except FileChanged as changed:
        raise Refused(
            412,
            changed.message,
            field="If-Match",
            value=seen,
            remedy=changed.remedy,
            headers={"ETag": quoted(changed.etag)},
        ) from None
    except NotCommitted as refused:
        raise Refused(409, refused.message, field="commit", value=True, remedy=refused.remedy) from None


def as_it_is_now(request: Request, caller: Caller) -> Project:
    """Return the caller's project, read again after an edit."""
    served = request.app.state.served
    served.note_change(caller.tenant)
    project: Project = served.fresh(caller.tenant)
    return project
