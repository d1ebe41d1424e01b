"""Ranges in A1 notation that share a cell."""

from __future__ import annotations

import pytest

from evenfall.registry.sheet_range import same_sheet, share_a_cell


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("Priors!B2:C2", "Priors!B2:C2", True),
        ("Priors!B2:C2", "priors!$A:$H", True),
        ("Priors!B2:C2", "'Priors'!C2", True),
        ("Priors!B2:C2", "Priors!2:2", True),
        ("Priors!B2:C2", "Priors!C2:B2", True),
        ("Priors!B2:C2", "Priors!D2:E2", False),
        ("Priors!B2:C2", "Priors!B3:C9", False),
        ("Priors!B2:C2", "Priors!B3:C", False),
        ("Priors!B2:C2", "Posteriors!A:H", False),
        ("Priors!AA1", "Priors!Z1:AB1", True),
        ("B2:C2", "A:H", True),
        ("B2:C2", "Posteriors!A:H", False),
        ("signup_prior", "Signup_Prior", True),
        ("signup_prior", "Priors!A:H", False),
    ],
)
def test_ranges_overlap_when_they_share_a_cell_of_one_sheet(first: str, second: str, shared: bool) -> None:
    assert share_a_cell(first, second) is shared
    assert share_a_cell(second, first) is shared


def test_two_urls_of_one_document_are_one_document() -> None:
    document = "https://docs.google.com/spreadsheets/d/abc123"
    assert same_sheet(f"{document}/edit", f"{document}/edit?usp=sharing#gid=0")
    assert not same_sheet(f"{document}/edit", "https://docs.google.com/spreadsheets/d/abc124/edit")
