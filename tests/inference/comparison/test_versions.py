"""Versions of a model: what makes a new one and what does not."""

import pytest

from evenfall.errors import UsageError
from evenfall.inference.comparison.versions import number_versions, version_of


def test_a_commit_that_leaves_the_definition_alone_is_no_new_version():
    first, second = version_of("a" * 64, "1" * 40, "0.2"), version_of("a" * 64, "2" * 40, "0.2")
    assert first == second
    assert first.differs_in(second) == ()
    assert str(second) == "aaaaaaaa at 22222222, evenfall 0.2"


def test_what_changed_is_named():
    old = version_of("a" * 64, None, "0.2")
    assert old.differs_in(version_of("b" * 64, None, "0.2")) == ("definition",)
    assert old.differs_in(version_of("a" * 64, None, "0.3")) == ("code",)
    assert old.differs_in(version_of("b" * 64, None, "0.3")) == ("definition", "code")


def test_a_return_to_an_old_definition_returns_its_number():
    a, b = version_of("a", None, "1"), version_of("b", "f" * 40, "1")
    assert number_versions([a, a, b, version_of("a", "e" * 40, "1"), version_of("a", None, "2")]) == [
        1,
        1,
        2,
        1,
        3,
    ]
    assert number_versions([]) == []


@pytest.mark.parametrize(("definition", "code"), [("", "1"), ("a", "")])
def test_a_version_without_its_parts_is_refused(definition, code):
    with pytest.raises(UsageError):
        version_of(definition, None, code)
