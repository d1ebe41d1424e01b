"""Two slices beside each other, and units followed through ordered steps."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.journeys.browser.watching import Watched


def test_two_slices_are_compared_and_the_address_keeps_the_question(looking: Watched) -> None:
    page = looking.open("/#/compare")
    page.get_by_test_id("compare-a").fill("channel=google")
    page.get_by_test_id("compare-b").fill("channel=facebook")
    page.get_by_test_id("compare-run").click()
    verdict = page.get_by_test_id("p-b-greater")
    expect(verdict).to_contain_text("%")
    expect(page.get_by_test_id("expected-loss")).to_be_visible()
    looking.settle()
    looking.shot("compare-answer-light")
    said = verdict.inner_text()
    page.reload()
    expect(verdict).to_have_text(said, use_inner_text=True)


def test_the_first_comparison_is_one_click_away(looking: Watched) -> None:
    page = looking.open("/#/compare")
    page.get_by_role("link", name="channel=google beside channel=facebook").click()
    expect(page.get_by_test_id("compare-b")).to_have_value("channel=facebook")
    expect(page.get_by_test_id("p-b-greater")).to_contain_text("%")


def test_units_are_followed_through_ordered_steps(looking: Watched) -> None:
    page = looking.open("/#/graph/acme")
    page.get_by_test_id("nav-funnel").click()  # with the looks of the graph still loaded
    expect(page.get_by_test_id("funnel-add")).to_be_visible()
    adding = page.get_by_test_id("funnel-add")
    events = [text for text in adding.locator("option:not([disabled])").all_inner_texts() if text]
    assert len(events) >= 2
    for event in events[:2]:
        adding.select_option(event)
    chip = page.get_by_test_id("funnel-steps").get_by_role("listitem").first.bounding_box()
    assert chip is not None
    assert chip["height"] < 48
    page.get_by_test_id("funnel-cohorts").check()
    page.get_by_test_id("funnel-run").click()
    answer = page.get_by_test_id("funnel-result")
    expect(answer).to_contain_text(events[0])
    expect(answer).to_contain_text(re.compile(r"\d %"))
    expect(page.get_by_test_id("funnel-cohort-table")).to_be_visible()
    looking.settle()
    looking.shot("funnel-answer-light")
