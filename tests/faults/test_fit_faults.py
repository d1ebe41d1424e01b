"""Fits that go wrong in every way we know publish nothing: the last good posterior stays, all else goes on.

Each case is three real nights of a small project: a good one, one in which a model is exchanged for a bad one
(or its file, its draws or its worker are spoiled), and a good one again.
"""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.runs import fitting
from tests.runs.fitting.fit_shop import FitShop

from evenfall.runs.fitting.jobs import Limits
from evenfall.runs.fitting.processes import LocalProcesses
from evenfall.runs.report import NightReport

EDGES = ("calm", "plain", "signup")
FITTED = "update_rule: variational"

# The log density or its gradient, what the gate or the engine says of it, and the engine that fits it.
CASES = [
    *[
        (model, engine)
        for model in (
            "nan_density",
            "nan_gradient",
            "infinite_density",
            "minus_infinity",
            "improper",
            "runaway",
            "nan_half",
            "funnel",
            "cauchy",
            "wrong_gradient",
            "nan_quantity",
            "infinite_quantity",
            "wrong_shape",
            "wrong_quantity_shape",
            "raises",
            "raises_late",
            "text_density",
            "no_model",
            "recursion",
        )
        for engine in ("laplace", "variational")
    ],
    ("two_modes", "laplace"),
    ("two_modes", "quadrature"),
    ("spike_to_infinity", "laplace"),
    ("nan_half", "quadrature"),
    ("cauchy", "quadrature"),
    ("interrupt", "laplace"),
    ("leave", "laplace"),
    ("leave_at_once", "laplace"),
    ("kill", "laplace"),
    ("kill_later", "variational"),
    ("segfault", "laplace"),
    ("abort", "laplace"),
    ("hog", "laplace"),
    ("unsendable", "auto"),
    ("calm", "abacus"),
]


# What passes its gate and yet is no posterior: the night itself must refuse it.
NO_POSTERIOR = [
    (model, engine)
    for model in ("constant_quantity", "beyond_the_family", "vector_quantity", "other_name")
    for engine in ("laplace", "variational")
]

