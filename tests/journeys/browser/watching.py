"""A browser whose every word on the console and every step outside the server counts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, Route, sync_playwright

__all__ = ["PATIENCE", "SHOTS", "Watched", "browse", "find_chromium", "launch", "serving"]

SHOTS = Path(__file__).parents[3] / "build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome")
LAPTOP = (1280, 800)
PATIENCE = 60.0  # seconds, where other work shares the machine
SETTLED = """
() => document.querySelector('main h1, main [data-testid=problem], dialog') !== null
   && !document.querySelector('.loading, [aria-busy=true], .chart:not(:has(svg))')
"""


def find_chromium() -> str | None:
    """Return a Chromium that runs: EVENFALL_CHROMIUM, or one on PATH."""
    for name in (os.environ.get("EVENFALL_CHROMIUM", ""), *NAMES):
        path = shutil.which(name) if name else None
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return None


@contextmanager
def launch(path: str) -> Iterator[Browser]:
    """Run a browser until the end."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=sandbox)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(project: Path) -> Iterator[str]:
    """Serve a project by the real command on a port of its own, and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "evenfall", "serve", "--project", str(project)]
    with (
        tempfile.TemporaryFile() as log,  # a pipe that nobody reads would stop the server once it is full
        subprocess.Popen(
            [*command, "--port", str(port), "--no-scheduler"], stdout=subprocess.DEVNULL, stderr=log
        ) as process,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(process, f"{address}/health", log)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(process: subprocess.Popen[bytes], address: str, log: IO[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            log.seek(0)
            raise AssertionError(log.read().decode())
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


@dataclass
class Watched:
    """A page, and what it did that it must not do."""

    page: Page
    address: str
    said: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asked: set[Request] = field(default_factory=set)

    def open(self, place: str) -> Page:
        """Go to a place such as ``/#/health`` afresh, and wait until nothing is loading."""
        self.page.goto("about:blank")  # another # alone would keep what stands there
        self.page.goto(f"{self.address}{place}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until every answer has come and is shown."""
        until, calm = time.monotonic() + PATIENCE, 0
        while calm < 3:  # an answer may ask for more
            assert time.monotonic() < until, [request.url for request in self.asked] or "still loading"
            self.page.wait_for_timeout(30)
            still = not self.asked and self.page.evaluate(SETTLED)
            calm = calm + 1 if still else 0

    def shot(self, name: str) -> None:
        """Keep a picture among the test's output."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

    def must_be_clean(self) -> None:
        """Assert that nothing went wrong on the way."""
        assert self.outside == [], "asked for something elsewhere"
        assert self.refused == [], "the server refused what the page asked"
        assert self.said == [], "the console holds errors"


@contextmanager
def browse(
    browser: Browser,
    address: str,
    *,
    size: tuple[int, int] = LAPTOP,
    colours: Literal["light", "dark"] = "light",
) -> Iterator[Watched]:
    """Open a fresh page that reaches `address` alone."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=colours, reduced_motion="reduce"
    )
    context.set_default_timeout(1000 * PATIENCE)
    watched = Watched(context.new_page(), address)
    own = urlsplit(address).netloc

    def pass_or_block(route: Route) -> None:
        if urlsplit(route.request.url).netloc == own:
            route.continue_()
        else:
            watched.outside.append(route.request.url)
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            watched.said.append(f"{message.text} ({message.location.get('url', '')})")

    def began(request: Request) -> None:
        if not urlsplit(request.url).path.endswith("/events"):  # these end with the night they tell of
            watched.asked.add(request)

    def over(request: Request) -> None:
        watched.asked.discard(request)

    def answered(response: Response) -> None:
        if response.status >= 400:
            watched.refused.append(f"{response.status} {response.request.method} {response.url}")

    context.route(lambda url: url.startswith(("http:", "https:", "ws:", "wss:")), pass_or_block)
    watched.page.on("console", heard)
    watched.page.on("request", began)
    watched.page.on("requestfinished", over)
    watched.page.on("requestfailed", over)
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("response", answered)
    try:
        yield watched
    finally:
        context.close()
