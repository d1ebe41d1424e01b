"""What every request passes before it is answered: its host, origin, path and size."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evenfall.server.gate import Gate, client_of
from evenfall.server.problems import Refused, refusal_answer
from evenfall.server.served import Served
from evenfall.server.settings import LOOPBACK_NAMES, ServerSettings

__all__ = ["POLICY", "Guard", "add_safe_headers"]

POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy of everything but the pages that say their own."""

_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_COUNTED_BY_KEY: Final = ("/api/", "/metrics")
_BAD_IN_PATH: Final = (b"%2f", b"%5c", b"%00", b"\\")


class Guard:
    """Refuses what no page of ours and no program of good will would send."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, served: Served, gate: Gate) -> None:
        self.app = app
        self._served, self._gate = served, gate
        self._settings = settings
        named = frozenset(name.lower() for name in settings.hosts)
        self._hosts = named if settings.keys_required else named | LOOPBACK_NAMES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        try:
            await self._check(scope)
        except Refused as refused:
            await refusal_answer(refused)(scope, receive, send)
            return
        await self.app(scope, receive, self._sending(scope, send))

    def _sending(self, scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                tenant = scope.get("state", {}).get("edited")
                if tenant is not None:
                    self._served.note_change(tenant)
            await send(message)

        return sending

    async def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        _check_path(scope)
        if not scope["path"].startswith(_COUNTED_BY_KEY):
            await self._gate.count("address", client_of(scope))
        self._check_size(headers)
        if scope["method"] not in _READING:
            _check_type(headers)
            if not self._settings.keys_required:
                _check_origin(headers)

    def _check_host(self, headers: Headers) -> None:
        """Refuse names that are not ours: another site's name may be made to lead here (DNS rebinding)."""
        host = headers.get("host", "")
        if self._hosts and _name_of(host) not in self._hosts:
            raise Refused(
                400,
                "this server does not answer to that name",
                field="Host",
                value=host,
                remedy="ask for http://127.0.0.1, or list the name as `hosts` under [server]",
            )

    def _check_size(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._settings.body_bytes:
            raise Refused(413, f"the body is longer than {self._settings.body_bytes:,} bytes")


def _name_of(host: str) -> str:
    """Return a Host header's name without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _check_path(scope: Scope) -> None:
    raw = scope.get("raw_path", b"").lower()
    parts = scope["path"].split("/")
    if ".." in parts or "." in parts or "\0" in scope["path"] or any(bad in raw for bad in _BAD_IN_PATH):
        raise Refused(404, "there is nothing at this path", remedy="see /docs for what there is")


def _check_type(headers: Headers) -> None:
    """Let only JSON in: a form of another site can send anything else without being asked."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if (kind or has_body) and kind != "application/json":
        raise Refused(
            415,
            "the body is not JSON",
            field="Content-Type",
            value=kind,
            remedy="send JSON, with `Content-Type: application/json`",
        )


def _check_origin(headers: Headers) -> None:
    """Refuse what a page of another site sends; programs, which send neither header, pass."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        raise _foreign(site)
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise _foreign(origin)


def _foreign(value: str) -> Refused:
    return Refused(
        403,
        "the request comes from another site",
        field="Origin",
        value=value,
        remedy="use the pages this server serves, or run it with keys",
    )


def add_safe_headers(headers: MutableHeaders) -> None:
    """Add to an answer what keeps browsers from doing more with it than is meant."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if headers.get("content-type", "").startswith(("application/json", "application/problem+json")):
        headers.setdefault("Cache-Control", "no-store")
