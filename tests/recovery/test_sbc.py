"""The shipped families find the parameters their data were made from."""

from __future__ import annotations

import pytest

from evenfall.calibration.certificates import certificate
from evenfall.calibration.sbc.report import report
from evenfall.calibration.sbc.uniformity import uniformity_p

from .certified import CERTIFIED


@pytest.mark.slow
@pytest.mark.parametrize("name", ["delay-lognormal", "pooled-rates"])
def test_twenty_simulations_show_no_gross_error(name: str) -> None:
    """At p = .001 each, a family of eight quantities fails by chance for one seed in 125."""
    result = CERTIFIED[name].run(20, seed=2)
    assert result.failed == 0, result.reasons
    for quantity in result.names:
        assert uniformity_p(result.ranks(quantity), result.draws) > 0.001, str(report(result))


@pytest.mark.verify
@pytest.mark.parametrize("name", CERTIFIED)
def test_a_family_is_calibrated_and_its_certificate_can_be_made_again(name: str) -> None:
    """The seed is the certificate's own: by chance one right family in twenty would need another."""
    shipped = certificate(name)
    again = CERTIFIED[name].certify(shipped.record["simulations"], shipped.record["seed"])
    assert again.passed == shipped.passed, again.problems
    if not shipped.outdated:
        for quantity, figures in shipped.record["quantities"].items():
            assert again.record["quantities"][quantity]["p"] == pytest.approx(figures["p"], abs=0.02)
