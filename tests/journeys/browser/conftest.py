"""A browser, the example served, and pages that must stay clean."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Error as PlaywrightError
from tests.journeys.browser.watching import NAMES, PATIENCE, Watched, browse, find_chromium, launch, serving
from tests.journeys.demo_project import Demo

from evenfall.server.pages import UI


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.path.is_relative_to(Path(__file__).parent):
        item.add_marker(pytest.mark.slow)


UNSEEN = "so no page was looked at; install chromium, or name one with EVENFALL_CHROMIUM"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip(f"NO BROWSER: none of {', '.join(NAMES)} runs, {UNSEEN}")
    if not (UI / "index.html").is_file():
        pytest.skip("NO PAGES: they were not built; run `make ui`")
    expect.set_options(timeout=1000 * PATIENCE)
    with ExitStack() as stack:
        try:
            running = stack.enter_context(launch(path))
        except PlaywrightError as error:
            pytest.skip(f"NO BROWSER: {path} does not start ({error.message.splitlines()[0]}), {UNSEEN}")
        yield running


@pytest.fixture(scope="session")
def address(browser: Browser, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the example, for tests that only look."""
    project = tmp_path_factory.mktemp("looked-at") / "acme"
    shutil.copytree(demo.path, project)
    with serving(project) as address:
        yield address


@pytest.fixture
def own_project(browser: Browser, demo: Demo, tmp_path: Path) -> Path:
    """A copy of the example, for a test that changes it."""
    return Path(shutil.copytree(demo.path, tmp_path / "acme"))


@pytest.fixture
def looking(browser: Browser, address: str) -> Iterator[Watched]:
    with browse(browser, address) as watched:
        yield watched
        watched.must_be_clean()


@pytest.fixture
def changing(browser: Browser, own_project: Path) -> Iterator[Watched]:
    with serving(own_project) as address, browse(browser, address) as watched:
        yield watched
        watched.must_be_clean()
