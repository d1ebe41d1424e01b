"""Models that behave badly, or well, in a worker: named by the jobs of tests as ``bad_models:function``.

A worker finds this module because the tests put its folder on ``PYTHONPATH``. All but `calm`, `meeting` and
`large` are wrong in the way their names say.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.fit import Fit, FitRequest

type Floats = NDArray[np.float64]
type Data = Mapping[str, NDArray[Any]]
type Options = Mapping[str, Any]


@dataclass(eq=False)
class Model:
    """A log density by formula with its slope; the quantity ``value`` is a function of the coordinates."""

    log: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    width: int = 1
    value: Callable[[Floats], Any] = lambda z: 1 / (1 + np.exp(-z[:, 0]))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"z{i}" for i in range(self.width))

    def start(self) -> Floats:
        return np.zeros(self.width)

    def log_prior(self, z: Floats) -> Floats:
        return np.zeros(len(z))

    def log_likelihood(self, z: Floats) -> Floats:
        return self.log(z)[:, None]

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        return self.log(z), self.slope(z)

    def quantities(self, z: Floats) -> dict[str, Floats]:
        return {"value": self.value(z)}


def _normal(z: Floats) -> Floats:
    return -0.5 * np.square(z).sum(axis=1)


def _normal_slope(z: Floats) -> Floats:
    return -z


def calm(data: Data, options: Options) -> Model:
    """A beta law of a rate, in its log odds: Beta(alpha, beta)."""
    a, b = float(options.get("alpha", 30.0)), float(options.get("beta", 70.0))
    return Model(
        lambda z: -a * np.logaddexp(0, -z[:, 0]) - b * np.logaddexp(0, z[:, 0]),
        lambda z: a - (a + b) / (1 + np.exp(-z)),
    )


def nan_density(data: Data, options: Options) -> Model:
    return Model(lambda z: np.full(len(z), np.nan), _normal_slope)


def nan_gradient(data: Data, options: Options) -> Model:
    return Model(_normal, lambda z: np.full(z.shape, np.nan))


def infinite_density(data: Data, options: Options) -> Model:
    return Model(lambda z: np.full(len(z), np.inf), _normal_slope)


def minus_infinity(data: Data, options: Options) -> Model:
    return Model(lambda z: np.full(len(z), -np.inf), _normal_slope)


def spike_to_infinity(data: Data, options: Options) -> Model:
    """The density has a pole at the start."""
    return Model(
        lambda z: -0.5 * np.log(np.abs(z[:, 0])) - 0.5 * np.square(z[:, 0]),
        lambda z: -0.5 / z - z,
    )


def improper(data: Data, options: Options) -> Model:
    """Nothing holds the coordinate: the posterior has no integral."""
    return Model(lambda z: np.zeros(len(z)), np.zeros_like)


def runaway(data: Data, options: Options) -> Model:
    """The density rises for ever."""
    return Model(lambda z: z[:, 0], np.ones_like)


def nan_half(data: Data, options: Options) -> Model:
    """Not a number on one side of the mode."""

    def log(z: Floats) -> Floats:
        return np.where(z[:, 0] > 0.1, np.nan, _normal(z))

    return Model(log, _normal_slope)


def two_modes(data: Data, options: Options) -> Model:
    """Two equal modes forty standard deviations apart."""

    def log(z: Floats) -> Floats:
        rest = np.square(z[:, 1:]).sum(axis=1)
        return -0.5 * rest + np.logaddexp(-0.5 * np.square(z[:, 0] + 20), -0.5 * np.square(z[:, 0] - 20))

    def slope(z: Floats) -> Floats:
        share = 1 / (1 + np.exp(-40 * z[:, :1]))
        return np.concatenate([-(z[:, :1] + 20 - 40 * share), -z[:, 1:]], axis=1)

    return Model(log, slope, int(options.get("width", 3)))


def funnel(data: Data, options: Options) -> Model:
    """Neal's, with nine coordinates in the neck."""

    def log(z: Floats) -> Floats:
        tight = np.square(z[:, 1:]).sum(axis=1) * np.exp(-z[:, 0])
        return -0.5 * (np.square(z[:, 0] / 3) + tight + 9 * z[:, 0])

    def slope(z: Floats) -> Floats:
        shrunk = z[:, 1:] * np.exp(-z[:, :1])
        first = -z[:, :1] / 9 + 0.5 * (z[:, 1:] * shrunk).sum(axis=1, keepdims=True) - 4.5
        return np.concatenate([first, -shrunk], axis=1)

    return Model(log, slope, 10)


def cauchy(data: Data, options: Options) -> Model:
    """Tails so heavy that the draws have no mean."""
    return Model(
        lambda z: -np.log1p(np.square(z)).sum(axis=1),
        lambda z: -2 * z / (1 + np.square(z)),
        value=lambda z: z[:, 0],
    )


def wrong_gradient(data: Data, options: Options) -> Model:
    """The slope points uphill to somewhere else."""
    return Model(_normal, lambda z: 50 + z, 3)


def nan_quantity(data: Data, options: Options) -> Model:
    return Model(_normal, _normal_slope, value=lambda z: np.full(len(z), np.nan))


def infinite_quantity(data: Data, options: Options) -> Model:
    return Model(_normal, _normal_slope, value=lambda z: np.full(len(z), np.inf))


def constant_quantity(data: Data, options: Options) -> Model:
    """Every draw the same: a posterior without any spread."""
    return Model(_normal, _normal_slope, value=lambda z: np.full(len(z), 0.25))


