"""Parameters edited through the API: files, versions, refusals, commits, acceptance."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.server.fixtures import Serve
from tests.server.small import NIGHTS, build_small

import evenfall as ef

OPEN = "/api/v1/parameters/default-open"
SIGNUP = "/api/v1/parameters/default-signup%5Bdefaultchannel%3Dgoogle%5D"
BELIEF: dict[str, Any] = {"value": {"mean": 0.3, "stdev": 0.04}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project after three nights; never written to."""
    return build_small(tmp_path_factory.mktemp("built") / "shop")


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Path:
    """A copy of it to edit."""
    return shutil.copytree(built, tmp_path / "shop")


def version(client: Any, path: str) -> dict[str, str]:
    """Return the header that names the version a parameter has now."""
    return {"If-Match": client.get(path).headers["ETag"]}


def files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (root / "parameters").iterdir()}


def test_an_edit_changes_the_file_and_is_answered_at_once(serve: Serve, shop: Path) -> None:
    client, file = serve(shop), shop / "parameters" / "default-open.yaml"
    before = file.read_text()
    answer = client.patch(OPEN, json=BELIEF, headers=version(client, OPEN))
    assert answer.status_code == 200
    assert file.read_text() == before.replace("mean: 0.25, stdev: 0.05", "mean: 0.3, stdev: 0.04")
    now = client.get(OPEN)
    assert now.json()["editable"]["value"] == BELIEF["value"] == answer.json()["editable"]["value"]
    assert now.headers["ETag"] == answer.headers["ETag"]
    assert answer.json()["edit"]["touches"] == ["default-open"]


def test_the_version_an_edit_answers_is_the_one_for_the_next(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    first = client.patch(OPEN, json=BELIEF, headers=version(client, OPEN))
    by_file = {"If-Match": f'"{first.json()["edit"]["etag"]}"'}
    again = {"value": {"mean": 0.31, "stdev": 0.04}}
    assert client.patch(OPEN, json=again, headers=by_file).status_code == 200
    assert client.patch(OPEN, json=BELIEF, headers={"If-Match": first.headers["ETag"]}).status_code == 412


def test_an_edit_without_a_version_is_428_and_of_another_version_412(serve: Serve, shop: Path) -> None:
    client, before = serve(shop), files(shop)
    assert client.patch(OPEN, json=BELIEF).status_code == 428
    seen = version(client, OPEN)
    (shop / "parameters" / "default-open.yaml").write_bytes(
        before[str(shop / "parameters/default-open.yaml")] + b"#\n"
    )
    stale = client.patch(OPEN, json=BELIEF, headers=seen)
    assert stale.status_code == 412
    assert stale.json()["field"] == "If-Match"
    assert stale.json()["remedy"]
    current = {"If-Match": stale.headers["ETag"]}
    assert client.patch(OPEN, json=BELIEF, headers=current).status_code == 200


def test_of_editors_who_save_at_once_one_is_heard_and_the_others_are_told(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    seen = version(client, OPEN)

    def save(number: int) -> tuple[float, int]:
        mean = 0.3 + number / 100
        change = {"value": {"mean": mean, "stdev": 0.04}}
        return mean, client.patch(OPEN, json=change, headers=seen).status_code

    with ThreadPoolExecutor(4) as editors:
        answers = dict(editors.map(save, range(4)))
    assert sorted(answers.values()) == [200, 412, 412, 412]
    (heard,) = (mean for mean, status in answers.items() if status == 200)
    assert client.get(OPEN).json()["editable"]["value"]["mean"] == heard


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": {"mean": 0.3, "stdev": 0.6}}, "value.stdev"),
        ({"value": {"mean": 1.3, "stdev": 0.1}}, "value.stdev"),
        ({"prior": {"mean": 0.3, "stdev": 0.1}}, "value"),
        ({"value": {"mean": 0.3}}, "value.stdev"),
        ({"value": {"mean": 0.3, "stdev": 0.1}, "id": "other"}, "id"),
        ({}, "body"),
    ],
)
def test_what_cannot_be_is_422_with_its_field_and_nothing_is_written(
    serve: Serve, shop: Path, change: dict[str, Any], field: str
) -> None:
    client, before = serve(shop), files(shop)
    answer = client.patch(OPEN, json=change, headers=version(client, OPEN))
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]
    assert files(shop) == before


