from __future__ import annotations

import io

import pytest
from rich.console import Console

from evenfall.cli.tables import remarks, status_table, summary
from evenfall.findings import Light


def printed(renderable, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    console.print(renderable, soft_wrap=False)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture
def rows(row):
    return [
        row("checkout.p"),
        row("signup[channel=facebook,device=desktop]", size=12345.0, light=Light.AMBER, sigma=-2.3),
        row("signup[channel=google,device=mobile]", prior_origin="sql (warehouse: prior)"),
        row(
            "pageviews",
            "rate",
            Light.RED,
            prior_mean=2.4,
            prior_stdev=0.2,
            posterior_mean=2.43,
            lower=2.1,
            upper=2.8,
        ),
        row("time-to-purchase", "duration", Light.STALE, age_days=4.2),
        row(
            "quiet",
            light=Light.GREY,
            posterior_mean=None,
            lower=None,
            upper=None,
            size=0.0,
            observed=None,
            sigma=None,
        ),
    ]


def test_a_line_shows_light_prior_origin_evidence_posterior_distance_and_age(rows):
    heading, first, *_ = printed(status_table(rows, 120), 120)
    assert heading.split() == [
        "light",
        "parameter",
        "prior",
        "origin",
        "n",
        "observed",
        "posterior",
        "[95",
        "%]",
        "σ",
        "read",
    ]
    words = " ".join(first.split())
    assert words == "● green checkout.p 32.0 ± 9.2 % manual 150 34.7 % 34.3 % [27.5, 41.5] +0.4 6 h"


def test_shards_stand_by_their_values_below_their_template(rows):
    lines = printed(status_table(rows, 120), 120)
    [at] = [index for index, line in enumerate(lines) if line.strip() == "signup [channel, device]"]
    assert lines[at + 1].startswith("▲ amber    facebook · desktop")
    assert lines[at + 2].startswith("● green    google · mobile")
    assert "12,345" in lines[at + 1]


def test_the_keys_of_shards_give_way_where_there_is_no_room(rows):
    lines = printed(status_table(rows, 100), 100)
    assert any(line.strip() == "signup" for line in lines)


def test_one_shard_alone_keeps_its_id(row):
    lines = printed(status_table([row("signup[channel=google]")], 120), 120)
    assert "signup[channel=google]" in lines[1]


@pytest.mark.parametrize("parameter_id", ["odd[channel]", "odd[channel='a,b']", "[x=1]", "odd[]"])
def test_an_id_that_is_no_plain_shard_is_shown_as_it_is(row, parameter_id):
    lines = printed(status_table([row(parameter_id), row(f"{parameter_id}2")], 120), 120)
    assert parameter_id in lines[1]


@pytest.mark.parametrize("width", [60, 80, 100, 101, 110, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_none_is_cut(rows, width):
    lines = printed(status_table(rows, width), width)
    assert all(len(line) <= width for line in lines)
    assert not any("…" in line for line in lines) or width < 80
    assert sum("[27.5, 41.5]" in line for line in lines) == 3 or width < 80


@pytest.mark.parametrize("width", [100, 120])
def test_every_column_has_room_at_the_usual_widths(rows, width):
    heading, *_ = printed(status_table(rows, width), width)
    assert {"origin", "observed", "read"} <= set(heading.split())


def test_short_names_leave_every_column_its_room(row):
    heading, *_ = printed(status_table([row("a"), row("b")], 100), 100)
    assert {"origin", "observed", "read"} <= set(heading.split())


def test_a_long_name_is_broken_at_its_joints_and_never_cut(row):
    name = "checkout-to-payment-of-returning-customers-by-card-and-by-invoice"
    lines = printed(status_table([row(name)], 100), 100)
    column = [line[9:].split("  32.0")[0] for line in lines[1:]]
    assert "".join(part.strip() for part in column) == name
    assert all(part.strip().endswith("-") for part in column[:-1])


def test_a_name_without_joints_is_broken_all_the_same(row):
    lines = printed(status_table([row("x" * 64)], 100), 100)
    assert "".join(lines[1:]).count("x") == 64


def test_lights_are_counted_the_worst_first(rows):
    assert summary(rows).plain == "1 ■ red   1 ▲ amber   1 ◌ stale   1 ○ grey   2 ● green"
    assert summary([]).plain == "no parameters"


def test_remarks_speak_of_what_is_not_green_with_its_remedy(row):
    said = remarks(
        [
            row("calm", detail="all is well"),
            row("dark", light=Light.GREY, detail="dark: too few to judge", remedy="wait"),
            row("loud", light=Light.RED, detail="loud diverging", remedy="look"),
            row("torn", config_error="parameters/torn.yaml:3:1 id — not an id", remedy="fix it"),
        ]
    )
    assert [remark.plain for remark in said] == [
        "■ loud diverging\n  → look",
        "○ dark: too few to judge\n  → wait",
        "● parameters/torn.yaml:3:1 id — not an id\n  → fix it",
    ]


def test_many_remarks_are_cut_and_the_rest_is_counted(row):
    said = remarks([row(f"p{index}", light=Light.RED, detail="off") for index in range(50)])
    assert len(said) == 21
    assert said[-1].plain == "and 30 more; --json lists them all"
