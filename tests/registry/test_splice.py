"""Texts changed in place: what reads back is what was meant, and no other line is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from evenfall.errors import ConfigError
from evenfall.registry.splice import GONE, Splicer
from evenfall.registry.yaml_text import read_yaml

WORDS = st.sampled_from(
    ["plain words", '"double: quoted"', "'single ''quoted'''", "&mark anchored", "*early"]
)
NUMBERS = st.floats(1e-6, 1e6).map(lambda number: round(number, 6))
COMMENTS = st.sampled_from(["", "  # why: 55 %, not {50}", " # - mean: 1", "     #"])


@st.composite
def definitions(draw: st.DrawFn) -> tuple[str, bool]:
    """Draw a parameter's file as people leave it, and whether its prior stands in one line."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    indent, deeper = (" " * draw(st.integers(1, 7)) for _ in range(2))
    flow = draw(st.booleans())
    gap = draw(st.sampled_from(["", "   "]))
    numbers = [("mean", draw(NUMBERS)), ("stdev", draw(NUMBERS))]
    if draw(st.booleans()):
        numbers.reverse()
    prior = [f"{indent}prior:{draw(COMMENTS)}"]
    if flow:
        pairs = ", ".join(f"{key}:{gap} {number!r}" for key, number in numbers)
        prior = [f"{indent}prior: {{distribution: beta, {pairs}{gap}}}{draw(COMMENTS)}"]
    else:
        prior += [f"{indent}{deeper}{key}:{gap} {number!r}{draw(COMMENTS)}" for key, number in numbers]
        prior.insert(draw(st.integers(1, 3)), f"{indent}{deeper}distribution: beta{draw(COMMENTS)}")
    blocks = [
        [f"name: {draw(WORDS)}{draw(COMMENTS)}"],
        ["source:", f"{indent}query: |", f"{indent}  SELECT 'mean: 3' # no comment", f"{indent}  FROM t"],
        ["bayesian_update:", *prior, f"{indent}update_rule: conjugate"],
        [f"tags: [a, 'mean', {draw(st.sampled_from(['b', '*early']))}]{draw(COMMENTS)}"],
    ]  # fmt: skip
    lines = ["# The one that matters.", "id: &early checkout", ""]
    for block in draw(st.permutations(blocks)):
        lines += [*block, *draw(st.sampled_from([[], [""], ["# mean: 1", ""], [f"{indent}# apart"]]))]
    return newline.join(lines) + draw(st.sampled_from(["", newline])), flow


def spliced(text: str, change: Callable[[Splicer], None], file: str = "some.yaml") -> str:
    splicer = Splicer(text, read_yaml(text, file))
    change(splicer)
    return splicer.finish()


def loaded(text: str) -> Any:
    """Return what another reader makes of a text."""
    return YAML(typ="safe", pure=True).load(text)


PRIOR = ("bayesian_update", "prior")


@settings(max_examples=60)
@given(definitions(), NUMBERS, NUMBERS)
def test_new_numbers_read_back_and_every_line_without_them_is_untouched(
    drawn: tuple[str, bool], mean: float, stdev: float
) -> None:
    text, flow = drawn
    changed = spliced(text, lambda splicer: splicer.set_keys(PRIOR, {"mean": mean, "stdev": stdev}))
    meant = loaded(text)
    meant["bayesian_update"]["prior"] |= {"mean": mean, "stdev": stdev}
    assert loaded(changed) == meant
    before, after = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    assert len(before) == len(after)
    touched = [old for old, new in zip(before, after, strict=True) if old != new]
    assert len(touched) <= (1 if flow else 2)
    for old, new in zip(before, after, strict=True):
        if old != new:
            assert old.lstrip().startswith(("mean", "stdev", "prior"))
            assert old.split("#")[1:] == new.split("#")[1:]


@settings(max_examples=60)
@given(definitions(), NUMBERS, NUMBERS)
def test_another_parametrisation_takes_the_lines_of_the_old_one(
    drawn: tuple[str, bool], alpha: float, beta: float
) -> None:
    text, _ = drawn
    changes = {"mean": GONE, "stdev": GONE, "alpha": alpha, "beta": beta}
    changed = spliced(text, lambda splicer: splicer.set_keys(PRIOR, changes))
    assert loaded(changed)["bayesian_update"]["prior"] == {
        "distribution": "beta", "alpha": alpha, "beta": beta
    }  # fmt: skip
    assert len(changed.splitlines()) == len(text.splitlines())


