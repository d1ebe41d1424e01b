"""Parameters over HTTP: listed, in detail, as curves, tables, lineage and draws; and what is refused."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from scipy import stats
from tests.runs.shop import TONIGHT, Shop
from tests.server.fixtures import Serve
from tests.server.nights import make_shop
from tests.server.small import NIGHTS, build_small

PARAMETERS = "/api/v1/parameters"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with one parameter, Beta(8, 17), of which 13 of 40 came tonight: then it is (21, 44)."""
    with make_shop(tmp_path / "shop") as shop:
        shop.night()
        yield shop


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a graph, slices and an edge that only believes; nothing here changes it."""
    return build_small(tmp_path_factory.mktemp("parameters") / "shop", hostile="=1+2<b>")


# Lists ----------------------------------------------------------------------------------------------------


def test_the_list_says_where_each_parameter_is_and_how_all_stand(serve: Serve, small: Path) -> None:
    page = serve(small).get(PARAMETERS).json()
    rows = {row["parameter_id"]: row for row in page["items"]}
    slices = [f"default-signup[defaultchannel={channel}]" for channel in ("direct", "google")]
    assert list(rows) == ["default-open", *slices]
    assert (page["total"], page["next"], page["as_of"]) == (3, None, NIGHTS[-1].isoformat())
    assert sum(page["counts"].values()) == 3
    assert page["counts"]["red"] == 1
    google = rows[slices[1]]
    assert (google["edge"], google["graph"], google["light"]) == ("signup", "default-shop", "red")
    assert google["template_id"] == "default-signup"
    assert google["posterior_mean"] < 0.2
    assert (rows["default-open"]["tags"], rows["default-open"]["name"]) == (["core"], "=1+2<b>")


def test_filters_leave_the_counts_of_all(serve: Serve, small: Path) -> None:
    client = serve(small)
    for asked, found in (("light=red", 1), ("q=SIGNUP", 2), ("q=signup+google", 1), ("tag=core", 1)):
        page = client.get(f"{PARAMETERS}?{asked}").json()
        assert page["total"] == len(page["items"]) == found, asked
        assert sum(page["counts"].values()) == 3


def test_pages_follow_each_other_without_gap_or_repeat(serve: Serve, small: Path) -> None:
    client, found, cursor = serve(small), [], ""
    for _ in range(3):
        page = client.get(f"{PARAMETERS}?limit=1{cursor}").json()
        found += [row["parameter_id"] for row in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert found == sorted(found)
    assert len(set(found)) == 3
    assert page["next"] is None


def test_an_earlier_night_is_listed_as_it_was(serve: Serve, shop: Shop) -> None:
    shop.tomorrow()
    client = serve(shop.root)  # its clock stands still on the first night
    before = TONIGHT - timedelta(days=1)
    assert client.get(PARAMETERS).json()["items"][0]["size"] == 40
    assert client.get(f"{PARAMETERS}?as_of={before}").json()["items"][0]["posterior_mean"] is None


# One parameter --------------------------------------------------------------------------------------------


def test_the_posterior_is_the_closed_form(serve: Serve, shop: Shop) -> None:
    found = serve(shop.root).get(f"{PARAMETERS}/signup/posterior").json()
    law = stats.beta(21, 44)
    assert found["numbers"] == {"alpha": 21, "beta": 44}
    assert (found["family"], found["n"], found["as_of"]) == ("beta", 40, TONIGHT.isoformat())
    assert found["mean"] == pytest.approx(law.mean(), rel=1e-12)
    assert found["stdev"] == pytest.approx(law.std(), rel=1e-12)
    assert [found["lower"], found["upper"]] == pytest.approx(law.ppf([0.025, 0.975]), rel=1e-9)


def test_a_parameter_without_a_posterior_says_so(serve: Serve, small: Path) -> None:
    refused = serve(small).get(f"{PARAMETERS}/default-open/posterior")
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
    assert "evenfall nightly" in refused.json()["remedy"]


def test_the_detail_has_what_may_be_edited_and_a_tag(serve: Serve, shop: Shop) -> None:
    client = serve(shop.root)
    answer = client.get(f"{PARAMETERS}/signup")
    found = answer.json()
    assert answer.headers["etag"] == f'"{found["etag"]}"'
    assert found["editable"] == {"prior": {"distribution": "beta", "alpha": 8, "beta": 17}, "value": None}
    assert (found["level"], found["refresh_frequency"]) == ("measured", "1d")
    assert (found["prior"], found["posterior"]) == ({"alpha": 8, "beta": 17}, {"alpha": 21, "beta": 44})


def test_the_tag_changes_with_the_file_and_with_the_posterior(serve: Serve, shop: Shop) -> None:
    def tag() -> str:
        return str(serve(shop.root).get(f"{PARAMETERS}/signup").json()["etag"])

    first = tag()
    assert tag() == first
    shop.sell(1, 50, 20)
    shop.night()
    second = tag()
    shop.define(prior="{distribution: beta, alpha: 8, beta: 17}  # as agreed")
    assert len({first, second, tag()}) == 3


def test_a_name_nobody_declared_lists_the_nearest(serve: Serve, shop: Shop) -> None:
    client = serve(shop.root)
    for part in ("", "/posterior", "/curves", "/band", "/history", "/ledger", "/lineage", "/fit", "/trace"):
        refused = client.get(f"{PARAMETERS}/sinup{part}")
        problem = refused.json()
        assert (refused.status_code, problem["field"], problem["value"]) == (404, "parameter_id", "sinup")
        assert problem["remedy"] == "did you mean signup?"


def test_an_id_with_brackets_is_one_segment(serve: Serve, small: Path) -> None:
    name = "default-signup[defaultchannel=google]"
    found = serve(small).get(f"{PARAMETERS}/{quote(name, safe='')}").json()
    assert found["parameter_id"] == name
    template = serve(small).get(f"{PARAMETERS}/default-signup")
    assert template.status_code == 404
    assert "it is a template" in template.json()["remedy"]


@pytest.mark.parametrize("day", ["0001-01-01", "2099-01-01", "tomorrow", "2026-13-01"])
def test_a_night_that_cannot_be_is_refused(serve: Serve, shop: Shop, day: str) -> None:
    client = serve(shop.root)
    for part in ("", "/signup", "/signup/posterior", "/signup/curves", "/signup/predictive"):
        assert client.get(f"{PARAMETERS}{part}?as_of={day}").status_code == 422, part


# Its page -------------------------------------------------------------------------------------------------


def test_curves_band_and_lineage_answer(serve: Serve, shop: Shop) -> None:
    client = serve(shop.root)
    curves = client.get(f"{PARAMETERS}/signup/curves").json()
    assert len(curves["x"]) == len(curves["posterior"]) == 200
    assert curves["posterior"][100] == pytest.approx(stats.beta(21, 44).pdf(curves["x"][100]), rel=1e-8)
    band = client.get(f"{PARAMETERS}/signup/band").json()
    assert [point["as_of"] for point in band["points"]] == [TONIGHT.isoformat()]
    assert band["points"][0]["published"]
    lineage = client.get(f"{PARAMETERS}/signup/lineage").json()
    assert (lineage["file"], lineage["source"]["connection"]) == ("parameters/signup.yaml", "shop")


def test_incidents_of_a_slice_are_marked_on_its_band(serve: Serve, small: Path) -> None:
    name = quote("default-signup[defaultchannel=google]", safe="")
    client = serve(small)
    row, band = client.get(f"{PARAMETERS}/{name}").json(), client.get(f"{PARAMETERS}/{name}/band").json()
    assert [one["id"] for one in band["incidents"]] == ([row["incident"]] if row["incident"] else [])
    assert band["priors"][0]["reason"] == "declared"


def test_history_and_ledger_turn_pages(serve: Serve, shop: Shop) -> None:
    client, address = serve(shop.root), f"{PARAMETERS}/signup"
    for part in ("history", "ledger"):
        whole = client.get(f"{address}/{part}").json()
        first = client.get(f"{address}/{part}?limit=1").json()
        second = client.get(f"{address}/{part}?limit=1000&cursor={first['next']}").json()
        assert first["items"] + second["items"] == whole["items"]
        assert (whole["total"], second["next"]) == (len(whole["items"]), None)
        assert whole["total"] > 1


def test_a_page_goes_on_after_the_last_row_seen_whatever_came_in(serve: Serve, shop: Shop) -> None:
    client, address = serve(shop.root), f"{PARAMETERS}/signup/ledger"
    first = client.get(f"{address}?limit=2").json()
    shop.sell(1, 44, 14)  # said again, and otherwise: one reading more, above all others
    shop.night()
    second = client.get(f"{address}?cursor={first['next']}").json()
    whole = client.get(address).json()["items"]
    assert len(whole) == first["total"] + 1
    assert first["items"] + second["items"] == whole[1:]


@pytest.mark.parametrize("cursor", ["!!", "LTE", "MXg", "OTk5OTk5OTk5OTk5OTk5OTk5OTk", "x" * 900])
def test_a_cursor_of_ones_own_is_refused(serve: Serve, shop: Shop, cursor: str) -> None:
    refused = serve(shop.root).get(f"{PARAMETERS}/signup/ledger?cursor={cursor}")
    assert (refused.status_code, refused.json()["field"]) == (422, "cursor")


def test_a_file_has_every_row_and_no_formula(serve: Serve, shop: Shop) -> None:
    client = serve(shop.root)
    answer = client.get(f"{PARAMETERS}/signup/ledger?format=csv&limit=1")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "signup-ledger.csv" in answer.headers["content-disposition"]
    assert len(rows) == client.get(f"{PARAMETERS}/signup/ledger").json()["total"]
    assert float(rows[0]["size"]) == 40
    values = list(csv.DictReader(io.StringIO(client.get(f"{PARAMETERS}/signup/history?format=csv").text)))
    assert [row["source"] for row in values] == ["posterior", "manual"]


def test_a_file_is_refused_rather_than_cut_short(
    serve: Serve, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(shop.root)
    monkeypatch.setattr("evenfall.server.api.history._MOST", 1)
    answer = client.get(f"{PARAMETERS}/signup/ledger?format=csv")
    assert answer.status_code == 422
    assert answer.json()["field"] == "format"
    assert "pages" in answer.json()["remedy"]


def test_what_a_spreadsheet_would_run_is_disarmed(serve: Serve, shop: Shop) -> None:
    run = "UPDATE runs SET run_key = '=1+2'"  # the one text of a history that no rule of ours has checked
    with closing(sqlite3.connect(shop.root / ".evenfall" / "store.db", isolation_level=None)) as store:
        store.execute(run)
    text = serve(shop.root).get(f"{PARAMETERS}/signup/history?format=csv").text
    assert ",'=1+2," in text
    assert ",=1+2," not in text


def test_without_a_fit_its_parts_are_missing_with_a_remedy(serve: Serve, shop: Shop) -> None:
    client = serve(shop.root)
    for part in ("fit", "trace", "ranks"):
        refused = client.get(f"{PARAMETERS}/signup/{part}")
        assert refused.status_code == 404, part
        assert refused.json()["detail"] == "there is no fit of signup"
        assert refused.json()["remedy"]


def test_another_tenants_parameters_are_not_there(serve: Serve, shop: Shop, tmp_path: Path) -> None:
    other = build_small(tmp_path / "other", tenant="other", nights=1)
    client = serve(shop.root, other)
    assert client.get(f"{PARAMETERS}/other-open").status_code == 404
    assert [row["parameter_id"] for row in client.get(PARAMETERS).json()["items"]] == ["signup"]
