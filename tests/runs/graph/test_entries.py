"""Shares a user gives, spread over the slices there are."""

from __future__ import annotations

import itertools

import pytest

from evenfall.errors import UnknownName, UsageError
from evenfall.funnels.mixing import assumed_mix, measured_mix, slice_label
from evenfall.runs.graph.entries import divide

CHANNELS = [{"channel": "google"}, {"channel": "facebook"}]
JOINT = [
    {"channel": channel, "device": device}
    for channel, device in itertools.product(("google", "facebook"), ("mobile", "desktop"))
]
LABELS = [slice_label(context) for context in JOINT]
EQUAL = assumed_mix(LABELS)


def test_shares_of_values_are_those_of_their_slices() -> None:
    mix = divide(
        {"facebook": 80, "google": 20}, CHANNELS, assumed_mix(["channel=google", "channel=facebook"])
    )
    assert dict(zip(mix.slices, mix.shares, strict=True)) == pytest.approx(
        {"channel=google": 0.2, "channel=facebook": 0.8}
    )
    assert mix.source == "given"


def test_a_values_share_is_divided_among_its_slices_as_entries_are_now() -> None:
    """google 29 mobile and 9 desktop: with the Dirichlet's one each, 30 and 10 of 40; facebook 1 and 3."""
    now = measured_mix(dict(zip(LABELS, (29.0, 9.0, 0.0, 2.0), strict=True)))
    mix = divide({"google": 0.2, "facebook": 0.8}, JOINT, now)
    expected = (0.2 * 0.75, 0.2 * 0.25, 0.8 * 0.25, 0.8 * 0.75)
    assert dict(zip(mix.slices, mix.shares, strict=True)) == pytest.approx(
        dict(zip(LABELS, expected, strict=True))
    )


def test_either_context_may_be_divided_and_joint_slices_be_named() -> None:
    by_device = divide({"mobile": 1, "desktop": 0}, JOINT, EQUAL)
    assert by_device.shares == pytest.approx((0.5, 0, 0.5, 0))
    named = {
        "device=mobile,channel=google": 4,
        "channel=google,device=desktop": 3,
        "channel=facebook,device=mobile": 2,
        "channel=facebook,device=desktop": 1,
    }
    assert divide(named, JOINT, EQUAL).shares == pytest.approx((0.4, 0.3, 0.2, 0.1))


def test_shares_that_fit_no_slice_or_leave_one_out_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean google"):
        divide({"gogle": 1, "facebook": 1}, JOINT, EQUAL)
    with pytest.raises(UnknownName, match="no slice is called 'channel=google'"):
        divide({"channel=google": 1}, JOINT, EQUAL)
    with pytest.raises(UsageError, match="says nothing of facebook"):
        divide({"google": 1}, JOINT, EQUAL)
    with pytest.raises(UsageError, match="nothing is selected"):
        divide({"google": 1}, [{}], assumed_mix([""]))
