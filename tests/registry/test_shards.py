"""Templates and the parameters they become."""

from __future__ import annotations

import pytest

from evenfall.errors import UnknownName

from .conftest import Load

CHANNEL = 'id: channel\nvalues: [{id: google}, {id: "O\'Brien"}]\n'
DEVICE = "id: device\nvalues: [{id: mobile}, {id: desktop}]\n"
TEMPLATE = """\
id: signup
edge_reference: e.signup.visited(pricing).p.mean
value: {mean: 0.3, stdev: 0.06}
observation_source:
  type: duckdb
  query_template: |
    SELECT '{{ channel }}' AS context_channel, COUNT(*) AS trials, SUM(ok) AS successes
    FROM visits WHERE day >= :start_date AND day < :end_date
    {% if device %} AND device = '{{ device }}' {% endif %}
    GROUP BY channel
  context_variables: [device, channel, browser]
"""


def test_one_parameter_per_combination_with_sorted_keys(load_files: Load) -> None:
    registry = load_files(
        {"contexts/c.yaml": CHANNEL, "contexts/d.yaml": DEVICE, "parameters/signup.yaml": TEMPLATE}
    )
    assert registry.problems == ()
    assert list(registry.parameters) == [
        "signup[channel=O'Brien,device=desktop]",
        "signup[channel=O'Brien,device=mobile]",
        "signup[channel=google,device=desktop]",
        "signup[channel=google,device=mobile]",
    ]
    shard = registry.parameter("signup[channel=O'Brien,device=mobile]")
    assert shard.template_id == "signup"
    assert shard.shard == shard.context_filter == {"channel": "O'Brien", "device": "mobile"}
    assert (
        shard.edge_reference == "e.signup.visited(pricing).context(channel='O''Brien',device='mobile').p.mean"
    )
    assert shard.locate("observation_source.query_template") == ("parameters/signup.yaml", 6, 19)
    assert (
        shard.declared_prior() == registry.parameter("signup[channel=google,device=mobile]").declared_prior()
    )
    assert len({parameter.definition_hash for parameter in registry.parameters.values()}) == 4


def test_the_templates_own_id_is_not_a_parameter_and_says_so(load_files: Load) -> None:
    registry = load_files({"contexts/c.yaml": CHANNEL, "parameters/signup.yaml": TEMPLATE})
    with pytest.raises(UnknownName, match=r"it is a template; name one of its shards"):
        registry.parameter("signup")
    with pytest.raises(UnknownName, match="no parameter is called 'sign'"):
        registry.parameter("sign")


def test_values_fixed_by_the_filter_stay_fixed(load_files: Load) -> None:
    text = TEMPLATE + "context_filter: {channel: google, geo_country: DE}\n"
    registry = load_files(
        {"contexts/c.yaml": CHANNEL, "contexts/d.yaml": DEVICE, "parameters/signup.yaml": text}
    )
    assert list(registry.parameters) == [
        "signup[channel=google,device=desktop]",
        "signup[channel=google,device=mobile]",
    ]
    shard = registry.parameter("signup[channel=google,device=mobile]")
    assert shard.context_filter == {"channel": "google", "geo_country": "DE", "device": "mobile"}


def test_a_template_without_group_by_is_one_parameter(load_files: Load) -> None:
    ungrouped = TEMPLATE.replace("GROUP BY channel", "")
    text = ungrouped + "context_filter: {channel: google}\n"
    for written in (ungrouped, text):
        registry = load_files({"contexts/c.yaml": CHANNEL, "parameters/signup.yaml": written})
        assert list(registry.parameters) == ["signup"]
    assert registry.parameter("signup").context_filter == {"channel": "google"}
    assert registry.parameter("signup").shard == {}
    assert registry.parameter("signup").template_id is None


def test_a_template_whose_values_are_all_fixed_is_one_parameter(load_files: Load) -> None:
    text = TEMPLATE.replace("[device, channel, browser]", "[channel]") + "context_filter: {channel: google}\n"
    registry = load_files({"contexts/c.yaml": CHANNEL, "parameters/signup.yaml": text})
    assert list(registry.parameters) == ["signup"]


def test_a_template_of_too_many_shards_is_flagged_and_stays_one(load_files: Load) -> None:
    values = ", ".join(f"{{id: v{i}}}" for i in range(101))
    files = {
        "contexts/c.yaml": f"id: channel\nvalues: [{values}]\n",
        "contexts/d.yaml": f"id: device\nvalues: [{values}]\n",
        "parameters/signup.yaml": TEMPLATE,
    }
    registry = load_files(files)
    assert [problem.message for problem in registry.problems] == ["a template of 10,201 shards"]
    assert registry.parameter("signup").config_error is registry.problems[0]


def test_values_that_read_alike_in_an_id_are_flagged(load_files: Load) -> None:
    files = {
        "contexts/a.yaml": "id: channel\nvalues: [{id: 'x,device=y'}, {id: x}]\n",
        "contexts/b.yaml": "id: device\nvalues: [{id: z}, {id: 'y,device=z'}]\n",
        "parameters/signup.yaml": TEMPLATE,
    }
    registry = load_files(files)
    assert [str(problem) for problem in registry.problems] == [
        "parameters/signup.yaml:11:22 observation_source.context_variables "
        "'signup[channel=x,device=y,device=z]' — two shards with one id: rename a context value"
    ]
    assert list(registry.parameters) == ["signup"]
