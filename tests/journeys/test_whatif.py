"""Asking what if: the example project on the command line, in Python, as JSON and as a saved file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

import evenfall as ef
from evenfall.cli import main
from evenfall.runs.demo.data import DemoData
from evenfall.runs.demo.story import build_demo
from evenfall.runs.demo.world import DAYS, NIGHTS, SHARES, SLICES

type Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its thirty days read at once, which gives the posteriors thirty nights give."""
    root = tmp_path_factory.mktemp("whatif") / "acme"
    build_demo(root)
    with ef.open(root) as project:
        DemoData.of(project.registry.parameters).lay(root, NIGHTS[-1])
        assert not project.backfill(DAYS[0], NIGHTS[-1]).apply().failures
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "acme"))


@pytest.fixture
def call(root: Path, capsys: Any, monkeypatch: Any) -> Call:
    monkeypatch.chdir(root)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_the_example_answers_with_measured_shares_conditions_and_costs(root: Path) -> None:
    with ef.open(root) as project:
        answer = project.whatif(overrides={"checkout": 0.6})
        checkout, order = project["e.checkout.p.mean"].value, answer.change("order")
        facts = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
    assert order.lift is not None
    assert order.lift.mean == pytest.approx(0.6 / checkout - 1, rel=0.01)
    assert order.p_greater == 1.0
    # SHARES is what the simulation sends; 19,500 trials know a share of .3 to .0033
    expected = dict(zip((f"channel={c},device={d}" for c, d in SLICES), SHARES, strict=True))
    assert facts["mix"]["before"]["shares"] == pytest.approx(expected, abs=0.015)
    assert (facts["mix"]["before"]["source"], facts["mix"]["counted_at"]) == ("measured", "product")
    assert {(r["edge"], r["visits"], r["parameter_id"]) for r in facts["rates"]} >= {
        ("pay", "exclude(account)", "pay-guest"),
        ("pay", "visited(account)", "pay-member"),
        ("signup", "", "signup[channel=google,device=mobile]"),
    }
    assert {rate["origin"] for rate in facts["rates"]} == {"posterior", "prior"}
    assert facts["costs"]["currency"] == "EUR"
    spent = [costs[0]["per_entry"]["mean"] for costs in (facts["costs"]["before"], facts["costs"]["after"])]
    assert 0.3 < spent[0] < spent[1]


def test_what_is_believed_to_arrive_is_what_arrived(root: Path) -> None:
    """Rates multiply back to the sessions that ordered: about one in ten of 26,900, known to 2 %."""
    counted = duckdb.sql(
        "SELECT count(*) FILTER (edge_slug = 'browse'), count(*) FILTER (edge_slug = 'pay' AND converted) "
        f"FROM '{root}/data/journeys/**/*.parquet'"
    ).fetchall()
    ((entries, orders),) = counted
    with ef.open(root) as project:
        order = project.whatif().change("order")
    assert order.before.mean == pytest.approx(orders / entries, rel=3 * 0.02)
    assert order.before == order.after


def test_python_and_the_command_line_give_the_same_answer(root: Path, call: Call) -> None:
    with ef.open(root) as project:
        answer = project.whatif(
            select={"channel": ["google", "facebook"]}, mix={"google": 20, "facebook": 80}
        )
        compared = project.compare("channel=google", "channel=email", to="order")
    asked = ("--select", "channel=google,facebook", "--mix", "google=20,facebook=80")
    code, out, _ = call("whatif", *asked, "--json")
    assert (code, json.loads(out)) == (0, answer.as_dict())
    code, out, _ = call("compare", "channel=google", "channel=email", "--to", "order", "--json")
    assert (code, json.loads(out)) == (0, compared.as_dict())