def test_an_edit_of_a_slice_edits_its_template_and_names_every_slice(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    answer = client.patch(
        SIGNUP, json={"prior": {"alpha": 30, "beta": 70}}, headers=version(client, SIGNUP)
    ).json()
    assert (
        "prior: {distribution: beta, alpha: 30, beta: 70}"
        in (shop / "parameters/default-signup.yaml").read_text()
    )
    assert answer["edit"]["touches"] == [
        "default-signup[defaultchannel=direct]",
        "default-signup[defaultchannel=google]",
    ]
    assert answer["parameter_id"] == "default-signup[defaultchannel=google]"


def test_infeasible_numbers_of_a_prior_are_told_at_the_fields_of_the_request(
    serve: Serve, shop: Path
) -> None:
    client = serve(shop)
    answer = client.patch(
        SIGNUP, json={"prior": {"mean": 0.5, "stdev": 0.6}}, headers=version(client, SIGNUP)
    ).json()
    assert (answer["field"], answer["value"]) == ("prior.stdev", 0.6)
    assert (answer["file"], answer["line"] > 1) == ("parameters/default-signup.yaml", True)


def test_the_next_night_believes_the_edited_prior(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    client.patch(SIGNUP, json={"prior": {"mean": 0.2, "stdev": 0.03}}, headers=version(client, SIGNUP))
    settings = (shop / "evenfall.toml").read_text()
    tomorrow = NIGHTS[-1] + timedelta(days=1)
    (shop / "evenfall.toml").write_text(settings.replace(str(NIGHTS[-1]), str(tomorrow)))
    with ef.open(shop) as project:
        project.nightly(tomorrow).apply()
        row = project.show("default-signup[defaultchannel=google]").row
    assert (row.prior_mean, row.prior_stdev) == pytest.approx((0.2, 0.03))


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=owner", "-c", "user.email=owner@acme.example"]
    return subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_commit_is_made_in_the_name_of_the_member(serve: Serve, shop: Path) -> None:
    git(shop, "init", "--quiet")
    git(shop, "add", "parameters")
    git(shop, "commit", "--quiet", "-m", "first")
    with ef.open(shop) as project:
        key = project.keys.create("maria", "editor").text
    client = serve(shop, key=key, keys_required=True)
    answer = client.patch(OPEN, json={**BELIEF, "commit": True}, headers=version(client, OPEN))
    assert answer.json()["edit"]["commit"] == git(shop, "rev-parse", "HEAD")
    assert git(shop, "log", "-1", "--format=%an|%s") == "maria|Edit default-open"


def test_a_commit_without_a_repository_is_409_and_nothing_is_written(serve: Serve, shop: Path) -> None:
    client, before = serve(shop), files(shop)
    answer = client.patch(OPEN, json={**BELIEF, "commit": True}, headers=version(client, OPEN))
    assert answer.status_code == 409
    assert "git init" in answer.json()["remedy"]
    assert files(shop) == before


def test_an_analyst_may_try_numbers_and_edit_nothing(serve: Serve, shop: Path) -> None:
    with ef.open(shop) as project:
        key = project.keys.create("ada", "analyst").text
    client, before = serve(shop, key=key, keys_required=True), files(shop)
    tried = client.post(
        "/api/v1/parameters/feasibility", json={"distribution": "beta", "mean": 0.5, "stdev": 0.1}
    )
    assert tried.json()["feasible"] is True
    assert client.patch(OPEN, json=BELIEF, headers=version(client, OPEN)).status_code == 403
    assert client.post(f"{SIGNUP}/accept").status_code == 403
    assert files(shop) == before


@pytest.mark.parametrize("name", ["nobody", "..%2F..%2Fevenfall", "..", "%2Fetc%2Fpasswd"])
def test_a_parameter_that_is_none_is_404(serve: Serve, shop: Path, name: str) -> None:
    answer = serve(shop).patch(f"/api/v1/parameters/{name}", json=BELIEF, headers={"If-Match": "*"})
    assert answer.status_code in (404, 405)


def test_numbers_that_are_typed_are_answered_with_a_curve_or_a_remedy(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    ask = "/api/v1/parameters/feasibility"
    good = client.post(ask, json={"distribution": "beta", "alpha": 8, "beta": 17}).json()
    assert (good["mean"], good["observations"], len(good["x"]), len(good["density"])) == (
        0.32,
        25.0,
        100,
        100,
    )
    bad = client.post(ask, json={"distribution": "beta", "mean": 0.5, "stdev": 0.6}).json()
    assert (bad["feasible"], bad["x"]) == (False, [])
    assert "largest feasible stdev" in bad["remedy"]


def test_a_text_is_checked_as_it_would_be_saved(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    check = "/api/v1/parameters/validate"
    good = client.post(check, json={"text": "id: new\nvalue: {mean: 0.3, stdev: 0.02}\n"}).json()
    assert good == {"valid": True, "problems": []}
    (problem,) = client.post(
        check, json={"text": "id: new\nvalu: {mean: 0.3}\nvalue: {mean: 0.3, stdev: 0.1}\n"}
    ).json()["problems"]
    assert (problem["line"], problem["path"], problem["remedy"]) == (2, "valu", "did you mean value?")
    assert client.post(check, json={"path": "parameters/default-open.yaml"}).json()["valid"] is True
    assert client.post(check, json={"path": "../shop/evenfall.toml"}).status_code == 404


def test_accepting_makes_the_posterior_the_prior_and_there_must_be_one(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    accepted = client.post(f"{SIGNUP}/accept").json()
    assert (accepted["changed"], accepted["parameter_id"]) == (True, "default-signup[defaultchannel=google]")
    assert client.post(f"{SIGNUP}/accept").json()["changed"] is False
    nothing = client.post(f"{OPEN}/accept")
    assert (nothing.status_code, nothing.json()["field"]) == (409, "parameter_id")
    assert client.post("/api/v1/parameters/nobody/accept").status_code == 404