# Two far modes are not among them: what no chain has visited, no figure of the chains can show.
SAMPLED = ["funnel", "nan_density", "nan_gradient", "improper", "stuck"]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcesses]:
    """Return one worker for all nights; whatever kills it, the next night has another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", next(iter(fitting.__path__)))
        with LocalProcesses(1, Limits(60.0, 3 * 2**29), tmp_path_factory.mktemp("cache")) as executor:
            yield executor


@pytest.fixture(scope="module")
def calm_shop(worker: LocalProcesses, tmp_path_factory: pytest.TempPathFactory) -> FitShop:
    """Return a shop after a good night: two fitted parameters, and one that a formula answers."""
    shop = FitShop(tmp_path_factory.mktemp("calm") / "shop", worker)
    for edge in EDGES:
        shop.define(edge, update="" if edge == "plain" else FITTED)
    shop.sell_all(1, 400, 130, *EDGES)
    assert shop.night().exit_code == 0
    return shop


@pytest.fixture
def shop(calm_shop: FitShop, worker: LocalProcesses, tmp_path: Path) -> Iterator[FitShop]:
    """Return a copy of that shop on the next day, which sold as well."""
    with calm_shop.copy(tmp_path / "shop") as copied:
        copied.today += copied.today - copied.day(1)
        copied.sell_all(1, 400, 130, *EDGES)
        yield copied


class Before:
    """What a parameter had to show before a night."""

    def __init__(self, shop: FitShop, name: str = "signup") -> None:
        self.shop, self.name = shop, name
        self.posteriors, self.current = shop.posteriors(name), shop.posterior(name)
        self.good = [record for record in shop.fits(name) if record.passed]
        self.files = {record.artifact for record in self.good}

    def check_bad(self, report: NightReport, *others: str) -> None:
        """See that the night published nothing of it, said why and what to do, and did all the rest."""
        shop, result = self.shop, self.shop.result(self.name, report)
        assert result.outcome in ("failed", "config_error")
        assert result.detail
        assert result.remedy
        assert report.exit_code == 2
        assert shop.posteriors(self.name) == self.posteriors
        assert shop.posterior(self.name) == self.current is not None
        assert self.current is not None
        said = self.findings()
        assert [row["check_name"] for row in said if "fit" in row["check_name"]] == ["fit_failed"]
        assert all(row["message"] and row["remedy"] for row in said)
        assert "Traceback" not in said[0]["message"]
        for other in others:
            assert shop.result(other, report).outcome == "updated"
            assert shop.posteriors(other)[-1].as_of == shop.today
        shop.check_whole()

    def findings(self) -> list[dict[str, Any]]:
        """Return what tonight says of it."""
        tonight, rows = self.shop.today.isoformat(), self.shop.rows("findings")
        return [row for row in rows if (row["parameter_id"], row["as_of"]) == (self.name, tonight)]

    def check_recovers(self, *edges: str) -> None:
        """See that the next good night publishes, with the evidence of all nights."""
        shop = self.shop
        shop.today += shop.today - shop.day(1)
        shop.sell_all(1, 400, 130, *edges)
        report = shop.night()
        assert report.exit_code == 0, [result.detail for result in report.results]
        newest = shop.posteriors(self.name)[-1]
        assert newest.as_of == shop.today
        assert newest.sums[:2] == (1200, 390)
        assert "fit_failed" not in [row["check_name"] for row in self.findings()]


@pytest.mark.parametrize(("model", "engine"), CASES)
def test_a_bad_fit_publishes_nothing_and_the_next_good_one_does(
    shop: FitShop, model: str, engine: str
) -> None:
    before = Before(shop)
    report = shop.night(bad={"signup": model}, engine=engine)
    before.check_bad(report, "calm", "plain")
    assert shop.executor.handed_on == ["calm", "signup"], "one bad fit is no reason to fit again"
    before.check_recovers(*EDGES)


@pytest.mark.parametrize(("model", "engine"), NO_POSTERIOR)
def test_a_fit_without_the_quantity_publishes_nothing_and_the_next_good_one_does(
    shop: FitShop, model: str, engine: str
) -> None:
    before = Before(shop)
    before.check_bad(shop.night(bad={"signup": model}, engine=engine), "calm", "plain")
    before.check_recovers(*EDGES)


@pytest.mark.slow
@pytest.mark.parametrize("model", SAMPLED)
def test_bad_chains_publish_nothing_and_the_next_good_ones_do(shop: FitShop, model: str) -> None:
    before = Before(shop)
    before.check_bad(shop.night(bad={"signup": model}, engine="nuts"), "calm", "plain")
    before.check_recovers(*EDGES)


def test_a_bad_first_fit_leaves_the_prior(worker: LocalProcesses, tmp_path: Path) -> None:
    with FitShop(tmp_path / "new", worker) as shop:
        shop.define("signup", update=FITTED)
        shop.define("plain")
        shop.sell_all(1, 400, 130, "signup", "plain")
        report = shop.night(bad={"signup": "nan_density"}, engine="laplace")
        assert report.exit_code == 2
        assert (shop.posterior(), shop.row().posterior_mean) == (None, None)
        assert shop.row().prior_mean == pytest.approx(8 / 25)
        assert shop.night().exit_code == 2, "the same chance and the same data: the same bad fit"
        shop.sell_all(1, 401, 130, "signup", "plain")
        assert shop.night().exit_code == 0


def test_a_bad_night_that_is_run_again_says_the_same_and_keeps_nothing_more(shop: FitShop) -> None:
    for model, again in (("nan_density", 0), ("raises", 1)):  # a refused fit is kept, an error is tried again
        shop.executor.handed_on.clear()
        shop.night(bad={"signup": model}, engine="laplace")
        kept = shop.kept()
        shop.executor.handed_on.clear()
        shop.night(bad={"signup": model}, engine="laplace")
        assert shop.executor.handed_on == ["signup"] * again
        assert shop.kept() == kept
        shop.sell_all(1, 401, 130, *EDGES)


# Limits -----------------------------------------------------------------------------------------------------


def test_a_fit_over_its_time_publishes_nothing(shop: FitShop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Before(shop)
    with LocalProcesses(1, Limits(seconds=3.0)) as hurried:
        worker, shop.executor.executor = shop.executor.executor, hurried
        before.check_bad(shop.night(bad={"signup": "asleep"}, engine="laplace"), "calm", "plain")
    assert "3 s" in shop.result().detail
    assert "fit_seconds" in shop.result().remedy
    shop.executor.executor = worker
    before.check_recovers(*EDGES)


def test_a_fit_that_is_called_off_publishes_nothing(shop: FitShop) -> None:
    before = Before(shop)
    threading.Timer(1.5, shop.executor.cancel).start()
    report = shop.night(bad={"signup": "slow"}, engine="variational")
    before.check_bad(report, "calm", "plain")
    before.check_recovers(*EDGES)


def test_a_worker_that_cannot_start_publishes_nothing_and_formulas_go_on(
    shop: FitShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Before(shop)
    with monkeypatch.context() as patch, LocalProcesses(1) as homeless:
        patch.setattr("sys.executable", "/no/such/python")
        worker, shop.executor.executor = shop.executor.executor, homeless
        before.check_bad(shop.night(), "plain")
    shop.executor.executor = worker
    before.check_recovers(*EDGES)


# The disk ---------------------------------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(limit: int) -> Iterator[None]:
    """Let the kernel refuse to write more into any file, as it does when a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_draws_that_do_not_fit_on_the_disk_publish_nothing(shop: FitShop) -> None:
    before = Before(shop)
    shop.night(bad={"calm": "calm"}, engine="laplace", only="calm")  # the worker is up before the limit is
    with files_no_larger_than(2_000_000):
        report = shop.night(bad={"signup": "bulky"}, engine="laplace")
    before.check_bad(report, "plain")
    assert not list(shop.artifacts.rglob("*.part"))
    before.check_recovers(*EDGES)


def test_a_folder_that_cannot_be_written_publishes_nothing(shop: FitShop) -> None:
    before = Before(shop)
    (folder,) = (shop.artifacts / "draws").glob("signup-*")
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_text("a file where the folder was")
    report = shop.night()
    folder.unlink()
    aside.rename(folder)
    before.check_bad(report, "calm", "plain")
    before.check_recovers(*EDGES)
