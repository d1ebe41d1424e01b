"""Edge references: parse, print, parse again."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenfall.errors import ConfigError, UnknownName
from evenfall.registry.references import (
    LATENCY_LEAVES,
    P_LEAVES,
    EdgeReference,
    is_reference,
    parse_reference,
    print_value,
)

SLUG = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)


@st.composite
def references(draw: st.DrawFn) -> EdgeReference:
    """Any reference there is: a node is either required, in a group, or excluded, so that it can be met."""
    nodes = draw(st.lists(SLUG, max_size=8, unique=True))
    roles = [draw(st.sampled_from(["visited", "exclude", "first", "second"])) for _ in nodes]
    having = {role: tuple(n for n, r in zip(nodes, roles, strict=True) if r == role) for role in roles}
    family = draw(st.sampled_from(["p", "latency"]))
    by_nodes = draw(st.booleans())
    return EdgeReference(
        edge="" if by_nodes else draw(SLUG),
        between=(draw(SLUG), draw(SLUG)) if by_nodes else None,
        visited=having.get("visited", ()),
        visited_any=tuple(having[role] for role in ("first", "second") if role in having),
        exclude=having.get("exclude", ()),
        context=draw(st.dictionaries(SLUG, st.text(), max_size=3)),
        family=family,
        leaf=draw(st.sampled_from(P_LEAVES if family == "p" else LATENCY_LEAVES)),
    )


PIECES = st.sampled_from(
    [
        *(
            "e.signup",
            "e.from(a)",
            ".to(b)",
            ".visited(a,b)",
            ".visitedAny(a,c)",
            ".exclude(a)",
            ".exclude(d)",
        ),
        *(
            ".context(k='v')",
            ".context(k='it''s')",
            ".p",
            ".mean",
            ".latency",
            ".t95",
            "e.",
            "(",
            ")",
            "'",
            "''",
        ),
        *(",", "=", " ", "\n", "\x00", "é", "٣"),
    ]
)
NEARLY = st.lists(PIECES | st.text(max_size=3), max_size=10).map("".join)
ANYTHING = st.text() | st.text(alphabet="e.signup(),='_ visitedcontextAny") | NEARLY


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A reference with one stretch of it replaced."""
    text = str(draw(references()))
    start = draw(st.integers(0, len(text)))
    stop = draw(st.integers(start, min(len(text), start + 4)))
    return text[:start] + draw(st.text(max_size=3)) + text[stop:]


def comes_back(reference: EdgeReference) -> None:
    assert parse_reference(str(reference)) == reference
    assert str(parse_reference(str(reference))) == str(reference)


def is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        read = parse_reference(text)
        comes_back(read)


@given(references())
def test_printing_and_parsing_gives_the_same_reference(reference: EdgeReference) -> None:
    comes_back(reference)


@given(ANYTHING | mutated())
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    is_read_or_refused(text)


@pytest.mark.verify
@settings(max_examples=10_000)
@given(references())
def test_printing_and_parsing_gives_the_same_reference_ten_thousand_times(reference: EdgeReference) -> None:
    comes_back(reference)


@pytest.mark.verify
@settings(max_examples=10_000)
@given(ANYTHING | mutated())
def test_no_text_raises_anything_but_a_config_error_ten_thousand_times(text: str) -> None:
    is_read_or_refused(text)


def test_the_order_of_conditions_and_arguments_never_matters() -> None:
    first = parse_reference(
        "e.signup.context(device='mobile', channel='google').visited(pricing, homepage).p.mean"
    )
    second = parse_reference(
        "e.signup.visited(homepage,pricing).context(channel='google',device='mobile').p.mean"
    )
    assert first == second
    assert str(first) == "e.signup.visited(homepage,pricing).context(channel='google',device='mobile').p.mean"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (
            "e.a.exclude(z,y).visitedAny(d,c).visitedAny(b).visited(x)",
            "visited(x).visitedAny(b).visitedAny(c,d)",
        ),
        ("e.a.visitedAny(c,d,c).visited(x).visitedAny(d,c).visitedAny(b).exclude(y).exclude(z)", None),
    ],
)
def test_conditions_may_repeat_and_print_once_and_sorted(text: str, printed: str | None) -> None:
    printed = printed or "visited(x).visitedAny(b).visitedAny(c,d)"
    assert str(parse_reference(text)) == f"e.a.{printed}.exclude(y,z).p.mean"


