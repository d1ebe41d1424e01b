"""Ranges of a sheet in A1 notation, and whether two of them share a cell."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["same_sheet", "share_a_cell"]

_RANGE: Final = re.compile(
    r"\$?(?P<left>[A-Za-z]{0,3})\$?(?P<top>\d{0,7})(?::\$?(?P<right>[A-Za-z]{0,3})\$?(?P<bottom>\d{0,7}))?"
)
_DOCUMENT: Final = re.compile(r"/d/(?:e/)?([A-Za-z0-9_-]+)")
_END: Final = 10_000_000

type _Box = tuple[int, int, int, int]


def same_sheet(first: str, second: str) -> bool:
    """Return whether two URLs name the same document."""
    return _document(first) == _document(second)


def share_a_cell(first: str, second: str) -> bool:
    """Return whether two ranges such as ``Priors!B2:C2`` and ``Priors!A:H`` overlap.

    A range without a sheet's name lies on the first sheet, whose name is not known here: it overlaps only
    ranges that have no name either. A named range overlaps only itself.
    """
    (first_sheet, first_cells), (second_sheet, second_cells) = _split(first), _split(second)
    first_box, second_box = _box(first_cells), _box(second_cells)
    if first_box is None or second_box is None:
        return first.strip().lower() == second.strip().lower()
    if first_sheet != second_sheet:
        return False
    left, top, right, bottom = first_box
    other_left, other_top, other_right, other_bottom = second_box
    return left <= other_right and other_left <= right and top <= other_bottom and other_top <= bottom


def _document(url: str) -> str:
    found = _DOCUMENT.search(url)
    return found[1] if found else url.split("#", maxsplit=1)[0].split("?", maxsplit=1)[0].rstrip("/")


def _split(text: str) -> tuple[str, str]:
    sheet, mark, cells = text.strip().rpartition("!")
    return (sheet.strip().strip("'").lower(), cells) if mark else ("", cells)


def _box(cells: str) -> _Box | None:
    """Return (left, top, right, bottom), open ends at the edge of the sheet; None for a named range."""
    found = _RANGE.fullmatch(cells.strip())
    if not cells.strip() or found is None or not (found["left"] or found["top"]):
        return None
    if found["right"] is None and not (found["left"] and found["top"]):
        return None
    left, top = _column(found["left"], 1), int(found["top"] or 1)
    if found["right"] is None:
        return left, top, left, top
    right, bottom = _column(found["right"], _END), int(found["bottom"] or _END)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def _column(letters: str, default: int) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number or default
