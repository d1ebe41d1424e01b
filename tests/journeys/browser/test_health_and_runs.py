"""Health and runs: found by filters, answered for, started again."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Route, expect
from tests.journeys.browser.watching import Watched


def test_parameters_are_found_by_light_and_by_words(looking: Watched) -> None:
    page = looking.open("/#/health")
    rows = page.get_by_test_id("parameters").get_by_role("row")
    everything = rows.count()
    page.get_by_test_id("filter-red").click()
    expect(page.get_by_test_id("row-checkout")).to_be_visible()
    expect(page.get_by_test_id("row-find")).to_have_count(0)
    assert rows.count() < everything
    page.get_by_test_id("filter-red").click()
    page.get_by_test_id("filter-text").fill("order value")
    expect(page.get_by_test_id("row-checkout")).to_have_count(0)
    expect(page.get_by_test_id("parameters").get_by_role("row").nth(1)).to_contain_text("order-value")
    page.get_by_test_id("filter-text").fill("nothing is called so")
    expect(page.get_by_test_id("parameters")).to_contain_text("No parameter is like that")
    expect(page.get_by_test_id("sources").get_by_role("row").nth(1)).to_contain_text("shop")
    expect(page.get_by_test_id("last-night")).to_contain_text("1 Oct")


def test_an_incident_is_acknowledged_with_a_note(changing: Watched) -> None:
    page = changing.open("/#/health")
    incidents = page.get_by_test_id("incidents")
    incident = incidents.locator("[data-testid^='ack-']").first
    expect(incident).to_be_visible()
    number = (incident.get_attribute("data-testid") or "").removeprefix("ack-")
    incident.click()
    page.get_by_test_id("ack-note").fill("the new checkout; Ann looks at it")
    page.get_by_test_id("ack-confirm").click()
    expect(page.get_by_test_id("incidents")).to_contain_text("stays wrong until the data agree again")
    page.reload()
    changing.settle()
    page.get_by_test_id("incidents-acknowledged").click()
    expect(page.get_by_test_id(f"acked-{number}")).to_contain_text("Ann looks at it")
    changing.shot("health-acknowledged-light")


def test_nights_are_listed_opened_planned_and_run_again(changing: Watched) -> None:
    page = changing.open("/#/runs")
    table = page.get_by_role("table", name=re.compile("Runs"))
    assert table.get_by_role("row").count() > 25
    table.get_by_role("button", name="1 Oct 2026").first.click()
    expect(page.get_by_test_id("run-details")).to_be_visible()
    page.get_by_test_id("run-plan").click()
    dialog = page.get_by_test_id("dialog")
    expect(dialog).to_contain_text("daily windows to read")
    changing.settle()
    changing.shot("runs-plan-light")
    page.get_by_test_id("dialog-close").click()
    page.get_by_test_id("run-only").fill("checkout")
    page.get_by_test_id("run-start").click()
    expect(table.get_by_role("row").nth(1)).to_contain_text("checkout")
    expect(table.get_by_role("row").nth(1)).to_contain_text("✓ completed")


def _with_traceback(route: Route) -> None:
    """Let the run be as it is, but for a traceback: those come with faults that nobody foresaw."""
    if route.request.method != "GET":
        return route.fallback()
    answer = route.fetch()
    told = answer.json()
    for failure in told["failures"]:
        failure["traceback"] = "Traceback (most recent call last): <b>nowhere</b>"
    return route.fulfill(response=answer, json=told)


def test_a_failure_is_told_with_its_traceback_folded_and_retried(
    changing: Watched, own_project: Path
) -> None:
    file = own_project / "parameters" / "support-tickets.yaml"
    whole = file.read_text()
    assert "FROM support\n" in whole
    file.write_text(whole.replace("FROM support\n", "FROM nowhere\n"))
    page = changing.open("/#/runs")
    page.get_by_test_id("run-only").fill("support-tickets")
    page.get_by_test_id("run-start").click()
    first = page.get_by_role("table", name=re.compile("Runs")).get_by_role("row").nth(1)
    expect(first).to_contain_text("support-tickets")
    expect(first.get_by_test_id("run-retry")).to_be_visible()
    page.route("**/api/v1/runs/*", _with_traceback)
    first.get_by_role("button", name="2026").click()
    details = page.get_by_test_id("run-details")
    expect(details).to_contain_text("1 failure")
    expect(details).to_contain_text("nowhere")
    trace = details.locator("details", has_text="Traceback").first
    expect(trace.locator("pre")).to_be_hidden()
    trace.locator("summary").click()
    expect(trace.locator("pre")).to_be_visible()
    expect(trace.locator("pre")).to_contain_text("<b>nowhere</b>")
    changing.shot("runs-failure-light")
    page.unroute("**/api/v1/runs/*")
    file.write_text(whole)
    first.get_by_test_id("run-retry").click()
    expect(first).to_contain_text("✓ completed", timeout=120_000)
    expect(first.get_by_test_id("run-retry")).to_have_count(0)