@settings(max_examples=60)
@given(definitions(), NUMBERS)
def test_a_key_added_and_removed_again_leaves_the_text_as_it_was(
    drawn: tuple[str, bool], sigma: float
) -> None:
    text, _ = drawn
    added = spliced(text, lambda splicer: splicer.set_keys(PRIOR, {"noise_sigma": sigma}))
    assert loaded(added)["bayesian_update"]["prior"]["noise_sigma"] == sigma
    assert spliced(added, lambda splicer: splicer.set_keys(PRIOR, {"noise_sigma": GONE})) == text


@settings(max_examples=60)
@given(definitions())
def test_a_change_to_what_is_written_already_changes_nothing(drawn: tuple[str, bool]) -> None:
    text, _ = drawn
    same = loaded(text)["bayesian_update"]["prior"]
    assert spliced(text, lambda splicer: splicer.set_keys(PRIOR, same)) == text


MEMBERS = st.lists(
    st.fixed_dictionaries(
        {"slug": st.sampled_from("abcdefgh")},
        optional={
            "name": st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8),
            "x": st.integers(-9, 9),
            "p": st.fixed_dictionaries({"mean": st.sampled_from([0.5, 1e-6, 1234.25])}),
        },
    ),
    max_size=4,
)


@settings(max_examples=60)
@given(MEMBERS, MEMBERS, st.data(), st.sampled_from([2, 3, "\t", None]))
def test_a_json_file_is_as_the_json_library_writes_it_after_members_come_and_go(
    members: list[dict[str, Any]], added: list[dict[str, Any]], data: st.DataObject, indent: int | str | None
) -> None:
    whole: dict[str, Any] = {"id": "g", "edges": members, "more": {"kept": [1, 2]}}
    gone = data.draw(st.sets(st.integers(0, len(members) - 1))) if members else set()
    text = json.dumps(whole, indent=indent, ensure_ascii=False)
    changed = spliced(text, lambda splicer: splicer.change_list(("edges",), gone, added), "g.json")
    kept = [member for index, member in enumerate(members) if index not in gone]
    assert changed == json.dumps({**whole, "edges": [*kept, *added]}, indent=indent, ensure_ascii=False)


BLOCK = """\
# Where they go.
edges:
# The first.
-   slug: a   # mark
    p:
      mean: 0.1

-   slug: 'b'
    cost: {mean: 1,
           stdev: 2}
nodes: []  # none yet
"""


@pytest.mark.parametrize(
    ("gone", "added", "meant"),
    [
        (
            [],
            [{"slug": "c", "p": {"mean": 0.5}}],
            BLOCK.replace("nodes:", "-   slug: c\n    p: {mean: 0.5}\nnodes:"),
        ),
        ([1], [], BLOCK.replace("-   slug: 'b'\n    cost: {mean: 1,\n           stdev: 2}\n", "")),
        ([0, 1], [], "# Where they go.\nedges: []\n# The first.\n\nnodes: []  # none yet\n"),
    ],
    ids=["one added", "one removed", "all removed"],
)
def test_members_of_a_list_of_lines_come_and_go_with_their_lines(
    gone: list[int], added: list[Mapping[str, Any]], meant: str
) -> None:
    assert spliced(BLOCK, lambda splicer: splicer.change_list(("edges",), gone, added)) == meant


def test_an_empty_list_is_filled_below_its_key_and_keeps_its_comment() -> None:
    changed = spliced(BLOCK, lambda splicer: splicer.change_list(("nodes",), [], [{"slug": "n"}]))
    assert changed == BLOCK.replace("nodes: []  # none yet\n", "nodes:  # none yet\n  - {slug: n}\n")


@pytest.mark.parametrize(
    "text",
    [
        "fixed: &p {mean: 0.1, stdev: 0.2}\nprior: *p\n",
        "prior: &p {mean: 0.1, stdev: 0.2}\nother: *p\n",
        "prior: {mean: &m 0.1, stdev: *m}\n",
    ],
    ids=["an alias", "what an alias stands for", "a number that an alias stands for"],
)
def test_a_change_that_an_alias_would_carry_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot keep.*alias"):
        spliced(text, lambda splicer: splicer.set_keys(("prior",), {"mean": 0.3}))


@pytest.mark.parametrize(
    "said", ["no", "0x10", "1e5", "null", "- a", "a: b", "#x", "", " a", "é\u2028", "12:30", "y"]
)
def test_words_that_could_be_read_as_something_else_are_quoted(said: str) -> None:
    changed = spliced("name: x\n", lambda splicer: splicer.set_keys((), {"name": said}))
    assert loaded(changed) == {"name": said}


def test_the_quotes_of_a_text_are_kept() -> None:
    changed = spliced(
        "a: 'x'\nb: \"x\"\nc: x\n", lambda splicer: splicer.set_keys((), {"a": "it's", "b": "y", "c": "z"})
    )
    assert changed == "a: 'it''s'\nb: \"y\"\nc: z\n"
