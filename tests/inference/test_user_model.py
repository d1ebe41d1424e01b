"""A PyMC model of the user's own as a parameter."""

from __future__ import annotations

import sys
from datetime import date, timedelta

import numpy as np
import pytest

from evenfall.beliefs.observations import Observations
from evenfall.errors import ConfigError
from evenfall.inference.engines.nuts import NUTS
from evenfall.inference.execute import data_hash
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import load_model
from evenfall.inference.nuts.compiled import CACHE
from evenfall.inference.user_model import ModelObservations, user_model_spec

GOOD = """
import pymc as pm
from shop_models.numbers import ALPHA

def purchases(observations):
    with pm.Model() as model:
        trials = pm.Data("trials", observations.trials)
        value = pm.Beta("value", ALPHA, 17)
        pm.Binomial("seen", n=trials, p=value, observed=pm.Data("successes", observations.successes))
    return model

def centred(observations):
    with pm.Model() as model:
        value = pm.Normal("value", observations.sum.sum() / observations.n.sum(), 1)
        pm.Normal("seen", value, 1, observed=pm.Data("total", observations.sum))
    return model

def broken(observations):
    days = len(observations)
    return 1 / (days - days)

def no_model(observations):
    return 3

def other_name(observations):
    with pm.Model() as model:
        pm.Normal("rate")
    return model

def discrete(observations):
    with pm.Model() as model:
        pm.Poisson("value", 3)
    return model

def wrong_type(observations):
    return observations.trials
"""


def seen(*successes: float) -> Observations:
    first = date(2024, 1, 1)
    days = [first + timedelta(days=i) for i in range(len(successes))]
    return Observations.of(
        (day, day + timedelta(days=1), 100.0, k, 0.0) for day, k in zip(days, successes, strict=True)
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    package = folder / "shop_models"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "numbers.py").write_text("ALPHA = 8\n")
    (package / "rates.py").write_text(GOOD)
    return folder


def spec(root, function, observations=None, kind="probability", quantity="value"):
    rows = seen(31, 22, 41) if observations is None else observations
    return user_model_spec(
        rows, model=f"shop_models.rates:{function}", root=root, kind=kind, quantity=quantity
    )


@pytest.mark.slow
def test_a_model_of_ones_own_is_fitted_and_refitted_without_compiling(root):
    for successes in ((31, 22, 41), (31, 22, 41, 28)):
        before = CACHE.compiled
        fit = NUTS.fit(load_model(spec(root, "purchases", seen(*successes))), FitRequest(seed=2))
        n, k = 100 * len(successes), sum(successes)
        a, b = 8 + k, 17 + n - k
        stdev = np.sqrt(a * b / (a + b + 1)) / (a + b)
        # 4,000 draws are worth at least 800: five standard errors of those.
        assert fit.draws["value"].mean() == pytest.approx(a / (a + b), abs=5 * stdev / np.sqrt(800))
        assert fit.log_likelihood.shape == (4, 1000, len(successes))
    assert CACHE.compiled == before


@pytest.mark.slow
def test_a_constant_taken_from_the_data_is_another_model(root):
    # The mean of the data is the prior's centre, outside pm.Data: the structure must change with it.
    first, same, other = (
        load_model(spec(root, "centred", seen(*k), kind="mean")) for k in ((1, 2), (2, 1), (1, 5))
    )
    assert first.structure == same.structure
    assert first.structure != other.structure
    assert list(first.data) == ["total"]


@pytest.mark.slow
def test_changed_sources_are_read_again(root):
    before = load_model(spec(root, "purchases"))
    numbers = root / "shop_models" / "numbers.py"
    old = numbers.read_text()
    numbers.write_text("ALPHA = 80\n")
    try:
        changed = spec(root, "purchases")
        assert load_model(changed).structure != before.structure
    finally:
        numbers.write_text(old)
    assert data_hash(changed) != data_hash(spec(root, "purchases"))
    assert load_model(spec(root, "purchases")).structure == before.structure


@pytest.mark.slow
def test_the_path_is_left_as_it_was(root):
    before = list(sys.path)
    load_model(spec(root, "purchases"))
    assert sys.path == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("broken", "ZeroDivisionError: division by zero"),
        ("no_model", "returned int, not a pymc.Model"),
        ("other_name", "no variable named 'value'.*rate"),
        ("discrete", "continuous"),
        ("purchase", "no function 'purchase'.*purchases"),
        ("wrong_type", "observations of a mean have no 'trials'.*sum_squares"),
    ],
)
def test_a_function_that_cannot_be_used_is_refused_with_its_place(root, function, said):
    kind = "mean" if function == "wrong_type" else "probability"
    with pytest.raises(ConfigError, match=said) as refusal:
        load_model(spec(root, function, kind=kind))
    assert refusal.value.file.endswith("rates.py")
    assert refusal.value.value == f"shop_models.rates:{function}"
    assert refusal.value.remedy


@pytest.mark.slow
def test_a_failing_line_is_named(root):
    with pytest.raises(ConfigError) as refusal:
        load_model(spec(root, "broken"))
    assert GOOD.splitlines()[refusal.value.line - 1].strip() == "return 1 / (days - days)"


def test_a_missing_module_says_where_it_was_looked_for(root):
    wanted = user_model_spec(seen(1), model="no_such.place:build", root=root, kind="probability")
    with pytest.raises(ConfigError, match=r"no_such/place\.py") as refusal:
        load_model(wanted)
    assert "ModuleNotFoundError" in str(refusal.value)


def test_a_day_on_which_nothing_was_counted_is_no_row(root):
    """Its mean is 0/0, which PyMC takes for a missing value."""
    first = date(2024, 1, 1)
    rows = Observations.of(
        (first + timedelta(days=i), first + timedelta(days=i + 1), n, 0.0, 0.0)
        for i, n in enumerate((0.0, 7.0, 0.0, 9.0))
    )
    data = spec(root, "purchases", rows).data
    assert data["sums"][:, 0].tolist() == [7.0, 9.0]
    assert data["day"].tolist() == [first + timedelta(days=1), first + timedelta(days=3)]


def test_observations_go_by_the_names_of_their_type():
    one = ModelObservations(
        "rate", np.array(["2024-01-01"], "datetime64[D]"), *np.array([[2.0], [3.0], [0.0]])
    )
    assert (one.exposure[0], one.events[0], len(one)) == (2.0, 3.0, 1)
    with pytest.raises(AttributeError, match="exposure, events"):
        _ = one.trials
