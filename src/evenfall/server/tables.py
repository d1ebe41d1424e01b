"""Tables as CSV, with cells that a spreadsheet would run as formulas disarmed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fastapi import Response

__all__ = ["csv_answer", "disarm"]

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def disarm(cell: object) -> str:
    """Return the text of a cell; what a spreadsheet would take for a formula gets an apostrophe before it.

    Examples
    --------
    >>> disarm("=1+2"), disarm(-0.25), disarm("-1 day"), disarm(None)
    ("'=1+2", '-0.25', "'-1 day", '')
    """
    text = "" if cell is None else str(cell)
    if text.startswith(_FORMULA_STARTS) and not _PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def csv_answer(rows: Iterable[Mapping[str, object]], columns: Sequence[str], name: str) -> Response:
    """Return rows as a CSV file to be saved as ``NAME.csv``.

    Parameters
    ----------
    columns
        Keys of the rows, in the order of the file's columns; a key a row has not is an empty cell.
    """
    text = io.StringIO()
    written = csv.writer(text, lineterminator="\r\n")
    written.writerow(columns)
    written.writerows([disarm(row.get(column)) for column in columns] for row in rows)
    safe = re.sub(r"[^A-Za-z0-9._=,-]+", "_", name)
    return Response(
        text.getvalue().encode(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{safe}.csv"'},
    )
