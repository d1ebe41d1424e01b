"""Fitted parameters from night to night: once is enough, new days are fitted, and the past stays the past."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runs.fitting.fit_shop import FitShop

from evenfall.runs.fitting.jobs import Limits
from evenfall.runs.fitting.processes import LocalProcesses

from ..runs.shop import DAY, TONIGHT

MODEL = """
import pymc as pm

def rate(observations):
    print("a model may print")
    with pm.Model() as model:
        value = pm.Beta("value", 8, 17)
        trials = pm.Data("trials", observations.trials)
        pm.Binomial("seen", n=trials, p=value, observed=pm.Data("successes", observations.successes))
    return model
"""

RULES = {
    "variational": "update_rule: variational",
    "mcmc": "update_rule: mcmc",
    "model": "update_rule: model\n  model: rates:rate",
}
SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcesses]:
    """Return one worker for all nights of these tests."""
    with LocalProcesses(1, Limits(120.0, 3 * 2**30), tmp_path_factory.mktemp("cache")) as executor:
        yield executor


def opened(root: Path, worker: LocalProcesses, rule: str) -> FitShop:
    shop = FitShop(root, worker)
    shop.write(f"{module_of(shop)}.py", MODEL)
    shop.define("signup", update=RULES[rule].replace("rates:", f"{module_of(shop)}:"))
    return shop


def module_of(shop: FitShop) -> str:
    """Return a name of a module that no other project of these tests has: they share a worker."""
    return f"rates_{re.sub(r'[^a-z0-9]', '_', str(shop.root).lower())}"


@pytest.mark.parametrize(
    "rule", ["variational", pytest.param("mcmc", marks=SLOW), pytest.param("model", marks=SLOW)]
)
def test_a_night_twice_changes_nothing_and_new_days_are_fitted(
    worker: LocalProcesses, tmp_path: Path, rule: str
) -> None:
    with opened(tmp_path / "shop", worker, rule) as shop:
        shop.sell(1, 400, 130)
        assert shop.night().exit_code == 0
        kept, files = shop.kept(), shop.files()
        assert len(shop.fits()) == len(shop.posteriors()) == len(files) == 1
        assert not any(shop.night().written.values())
        assert (shop.kept(), shop.files()) == (kept, files)
        # Beta(8 + 130, 17 + 270): mean .3247, stdev .0227; draws worth 400 at least, five standard errors
        assert shop.posteriors()[0].mean == pytest.approx(138 / 425, abs=5 * 0.0227 / 20)
        shop.sell(0, 400, 170)
        shop.today += DAY
        assert shop.night().exit_code == 0
        assert len(shop.fits()) == len(shop.posteriors()) == len(shop.files()) == 2
        assert shop.posteriors()[1].mean == pytest.approx(308 / 825, abs=5 * 0.0168 / 20)
        shop.check_whole()


def test_a_late_night_fits_what_was_known_then(worker: LocalProcesses, tmp_path: Path) -> None:
    with (
        opened(tmp_path / "on time", worker, "variational") as shop,
        opened(tmp_path / "late", worker, "variational") as late,
    ):
        for each in (shop, late):
            each.sell(1, 400, 130)
        shop.night()
        late.today += DAY  # its own night was missed, and is made up for a day later
        late.night(TONIGHT)
        first, second = shop.posteriors()[0], late.posteriors()[0]
        assert (first.mean, first.stdev, first.inputs_hash) == (second.mean, second.stdev, second.inputs_hash)
        assert [fit.artifact_sha256 for fit in shop.fits()] == [fit.artifact_sha256 for fit in late.fits()]
        assert shop.fits()[0].seed == late.fits()[0].seed


def test_two_projects_with_the_same_past_have_the_same_draws(worker: LocalProcesses, tmp_path: Path) -> None:
    prints = []
    for name in ("one", "two"):
        with opened(tmp_path / name, worker, "variational") as shop:
            for night in range(3):
                shop.sell(1, 400, 130 + night)
                shop.night()
                shop.today += DAY
            prints.append([(fit.seed, fit.artifact_sha256, dict(fit.diagnostics)) for fit in shop.fits()])
    assert prints[0] == prints[1]
    assert len({sha for _, sha, _ in prints[0]}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("spoil", ["missing", "truncated", "altered"])
def test_spoiled_draws_of_the_last_full_fit_are_never_weighted_anew(
    worker: LocalProcesses, tmp_path: Path, spoil: str
) -> None:
    with opened(tmp_path / "shop", worker, "model") as shop:
        shop.sell(1, 400, 130)
        shop.night()
        before = shop.posteriors()
        (file,) = shop.files()
        path = shop.artifacts / file
        content = path.read_bytes()
        if spoil == "missing":
            path.unlink()
        else:
            path.write_bytes(content[:900] if spoil == "truncated" else content[:900] + content[900:][::-1])
        shop.sell(0, 400, 130)
        shop.today += DAY
        report = shop.night()
        if report.exit_code == 2:
            assert shop.posteriors() == before
            assert shop.result().detail
            assert shop.result().remedy
        else:
            assert shop.fits()[-1].base_fit is None
        path.write_bytes(content)
        assert shop.night(retry_failed=True).exit_code == 0
        assert shop.posteriors()[-1].sums[:2] == (800, 260)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be imported"),
        ("def rate(observations:\n", "SyntaxError"),
        ("rate = 3\n", "has no function 'rate'"),
        ("def rate(observations):\n    return 3\n", "not a pymc.Model"),
        ("def rate(observations):\n    return observations.prices\n", "AttributeError"),
        ("import sys\nsys.exit(2)\n", "SystemExit"),
        ("import sys\ndef rate(observations):\n    sys.exit(2)\n", "SystemExit"),
        (MODEL.replace('"value", 8', '"rate", 8'), "no variable named 'value'"),
        ("def rate(observations):\n    raise MemoryError\n", "more memory"),
        ("import os\ndef rate(observations):\n    os._exit(9)\n", "exit status 9"),
    ],
)
def test_a_model_file_that_is_broken_publishes_nothing(
    worker: LocalProcesses, tmp_path: Path, text: str | None, said: str
) -> None:
    with opened(tmp_path / "shop", worker, "model") as shop:
        shop.define("plain")
        for edge in ("signup", "plain"):
            shop.sell(1, 400, 130, edge=edge)
        if text is None:
            (shop.root / f"{module_of(shop)}.py").unlink()
        else:
            shop.write(f"{module_of(shop)}.py", text)
        report = shop.night()
        assert report.exit_code == 2
        assert shop.result("plain", report).outcome == "updated"
        assert shop.result(report=report).outcome in ("failed", "config_error")
        assert said in shop.result(report=report).detail
        assert shop.result(report=report).remedy
        assert (shop.posterior(), shop.fits()) == (None, [])
        if text is None:  # each recovery compiles anew
            shop.write(f"{module_of(shop)}.py", MODEL)
            assert shop.night().exit_code == 0
            assert shop.posteriors()[-1].sums[:2] == (400, 130)
