"""Every page opens, in light and in dark, says nothing on the console and asks nobody else."""

from __future__ import annotations

import re
from typing import Literal
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, expect
from tests.journeys.browser.watching import Watched, browse

PAGES = {
    "graph": "/#/graph/acme",
    "parameter": "/#/parameter/checkout",
    "parameter-of-slice": "/#/parameter/signup%5Bchannel%3Dgoogle%2Cdevice%3Dmobile%5D",
    "parameter-with-delay": "/#/parameter/come-back",
    "parameter-of-rate": "/#/parameter/support-tickets",
    "health": "/#/health",
    "compare": "/#/compare",
    "compare-answer": "/#/compare?a=channel%3Dgoogle&b=channel%3Dfacebook&graph=acme&to=order",
    "funnel": "/#/funnel",
    "runs": "/#/runs",
}
UNWORDED = re.compile(
    r"\b(?:undefined|null|NaN|Infinity)\b|\[object|\d-\d+\.\d|[(\[ ]-\d"
)  # no words of people


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_word_on_the_console(
    browser: Browser, address: str, name: str, colours: Literal["light", "dark"]
) -> None:
    with browse(browser, address, colours=colours) as watched:
        page = watched.open(PAGES[name])
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_test_id("problem")).to_have_count(0)
        for width, height in ((1440, 900), (1280, 800)):
            page.set_viewport_size({"width": width, "height": height})
            watched.settle()
            watched.shot(f"{name}-{width}-{colours}")
            wide = page.evaluate("document.querySelector('main').scrollWidth - innerWidth")
            assert wide <= 0, f"the page scrolls sideways at {width} pixels"
        assert UNWORDED.findall(page.locator("body").inner_text()) == []
        watched.must_be_clean()


def test_the_theme_of_the_system_is_followed_while_nothing_else_is_chosen(
    browser: Browser, address: str
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every((part) => part < 64)"
    with browse(browser, address, colours="dark") as watched:
        page = watched.open("/#/health")
        expect(page.get_by_test_id("theme")).to_contain_text("System")
        assert page.evaluate(ground)
        page.emulate_media(color_scheme="light")
        page.wait_for_function(f"!{ground}")
        page.get_by_test_id("theme").click()
        expect(page.get_by_test_id("theme")).to_contain_text("Light")
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(200)
        assert not page.evaluate(ground)


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
