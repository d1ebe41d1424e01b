"""From the first page to the panel, the slider and back with the keyboard alone."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from tests.journeys.browser.watching import Watched

FOCUSED = "() => document.activeElement?.dataset?.testid ?? document.activeElement?.textContent ?? ''"
RING = """
() => {
  const style = getComputedStyle(document.activeElement);
  return document.activeElement === document.body // between the end of the page and its beginning
      || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
}
"""


def tab_to(page: Page, testid: str, most: int = 120) -> list[str]:
    """Press Tab until the control has the focus, and return what was passed; each showed its focus."""
    passed: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(FOCUSED))
        assert page.evaluate(RING), f"{passed[-1]} does not show that it has the focus"
        if passed[-1] == testid:
            return passed
    raise AssertionError(f"{testid} cannot be reached: {passed}")


def test_from_landing_to_the_panel_the_slider_and_back(looking: Watched) -> None:
    page = looking.open("/#/graph/acme")
    passed = tab_to(page, "node-landing")
    assert any("Skip" in name for name in passed)
    assert {"nav-health", "context-channel-google"} <= set(passed)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("panel")).to_contain_text("Goes on to")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("panel")).to_have_count(0)
    tab_to(page, "edge-checkout")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("panel")).to_be_visible()
    before = page.get_by_test_id("result-order").inner_text()
    tab_to(page, "slider-checkout", 10)
    for _ in range(5):
        page.keyboard.press("PageUp")
    expect(page.get_by_test_id("result-order")).not_to_have_text(before, use_inner_text=True)
    expect(page.get_by_test_id("better-order")).to_be_visible()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    looking.settle()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("panel")).to_have_count(0)
    assert page.evaluate(FOCUSED) == "edge-checkout"


def test_a_context_is_unticked_by_space(looking: Watched) -> None:
    page = looking.open("/#/graph/acme")
    before = page.get_by_test_id("result-order").inner_text()
    tab_to(page, "context-channel-facebook")
    page.keyboard.press("Space")
    expect(page.get_by_test_id("context-channel-facebook")).not_to_be_checked()
    expect(page.get_by_test_id("result-order")).not_to_have_text(before, use_inner_text=True)


def test_another_page_a_dialog_and_back(looking: Watched) -> None:
    page = looking.open("/#/graph/acme")
    tab_to(page, "nav-health")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("parameters")).to_be_visible()
    looking.open("/#/parameter/checkout")
    tab_to(page, "edit-prior")
    page.keyboard.press("Enter")
    dialog = page.get_by_test_id("dialog")
    expect(dialog).to_be_visible()
    for _ in range(30):  # the focus stays inside
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => !document.activeElement || document.activeElement === document.body"
            " || document.activeElement.closest('[data-testid=dialog], dialog') !== null"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate(FOCUSED) == "edit-prior"