def beyond_the_family(data: Data, options: Options) -> Model:
    """A probability that is normal around 7."""
    return Model(_normal, _normal_slope, value=lambda z: 7 + z[:, 0])


def vector_quantity(data: Data, options: Options) -> Model:
    return Model(_normal, _normal_slope, value=lambda z: np.stack([z[:, 0], z[:, 0]], axis=1))


def other_name(data: Data, options: Options) -> Any:
    class Other(Model):
        def quantities(self, z: Floats) -> dict[str, Floats]:
            return {"rate": z[:, 0]}

    return Other(_normal, _normal_slope)


def wrong_shape(data: Data, options: Options) -> Model:
    """One density for all points together."""
    return Model(lambda z: _normal(z)[:1], _normal_slope)


def wrong_gradient_shape(data: Data, options: Options) -> Model:
    return Model(_normal, lambda z: -z[:, 0])


def wrong_quantity_shape(data: Data, options: Options) -> Model:
    return Model(_normal, _normal_slope, value=lambda z: z[:3, 0])


def raises(data: Data, options: Options) -> Model:
    raise ZeroDivisionError("the model divides by zero")


def raises_late(data: Data, options: Options) -> Model:
    def log(z: Floats) -> Floats:
        raise ValueError("no density today")

    return Model(log, log)


def text_density(data: Data, options: Options) -> Any:
    return Model(lambda z: np.array(["low"] * len(z)), _normal_slope)  # type: ignore[arg-type,return-value]


def no_model(data: Data, options: Options) -> Any:
    return None


def recursion(data: Data, options: Options) -> Model:
    return recursion(data, options)


def interrupt(data: Data, options: Options) -> Model:
    raise KeyboardInterrupt


def leave(data: Data, options: Options) -> Model:
    sys.exit(3)


def leave_at_once(data: Data, options: Options) -> Model:
    print("the library gave up", flush=True)
    os._exit(7)


def kill(data: Data, options: Options) -> Model:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    return calm(data, options)


def kill_later(data: Data, options: Options) -> Model:
    """Killed from a thread while the fit is under way."""
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
    return slow(data, options)


def segfault(data: Data, options: Options) -> Model:
    faulthandler.enable()
    ctypes.string_at(0)
    return calm(data, options)


def abort(data: Data, options: Options) -> Model:
    os.abort()


def hog(data: Data, options: Options) -> Model:
    """A gigabyte and more, written to."""
    return Model(lambda z: np.ones(int(options.get("numbers", 3e8)))[: len(z)], _normal_slope)


def slow(data: Data, options: Options) -> Model:
    """As calm as the calm one, and in no hurry."""

    def log(z: Floats) -> Floats:
        time.sleep(float(options.get("seconds", 0.05)))
        return _normal(z)

    return Model(log, _normal_slope)


def asleep(data: Data, options: Options) -> Model:
    """It hangs, and asks nobody whether to go on."""
    time.sleep(600)
    return calm(data, options)


def noisy(data: Data, options: Options) -> Model:
    """It prints where answers of commands are printed."""
    print("hello from the model", flush=True)
    os.write(1, b"and from below\n")
    return calm(data, options)


def meeting(data: Data, options: Options) -> Model:
    """It waits until as many as are invited are there at the same time; its value says where it was built."""
    place, until = Path(str(options["folder"])), time.monotonic() + 20
    (place / str(os.getpid())).touch()
    while len(list(place.iterdir())) < int(options["invited"]):
        if time.monotonic() > until:
            raise TimeoutError("nobody came")
        time.sleep(0.01)
    return Model(_normal, _normal_slope, value=lambda z: np.full(len(z), float(os.getpid())))


def offspring(data: Data, options: Options) -> Model:
    """It starts a process that outlives it, with all its descriptors."""
    child = os.fork()
    if child == 0:
        time.sleep(600)
        os._exit(0)
    with open(str(options["file"]), "w") as file:
        file.write(f"{os.getpid()} {child}")
    if options.get("end") == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)
    return calm(data, options)


def unsendable(data: Data, options: Options) -> Any:
    """A model with a way of its own to fit, whose answer pickle refuses."""

    class Fast(Model):
        def fast_fit(self, request: FitRequest) -> Fit:
            points = np.random.default_rng(1).normal(size=(4, 500, 3))
            figures: Any = {"k_hat": 0.0, "importance_ess": 2000.0, "callback": lambda: None}
            return Fit("nested-laplace", {"value": points[..., 0]}, points, diagnostics=figures)

    return Fast(_normal, _normal_slope, 3)


def bulky(data: Data, options: Options) -> Model:
    """A good answer with draws of megabytes beside it."""

    class Bulky(Model):
        def quantities(self, z: Floats) -> dict[str, Floats]:
            return {"value": self.value(z), "path": np.random.default_rng(1).random((len(z), 500))}

    return Bulky(_normal, _normal_slope, value=lambda z: 1 / (1 + np.exp(1 - z[:, 0] / 9)))


def stuck(data: Data, options: Options) -> Model:
    """So rough, and so unlike its slope, that hardly any proposal is accepted."""
    return Model(lambda z: 1e6 * np.sin(1e9 * z[:, 0]) + _normal(z), _normal_slope)


def large(data: Data, options: Options) -> Model:
    """Draws of many megabytes."""
    return Model(_normal, _normal_slope, value=lambda z: np.ones((len(z), int(options["columns"]))))
