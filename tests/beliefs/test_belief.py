"""How beliefs are written, printed, and loaded."""

import subprocess
import sys

import pytest

from evenfall.beliefs import Beta, Gamma, LogNormal, Normal, Origin


@pytest.mark.parametrize(
    ("belief", "printed"),
    [
        (Beta(8, 17), "Beta(8, 17)  mean 0.320 ± 0.091"),
        (Gamma(4, 2), "Gamma(4, 2)  mean 2.000 ± 1.000"),
        (Normal(1, 2, noise_sigma=3), "Normal(1, 2, 3)  mean 1.000 ± 2.000"),
        (Normal(1, 2, noise_shape=2, noise_scale=3), "NormalInverseGamma(1, 2, 2, 3)  mean 1.000 ± 2.828"),
        (LogNormal(0, 1, noise_sigma=1), "LogNormal(0, 1, 1)  mean 2.718 ± 3.563"),
    ],
)
def test_a_belief_prints_its_law_and_its_moments(belief, printed):
    assert str(belief) == printed


def test_a_belief_knows_its_numbers_by_name_and_its_origin():
    belief = Beta(8, 17, origin=Origin("manual", "p.yaml:3"))
    assert belief.numbers == {"alpha": 8, "beta": 17}
    assert str(belief.origin) == "manual (p.yaml:3)"


def test_importing_the_room_loads_nothing_heavy():
    heavy = "{'scipy', 'scipy.stats', 'scipy.special', 'pandas', 'pymc', 'xarray', 'jax'}"
    code = f"import sys, evenfall.beliefs; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_using_every_module_loads_no_scipy_stats():
    code = (
        "import sys, pkgutil, importlib, evenfall.beliefs as room\n"
        "modules = pkgutil.walk_packages(room.__path__, 'evenfall.beliefs.')\n"
        "for m in modules: importlib.import_module(m.name)\n"
        "print(sorted({'scipy.stats', 'scipy.optimize', 'pandas'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_an_unknown_name_of_the_room_is_an_attribute_error():
    import evenfall.beliefs

    with pytest.raises(AttributeError, match="Bata"):
        evenfall.beliefs.Bata  # noqa: B018
