"""The points at which a test may kill the program."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import evenfall.store
from evenfall.errors import StoreError, UsageError
from evenfall.store import faults


@pytest.fixture(autouse=True)
def _counting_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_passes", Counter())


def test_every_named_point_is_passed_somewhere_and_no_other() -> None:
    folder = Path(evenfall.store.__file__).parent
    texts = [path.read_text() for path in folder.glob("*.py")]
    passed = {name for one in texts for name in re.findall(r'reach\("([^"]+)"\)', one)}
    assert passed == set(faults.FAULT_POINTS)


def test_nothing_happens_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENFALL_FAULT", raising=False)
    faults.reach("ledger.before")


def test_the_nth_pass_raises_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENFALL_FAULT", "raise:ledger.after:2")
    faults.reach("ledger.before")
    faults.reach("ledger.after")
    with pytest.raises(StoreError, match=r"ledger\.after"):
        faults.reach("ledger.after")
    faults.reach("ledger.after")


def test_a_misspelt_point_does_not_pass_for_a_test_that_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENFALL_FAULT", "leger.after:1")
    with pytest.raises(UsageError, match=r"no fault point is called 'leger\.after'"):
        faults.reach("ledger.after")
