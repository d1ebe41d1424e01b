"""Members of a tenant and their API keys; of a key only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from evenfall.clock import Clock
from evenfall.errors import UsageError
from evenfall.store.cells import instant, instant_or_none, instant_text
from evenfall.store.engine import Transactions
from evenfall.store.schema import api_keys, members
from evenfall.store.scope import Scope

__all__ = ["ROLES", "ApiKey", "ApiKeys", "NewApiKey"]

ROLES: Final = ("viewer", "analyst", "editor", "admin")
"""What a member may be, each including those before it."""

_MARK: Final = "ef"
_KEY: Final = re.compile(r"ef_([0-9a-f]{12})_([0-9a-f]{64})", re.ASCII)
_MEMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
_LONGEST: Final = timedelta(days=3660)

_KEYS: Final = (
    select(
        api_keys.c.prefix,
        api_keys.c.member,
        members.c.role,
        api_keys.c.created_at,
        api_keys.c.expires_at,
        api_keys.c.revoked_at,
        api_keys.c.sha256,
    )
    .join_from(
        api_keys, members, (members.c.tenant == api_keys.c.tenant) & (members.c.member == api_keys.c.member)
    )
    .where(api_keys.c.tenant == bindparam("tenant"))
    .order_by(api_keys.c.created_at, api_keys.c.prefix)
)
_KEY_OF_PREFIX: Final = _KEYS.where(api_keys.c.prefix == bindparam("prefix"))
_ROLE: Final = select(members.c.role).where(
    members.c.tenant == bindparam("tenant"), members.c.member == bindparam("member")
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: whose it is, and whether it still holds.

    Attributes
    ----------
    prefix
        The part of the key that is no secret; it names the key.
    """

    prefix: str
    member: str
    role: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Return whether the key opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made, with its text, which nobody can find out later."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        return f"NewApiKey({self.key!r}, text='***')"


class ApiKeys:
    """The keys of one tenant; they are made, listed and revoked in wall time."""

    def __init__(self, transactions: Transactions, tenant: str, clock: Clock) -> None:
        self._transactions = transactions
        self._tenant = tenant
        self._clock = clock

    def create(self, member: str, role: str | None = None, lifetime: timedelta | None = None) -> NewApiKey:
        """Make a key for a member, who is admitted as `role` (default: viewer) when not known yet.

        A known member keeps their role: another one is refused as long as a key of theirs holds, since it
        would change what that key opens.

        Raises
        ------
        UsageError
            When the member's name, the role or the lifetime is not one, or the role is another.
        """
        _check(member, role, lifetime)
        prefix, secret = secrets.token_hex(6), secrets.token_hex(32)
        text = f"{_MARK}_{prefix}_{secret}"
        now = self._clock.now()
        with self._transactions.writing() as connection:
            scope = Scope(connection, self._tenant)
            granted = _admit(scope, member, role, now)
            expires_at = None if lifetime is None else now + lifetime
            row = {
                "tenant": self._tenant,
                "prefix": prefix,
                "member": member,
                "sha256": _sha256(text),
                "created_at": instant_text(now),
                "expires_at": None if expires_at is None else instant_text(expires_at),
                "revoked_at": None,
            }
            connection.execute(insert(api_keys), row)
        return NewApiKey(ApiKey(prefix, member, granted, now, expires_at), text)

    def all(self) -> list[ApiKey]:
        """Return every key ever made, the newest last."""
        with self._transactions.reading() as connection:
            return [_of(row) for row in Scope(connection, self._tenant).fetch(_KEYS)]

    def find(self, text: str) -> ApiKey | None:
        """Return the key of this text if it holds now, else None."""
        given = _KEY.fullmatch(text)
        if given is None:
            return None
        with self._transactions.reading() as connection:
            rows = Scope(connection, self._tenant).fetch(_KEY_OF_PREFIX, prefix=given[1])
        for row in rows:
            key = _of(row)
            if hmac.compare_digest(_sha256(text), str(row[-1])) and key.holds(self._clock.now()):
                return key
        return None

    def revoke(self, prefix: str) -> ApiKey:
        """Make a key open nothing from now on, and return it; revoked twice, the first time counts.

        Raises
        ------
        UsageError
            When no key has this prefix.
        """
        with self._transactions.writing() as connection:
            scope = Scope(connection, self._tenant)
            own = (api_keys.c.tenant == self._tenant, api_keys.c.prefix == prefix)
            at = instant_text(self._clock.now())
            connection.execute(
                update(api_keys).where(*own, api_keys.c.revoked_at.is_(None)).values(revoked_at=at)
            )
            rows = scope.fetch(_KEY_OF_PREFIX, prefix=prefix)
        if not rows:
            raise UsageError(f"no key begins with {prefix!r}", remedy="see `evenfall key list`")
        return _of(rows[0])


def _check(member: str, role: str | None, lifetime: timedelta | None) -> None:
    if not _MEMBER.fullmatch(member):
        raise UsageError(
            f"{member!r} cannot be the name of a member",
            remedy="use 1 to 64 letters, digits, '.', '_', '@' or '-', a letter or digit first",
        )
    if role is not None and role not in ROLES:
        raise UsageError(f"{role!r} is no role", remedy=f"choose one of {', '.join(ROLES)}")
    if lifetime is not None and not timedelta(0) < lifetime <= _LONGEST:
        raise UsageError("a key cannot live that long", remedy=f"choose 1 to {_LONGEST.days} days")


def _admit(scope: Scope, member: str, role: str | None, now: datetime) -> str:
    """Return the member's role, written down or changed where that is wished and allowed."""
    found = scope.fetch(_ROLE, member=member)
    if not found:
        row = {
            "tenant": scope.tenant,
            "member": member,
            "role": role or ROLES[0],
            "added_at": instant_text(now),
        }
        scope.connection.execute(insert(members), row)
        return str(row["role"])
    known = str(found[0][0])
    if role is None or role == known:
        return known
    if any(key.member == member and key.holds(now) for key in map(_of, scope.fetch(_KEYS))):
        raise UsageError(
            f"{member} is {known}, and a key of theirs holds",
            remedy=f"revoke the keys of {member} first, or choose another name for the member",
        )
    own = (members.c.tenant == scope.tenant, members.c.member == member)
    scope.connection.execute(update(members).where(*own).values(role=role))
    return role


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _of(row: tuple[Any, ...]) -> ApiKey:
    prefix, member, role, created_at, expires_at, revoked_at, _ = row
    return ApiKey(
        prefix, member, role, instant(created_at), instant_or_none(expires_at), instant_or_none(revoked_at)
    )
