"""Who may ask what: keys, roles, tenants, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.fixtures import Serve

import evenfall
from evenfall.errors import UsageError
from evenfall.server import ServerSettings, create_app
from evenfall.server import gate as gates

ROLES = ("viewer", "analyst", "editor", "admin")


def key_of(root: Path, member: str, role: str) -> str:
    with evenfall.open(root) as project:
        return project.keys.create(member, role).text


@pytest.fixture
def other(starter: Path, tmp_path: Path) -> Path:
    """The same project once more, of tenant acme, in the same database."""
    root = tmp_path / "other"
    root.mkdir()
    for file in starter.rglob("*"):
        if file.is_file() and ".evenfall" not in file.parts:
            copy = root / file.relative_to(starter)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    toml = (root / "evenfall.toml").read_text()
    store = f"sqlite:///{starter}/.evenfall/store.db"
    (root / "evenfall.toml").write_text(f'tenant = "acme"\nstore_url = "{store}"\n{toml}')
    return root


def test_without_a_key_that_holds_the_answer_is_401_and_says_how_to_come_by_one(
    serve: Serve, starter: Path
) -> None:
    client = serve(starter, keys_required=True)
    unknown = f"ef_{'0' * 12}_{'0' * 64}"
    for header in ({}, {"Authorization": f"Bearer {unknown}"}, {"Authorization": "Bearer nonsense"}):
        answer = client.get("/api/v1/me", headers=header)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "evenfall key create" in answer.json()["remedy"]
        assert unknown not in answer.text


def test_a_key_in_another_scheme_is_no_key(serve: Serve, starter: Path) -> None:
    key = key_of(starter, "ada", "admin")
    client = serve(starter, keys_required=True)
    assert client.get("/api/v1/me", headers={"Authorization": f"Basic {key}"}).status_code == 401
    assert client.get(f"/api/v1/me?key={key}").status_code == 401
    assert client.get("/api/v1/me", headers={"Authorization": f"bearer {key}"}).status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_only_admins_see_and_make_keys_and_the_others_are_told_the_role_needed(
    serve: Serve, starter: Path, role: str
) -> None:
    client = serve(starter, key=key_of(starter, "someone", role), keys_required=True)
    assert client.get("/api/v1/me").json()["role"] == role
    for answer in (client.get("/api/v1/keys"), client.post("/api/v1/keys", json={"member": "new"})):
        if role == "admin":
            assert answer.status_code in (200, 201)
        else:
            assert answer.status_code == 403
            assert "needs the role admin" in answer.json()["detail"]


def test_an_admin_makes_a_key_that_opens_and_revokes_it_at_once(serve: Serve, starter: Path) -> None:
    client = serve(starter, key=key_of(starter, "ada", "admin"), keys_required=True)
    made = client.post("/api/v1/keys", json={"member": "maria", "role": "editor", "days": 1})
    assert made.status_code == 201
    header = {"Authorization": f"Bearer {made.json()['key']}"}
    assert client.get("/api/v1/me", headers=header).json()["member"] == "maria"
    revoked = client.delete(f"/api/v1/keys/{made.json()['prefix']}")
    assert revoked.json()["revoked_at"] is not None
    assert client.get("/api/v1/me", headers=header).status_code == 401
    listed = client.get("/api/v1/keys")
    assert [one["member"] for one in listed.json()["items"]] == ["ada", "maria"]
    assert made.json()["key"].split("_")[2] not in listed.text


def test_a_key_revoked_elsewhere_opens_nothing_after_some_seconds(
    serve: Serve, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(starter, key=key_of(starter, "ada", "admin"), keys_required=True)
    now = 1000.0
    monkeypatch.setattr(gates.time, "monotonic", lambda: now)
    assert client.get("/api/v1/me").status_code == 200
    with evenfall.open(starter) as project:
        project.keys.revoke(project.keys.all()[0].prefix)
    now += 2.1
    assert client.get("/api/v1/me").status_code == 401


def test_a_key_opens_the_project_of_its_own_tenant_alone(serve: Serve, starter: Path, other: Path) -> None:
    mine, theirs = key_of(starter, "ada", "admin"), key_of(other, "eve", "admin")
    client = serve(starter, other, keys_required=True)
    for key, tenant, project in ((mine, "default", "starter"), (theirs, "acme", "other")):
        told = client.get("/api/v1/me", headers={"Authorization": f"Bearer {key}"}).json()
        assert (told["tenant"], told["project"]["name"]) == (tenant, project)
    foreign = client.delete(
        f"/api/v1/keys/{mine.split('_')[1]}", headers={"Authorization": f"Bearer {theirs}"}
    )
    assert foreign.status_code == 404
    listed = client.get("/api/v1/keys", headers={"Authorization": f"Bearer {theirs}"}).json()
    assert [one["member"] for one in listed["items"]] == ["eve"]


def test_a_project_that_is_not_served_opens_to_nobody(serve: Serve, starter: Path, other: Path) -> None:
    theirs = key_of(other, "eve", "admin")
    client = serve(starter, key=theirs, keys_required=True)
    assert client.get("/api/v1/me").status_code == 401


def test_two_projects_of_one_tenant_are_not_served_together(starter: Path) -> None:
    twice = pytest.raises(UsageError, match="both are of tenant 'default'")
    with evenfall.open(starter) as first, evenfall.open(starter) as second, twice:
        create_app([first, second], ServerSettings())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "evenfall.acme.com", "::"])
def test_without_keys_only_this_machine_is_listened_to(host: str) -> None:
    with pytest.raises(UsageError, match="anybody who reaches") as refused:
        ServerSettings(host=host)
    assert "127.0.0.1" in refused.value.remedy
    assert ServerSettings(host=host, keys_required=True).keys_required


def test_keys_are_required_where_others_reach_the_server_unless_the_file_says_otherwise(
    starter: Path,
) -> None:
    with evenfall.open(starter) as project:
        settings = project.registry.settings
        assert not ServerSettings.of(settings).keys_required
        assert ServerSettings.of(settings, host="0.0.0.0").keys_required
    toml = starter / "evenfall.toml"
    said = toml.read_text()
    for line, on_loopback in (("keys = true", True), ("keys = false", False)):
        toml.write_text(f"{said}\n[server]\n{line}\nhosts = ['a.example']\nbody_limit = '2MB'\n")
        with evenfall.open(starter) as project:
            told = ServerSettings.of(project.registry.settings)
            assert (told.keys_required, told.hosts, told.body_bytes) == (on_loopback, ("a.example",), 2**21)
    with evenfall.open(starter) as project, pytest.raises(UsageError):
        ServerSettings.of(project.registry.settings, host="0.0.0.0")


def test_a_key_is_counted_and_told_when_to_come_again(serve: Serve, starter: Path) -> None:
    ada, omar = key_of(starter, "ada", "admin"), key_of(starter, "omar", "viewer")
    client = serve(starter, keys_required=True, requests_per_minute=3)
    codes = [
        client.get("/api/v1/me", headers={"Authorization": f"Bearer {ada}"}).status_code for _ in range(4)
    ]
    assert codes == [200, 200, 200, 429]
    refused = client.get("/api/v1/me", headers={"Authorization": f"Bearer {ada}"})
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["status"] == 429
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {omar}"}).status_code == 200


def test_without_keys_an_address_is_counted(serve: Serve, starter: Path) -> None:
    client = serve(starter, requests_per_minute=2)
    assert [client.get("/api/v1/me").status_code for _ in range(3)] == [200, 200, 429]


def test_guessing_keys_ends_after_some_but_a_key_known_to_hold_goes_on(serve: Serve, starter: Path) -> None:
    ada = {"Authorization": f"Bearer {key_of(starter, 'ada', 'admin')}"}
    client = serve(starter, keys_required=True, failed_keys_per_minute=3)
    assert client.get("/api/v1/me", headers=ada).status_code == 200
    guesses = [{"Authorization": f"Bearer ef_{n:012x}_{n:064x}"} for n in range(5)]
    assert [client.get("/api/v1/me", headers=guess).status_code for guess in guesses] == [401] * 3 + [429] * 2
    assert client.get("/api/v1/me", headers=ada).status_code == 200
