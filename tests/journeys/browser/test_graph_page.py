"""The graph: what holds and what does not, what would follow, and what is kept of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.journeys.browser.watching import Watched, browse, serving

GRAPH = "/#/graph/acme"
OVERLAPS = """
() => {
  const boxes = [...document.querySelectorAll('[data-testid^="node-"], button[data-testid^="edge-"]')].map(
    (element) => ({ name: element.dataset.testid, box: element.getBoundingClientRect() }));
  const found = [];
  for (const [at, a] of boxes.entries())
    for (const b of boxes.slice(at + 1)) {
      const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      if (wide > 1 && high > 1) found.push(`${a.name}, ${b.name}: ${wide.toFixed(0)} x ${high.toFixed(0)}`);
    }
  return { found, names: boxes.map(({ name }) => name) };
}
"""
CUT_OFF = """
() => [...document.querySelectorAll('[data-testid^="node-"], button[data-testid^="edge-"]')]
  .filter((element) => element.scrollWidth > element.clientWidth + 1
                    || element.scrollHeight > element.clientHeight + 1)
  .map((element) => `${element.dataset.testid}: ${element.textContent}`)
"""


def result(page: Page, outcome: str) -> str:
    """Return what the page says of an outcome, once it has been worked out."""
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
    return page.get_by_test_id(f"result-{outcome}").inner_text()


def changed(page: Page, outcome: str, before: str) -> str:
    """Wait until the page says something else of an outcome, and return it."""
    expect(page.get_by_test_id(f"result-{outcome}")).not_to_have_text(before, use_inner_text=True)
    return result(page, outcome)


def percents(text: str) -> list[float]:
    """Return the figures of a text, such as a mean with the ends of its interval."""
    return [float(figure.replace("−", "-")) for figure in re.findall(r"[-−]?\d+(?:\.\d+)?", text)]


def test_the_red_edge_shows_by_colour_icon_and_words_and_its_panel_tells_why(looking: Watched) -> None:
    page = looking.open(GRAPH)
    edge = page.get_by_test_id("edge-checkout")
    expect(edge).to_have_attribute("data-light", "red")
    expect(page.get_by_test_id("light-checkout")).to_contain_text("■")
    expect(edge).to_contain_text(re.compile(r"43\.\d %"))
    expect(edge).to_contain_text(re.compile(r"\[\d+\.\d, \d+\.\d\]"))
    expect(edge).to_contain_text(re.compile(r"n \d"))
    edge.click()
    panel = page.get_by_test_id("panel")
    expect(panel).to_be_visible()
    expect(panel).to_contain_text("expected 55 %")
    expect(panel).to_contain_text("Posterior")
    expect(panel).to_contain_text("manual (parameters/checkout.yaml")
    expect(page.get_by_test_id("panel-band").locator("svg")).to_be_visible()
    looking.settle()
    looking.shot("graph-panel-light")
    page.get_by_test_id("panel-close").click()
    expect(panel).to_have_count(0)
    edge.click()
    page.get_by_test_id("panel-parameter").click()
    expect(page).to_have_url(re.compile("#/parameter/checkout"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cart to shipping")


def test_a_step_that_is_clicked_tells_where_people_come_from_and_go_to(looking: Watched) -> None:
    page = looking.open(GRAPH)
    page.get_by_test_id("node-cart").click()
    panel = page.get_by_test_id("panel")
    expect(panel).to_contain_text("Comes from")
    panel.get_by_role("button", name="shipping").click()
    expect(panel).to_contain_text("checkout")


def test_without_a_context_the_outcome_and_its_interval_are_others(looking: Watched) -> None:
    page = looking.open(GRAPH)
    before = result(page, "order")
    box = page.get_by_test_id("context-channel-google")
    expect(box).to_be_checked()
    box.click()
    expect(box).not_to_be_checked()
    after = changed(page, "order", before)
    mean, lower, upper = percents(before)[:3]
    now = percents(after)
    assert lower < mean < upper
    assert now[0] != mean
    assert now[1:3] != [lower, upper]
    expect(page.get_by_test_id("scope")).to_contain_text("Facebook, E-mail")
    box.click()
    expect(page.get_by_test_id("scope")).to_contain_text("all traffic")
    assert percents(result(page, "order"))[:3] == [mean, lower, upper]


def test_the_last_value_of_a_context_stays_ticked(looking: Watched) -> None:
    page = looking.open(GRAPH)
    page.get_by_test_id("context-device-mobile").click()
    page.get_by_test_id("context-device-desktop").click(force=True)
    expect(page.get_by_test_id("context-device-desktop")).to_be_checked()
    expect(page.get_by_test_id("context-device-last")).to_be_visible()


def test_the_slider_moves_the_result_and_the_field_and_back(looking: Watched) -> None:
    page = looking.open(GRAPH)
    before = result(page, "order")
    page.get_by_test_id("edge-checkout").click()
    page.get_by_test_id("slider-checkout").fill("55")
    after = changed(page, "order", before)
    expect(page.get_by_test_id("better-order")).to_contain_text(re.compile(r"9\d(\.\d+)? %|> 99"))
    expect(page.get_by_test_id("override-checkout")).to_have_value("55")
    page.get_by_test_id("override-checkout").fill("30")
    worse = changed(page, "order", after)
    assert percents(worse)[0] < percents(before)[0] < percents(after)[0]
    looking.shot("graph-what-if-light")
    page.get_by_test_id("override-reset-checkout").click()
    expect(page.get_by_test_id("better-order")).to_have_count(0)


def test_what_if_agrees_with_the_command_line(looking: Watched, own_project: Path) -> None:
    import evenfall as ef

    with ef.open(own_project) as project:
        said = project.whatif("acme", {"checkout": 0.55}).as_dict()
    order = next(one for one in said["mixed"] if one["target"] == "order")
    page = looking.open(GRAPH)
    before = result(page, "order")
    page.get_by_test_id("edge-checkout").click()
    page.get_by_test_id("slider-checkout").fill("55")
    shown = percents(changed(page, "order", before))
    assert round(100 * order["before"]["mean"], 2) in shown
    assert round(100 * order["after"]["mean"], 2) in shown


def test_a_scenario_is_saved_loaded_and_compared(changing: Watched, own_project: Path) -> None:
    page = changing.open(GRAPH)
    before = result(page, "order")
    page.get_by_test_id(
        "edge-payment" if page.get_by_test_id("edge-payment").count() else "edge-checkout"
    ).click()
    page.get_by_test_id("override-checkout").fill("60")
    set_now = changed(page, "order", before)
    page.get_by_test_id("scenario-save").click()
    page.get_by_test_id("scenario-name").fill("Mended & faster")
    page.get_by_test_id("scenario-save-now").click()
    expect(page.get_by_test_id("dialog")).to_have_count(0)
    kept = (own_project / "scenarios" / "mended-faster.yaml").read_text()
    assert "Mended & faster" in kept
    assert "0.6" in kept
    page.get_by_test_id("reset").click()
    changed(page, "order", set_now)
    page.reload()
    changing.settle()
    page.get_by_test_id("scenario-load").select_option("mended-faster")
    assert percents(changed(page, "order", before))[0] == percents(set_now)[0]
    page.get_by_test_id("scenario-compare").click()
    expect(page.get_by_test_id("dialog").get_by_role("table")).to_be_visible()
    changing.settle()
    changing.shot("graph-scenarios-light")


def test_the_dashboard_groups_by_light_and_leads_to_details(looking: Watched) -> None:
    page = looking.open(GRAPH)
    page.get_by_test_id("dashboard-toggle").click()
    dashboard = page.get_by_test_id("dashboard")
    for group, word in {
        "critical": "CRITICAL",
        "amber": "AMBER",
        "healthy": "HEALTHY",
        "grey": "GREY",
        "stale": "STALE",
    }.items():
        head = dashboard.get_by_test_id(f"group-{group}").locator("summary")
        expect(head).to_contain_text(re.compile(rf"{word} \d+"))
    row = dashboard.get_by_test_id("row-checkout")
    for words in ("expected 55.0 %", "observed", "σ", "n ", "since"):
        expect(row).to_contain_text(words)
    changing_prior = row.get_by_test_id("update-prior-checkout")
    expect(changing_prior).to_be_visible()
    looking.settle()
    looking.shot("graph-dashboard-light")
    row.get_by_test_id("details-checkout").click()
    expect(page).to_have_url(re.compile("#/parameter/checkout"))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
def test_no_label_lies_on_another_or_on_a_node_and_none_is_cut_off(
    browser: Browser, address: str, size: tuple[int, int], colours: Literal["light", "dark"]
) -> None:
    with browse(browser, address, size=size, colours=colours) as watched:
        page = watched.open(GRAPH)
        expect(page.get_by_test_id("edge-checkout")).to_be_visible()
        seen = page.evaluate(OVERLAPS)
        assert len(seen["names"]) > 30  # of 16 nodes and 22 edges
        assert seen["found"] == []
        assert page.evaluate(CUT_OFF) == []
        watched.shot(f"graph-{size[0]}-{colours}")
        watched.must_be_clean()


def test_html_in_a_name_is_shown_as_text_and_runs_nothing(browser: Browser, own_project: Path) -> None:
    attack = "<img src=x onerror=alert(1)>"
    graph = own_project / "graphs" / "acme.yaml"
    graph.write_text(graph.read_text().replace("{slug: cart}", f'{{slug: cart, name: "{attack}"}}'))
    assert attack in graph.read_text()
    parameter = own_project / "parameters" / "checkout.yaml"
    parameter.write_text(re.sub(r"(?m)^name: .*$", f'name: "{attack}"', parameter.read_text()))
    with serving(own_project) as address, browse(browser, address) as watched:
        watched.page.on("dialog", lambda dialog: watched.said.append(dialog.message) or dialog.dismiss())  # type: ignore[func-returns-value]
        page = watched.open(GRAPH)
        expect(page.get_by_test_id("node-cart")).to_contain_text(attack)
        page.get_by_test_id("edge-checkout").click()
        expect(page.get_by_test_id("panel")).to_contain_text(attack)
        watched.open("/#/parameter/checkout")
        expect(page.locator("main")).to_contain_text(attack)
        watched.open("/#/health")
        expect(page.locator("main")).to_contain_text(attack)
        assert page.locator("img[src='x']").count() == 0
        watched.must_be_clean()
