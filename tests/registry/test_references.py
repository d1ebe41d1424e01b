"""Edge references: parse, print, parse again."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import ConfigError
from evenfall.registry.references import EdgeReference, parse_reference, print_value

SLUG = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
NODES = st.sets(SLUG, max_size=3).map(lambda found: tuple(sorted(found)))
REFERENCES = st.builds(
    EdgeReference,
    edge=SLUG,
    visited=NODES,
    visited_any=NODES,
    exclude=NODES,
    context=st.dictionaries(SLUG, st.text(min_size=1), max_size=3),
    family=st.sampled_from(["p", "latency"]),
    leaf=st.sampled_from(["mean", "stdev", "median", "t95"]),
)


@given(REFERENCES)
def test_printing_and_parsing_gives_the_same_reference(reference: EdgeReference) -> None:
    assert parse_reference(str(reference)) == reference


def test_the_order_of_conditions_and_arguments_never_matters() -> None:
    first = parse_reference(
        "e.signup.context(device='mobile', channel='google').visited(pricing, homepage).p.mean"
    )
    second = parse_reference(
        "e.signup.visited(homepage,pricing).context(channel='google',device='mobile').p.mean"
    )
    assert first == second
    assert str(first) == "e.signup.visited(homepage,pricing).context(channel='google',device='mobile').p.mean"


def test_an_edge_may_be_named_by_its_nodes() -> None:
    assert parse_reference("e.from(cart).to(paid).p.stdev").between == ("cart", "paid")
    assert str(parse_reference("e.from(cart).to(paid)")) == "e.from(cart).to(paid).p.mean"


def test_a_quote_in_a_value_is_doubled_and_comes_back() -> None:
    assert print_value("google' OR '1'='1") == "'google'' OR ''1''=''1'"
    text = "e.signup.context(channel='google'' OR ''1''=''1').p.mean"
    assert parse_reference(text).context == {"channel": "google' OR '1'='1"}
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "signup.p.mean",
        "e.",
        "e.signup.p.mean.more",
        "e.signup.visited()",
        "e.signup.visited(a,)",
        "e.signup.context(channel=google)",
        "e.signup.context(channel='google'",
        "e.signup.context(channel='a',channel='b')",
        "e.signup.context(channel='a').context(channel='a')",
        "e.signup.visitedAny(a).visitedAny(b)",
        "e.signup.seen(a)",
        "e.a..b",
        "e.signup.p.mean\n",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_reference(text)


@given(st.text(alphabet="e.signup(),='_ visitedcontextAny"))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        assert parse_reference(str(parse_reference(text))) == parse_reference(text)
