"""Messages to the outside, queued in the transaction of the fact they tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import bindparam, func, select

from evenfall.store.cells import from_json, instant, instant_text, to_json
from evenfall.store.records import Message, QueuedMessage
from evenfall.store.schema import outbox
from evenfall.store.scope import Scope

__all__ = ["queued_messages", "save_messages"]

_KNOWN: Final = select(outbox.c.idempotency_key).where(
    outbox.c.tenant == bindparam("tenant"),
    outbox.c.idempotency_key.in_(bindparam("ids", expanding=True)),
)

_QUEUED: Final = (
    select(
        outbox.c.id,
        outbox.c.idempotency_key,
        outbox.c.channel,
        outbox.c.payload,
        outbox.c.parameter_id,
        outbox.c.created_at,
        outbox.c.status,
        outbox.c.attempts,
        outbox.c.last_error,
    )
    .where(outbox.c.tenant == bindparam("tenant"), outbox.c.status == bindparam("status"))
    .order_by(outbox.c.id)
)

_LAST_ID: Final = select(func.coalesce(func.max(outbox.c.id), 0))


def save_messages(scope: Scope, messages: Iterable[Message]) -> int:
    """Queue the messages whose key was never queued before and return how many those are."""
    given: dict[str, Message] = {}
    for message in messages:
        given.setdefault(message.idempotency_key, message)
    known = {row[0] for row in scope.fetch_by_ids(_KNOWN, given)}
    fresh = [message for key, message in given.items() if key not in known]
    if not fresh:
        return 0
    last = scope.connection.execute(_LAST_ID).scalar_one()
    return scope.insert(outbox, [_row_of(scope, message, last + i) for i, message in enumerate(fresh, 1)])


def queued_messages(scope: Scope, status: str) -> list[QueuedMessage]:
    """Return the messages of one status, the oldest first."""
    return [
        QueuedMessage(
            number,
            Message(key, channel, from_json(payload), parameter_id, instant(created_at)),
            status,
            attempts,
            last_error,
        )
        for number, key, channel, payload, parameter_id, created_at, status, attempts, last_error in (
            scope.fetch(_QUEUED, status=status)
        )
    ]


def _row_of(scope: Scope, message: Message, number: int) -> dict[str, Any]:
    return {
        **scope.stamp(),
        "id": number,
        "idempotency_key": message.idempotency_key,
        "channel": message.channel,
        "payload": to_json(message.payload),
        "parameter_id": message.parameter_id,
        "created_at": instant_text(message.created_at),
        "status": "pending",
        "attempts": 0,
        "next_attempt_at": None,
        "owner": None,
        "lease_until": None,
        "last_error": "",
        "delivered_at": None,
    }
