"""Settings as TOML: where things stand, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import ConfigError
from evenfall.registry.toml_text import read_toml

TEXT = """\
zone = "UTC"
clock = 2025-11-30

[connections."my db"]   # a comment
type = "postgres"
  port = 5432

[[alerts]]
type = "email"
[[alerts]]
type = "slack"
"""


def test_keys_and_values_have_their_lines_and_columns() -> None:
    tree = read_toml(TEXT, "evenfall.toml")
    assert tree.values[("zone",)] == (1, 8)
    assert tree.keys[("connections", "my db", "port")] == (6, 3)
    assert tree.values[("connections", "my db", "port")] == (6, 10)
    assert tree.keys[("alerts", 1, "type")] == (11, 1)
    assert tree.place(("connections", "my db", "host")) == (4, 2)


def test_dates_are_text_and_lists_are_tuples() -> None:
    tree = read_toml(TEXT, "evenfall.toml")
    assert tree.at(("clock",)) == "2025-11-30"
    assert tree.at(("alerts", 1, "type")) == "slack"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("zone = \n", "evenfall.toml:1:8 — not TOML: "),
        ('zone = "a"\nzone = "b"\n', "evenfall.toml:2:11 — not TOML: Cannot overwrite a value"),
        ("a = " + "[" * 5000, "evenfall.toml:1:"),
        ("a = " + "9" * 5000, "evenfall.toml:"),
        ("a = " + "[" * 60 + "]" * 60, "evenfall.toml:1:1 — more than 100,000 values or 50 levels"),
    ],
)
def test_what_is_refused_says_where_and_why(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_toml(text, "evenfall.toml")
    assert str(refused.value).startswith(said)


@given(st.text() | st.text(alphabet="ab=[]{}\"'. \n#0-:\\u"))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        read_toml(text, "evenfall.toml")