def test_an_edge_may_be_named_by_its_nodes() -> None:
    assert parse_reference("e.from(cart).to(paid).p.stdev").between == ("cart", "paid")
    assert str(parse_reference("e.from( cart ).to(paid)")) == "e.from(cart).to(paid).p.mean"
    assert parse_reference("e.from.p.mean").edge == "from"


def test_a_reference_without_a_figure_asks_for_the_mean_rate_or_the_median_delay() -> None:
    assert [str(parse_reference(text)) for text in ("e.a", "e.a.p", "e.a.latency")] == [
        "e.a.p.mean",
        "e.a.p.mean",
        "e.a.latency.median",
    ]


@pytest.mark.parametrize("leaf", ["median", "t50", "t95", "t5"])
def test_the_figures_of_a_delay_are_read(leaf: str) -> None:
    assert parse_reference(f"e.signup.visited(a).latency.{leaf}").leaf == leaf


def test_a_quote_in_a_value_is_doubled_and_comes_back() -> None:
    assert print_value("google' OR '1'='1") == "'google'' OR ''1''=''1'"
    text = "e.signup.context(channel='google'' OR ''1''=''1').p.mean"
    assert parse_reference(text).context == {"channel": "google' OR '1'='1"}
    assert str(parse_reference(text)) == text
    tricky = {"a": "',b='", "b": "').p.mean", "c": "''", "d": ""}
    assert parse_reference(str(EdgeReference("x", context=tricky))).context == tricky


@pytest.mark.parametrize(
    "text",
    [
        "",
        "signup.p.mean",
        "e.",
        "e.signup.p.mean.more",
        "e.signup.p.",
        "e.signup.mean",
        "e.signup.visited()",
        "e.signup.visited(a,)",
        "e.signup.visited(a b)",
        "e.signup.context(channel=google)",
        "e.signup.context(channel='google'",
        "e.signup.context(channel='it's')",
        "e.signup.context(channel='a',channel='b')",
        "e.signup.context(channel='a').context(channel='a')",
        "e.from(a).p.mean",
        "e.to(b).from(a)",
        "e.signup.p.mean.visited(a)",
        "e.signup.seen(a)",
        "e.a..b",
        "e.signup.p.mean\n",
        " e.signup",
        f"e.{'x' * 65}",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_reference(text)
    assert refused.value.value == text
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("e.signup.visted(a)", "did you mean .visited in place of .visted?"),
        ("e.signup.visitedany(a)", "did you mean .visitedAny in place of .visitedany?"),
        ("e.signup.contxt(a='b').p", "did you mean .context in place of .contxt?"),
        ("e.signup.latncy.t95", "did you mean .latency in place of .latncy?"),
        ("e.signup.context(a=b).p", 'it cannot be read from ".context(a=b).p" on'),
    ],
)
def test_a_slip_is_told_with_what_was_probably_meant(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_reference(text)
    assert told.replace('"', "'") in refused.value.remedy.replace('"', "'")


@pytest.mark.parametrize(
    ("text", "near"), [("e.a.p.meen", "mean"), ("e.a.p.Stdev", "stdev"), ("e.a.latency.medain", "median")]
)
def test_an_unknown_figure_lists_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UnknownName) as unknown:
        parse_reference(text)
    assert unknown.value.nearest[0] == near


@pytest.mark.parametrize("leaf", ["p.median", "p.t95", "latency.alpha", "latency.t0", "latency.t100"])
def test_a_rate_has_no_figures_of_a_delay_nor_the_other_way_round(leaf: str) -> None:
    with pytest.raises(UnknownName):
        parse_reference(f"e.signup.{leaf}")


@pytest.mark.parametrize(
    "conditions", ["visited(a).exclude(a)", "exclude(a,b).visitedAny(b,a)", "visitedAny(a).exclude(a)"]
)
def test_a_condition_that_no_attempt_meets_is_refused(conditions: str) -> None:
    with pytest.raises(ConfigError, match="no attempt can have visited"):
        parse_reference(f"e.signup.{conditions}.p.mean")


def test_a_group_that_is_only_partly_excluded_is_fine() -> None:
    assert parse_reference("e.a.visitedAny(b,c).exclude(b)").nodes == ("b", "c")


def test_what_begins_like_a_reference_means_to_be_one() -> None:
    assert [is_reference(text) for text in ("e.signup", "e.(", "signup", "e-mail")] == [
        True,
        True,
        False,
        False,
    ]
