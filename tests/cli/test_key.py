"""Keys on the command line: shown once, listed without their secret, revoked by their prefix."""

from __future__ import annotations

import re

import pytest

import evenfall
from evenfall.registry.files import initialise


@pytest.fixture
def project(tmp_path):
    initialise(tmp_path)
    return tmp_path


def test_a_key_is_printed_once_and_opens(call, project):
    made = call("key", "create", "maria", "--role", "analyst", "--project", project)
    assert made.code == 0
    text = made.out.splitlines()[0]
    assert re.fullmatch(r"ef_[0-9a-f]{12}_[0-9a-f]{64}", text)
    with evenfall.open(project) as opened:
        found = opened.keys.find(text)
    assert (found.member, found.role) == ("maria", "analyst")
    listed = call("key", "list", "--project", project)
    assert "maria" in listed.out
    assert text.split("_")[1] in listed.out
    assert text.split("_")[2] not in listed.out


def test_json_holds_the_key_when_it_is_made_and_never_after(call, project):
    made = call("key", "create", "maria", "--days", "30", "--json", "--project", project).json
    assert made["key"].startswith(f"ef_{made['prefix']}_")
    (listed,) = call("key", "list", "--json", "--project", project).json["keys"]
    assert listed == {key: value for key, value in made.items() if key != "key"}
    assert listed["expires_at"] > listed["created_at"]


def test_a_revoked_key_is_listed_as_such_and_opens_nothing(call, project):
    made = call("key", "create", "maria", "--json", "--project", project).json
    assert call("key", "revoke", made["prefix"], "--project", project).code == 0
    assert "revoked" in call("key", "list", "--project", project).out
    with evenfall.open(project) as opened:
        assert opened.keys.find(made["key"]) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "maria", "--role", "owner"], "choose one of viewer, analyst, editor, admin"),
        (["create", "two words"], "letters, digits"),
        (["create", "maria", "--days", "9999"], "3660 days"),
        (["revoke", "000000000000"], "evenfall key list"),
        (["create"], "evenfall key create --help"),
    ],
)
def test_a_mistake_says_what_is_right(call, project, arguments, said):
    refused = call("key", *arguments, "--project", project)
    assert refused.code == 64
    assert said in refused.err


def test_without_keys_the_list_says_how_to_make_one(call, project):
    assert "evenfall key create" in call("key", "list", "--project", project).out
