"""Every page opens, in light and in dark, says nothing on the console and asks nobody else."""

from __future__ import annotations

from typing import Literal
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, expect
from tests.journeys.browser.watching import Watched, browse

PAGES = {
    "graph": "/#/graph/acme",
    "parameter": "/#/parameter/checkout",
    "parameter-of-slice": "/#/parameter/signup%5Bchannel%3Dgoogle%2Cdevice%3Dmobile%5D",
    "health": "/#/health",
    "compare": "/#/compare",
    "funnel": "/#/funnel",
    "runs": "/#/runs",
}


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_word_on_the_console(
    browser: Browser, address: str, name: str, colours: Literal["light", "dark"]
) -> None:
    with browse(browser, address, size=(1280, 800), colours=colours) as watched:
        page = watched.open(PAGES[name])
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_test_id("problem")).to_have_count(0)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        watched.shot(f"{name}-{colours}")
        assert wide <= 0, "the page scrolls sideways at 1280 pixels"
        watched.must_be_clean()


@pytest.mark.parametrize(("place", "shown"), [("/docs", "#swagger-ui .opblock"), ("/redoc", "#redoc h1")])
def test_the_description_of_the_api_is_shown_from_this_server_alone(
    looking: Watched, place: str, shown: str
) -> None:
    looking.page.goto(f"{looking.address}{place}")
    expect(looking.page.locator(shown).first).to_be_visible()
    looking.shot(place.strip("/"))


def test_the_theme_can_be_chosen_and_stays_chosen(looking: Watched) -> None:
    page = looking.open("/#/health")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    toggle = page.get_by_test_id("theme")
    for _ in range(3):
        if page.evaluate(ground) == light:
            toggle.click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    looking.settle()
    assert page.evaluate(ground) == dark


def test_what_is_not_there_is_told_in_words(browser: Browser, address: str) -> None:
    with browse(browser, address) as watched:
        page = watched.open("/#/parameter/chekout")
        expect(page.get_by_test_id("problem")).to_contain_text("checkout")  # the nearest name is told
        assert watched.outside == []


def test_the_page_says_that_nothing_may_be_loaded_from_elsewhere(address: str) -> None:
    with urlopen(f"{address}/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        text = answer.read().decode()
    assert "default-src 'self'" in policy
    assert "script-src" not in policy or "unsafe" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http://" not in text
    assert "https://" not in text
