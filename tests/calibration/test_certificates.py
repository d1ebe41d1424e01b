from __future__ import annotations

import json
from pathlib import Path

import pytest

from evenfall.calibration import sources
from evenfall.calibration.certificates import RENEW, Certificate, certificate, certificate_names
from evenfall.calibration.certify import certify
from evenfall.calibration.conjugate import ConjugateGenerative
from evenfall.calibration.sources import source_hash, sources_of
from evenfall.errors import UnknownName, UsageError
from evenfall.inference.fit import FitRequest

BETA = ConjugateGenerative("beta", (8.0, 17.0), (40.0,) * 7)
CODE = """
from evenfall.errors import UsageError

def double(x):
    '''Return twice x.'''
    return 2 * x  # fast
"""


def made(simulations: int = 40) -> Certificate:
    return certify(BETA, simulations, seed=4, request=FitRequest(chains=2, draws=100))


@pytest.mark.parametrize("name", certificate_names())
def test_a_shipped_certificate_belongs_to_the_present_code(name: str) -> None:
    """A habit: who changes what makes a posterior looks at its calibration again."""
    shipped = certificate(name)
    assert not shipped.outdated, f"the code behind {name} has changed; run {RENEW.format(name='outdated')}"
    assert shipped.name == name
    assert shipped.passed == (not shipped.problems)


def test_every_family_of_lags_and_of_rates_has_a_certificate() -> None:
    lags = {
        f"delay-{name}" for name in ("lognormal", "weibull", "gamma", "log_logistic", "generalised_gamma")
    }
    assert lags | {"beta", "beta-overdispersed", "gamma", "normal", "pooled-rates"} <= set(
        certificate_names()
    )


def test_the_command_that_renews_is_there() -> None:
    root = Path(__file__).parents[2]
    assert (root / RENEW.split()[1]).is_file()


def test_a_certificate_says_what_was_done() -> None:
    record = made().record
    assert record["shape"] == {"first": [7], "stop": [7], "sums": [7, 3]}
    assert record["factory"] == "evenfall.inference.engines.conjugate:conjugate_model"
    assert (record["simulations"], record["draws"], record["seed"], record["failed"]) == (40, 99, 4, 0)
    assert set(record["quantities"]) == {"value", "log_likelihood"}
    assert record["rungs"] == {"conjugate": 1.0}
    assert "evenfall.beliefs.posterior" in record["code"]["sources"]
    assert set(record["quantities"]["value"]["coverage"]) == {"0.50", "0.80", "0.95"}


def test_a_certificate_survives_its_file() -> None:
    text = json.dumps(made().record, allow_nan=False)
    again = Certificate.of(json.loads(text))
    assert json.dumps(again.record) == text
    assert str(again) == str(made())
    assert "passed, 40 simulations" in str(again)


def test_a_certificate_of_other_code_is_outdated() -> None:
    record = json.loads(json.dumps(made().record))
    assert not Certificate.of(record).outdated
    record["code"]["hash"] = "0" * 16
    assert Certificate.of(record).outdated
    assert "outdated" in str(Certificate.of(record))


def test_a_certificate_whose_modules_are_gone_is_outdated() -> None:
    record = json.loads(json.dumps(made().record))
    record["code"]["sources"] = ["evenfall.inference.no_such_engine"]
    assert Certificate.of(record).outdated


def test_a_family_without_a_certificate_is_told_the_nearest_that_has_one() -> None:
    with pytest.raises(UnknownName, match="did you mean delay-weibull"):
        certificate("delay-weibul")


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace("  # fast", ""),
        CODE.replace("'''Return twice x.'''", "'''Return x, twice.'''"),
        CODE.replace("    ", "  "),
        CODE.replace("2 * x", "2*x"),
        "'''A module.'''\n" + CODE,
    ],
)
def test_comments_docstrings_and_layout_do_not_count(same: str) -> None:
    assert sources._meaning(same) == sources._meaning(CODE)


@pytest.mark.parametrize(
    "other", [CODE.replace("2 *", "3 *"), CODE.replace("return ", ""), CODE + "\nx = 'a'\n"]
)
def test_any_change_of_the_code_counts(other: str) -> None:
    assert sources._meaning(other) != sources._meaning(CODE)


def test_sources_are_what_a_module_brings_in_when_it_is_imported() -> None:
    found = sources_of(["evenfall.inference.engines.laplace"])
    assert {"evenfall.inference.psis", "evenfall.inference.engines.modes"} <= set(found)
    assert "evenfall.errors" not in found  # no arithmetic
    assert "evenfall.inference.nuts.compiled" not in found  # imported only when called


def test_a_module_that_is_not_there_has_no_hash() -> None:
    with pytest.raises(UsageError, match="no longer there"):
        source_hash(["evenfall.inference.no_such_engine"])
