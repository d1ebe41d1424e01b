"""What changes the identity of a definition, and what does not."""

from __future__ import annotations

import pytest

from .conftest import Load

PLAIN = """\
id: p
name: One
value: {mean: 0.3, stdev: 0.06}
context_filter: {channel: google, device: mobile}
visited_filter: [home, pricing]
observation_source:
  type: duckdb
  query: SELECT 1
model_fit: {thresholds: {divergence_threshold: 3}}
metadata: {description: first}
"""


def hash_of(load_files: Load, text: str) -> str:
    registry = load_files({"parameters/p.yaml": text})
    assert registry.problems == ()
    return registry.parameter("p").definition_hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: One", "name: Another"),
        ("id: p\n", "# said elsewhere\nid:   'p'\n\n"),
        ("id: p\n", "type: probability\nid: p\n"),
        ("{mean: 0.3, stdev: 0.06}", "{stdev: 6.0e-2, mean: .3}"),
        ("divergence_threshold: 3", "divergence_threshold: 3.0"),
        ("{channel: google, device: mobile}", "{device: mobile, channel: google}"),
        ("[home, pricing]", "{operator: AND, nodes: [home, pricing]}"),
        ("SELECT 1", "SELECT 1\n  connection: data\n  min_sample_size: 100\n  parameters: {}"),
        ("metadata: {description: first}", "metadata: {tags: [a], version: 2}"),
        ("metadata: {description: first}", "posterior_destination: {write_frequency: 1d}"),
        ("divergence_threshold: 3}", "divergence_threshold: 3}, alerts: {type: email, email: a@b.c}"),
    ],
)
def test_layout_names_notes_alerts_and_destinations_change_nothing(
    load_files: Load, old: str, new: str
) -> None:
    assert old in PLAIN
    assert hash_of(load_files, PLAIN.replace(old, new)) == hash_of(load_files, PLAIN)


def test_a_new_version_of_the_program_leaves_the_hash_as_it_is(load_files: Load) -> None:
    """Recorded when the hash was defined: keys added later must not change the identity of old files."""
    assert hash_of(load_files, PLAIN) == "391290cb25a3b78affdfcd42973f6f1b8b6481959a2c30f35fed72af3e7569ea"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("mean: 0.3,", "mean: 0.31,"),
        ("google", "direct"),
        ("pricing", "prices"),
        ("SELECT 1", "SELECT 2"),
        ("SELECT 1", "SELECT 1\n  min_sample_size: 50"),
        ("divergence_threshold: 3", "divergence_threshold: 2.5"),
        ("name: One", "bayesian_update: {overdispersion: learned}"),
        ("stdev: 0.06", "stdev: 0.06, absorbed_until: 2025-10-01"),
    ],
)
def test_everything_the_numbers_depend_on_changes_it(load_files: Load, old: str, new: str) -> None:
    assert old in PLAIN
    assert hash_of(load_files, PLAIN.replace(old, new)) != hash_of(load_files, PLAIN)


LATENT = """\
id: p
value: {mean: 0.3, stdev: 0.06}
observation_source: {type: events, table: e, attempt: a, success: b, columns: {channel: c}}
"""


def test_a_part_whose_presence_alone_says_something_changes_the_identity(load_files: Load) -> None:
    texts = [
        LATENT,
        LATENT + "latency: {}\n",
        LATENT + "latency: {family: weibull}\n",
        LATENT + "bayesian_update: {pooling: {}}\n",
        LATENT + "bayesian_update: {pooling: {visited: [home]}}\n",
        LATENT + "bayesian_update: {pooling: {effects: [], visited: [home]}}\n",
        LATENT + "bayesian_update: {pooling: none}\n",
    ]
    assert len({hash_of(load_files, text) for text in texts}) == len(texts)
    same = hash_of(load_files, LATENT + "latency: {family: lognormal, max_age_days: 60, onset: false}\n")
    assert same == hash_of(load_files, texts[1])
