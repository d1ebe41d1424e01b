"""Asking for a number by reference: in Python, on the command line, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evenfall as ef
from evenfall.cli import main

from ..runs.shop import Shop

CURRENT = "posterior_destination: {write_frequency: 1d}"
GOOGLE = "e.signup.context(channel='google').p.mean"

type Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A base with 150 trials and 52 successes (the design's worked example), and a slice without any."""
    with Shop(tmp_path / "shop") as shop:
        shop.write("contexts/channel.yaml", "id: channel\nvalues: [{id: google}, {id: direct}]\n")
        shop.define("signup", rest=f"edge_reference: e.signup.p.mean\n{CURRENT}")
        shop.define(
            "signup-google",
            prior="{distribution: beta, alpha: 2, beta: 2}",
            rest=f'edge_reference: "{GOOGLE}"\n{CURRENT}',
        )
        shop.sell(1, 150, 52)
        shop.night()
        yield shop


@pytest.fixture
def call(shop: Shop, capsys: Any, monkeypatch: Any) -> Call:
    text = (shop.root / "evenfall.toml").read_text()
    (shop.root / "evenfall.toml").write_text(f"clock = {shop.today.isoformat()}\n{text}")
    monkeypatch.chdir(shop.root)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_python_and_the_command_line_give_the_same_answer(shop: Shop, call: Call) -> None:
    with ef.open(shop.root) as project:
        answer = project[GOOGLE]
        assert float(answer) == pytest.approx(60 / 175)
        assert (answer.level, answer.parameter_id, answer.n, answer.origin) == (
            "base",
            "signup",
            150,
            "posterior",
        )
        code, out, _ = call("show", GOOGLE, "--json")
        assert (code, json.loads(out)) == (0, answer.as_dict())
        code, out, _ = call("show", GOOGLE, "--strict", "--json")
        assert (code, json.loads(out)) == (0, project.resolve(GOOGLE, mode="strict").as_dict())
    assert json.loads(out)["origin"] == "prior"


def test_an_answer_is_shown_with_its_interval_level_origin_and_age(call: Call) -> None:
    code, out, _ = call("show", GOOGLE)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines == [
        f"reference {GOOGLE}",
        "mean 34.3 % [27.5, 41.5]",
        "level base",
        "parameter signup",
        "answers for e.signup.p.mean",
        "passed over signup-google",
        "n 150",
        "origin posterior",
        "prior manual (parameters/signup.yaml:10)",
        "age 6 h",
        "as of 2026-03-20",
    ]
    code, out, _ = call("show", "e.signup.p.alpha")
    assert [" ".join(line.split()) for line in out.splitlines()][:4] == [
        "reference e.signup.p.alpha",
        "alpha 60",
        "mean 34.3 % [27.5, 41.5]",
        "level exact",
    ]


def test_an_id_is_shown_as_before_even_one_that_looks_like_a_reference(shop: Shop, call: Call) -> None:
    shop.define("e.odd", rest=CURRENT)
    assert json.loads(call("show", "signup", "--json")[1])["posterior"] == {"alpha": 60, "beta": 115}
    assert json.loads(call("show", "e.odd", "--json")[1])["parameter_id"] == "e.odd"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("e.signup.contxt(a='b').p.mean",), 64, "did you mean .context in place of .contxt?"),
        (("e.signup.p.meen",), 64, "did you mean mean?"),
        (("signup", "--strict"), 64, "--strict is for references"),
        (("e.singup.p.mean",), 1, "did you mean signup"),
        (("e.signup.context(channel='gogle').p.mean",), 1, "did you mean google?"),
        (("e.signup.latency.t95",), 1, "no latency is known of the edge signup"),
        (("singup",), 1, "did you mean signup"),
    ],
)
def test_what_cannot_be_answered_is_told_and_the_exit_code_says_whose_mistake(
    call: Call, arguments: tuple[str, ...], code: int, told: str
) -> None:
    found, out, err = call("show", *arguments)
    assert (found, out) == (code, "")
    assert told in err
    found, out, err = call("show", *arguments, "--json")
    assert (found, err) == (code, "")
    assert told in out
