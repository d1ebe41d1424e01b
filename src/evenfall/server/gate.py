"""The gate: finds whose key a request carries, and counts how many requests come."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from typing import Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.types import Scope

from evenfall.server.problems import Refused
from evenfall.server.security import Caller
from evenfall.server.served import Served
from evenfall.server.settings import ServerSettings

__all__ = ["Gate", "Known", "client_of"]

_REMEMBERED: Final = 4096
_REMEMBER_SECONDS: Final = 2.0
"""How long a key goes on after it was revoked, at most."""

_NO_KEYS: Final = "local"


def client_of(scope: Scope) -> str:
    """Return the address a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


class Known:
    """Keys that held a moment ago, by the hash of their text."""

    def __init__(self, seconds: float = _REMEMBER_SECONDS) -> None:
        self._seconds = seconds
        self._until: OrderedDict[bytes, tuple[float, str, Caller]] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, text: str) -> tuple[str, Caller] | None:
        """Return prefix and caller of a key, if it held within the last seconds."""
        found = self._until.get(_digest(text))
        return found[1:] if found is not None and time.monotonic() < found[0] else None

    def put(self, text: str, prefix: str, caller: Caller) -> None:
        """Remember a key that holds."""
        with self._turn:
            self._until[_digest(text)] = (time.monotonic() + self._seconds, prefix, caller)
            self._until.move_to_end(_digest(text))
            while len(self._until) > _REMEMBERED:
                self._until.popitem(last=False)

    def forget(self) -> None:
        """Look every key up again."""
        with self._turn:
            self._until.clear()


class Gate:
    """Who is let in: holders of keys, or on loopback without keys everybody as admin."""

    def __init__(self, served: Served, settings: ServerSettings) -> None:
        self._served = served
        self._settings = settings
        self.known = Known()
        # The storage of the event loop: the other one starts a thread for every hundredth of a second.
        self._counts = FixedWindowRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(settings.requests_per_minute)
        self._failed = RateLimitItemPerMinute(settings.failed_keys_per_minute)

    async def admit(self, request: Request, text: str | None) -> Caller:
        """Return who asks, and count the request.

        Raises
        ------
        Refused
            401 without a key that holds, 429 after too many requests.
        """
        if not self._settings.keys_required:
            await self.count("address", client_of(request.scope))
            return Caller(_NO_KEYS, "admin", self._served.tenants[0])
        prefix, caller = await self._keyed(request, text)
        await self.count("key", f"{caller.tenant}/{prefix}")
        return caller

    async def count(self, kind: str, name: str) -> None:
        """Count a request of a key or an address.

        Raises
        ------
        Refused
            429 when it was one too many within a minute.
        """
        if not await self._counts.hit(self._requests, kind, name):
            raise await self._too_many(self._requests, (kind, name), "too many requests")

    async def _keyed(self, request: Request, text: str | None) -> tuple[str, Caller]:
        known = self.known.get(text) if text else None
        if known is not None:
            return known
        address = client_of(request.scope)
        if not text:
            await self.count("address", address)
            raise _unauthorised("no key was sent")
        if not await self._counts.test(self._failed, "failed", address):
            raise await self._too_many(
                self._failed, ("failed", address), "too many wrong keys from this address"
            )
        found = await run_in_threadpool(self._look_up, text)
        if found is None:
            await self._counts.hit(self._failed, "failed", address)
            raise _unauthorised("this key does not hold: it is unknown, expired or revoked")
        self.known.put(text, *found)
        return found

    def _look_up(self, text: str) -> tuple[str, Caller] | None:
        """Return prefix and caller of a key that holds; the key is one of any tenant served here."""
        for tenant in self._served.tenants:
            key = self._served.project(tenant).keys.find(text)
            if key is not None:
                return key.prefix, Caller(key.member, key.role, tenant)
        return None

    async def _too_many(self, limit: RateLimitItemPerMinute, name: tuple[str, str], said: str) -> Refused:
        window = await self._counts.get_window_stats(limit, *name)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        return Refused(
            429,
            f"{said}: {limit.amount} a minute are answered",
            remedy=f"wait {wait} s; the limits stand under [server] in evenfall.toml",
            headers={"Retry-After": str(wait)},
        )


def _unauthorised(said: str) -> Refused:
    return Refused(
        401,
        said,
        field="Authorization",
        remedy="send `Authorization: Bearer KEY`; an admin makes one with `evenfall key create`",
        headers={"WWW-Authenticate": 'Bearer realm="evenfall"'},
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
