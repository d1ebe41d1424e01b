"""One parameter: its charts and records, and numbers edited where they stand."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.journeys.browser.watching import Watched

CHECKOUT = "/#/parameter/checkout"


def test_the_charts_the_records_and_the_lineage_are_there(looking: Watched) -> None:
    page = looking.open(CHECKOUT)
    for chart in ("chart-curves", "chart-band"):
        drawn = page.get_by_test_id(chart)
        expect(drawn.locator("svg path").first).to_be_attached()
        assert drawn.locator("svg path").count() > 3
        assert (
            page.locator(f"[data-testid={chart}][aria-label], [data-testid={chart}] [aria-label]").count()
        ) > 0
    for part in ("ledger", "history"):
        expect(page.get_by_test_id(part).get_by_role("row").nth(1)).to_be_visible()
    lineage = page.get_by_test_id("lineage")
    expect(lineage).to_contain_text("parameters/checkout.yaml")
    lineage.get_by_test_id("query").locator("summary").click()
    expect(lineage).to_contain_text("SELECT")


def test_the_ledger_comes_as_csv_too(looking: Watched) -> None:
    page = looking.open(CHECKOUT)
    with page.expect_download() as download:
        page.get_by_test_id("ledger-csv").click()
    lines = download.value.path().read_text().splitlines()
    assert "first" in lines[0]
    assert len(lines) > 20


def test_fitted_parameters_show_their_chains(looking: Watched) -> None:
    page = looking.open("/#/parameter/come-back")
    fit = page.get_by_test_id("fit")
    expect(fit).to_contain_text(re.compile("R-hat|k-hat"))
    expect(fit).to_contain_text("ESS")
    expect(fit.get_by_test_id("trace").locator("svg path").nth(3)).to_be_attached()
    expect(fit.get_by_test_id("predictive").get_by_role("row").nth(1)).to_be_visible()
    expect(fit.get_by_test_id("forecast")).to_contain_text("95 % between")
    page.get_by_test_id("draws-quantity").select_option("t50")
    expect(fit.get_by_role("img", name=re.compile("Trace of t50"))).to_be_visible()
    looking.settle()
    looking.shot("parameter-fitted-light")


def open_prior(page: Page) -> None:
    page.get_by_test_id("edit-prior").click()
    expect(page.get_by_test_id("prior-stdev")).to_be_visible()


def test_a_prior_is_edited_while_the_page_says_what_can_be(changing: Watched, own_project: Path) -> None:
    file = own_project / "parameters" / "checkout.yaml"
    comments = [line for line in file.read_text().splitlines() if line.lstrip().startswith("#")]
    page = changing.open(CHECKOUT)
    open_prior(page)
    page.get_by_test_id("prior-mean").fill("0.5")
    page.get_by_test_id("prior-stdev").fill("0.9")
    expect(page.get_by_test_id("infeasible")).to_contain_text("0.5")
    expect(page.get_by_test_id("save-prior")).to_be_disabled()
    page.get_by_test_id("prior-stdev").fill("0.02")
    expect(page.get_by_test_id("feasible")).to_contain_text("95 %")
    changing.shot("parameter-edit-light")
    page.get_by_test_id("save-prior").click()
    expect(page.get_by_test_id("dialog")).to_have_count(0)
    changing.settle()
    written = file.read_text()
    assert re.search(r"mean: 0\.5\b", written)
    assert re.search(r"stdev: 0\.02\b", written)
    assert [line for line in written.splitlines() if line.lstrip().startswith("#")] == comments


def test_an_edit_of_what_was_changed_meanwhile_is_not_saved(changing: Watched, own_project: Path) -> None:
    file = own_project / "parameters" / "checkout.yaml"
    page = changing.open(CHECKOUT)
    open_prior(page)
    page.get_by_test_id("prior-mean").fill("0.5")
    page.get_by_test_id("prior-stdev").fill("0.02")
    expect(page.get_by_test_id("feasible")).to_be_visible()
    theirs = file.read_text().replace("name: ", "name: Their ", 1)
    file.write_text(theirs)
    page.get_by_test_id("save-prior").click()
    expect(page.get_by_test_id("edit-conflict")).to_be_visible()
    assert file.read_text() == theirs
    assert [line.split(" ")[0] for line in changing.refused] == ["412"]
    changing.refused.clear()
    changing.said[:] = [line for line in changing.said if "412" not in line]


def test_a_value_is_edited_where_nothing_is_observed(changing: Watched, own_project: Path) -> None:
    file = own_project / "parameters" / "subscribe.yaml"
    page = changing.open("/#/parameter/subscribe")
    page.get_by_test_id("edit-value").click()
    page.get_by_test_id("prior-mean").fill("6 %")
    page.get_by_test_id("prior-stdev").fill("0.9")
    expect(page.get_by_test_id("infeasible")).to_be_visible()
    page.get_by_test_id("prior-stdev").fill("0.015")
    expect(page.get_by_test_id("feasible")).to_be_visible()
    page.get_by_test_id("save-prior").click()
    expect(page.get_by_test_id("dialog")).to_have_count(0)
    assert "value: {mean: 0.06, stdev: 0.015}" in file.read_text()


def test_the_posterior_becomes_the_prior_once_that_is_confirmed(changing: Watched) -> None:
    page = changing.open("/#/parameter/add-to-cart")
    glance = page.get_by_role("region", name="At a glance")
    expect(glance).to_contain_text("version 1 since")
    page.get_by_test_id("accept-posterior").click()
    page.get_by_test_id("accept-confirm").click()
    expect(page.get_by_test_id("dialog")).to_have_count(0)
    expect(glance).to_contain_text("version 2 since")


def test_the_source_is_read_now(changing: Watched) -> None:
    page = changing.open("/#/parameter/support-tickets")
    page.get_by_test_id("refresh").click()
    expect(page.get_by_test_id("refresh")).to_be_disabled()
    expect(page.get_by_test_id("refresh")).to_be_enabled()
    expect(page.get_by_test_id("dialog")).to_have_count(0)
    page.goto(f"{changing.address}/#/runs")
    first = page.get_by_role("table", name=re.compile("Runs")).get_by_role("row").nth(1)
    expect(first).to_contain_text("support-tickets")
    expect(first).to_contain_text("✓ completed")
