"""The template grammar: binds, conditional bodies, and refusals."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.connectors.sql.compile import compile_query
from evenfall.connectors.sql.template import MAX_QUERY_LENGTH, bind_name, bind_values, parse_template
from evenfall.errors import QueryRefused

GOOD = "SELECT COUNT(*) AS trials FROM t WHERE created_at >= :start_date AND created_at < :end_date"
PIECES = [
    *(
        "SELECT",
        "FROM",
        "WHERE",
        "AND",
        "NOT",
        "(",
        ")",
        ",",
        "*",
        "COUNT(*)",
        "t",
        "x",
        "'a'",
        "'{{a}}'",
        "{{a}}",
    ),
    *(
        "{{ a",
        "}}",
        "{% if a %}",
        "{% endif %}",
        "{% for a %}",
        "{# c #}",
        "'%{{a}}%'",
        ":start_date",
        ":end_date",
    ),
    *(
        "?",
        "$b",
        ";",
        "--",
        "/*",
        "*/",
        "\n",
        '"',
        "'",
        "GROUP BY",
        "1",
        "NULL",
        ">=",
        "::",
        "WITH a AS (",
        "UNION",
    ),
    *(
        "JOIN",
        "ON",
        "CASE",
        "END",
        "read_text('x')",
        "NOW()",
        "[",
        "]",
        "{",
        "}",
        "\\",
        "$$",
        "`",
        "\x00",
        "é",
        "E'\\''",
    ),
    *("VALUES", "PIVOT", "FOR UPDATE", "INTO", "(" * 60, "NOT " * 400, GOOD),
]


def rendered(text: str, *names: str) -> str:
    return " ".join(parse_template(text).render(names).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = {{ channel }}", "a = :ctx_channel"),
        ("a = {{channel}}", "a = :ctx_channel"),
        ("a = '{{channel}}'", "a = :ctx_channel"),
        ("a = '{{ channel }}'", "a = :ctx_channel"),
        ("a LIKE '%{{channel}}'", "a LIKE ('%' || :ctx_channel )"),
        ("a = '{{channel}}-{{device}}!'", "a = ( :ctx_channel || '-' || :ctx_device || '!')"),
        ("a = 'it''s {{channel}}'", "a = ('it''s ' || :ctx_channel )"),
        ("a = 'plain' -- it's a comment\nAND b", "a = 'plain' AND b"),
        ("a /* '{' */ = 1", "a = 1"),
        ("a = {{utm-source}}", "a = :ctx_utm_hsource"),
    ],
)
def test_every_variable_becomes_a_bind(text: str, expected: str) -> None:
    assert rendered(text) == expected


def test_a_body_stays_only_when_its_variable_is_set() -> None:
    text = (
        "a {% if channel %} AND c = '{{channel}}' {% if device %} AND d = {{device}} {% endif %}{% endif %} z"
    )
    assert rendered(text) == "a z"
    assert rendered(text, "device") == "a z"
    assert rendered(text, "channel") == "a AND c = :ctx_channel z"
    assert rendered(text, "channel", "device") == "a AND c = :ctx_channel AND d = :ctx_device z"


def test_removing_a_body_never_joins_the_words_around_it() -> None:
    assert rendered("-{% if a %}x{% endif %}-") == "- -"


def test_a_variable_without_a_value_binds_null() -> None:
    template = parse_template("{{channel}} {{device}}")
    assert bind_values(template, {"channel": "google"}) == {"ctx_channel": "google", "ctx_device": None}


def test_two_keys_never_share_a_bind() -> None:
    keys = ["a-b", "a_b", "a__b", "a_-b", "a-_b", "a_hb"]
    assert len({bind_name(key) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    "text",
    [
        "{% for x in y %}{% endfor %}",
        "{% if channel == 'google' %}{% endif %}",
        "{% if not channel %}{% endif %}",
        "{% if channel %}",
        "{% if channel %}{% else %}{% endif %}",
        "{% endif %}",
        "{% set a = 1 %}",
        "{%- if a -%}{% endif %}",
        "{{ channel|upper }}",
        "{{ channel.name }}",
        "{{ channel['name'] }}",
        "{{ ''.__class__ }}",
        "{{ channel() }}",
        "{{ 1 + 1 }}",
        "{{ }}",
        "{{ a b }}",
        "{{ channel",
        "{% if channel",
        "{# comment #}",
        "'{% if channel %}'",
        "'{{ channel|upper }}'",
        "'{{ channel }",
        "'{{channel}} never closed",
        '"{{channel}}"',
        "-- {{channel}}",
        "/* {% if channel %} */",
        "E'{{channel}}'",
        "{% if a %}" * 60 + "{% endif %}" * 60,
        "x" * (MAX_QUERY_LENGTH + 1),
    ],
)
def test_everything_else_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        parse_template(text)
    assert refused.value.remedy


def test_a_misspelt_variable_is_refused_with_the_nearest() -> None:
    with pytest.raises(QueryRefused, match="did you mean channel"):
        compile_query(
            GOOD + " AND c = '{{chanel}}'", dialect="duckdb", template=True, variables={"channel", "device"}
        )


def test_tags_in_a_plain_query_are_refused() -> None:
    with pytest.raises(QueryRefused, match="query_template"):
        compile_query(GOOD + " AND c = '{{channel}}'", dialect="duckdb")


@pytest.mark.parametrize("place", ["$$ {{channel}} $$", "`{{channel}}`", "[{{channel}}]"])
def test_a_variable_where_no_value_can_stand_is_refused(place: str) -> None:
    text = GOOD.replace("COUNT(*) AS trials", f"COUNT(*) AS trials, {place}")
    for dialect in ("duckdb", "sqlite"):
        try:
            compiled = compile_query(text, dialect=dialect, template=True)
        except QueryRefused:
            continue
        assert "ctx_channel" in compiled.binds  # where it is accepted, it is a bind and nothing else


@given(st.lists(st.sampled_from(PIECES), max_size=20).map(" ".join), st.sampled_from(["duckdb", "sqlite"]))
def test_whatever_is_written_either_compiles_or_is_refused(text: str, dialect: str) -> None:
    for template in (True, False):
        with contextlib.suppress(QueryRefused):
            compile_query(text, dialect=dialect, tables={"t"}, template=template, statistics=("trials",))


@given(st.text(max_size=200), st.sampled_from(["duckdb", "sqlite"]))
def test_arbitrary_text_either_compiles_or_is_refused(text: str, dialect: str) -> None:
    for candidate in (text, f"{GOOD} AND c = '{text}'", GOOD.replace("t WHERE", f"t /* {text} */ WHERE")):
        with contextlib.suppress(QueryRefused):
            compile_query(candidate, dialect=dialect, tables={"t"}, template=True)
