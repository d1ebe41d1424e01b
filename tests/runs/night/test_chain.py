"""The chain of prior versions, without a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import UpdateRule
from evenfall.runs.night.chain import (
    Chain,
    absorbed_belief,
    chain_of,
    declared,
    find_write_back,
    promoted,
    rebuilt,
    same_numbers,
)
from evenfall.store.records import PosteriorRecord, PriorVersion

D = date(2026, 9, 1)
ONE = timedelta(days=1)
SEEN = datetime(2026, 9, 8, 6, tzinfo=UTC)
RULE = UpdateRule()
WEEK = Observations.of([(D + n * ONE, D + (n + 1) * ONE, 10, n, 0) for n in range(7)])


def beta(alpha: float, b: float, kind: str = "manual") -> Belief:
    return Belief("beta", ("alpha", "beta"), (alpha, b), Origin(kind))


def declare(chain: Chain | None, belief: Belief, absorbed_until: date | None = None) -> Chain:
    return declared(chain, belief, absorbed_until, parameter_id="p", definition_hash="h", seen_at=SEEN)


def saved(version: PriorVersion, number: int, root: int | None = None) -> PriorVersion:
    """Return the version as the store numbers it."""
    return replace(version, version=number, root=number if root is None else root)


def stored(chain: Chain) -> Chain:
    root = saved(chain.root, 1)
    return Chain(root, root if chain.head is chain.root else saved(chain.head, 2, 1))


def accepted(watermark: date, *, mean: float = 0.3, stdev: float = 0.05, number: int = 1) -> PosteriorRecord:
    return PosteriorRecord(
        parameter_id="p",
        as_of=watermark + ONE,
        prior_version=1,
        belief=beta(1, 1),
        mean=mean,
        stdev=stdev,
        lower=0,
        upper=1,
        sums=(0, 0, 0),
        counted_until=watermark,
        watermark=watermark,
        kappa=None,
        half_life_days=None,
        query_hash="q",
        definition_hash="h",
        inputs_hash=str(number),
        seen_at=SEEN + number * ONE,
        id=number,
    )


def test_the_first_numbers_are_a_root() -> None:
    chain = declare(None, beta(8, 17))
    assert chain.head is chain.root
    assert (chain.root.reason, chain.root.mean) == ("declared", pytest.approx(0.32))


def test_the_same_numbers_again_change_nothing_and_others_are_a_new_root() -> None:
    chain = declare(None, beta(8, 17))
    assert declare(chain, beta(8, 17 * (1 + 1e-14))) is chain
    assert declare(chain, beta(8, 17.001)).root.belief.theta == (8, 17.001)
    assert declare(chain, beta(8, 17), D).root.absorbed_until == D


def test_a_fallback_never_replaces_anything_and_gives_way_to_everything() -> None:
    chain = declare(None, beta(8, 17))
    assert declare(chain, beta(1, 1, "fallback")) is chain
    fallback = declare(None, beta(1, 1, "fallback"))
    assert fallback.root.reason == "fallback"
    assert declare(fallback, beta(8, 17)).root.reason == "declared"


def test_a_promoted_version_is_the_root_times_the_closed_days() -> None:
    # days 0..4 are closed: 0 + 1 + 2 + 3 + 4 = 10 successes of 50
    chain = promoted(stored(declare(None, beta(8, 17))), WEEK, accepted(D + 5 * ONE), RULE, SEEN)
    assert chain.head.belief.theta == (18, 57)
    assert (chain.head.root, chain.head.absorbed_until, chain.root.version) == (1, D + 5 * ONE, 1)


def test_days_the_root_has_absorbed_are_not_multiplied_in_again() -> None:
    root = stored(declare(None, beta(8, 17), D + 3 * ONE)).root
    assert absorbed_belief(root, WEEK, D + 5 * ONE, RULE).theta == (8 + 7, 17 + 13)


def test_an_older_or_equal_posterior_promotes_nothing() -> None:
    chain = promoted(stored(declare(None, beta(8, 17))), WEEK, accepted(D + 5 * ONE), RULE, SEEN)
    for days in (4, 5):
        assert promoted(chain, WEEK, accepted(D + days * ONE), RULE, SEEN) is chain
    assert promoted(chain, WEEK, accepted(D + 6 * ONE), RULE, SEEN).head.belief.theta == (23, 62)


def test_a_restatement_of_absorbed_days_rebuilds_the_head_and_one_of_open_days_does_not() -> None:
    chain = stored(promoted(stored(declare(None, beta(8, 17))), WEEK, accepted(D + 5 * ONE), RULE, SEEN))
    rows = [(D + n * ONE, D + (n + 1) * ONE, 10.0, float(n), 0.0) for n in range(7)]
    assert rebuilt(chain, Observations.of(rows), RULE, SEEN) is chain
    rows[6] = (*rows[6][:3], 9.0, 0.0)
    assert rebuilt(chain, Observations.of(rows), RULE, SEEN) is chain
    rows[0] = (*rows[0][:3], 9.0, 0.0)
    again = rebuilt(chain, Observations.of(rows), RULE, SEEN)
    assert (again.head.reason, again.head.belief.theta) == ("rebuilt", (27, 48))
    assert again.head.belief.origin == chain.head.belief.origin


def test_a_root_is_never_rebuilt() -> None:
    chain = declare(None, beta(8, 17), D + 3 * ONE)
    assert rebuilt(chain, WEEK, RULE, SEEN) is chain


def test_the_newest_version_is_in_force_with_the_root_it_stands_on() -> None:
    root = saved(declare(None, beta(8, 17)).root, 1)
    other = replace(saved(root, 2), seen_at=SEEN + ONE)
    head = replace(saved(root, 3, 1), reason="promoted", seen_at=SEEN + 2 * ONE)
    assert chain_of([]) is None
    assert chain_of([root, other]) == Chain(other, other)
    assert chain_of([head, other, root]) == Chain(root, head)
    # of two of one night the later written is in force; one seen later wins over a higher number
    assert chain_of([root, saved(root, 4)]) == Chain(saved(root, 4), saved(root, 4))
    assert chain_of([saved(root, 5), other]) == Chain(other, other)


def test_numbers_are_the_same_to_twelve_digits() -> None:
    assert same_numbers(beta(8, 17), beta(8 * (1 + 5e-13), 17, "sql"))
    assert not same_numbers(beta(8, 17), beta(8 * (1 + 2e-12), 17))
    assert not same_numbers(beta(8, 17), Belief("gamma", ("shape", "rate"), (8, 17), Origin("manual")))


def test_a_write_back_is_the_oldest_posterior_with_its_mean_and_stdev() -> None:
    # Beta(8, 17): mean .32, sd sqrt(.32 * .68 / 26)
    mean, stdev = 0.32, (0.32 * 0.68 / 26) ** 0.5
    written = [accepted(D, mean=mean, stdev=stdev, number=n) for n in (3, 1, 2)]
    found = find_write_back(beta(8, 17, "sheets"), written)
    assert found is not None
    assert found.id == 1
    assert find_write_back(beta(8, 17.0001), written) is None
    assert find_write_back(beta(8, 17), [accepted(D, mean=mean, stdev=stdev * (1 + 1e-11))]) is None
    assert find_write_back(beta(8, 17), []) is None
