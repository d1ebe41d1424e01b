"""CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.server.tables import csv_answer, disarm


@pytest.mark.parametrize(
    "cell",
    [
        "=1+2",
        '=HYPERLINK("http://evil.example")',
        "+1+2",
        "-1+2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "-",
        "+",
        "-inf",
        "-1e",
        "-1\n=2",
        "-１",
    ],
)
def test_a_formula_is_disarmed(cell: str) -> None:
    assert disarm(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-0.25", "+3", "-1e-07", "-.5", "12", "a=b", "a@b.example", "", " =1"])
def test_numbers_and_plain_texts_stay_as_they_are(cell: str) -> None:
    assert disarm(cell) == cell


@pytest.mark.parametrize("number", [-0.25, -3, -1e-300, 1e22, 0, -0.0])
def test_a_number_reads_back_as_the_same_number(number: float) -> None:
    assert float(disarm(number)) == number


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_every_cell_reads_back_and_none_begins_a_formula(cells: list[tuple[str, str]]) -> None:
    rows = [{"a": first, "b": second} for first, second in cells]
    body = bytes(csv_answer(rows, ["a", "b"], "x").body).decode("utf-8", "surrogatepass")
    read = list(csv.reader(io.StringIO(body, newline="")))
    assert read[0] == ["a", "b"]
    for row, given_ in zip(read[1:], cells, strict=True):
        for cell, text in zip(row, given_, strict=True):
            assert cell in (text, f"'{text}")
            assert not cell.startswith(("=", "@", "\t", "\r"))


def test_a_missing_key_is_an_empty_cell_and_the_file_has_a_harmless_name() -> None:
    answer = csv_answer([{"a": 1}], ["a", "b"], 'x"; filename="y\r\n/../z[channel=google]')
    assert bytes(answer.body) == b"a,b\r\n1,\r\n"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="x_filename=_y_.._z_channel=google_.csv"'
    )
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
