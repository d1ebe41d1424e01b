"""Fits are kept once, the good and the refused, and a posterior stands only on a good one."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.store.cases import LATE, HandClock, P, contents, fit, full, night, posterior, prior, record, save
from tests.store.fixtures import Open

from evenfall.errors import StoreError, UsageError
from evenfall.store.database import Store


def test_a_fit_comes_back_as_it_was_saved(store: Store, clock: HandClock) -> None:
    given = fit(
        "i1",
        1,
        failures=("r_hat 1.2", "ess ü"),
        passed=False,
        tried=(("conjugate", "no closed form"), ("laplace", "k̂ 0.9")),
        request={"draws": 1000, "options": {"start": [1, 2]}},
        diagnostics={"r_hat": 1.2, "k_hat": math.inf, "ess_bulk": 1 / 3},
        quantities={"rate": {"mean": 0.1, "stdev": 0.2, "median": 0.3, "lower": 0.4, "upper": -math.inf}},
        artifact="draws/a.nc",
        artifact_sha256="aa",
        seconds=1.5,
        gradients=2**40,
    )
    save(store, record(1, fit=given))
    (stored,) = store.fit_history([P])[P]
    assert stored == replace(given, id=stored.id, wall_at=clock.now())
    assert store.fit(stored.id) == stored
    assert store.artifacts() >= {"draws/a.nc"}


def test_figures_that_are_no_number_are_kept_as_such(store: Store) -> None:
    save(store, record(1, fit=fit("i1", 1, passed=False, diagnostics={"r_hat": math.nan})))
    assert math.isnan(store.fit_history([P])[P][0].diagnostics["r_hat"])


def test_a_night_run_again_writes_no_second_fit_and_its_posterior_names_the_first(store: Store) -> None:
    one = replace(full(1), fit=fit("i1", 1))
    save(store, one)
    before = contents(store)
    save(store, one)
    assert contents(store) == before
    (stored,) = store.fit_history([P])[P]
    assert store.current([P], LATE)[P].fit_id == stored.id
    # A later night with the same data: the fit stands, and another posterior may stand on it.
    save(store, replace(full(2, inputs="h2"), fit=fit("i1", 2)))
    assert len(store.fit_history([P])[P]) == 1
    assert [p.fit_id for p in store.posterior_history(P)] == [stored.id] * 2


def test_a_night_run_late_finds_the_fits_of_its_time(store: Store) -> None:
    for seen in (1, 5, 3):
        save(store, record(seen, fit=fit(f"i{seen}", seen)))
    for at, expected in [(1, "i1"), (2, "i1"), (3, "i3"), (4, "i3"), (5, "i5"), (9, "i5")]:
        assert store.latest_fits([P, "nobody"], night(at))[P].inputs_hash == expected
    assert store.latest_fits([P], night(0)) == {}
    assert [one.inputs_hash for one in store.fit_history([P])[P]] == ["i1", "i3", "i5"]


def test_the_last_good_fit_outlives_refused_and_reweighted_ones(store: Store) -> None:
    save(store, record(1, fit=fit("i1", 1)))
    base = store.latest_fits([P], LATE)[P].id
    save(store, record(2, fit=fit("i2", 2, rung="reweighted", base_fit=base)))
    save(store, record(3, fit=fit("i3", 3, passed=False, failures=("no",))))
    assert store.latest_fits([P], LATE)[P].inputs_hash == "i2"
    assert store.latest_fits([P], LATE)[P].base_fit == base
    assert store.latest_fits([P], LATE, passed=False)[P].inputs_hash == "i3"
    assert store.last_full_fits([P], LATE)[P].inputs_hash == "i1"


def test_no_posterior_stands_on_a_fit_that_was_refused(store: Store) -> None:
    bad = fit("i1", 1, passed=False, failures=("no",))
    save(store, replace(full(1), fit=bad))
    assert store.current([P], LATE)[P].fit_id is None
    number = store.fit_history([P])[P][0].id
    naming = record(2, priors=(prior(8, 2),), posterior=posterior("h2", 2, fit_id=number), publish=True)
    assert "gate refused" in str(save(store, naming).failed[P])
    assert store.current([P], LATE)[P].inputs_hash == "h1"


def test_no_posterior_stands_on_a_fit_of_another_parameter(store: Store) -> None:
    save(store, record(1, parameter_id="b", fit=fit("i1", 1, parameter_id="b")))
    number = store.fit_history(["b"])["b"][0].id
    for wrong in (number, number + 1000):
        report = save(store, replace(full(2), posterior=posterior("h", 2, fit_id=wrong)))
        assert isinstance(report.failed[P], StoreError)
        assert "not one of its fits" in str(report.failed[P])
    assert store.posterior_history(P) == []


@pytest.mark.parametrize(
    "poison",
    [
        {"artifact": "draws/a.nc"},
        {"seconds": math.nan},
        {"base_fit": 10**6},
        {"request": {"a": object()}},
        {"seed": 2**70},
    ],
)
def test_a_poison_fit_takes_its_record_with_it_and_nobody_else(
    store: Store, poison: dict[str, object]
) -> None:
    report = save(store, replace(full(1), fit=fit("i1", 1, **poison)), full(1, parameter_id="b"))
    assert report.failed.keys() == {P}
    assert store.fit_history([P])[P] == store.posterior_history(P) == []
    assert len(store.posterior_history("b")) == 1


def test_fits_of_other_tenants_are_not_to_be_had(open_one: Open, url: str) -> None:
    if url == "memory":
        pytest.skip("a store in memory has one connection and one tenant")
    mine, yours = open_one(), open_one()
    save(mine, record(1, fit=fit("i1", 1, artifact="draws/mine.nc", artifact_sha256="aa")))
    number = mine.fit_history([P])[P][0].id
    assert yours.latest_fits([P], LATE) == yours.last_full_fits([P], LATE) == {}
    with pytest.raises(UsageError, match="no fit number"):
        yours.fit(number)
    assert "draws/mine.nc" in yours.artifacts()  # lest a sweep by one tenant takes another's file
