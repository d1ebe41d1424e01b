"""Keys of members: made once, kept as hashes, found by their text alone."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.store.cases import HandClock
from tests.store.fixtures import Open

from evenfall.errors import UsageError
from evenfall.store.database import Store


def test_a_key_opens_what_its_member_may_and_only_by_its_whole_text(store: Store) -> None:
    new = store.keys.create("maria", "analyst")
    found = store.keys.find(new.text)
    assert found is not None
    assert (found.member, found.role, found.prefix) == ("maria", "analyst", new.text.split("_")[1])
    changed = new.text[:-1] + ("0" if new.text[-1] != "0" else "1")
    for wrong in (
        changed,
        new.text[:-1],
        new.text + "0",
        new.text.upper(),
        f" {new.text}",
        "",
        new.key.prefix,
    ):
        assert store.keys.find(wrong) is None, wrong


def test_the_secret_stands_nowhere_in_the_store_but_its_sha_256_does(store: Store) -> None:
    new = store.keys.create("maria")
    with store._transactions.reading() as connection:
        rows = connection.execute(
            text("SELECT * FROM api_keys WHERE prefix = :p"), {"p": new.key.prefix}
        ).all()
    assert hashlib.sha256(new.text.encode()).hexdigest() in rows[0]
    assert new.text.split("_")[2] not in repr(rows)
    assert new.text not in repr(new)


def test_a_key_of_one_tenant_is_unknown_to_another(open_one: Open) -> None:
    mine, other = open_one(), open_one()
    new = mine.keys.create("maria")
    assert other.keys.find(new.text) is None
    assert other.keys.all() == []
    with pytest.raises(UsageError, match="no key begins with"):
        other.keys.revoke(new.key.prefix)
    assert mine.keys.find(new.text) is not None


def test_a_key_ends_at_its_hour(store: Store, clock: HandClock) -> None:
    new = store.keys.create("maria", lifetime=timedelta(days=1))
    clock.pass_seconds(86_399)
    assert store.keys.find(new.text) is not None
    clock.pass_seconds(1)
    assert store.keys.find(new.text) is None


def test_a_revoked_key_opens_nothing_and_the_first_hour_counts(store: Store, clock: HandClock) -> None:
    new = store.keys.create("maria")
    first = store.keys.revoke(new.key.prefix)
    clock.pass_seconds(60)
    assert store.keys.revoke(new.key.prefix).revoked_at == first.revoked_at is not None
    assert store.keys.find(new.text) is None
    assert [key.prefix for key in store.keys.all()] == [new.key.prefix]


def test_a_new_member_views_and_a_known_one_keeps_their_role(store: Store) -> None:
    assert store.keys.create("maria").key.role == "viewer"
    assert store.keys.create("omar", "editor").key.role == "editor"
    assert store.keys.create("omar").key.role == "editor"


def test_another_role_is_refused_while_a_key_holds_and_granted_after(store: Store) -> None:
    new = store.keys.create("maria", "viewer")
    with pytest.raises(UsageError, match="maria is viewer") as refused:
        store.keys.create("maria", "admin")
    assert "revoke" in refused.value.remedy
    store.keys.revoke(new.key.prefix)
    assert store.keys.create("maria", "admin").key.role == "admin"


@pytest.mark.parametrize(
    ("member", "role", "days"),
    [
        ("", None, None),
        ("two words", None, None),
        ("<b>", None, None),
        ("maria", "owner", None),
        ("maria", None, 0),
        ("maria", None, 3661),
    ],
)
def test_what_is_no_name_role_or_lifetime_is_refused(
    store: Store, member: str, role: str | None, days: int | None
) -> None:
    with pytest.raises(UsageError):
        store.keys.create(member, role, None if days is None else timedelta(days=days))
    assert store.keys.all() == []
