"""Saved what-ifs: what a file may say, how its mistakes are told, and that writing and reading agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from evenfall.errors import UsageError
from evenfall.registry.files import load
from evenfall.registry.scenarios import save_scenario, scenario_text
from evenfall.registry.schemas import Scenario, SetRate

from .conftest import Load

PROJECT = {
    "contexts/channel.yaml": "id: channel\nvalues: [{id: google}, {id: direct}]\n",
    "graphs/shop.yaml": (
        "nodes: [{slug: home}, {slug: cart}]\nedges: [{slug: signup, from: home, to: cart, p: {mean: 0.2}}]\n"
    ),
}
FULL = """\
id: more-ads
name: More ads
note: what if the campaign works
graph: shop
select: {channel: [google, direct]}
mix: {google: 20, direct: 80}
overrides:
  signup: 0.4
  e.signup.context(channel='google'): {mean: 0.5, stdev: 0.05}
start: home
to: [cart]
"""


def test_a_scenario_file_says_what_was_asked(load_files: Load) -> None:
    registry = load_files({**PROJECT, "scenarios/ads.yaml": FULL})
    assert registry.problems == ()
    scenario = registry.scenarios["more-ads"]
    assert (scenario.graph, scenario.start, scenario.to) == ("shop", "home", ("cart",))
    assert scenario.select == {"channel": ("google", "direct")}
    assert scenario.mix == {"google": 20, "direct": 80}
    assert scenario.overrides == {
        "signup": 0.4,
        "e.signup.context(channel='google')": SetRate(mean=0.5, stdev=0.05),
    }


def test_a_mix_may_stand_without_a_selection(load_files: Load) -> None:
    registry = load_files({**PROJECT, "scenarios/s.yaml": "mix: {google: 20, direct: 80}\n"})
    assert registry.problems == ()
    joint = {"scenarios/s.yaml": 'mix: {"channel=google,device=mobile": 1}\n'}
    assert load_files({**PROJECT, **joint}).problems == ()


def test_its_id_is_the_files_name_when_unset(load_files: Load) -> None:
    registry = load_files({**PROJECT, "scenarios/less.yaml": "overrides: {signup: 0.1}\n"})
    assert list(registry.scenarios) == ["less"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("overrides: {sinup: 0.4}\n", ":1:13 overrides.sinup 'sinup' — unknown edge: did you mean signup?"),
        ("overrides: {signup: 1.4}\n", ":1:21 overrides.signup 1.4 — must be less than or equal to 1"),
        ("overrides: {signup: yes}\n", ":1:21 overrides.signup 'yes' — must be a number"),
        ("overrides: {signup: {mean: 0.4, stdv: 1}}\n", "unknown key: did you mean stdev?"),
        ("overrides: {e.signup.p.n: 0.4}\n", "only a rate can be set"),
        ("overrides: {a b: 0.4}\n", "neither an edge nor a reference"),
        ("overrides: {e.signup.vsited(home): 0.4}\n", "did you mean .visited in place of .vsited?"),
        ("overrides: {e.signup.visited(hom): 0.4}\n", "unknown node: did you mean home?"),
        ("overrides: {e.signup.context(channel='gogle'): 0.4}\n", "unknown value of channel"),
        (
            "select: {chanel: [google]}\n",
            ":1:10 select.chanel 'chanel' — unknown context: did you mean channel?",
        ),
        ("select: {channel: [gogle]}\n", ":1:20 select.channel[0] 'gogle' — unknown value of channel"),
        ("select: {channel: []}\n", "select.channel — is empty"),
        ("select: {channel: [google]}\nmix: {direct: 1}\n", ":2:7 mix.direct"),
        (
            "mix: {google: 1, drect: 1}\n",
            ":1:18 mix.drect 'drect' — unknown selected value: did you mean direct?",
        ),
        ("mix: {google: -1}\n", "must be greater than or equal to 0"),
        ("graph: shp\n", ":1:8 graph 'shp' — unknown graph: did you mean shop?"),
        ("start: hom\n", ":1:8 start 'hom' — unknown node: did you mean home?"),
        ("to: [crt]\n", ":1:6 to[0] 'crt' — unknown node: did you mean cart?"),
        ("do: {signup: 0.4}\n", "do — unknown key"),
    ],
)
def test_a_mistake_is_told_at_its_place_and_stops_nothing_else(
    load_files: Load, text: str, said: str
) -> None:
    registry = load_files({**PROJECT, "scenarios/s.yaml": text, "scenarios/good.yaml": "note: fine\n"})
    told = [str(problem) for problem in registry.problems]
    assert told
    assert said in told[0], told
    assert all(problem.file == "scenarios/s.yaml" for problem in registry.problems)
    assert list(registry.scenarios) == ["good"]
    assert "scenarios/s.yaml" not in registry.sources


def test_a_broken_file_keeps_its_last_good_version(load_files: Load) -> None:
    registry = load_files(
        {**PROJECT, "scenarios/s.yaml": "overrides: {sinup: 0.4}\n"},
        last_good={"scenarios/s.yaml": "overrides: {signup: 0.3}\n"},
    )
    assert registry.scenarios["s"].overrides == {"signup": 0.3}
    assert len(registry.problems) == 1


def test_one_id_belongs_to_one_file(load_files: Load) -> None:
    files = {"scenarios/a.yaml": "id: Same\n", "scenarios/b.yaml": "id: same\n"}
    registry = load_files({**PROJECT, **files})
    assert "an id used twice" in str(registry.problems[0])
    assert list(registry.scenarios) == ["Same"]


def test_what_is_saved_is_read_back_as_it_was(load_files: Load, tmp_path: Path) -> None:
    scenario = load_files({**PROJECT, "scenarios/ads.yaml": FULL}).scenarios["more-ads"]
    (tmp_path / "scenarios" / "ads.yaml").unlink()
    odd = scenario.model_copy(
        update={"id": "odd", "note": "no: 'yes' # 12:30\nÜber é", "mix": {"google": 1e-7}}
    )
    for one in (scenario, odd):
        assert save_scenario(tmp_path, one) == tmp_path / "scenarios" / f"{one.id}.yaml"
    registry = load(tmp_path)
    assert registry.problems == ()
    assert registry.scenarios == {"more-ads": scenario, "odd": odd}


def test_a_scenario_is_never_overwritten_unasked_and_never_left_half_written(tmp_path: Path) -> None:
    first, second = Scenario(id="s", note="first"), Scenario(id="s", note="second")
    path = save_scenario(tmp_path, first)
    with pytest.raises(UsageError, match="exists already: choose another name, or overwrite it with --force"):
        save_scenario(tmp_path, second)
    assert path.read_text() == scenario_text(first)
    save_scenario(tmp_path, second, force=True)
    assert path.read_text() == scenario_text(second)
    assert [file.name for file in path.parent.iterdir()] == ["s.yaml"]
