"""Strict YAML: which scalars are what, where things stand, and what is refused."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import ConfigError
from evenfall.registry.tree import DEPTH_LIMIT, NODE_LIMIT, Tree
from evenfall.registry.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("7", 7),
        ("-7", -7),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2025-10-21", "2025-10-21"),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ('"7"', "7"),
        ("'true'", "true"),
        ("<<", "<<"),
    ],
)
def test_plain_scalars_are_read_as_yaml_1_2_reads_them(written: str, meant: object) -> None:
    data = read_yaml(f"key: {written}\n", "f.yaml").data
    assert data == {"key": meant}
    assert type(data["key"]) is type(meant)  # type: ignore[index]


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(read_yaml("key: .nan", "f.yaml").data["key"])  # type: ignore[index]


def test_every_key_and_value_has_its_line_and_column() -> None:
    tree = read_yaml("a: 1\nb:\n  - x\n  - {c: two}\n", "f.yaml")
    assert tree.keys[("b", 1, "c")] == (4, 6)
    assert tree.values[("b", 1, "c")] == (4, 9)
    assert tree.values[("b", 0)] == (3, 5)
    assert tree.keys[("b",)] == (2, 1)
    assert tree.place(("b", 1, "missing")) == (4, 5)
    assert tree.place(("nowhere",)) == (1, 1)


def test_an_alias_is_what_it_stands_for_and_has_its_own_place() -> None:
    tree = read_yaml("a: &one {x: 1}\nb: *one\n", "f.yaml")
    assert tree.data == {"a": {"x": 1}, "b": {"x": 1}}
    assert tree.values[("b",)] == (2, 4)


KEYS = st.text(min_size=1, max_size=60)  # YAML refuses keys of more than 1,024 characters, escapes included


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=20,
    ).filter(lambda value: isinstance(value, dict))
)
def test_json_means_what_json_means(value: object) -> None:
    def as_tuples(part: object) -> object:
        if isinstance(part, dict):
            return {key: as_tuples(member) for key, member in part.items()}
        return tuple(as_tuples(member) for member in part) if isinstance(part, list) else part

    tree = read_yaml(json.dumps(value, indent="\t"), "f.json")
    assert tree.problems == ()
    assert tree.data == as_tuples(value)


def problems(text: str) -> list[str]:
    try:
        return [str(problem) for problem in read_yaml(text, "f.yaml").problems]
    except ConfigError as error:
        return [str(error)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yaml:3:1 'a' — a duplicate key: it stands on line 1 already; keep one of the two",
        ),
        (
            "a: !!python/object x\n",
            "f.yaml:1:4 'tag:yaml.org,2002:python/object' — a YAML tag: write the plain value",
        ),
        ("a: !env HOME\n", "f.yaml:1:4 '!env' — a YAML tag"),
        ("a: &x [*x]\n", "f.yaml:1:8 '*x' — an alias of nothing"),
        ("a: *nobody\n", "f.yaml:1:4 '*nobody' — an alias of nothing"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1 — a second document"),
        ("%YAML 1.1\n---\na: yes\n", "f.yaml:2:1 — a YAML directive"),
        ("? [1, 2]\n: 3\n", "f.yaml:1:3 — a key must be text"),
        ("1: x\n", "f.yaml:1:1 1 — a key must be text: quote the key"),
        ("a: b: c\n", "f.yaml:1:5 — not YAML: mapping values are not allowed here"),
        ("a: [1, 2\n", "f.yaml:2:1 — not YAML: "),
        ("a:\n\t- 1\n", "f.yaml:2:1 — not YAML: "),
        ('a: "\\UFFFFFFFF"\n', "f.yaml:1:1 — an escape that is no character"),
        ('a: "\\ud800"\n', "f.yaml:1:4 — half of a character"),
        ("a: \x00\n", "f.yaml:1:1 — not YAML: a character that YAML does not allow"),
    ],
)
def test_what_is_refused_says_where_and_why(text: str, said: str) -> None:
    assert len(problems(text)) == 1
    assert problems(text)[0].startswith(said)


def test_all_duplicate_keys_of_a_file_are_reported_and_the_first_value_stays() -> None:
    tree = read_yaml("a: 1\na: {b: 2}\nc: 1\nc: 4\n", "f.yaml")
    assert [(p.line, p.value) for p in tree.problems] == [(2, "a"), (4, "c")]
    assert tree.data == {"a": 1, "c": 1}


def test_depth_is_refused_one_level_past_the_limit() -> None:
    def nested(levels: int) -> str:
        return "[" * levels + "]" * levels

    assert problems(nested(DEPTH_LIMIT)) == []
    assert "nested deeper than 50 levels" in problems(nested(DEPTH_LIMIT + 1))[0]
    assert "nested deeper than 50 levels" in problems("[" * 100_000)[0]


def test_aliases_do_not_get_deeper_than_the_limit_either() -> None:
    deep = "a0: &a0 [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n"
    text = deep + "a1: &a1 [[[[[[[[[[[[[[[[[[[[*a0]]]]]]]]]]]]]]]]]]]]\na2: [[[[[[[[[[[[*a1]]]]]]]]]]]]\n"
    assert "nested deeper than 50 levels" in problems(text)[0]


def test_a_bomb_of_aliases_is_refused_although_its_text_is_short() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    assert "more than 100,000 keys and values" in problems("\n".join(lines))[0]


def test_the_number_of_nodes_is_refused_past_the_limit_exactly() -> None:
    def read(scalars: int) -> Tree:
        copies = ["*a"] * 98 + ["1"] * scalars
        return read_yaml(f"a: &a [{', '.join(['1'] * 999)}]\nb: [{', '.join(copies)}]\n", "f.yaml")

    # the file, its two keys, the list of 1 + 999, the list of 1 + 98 copies of a thousand, and the scalars
    fitting = NODE_LIMIT - (1 + 2 + 1000 + 1 + 98 * 1000)
    assert read(fitting).problems == ()
    with pytest.raises(ConfigError, match="more than 100,000"):
        read(fitting + 1)


def test_a_number_of_a_thousand_digits_is_no_finite_number() -> None:
    assert read_yaml(f"a: {'9' * 5000}", "f.yaml").data == {"a": math.inf}


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"%#?, \n\t\\ux0"))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    for name in ("f.yaml", "f.json"):
        with suppress(ConfigError):
            read_yaml(text, name)