def test_the_tables_show_intervals_shares_costs_and_sources(call: Call) -> None:
    code, out, _ = call("whatif", "--set", "checkout=0.6±0.02", "--select", "channel=google", "--rates")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "acme from landing, as of 2026-10-01: arrivals per entry"
    assert lines[1] == "checkout := 0.6 ± 0.02"
    assert lines[3] == "target before [95 %] after [95 %] lift P(better)"
    assert any(line.startswith("order ") and line.endswith(" 1.000") for line in lines)
    assert any(line.startswith("wishlist ") and line.endswith(" unchanged") for line in lines)
    assert any(line.startswith("google · mobile order ") for line in lines)
    assert "channel · device share (measured) after (measured)" in lines
    assert any(line.startswith("per arrival at order ") for line in lines)
    assert any(line.startswith("pay visited(account) ") and line.endswith(" pay-member") for line in lines)
    assert any("Selecting users is not intervening" in line for line in lines)
    code, out, _ = call("compare", "e.signup.context(channel='google',device='mobile')", "e.checkout.p.mean")
    assert code == 0
    assert "P(B > A) 1.0000" in [" ".join(line.split()) for line in out.splitlines()]


def test_a_question_is_kept_asked_again_and_not_overwritten(root: Path, call: Call) -> None:
    mix = ("--mix", "google=20,facebook=70,email=10")
    asked = ("whatif", "--from", "cart", "--to", "order", "--set", "checkout=0.6", *mix)
    code, out, _ = call(*asked, "--save", "mine")
    assert (code, "kept as" in out) == (0, True)
    kept = (root / "scenarios" / "mine.yaml").read_text()
    assert call("validate")[0] == 0
    first, again = (
        json.loads(call(*asked, "--json")[1]),
        json.loads(call("whatif", "--scenario", "mine", "--json")[1]),
    )
    assert again.pop("scenario") == {"id": "mine", **first.pop("scenario")}
    assert again == first
    code, _, err = call("whatif", "--set", "checkout=0.7", "--save", "mine")
    assert (code, "scenarios/mine.yaml exists already" in err) == (64, True)
    assert (root / "scenarios" / "mine.yaml").read_text() == kept
    assert call("whatif", "--set", "checkout=0.7", "--save", "mine", "--force")[0] == 0
    assert (root / "scenarios" / "mine.yaml").read_text() != kept


def test_the_saved_questions_of_the_example_have_answers(call: Call) -> None:
    mended = json.loads(call("whatif", "--scenario", "fixed-checkout", "--json")[1])
    assert [change["target"] for change in mended["mixed"]] == ["order", "upsell"]
    assert mended["mixed"][0]["p_greater"] > 0.99
    facebook = json.loads(call("whatif", "--scenario", "more-facebook", "--json")[1])
    assert sum(facebook["mix"]["after"]["shares"].values()) == pytest.approx(1)
    assert facebook["mix"]["after"]["source"] == "given"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("whatif", "--set", "chekout=0.6"), 1, "did you mean checkout?"),
        (("whatif", "--set", "checkout"), 64, "write checkout=0.6"),
        (("whatif", "--set", "checkout=high"), 64, "'high' is not a number"),
        (("whatif", "--set", "checkout=1.6"), 64, "must be less than or equal to 1"),
        (("whatif", "--select", "channel"), 64, "--select channel: no values"),
        (("whatif", "--select", "channel=gogle"), 1, "did you mean google?"),
        (("whatif", "--mix", "google=20,facebook"), 64, "facebook has no share"),
        (("whatif", "--to", "oder"), 1, "did you mean order"),
        (("whatif", "--graph", "acm"), 1, "did you mean acme?"),
        (("whatif", "--scenario", "fixed-chekout"), 1, "did you mean fixed-checkout?"),
        (("whatif", "--set", "checkout=0.6", "--save", "../out"), 64, "not an id"),
        (("compare", "channel=google", "channel=email"), 64, "name one with --to NODE"),
        (("compare", "e.checkout", "google"), 64, "not of one kind"),
    ],
)
def test_mistakes_are_told_with_a_remedy_in_text_and_json(
    call: Call, arguments: tuple[str, ...], code: int, told: str
) -> None:
    found, out, err = call(*arguments)
    assert (found, out) == (code, "")
    assert told in err
    found, out, err = call(*arguments, "--json")
    assert (found, err) == (code, "")
    assert told in out.replace('\\"', '"')
