"""Every refusal a user can meet, as it is printed: file:line:column path value — what is allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Load

type Problems = Callable[[str], list[str]]

QUERY = "{type: sql, connection: data, query: 'SELECT 1'"
VALUE = "value: {mean: 0.3, stdev: 0.06}\n"


def case(name: str, text: str, said: str) -> object:
    return pytest.param(text, said, id=name.replace(" ", "-"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        case(
            "unknown key",
            f"id: p\ntpye: rate\n{VALUE}",
            "parameters/p.yaml:2:1 tpye 'rate' — unknown key: did you mean type?",
        ),
        case(
            "unknown key far from any",
            f"id: p\n{VALUE}model_fit:\n  limits: 3\n",
            "parameters/p.yaml:4:3 model_fit.limits 3 — unknown key: allowed: alarm, alerts, thresholds",
        ),
        case(
            "unknown key inside a union",
            f"id: p\n{VALUE}observation_source: {QUERY}, quary: x}}\n",
            "parameters/p.yaml:3:70 observation_source.quary 'x' — unknown key: did you mean query?",
        ),
        case("no id", VALUE, "parameters/p.yaml:1:1 id — required: add the key id"),
        case(
            "dots in an id",
            f"id: a..b\n{VALUE}",
            "parameters/p.yaml:1:5 id 'a..b' — not an id: use 1 to 64 letters",
        ),
        case("path as id", f"id: ../x\n{VALUE}", "parameters/p.yaml:1:5 id '../x' — not an id"),
        case("long id", f"id: {'a' * 65}\n{VALUE}", "parameters/p.yaml:1:5 id 'aaaa"),
        case(
            "number as id", f"id: 7\n{VALUE}", "parameters/p.yaml:1:5 id 7 — must be text: put it in quotes"
        ),
        case("not a mapping", "- id: p\n", "parameters/p.yaml:1:1 — the file must hold a mapping"),
        case("empty", "# nothing\n", "parameters/p.yaml:1:1 — the file must hold a mapping"),
        case(
            "unknown word",
            f"id: p\ntype: probabilty\n{VALUE}",
            "parameters/p.yaml:2:7 type 'probabilty' — not one of the allowed words: did you mean probability?",
        ),
        case(
            "text for a number",
            "id: p\nvalue: {mean: '0.3', stdev: 0.06}\n",
            "parameters/p.yaml:2:15 value.mean '0.3' — must be a number: write it without quotes",
        ),
        case(
            "truth for a number",
            "id: p\nvalue: {mean: true, stdev: 0.06}\n",
            "parameters/p.yaml:2:15 value.mean True — must be a number",
        ),
        case(
            "infinity",
            "id: p\nvalue: {mean: .inf, stdev: 0.06}\n",
            "parameters/p.yaml:2:15 value.mean inf — must be a finite number",
        ),
        case(
            "half a sample",
            f"id: p\n{VALUE}observation_source: {QUERY}, min_sample_size: 99.5}}\n",
            "parameters/p.yaml:3:87 observation_source.min_sample_size 99.5 — must be a whole number",
        ),
        case(
            "no sample",
            f"id: p\n{VALUE}observation_source: {QUERY}, min_sample_size: 0}}\n",
            "parameters/p.yaml:3:87 observation_source.min_sample_size 0 — must be greater than or equal to 1",
        ),
        case(
            "list for a mapping",
            "id: p\nvalue: [0.3, 0.06]\n",
            "parameters/p.yaml:2:8 value — must be a mapping",
        ),
        case(
            "stdev too large",
            "id: p\nvalue: {mean: 0.3, stdev: 0.5}\n",
            "parameters/p.yaml:2:27 value.stdev 0.5 — ",
        ),
        case(
            "mean of one",
            "id: p\nvalue: {mean: 1, stdev: 0.1}\n",
            "parameters/p.yaml:2:25 value.stdev 0.1 — ",
        ),
        case(
            "alpha and mean disagree",
            "id: p\nbayesian_update: {prior: {alpha: 8, beta: 17, mean: 0.32, stdev: 0.06}}\n",
            "parameters/p.yaml:2:66 bayesian_update.prior.stdev 0.06 — ",
        ),
        case(
            "fallback stdev too large",
            f"id: p\n{VALUE}fallback_value: {{mean: 0.3, stdev: 0.6}}\n",
            "parameters/p.yaml:3:36 fallback_value.stdev 0.6 — ",
        ),
        case(
            "no noise",
            "id: p\ntype: mean\nvalue: {mean: 50, stdev: 5}\n",
            "parameters/p.yaml:3:26 value.stdev 5 — ",
        ),
        case(
            "distribution of another type",
            "id: p\ntype: rate\nbayesian_update: {prior: {distribution: beta, alpha: 8, beta: 17}}\n",
            "parameters/p.yaml:3:41 bayesian_update.prior.distribution 'beta' — no exact update of a rate has this prior",
        ),
        case(
            "query and template",
            f"id: p\n{VALUE}observation_source: {QUERY}, query_template: 'SELECT 2'}}\n",
            "parameters/p.yaml:3:21 observation_source — both query and query_template: keep one of them",
        ),
        case(
            "no query",
            f"id: p\n{VALUE}observation_source: {{type: sql, connection: data}}\n",
            "parameters/p.yaml:3:21 observation_source — neither query nor query_template: write one of them",
        ),
        case(
            "context variables without a template",
            f"id: p\n{VALUE}observation_source: {QUERY}, context_variables: [channel]}}\n",
            "parameters/p.yaml:3:21 observation_source — context_variables without query_template",
        ),
        case(
            "unknown source",
            f"id: p\n{VALUE}observation_source: {{type: bigqery, query: x}}\n",
            "parameters/p.yaml:3:28 observation_source.type 'bigqery' — unknown type: did you mean bigquery?",
        ),
        case(
            "source without a type",
            f"id: p\n{VALUE}observation_source: {{query: x}}\n",
            "parameters/p.yaml:3:1 observation_source.type — required: add the key type: events, sql, duckdb",
        ),
        case(
            "prior source of an unknown type",
            "id: p\nprior_source: {type: sheet, url: x, range: y}\n",
            "parameters/p.yaml:2:22 prior_source.type 'sheet' — unknown type: did you mean sheets?",
        ),
        case(
            "sheets without a range",
            "id: p\nprior_source: {type: sheets, url: x}\n",
            "parameters/p.yaml:2:1 prior_source.range — required: add the key range",
        ),
        case(
            "refresh frequency in words",
            f"id: p\n{VALUE}observation_source: {QUERY}, refresh_frequency: hourly}}\n",
            "parameters/p.yaml:3:89 observation_source.refresh_frequency 'hourly' — not a duration: write digits",
        ),
        case(
            "refresh frequency as in the document's pattern",
            f"id: p\n{VALUE}observation_source: {QUERY}, refresh_frequency: '\\\\1h'}}\n",
            "parameters/p.yaml:3:89 observation_source.refresh_frequency",
        ),
        case(
            "refresh frequency of nothing",
            f"id: p\n{VALUE}observation_source: {QUERY}, refresh_frequency: 0d}}\n",
            "parameters/p.yaml:3:89 observation_source.refresh_frequency '0d' — not a duration: write 1s to 3660d",
        ),
        case(
            "refresh frequency of ages",
            f"id: p\n{VALUE}posterior_destination: {{write_frequency: 99999999999999999999d}}\n",
            "parameters/p.yaml:3:42 posterior_destination.write_frequency '99999999999999999999d' — not a duration",
        ),
        case(
            "bad time",
            f"id: p\n{VALUE}observation_source: {QUERY}, parameters: {{start_date: last week}}}}\n",
            "parameters/p.yaml:3:95 observation_source.parameters.start_date 'last week' — not a time: write NOW()",
        ),
        case(
            "unknown format",
            f"id: p\n{VALUE}posterior_destination:\n  destinations:\n    - type: sheets\n      url: x\n"
            "      range: A1:B2\n      format: [param_id, posterior_man]\n",
            "parameters/p.yaml:8:26 posterior_destination.destinations[0].format[1] 'posterior_man' — "
            "not one of the allowed words: did you mean posterior_mean",
        ),
        case(
            "destination mode",
            f"id: p\n{VALUE}posterior_destination:\n  destinations:\n    - {{type: sql, connection: data, table: t, mode: upset}}\n",
            "parameters/p.yaml:5:53 posterior_destination.destinations[0].mode 'upset' — "
            "not one of the allowed words: did you mean upsert?",
        ),
        case(
            "sheet that is its own prior",
            "id: p\nprior_source: {type: sheets, url: https://s/d/abc/edit, range: 'Priors!B2:C2'}\n"
            "posterior_destination:\n  destinations:\n"
            "    - {type: sheets, url: https://s/d/abc/view, range: 'Priors!A:H'}\n",
            "parameters/p.yaml:5:56 posterior_destination.destinations[0].range 'Priors!A:H' — this range is the "
            "parameter's own prior source: use prior_source type: posterior_history",
        ),
        case(
            "table that is its own prior",
            "id: p\nprior_source: {type: sql, connection: data, query: 'SELECT mean, stdev FROM beliefs'}\n"
            "posterior_destination:\n  destinations:\n    - {type: sql, connection: data, table: main.beliefs}\n",
            "parameters/p.yaml:5:44 posterior_destination.destinations[0].table 'main.beliefs' — this table is the "
            "parameter's own prior source: use prior_source type: posterior_history",
        ),
        case(
            "result columns that are its own prior",
            "id: p\nobservation_source: {type: sql, query: SELECT * FROM beliefs, "
            "result_mapping: {alpha_prior: a, beta_prior: b}}\n"
            "posterior_destination:\n  destinations:\n    - {type: sql, connection: data, table: beliefs}\n",
            "parameters/p.yaml:5:44 posterior_destination.destinations[0].table 'beliefs' — this table is the",
        ),
        case(
            "unknown connection",
            f"id: p\n{VALUE}observation_source: {{type: sql, connection: analytics_datalak, query: x}}\n",
            "parameters/p.yaml:3:45 observation_source.connection 'analytics_datalak' — unknown connection: "
            "did you mean analytics_datalake?",
        ),
        case(
            "connection of another type",
            f"id: p\n{VALUE}observation_source: {{type: bigquery, connection: analytics_datalake, query: x}}\n",
            "parameters/p.yaml:3:28 observation_source.type 'bigquery' — the connection has another type: "
            "connection 'analytics_datalake' is postgres",
        ),
        case(
            "unknown context",
            f"id: p\n{VALUE}context_filter:\n  chanel: google\n",
            "parameters/p.yaml:4:3 context_filter.chanel 'chanel' — unknown context: did you mean channel?",
        ),
        case(
            "number as a context value",
            f"id: p\n{VALUE}context_filter:\n  channel: 7\n",
            "parameters/p.yaml:4:12 context_filter.channel 7 — must be text: put it in quotes",
        ),
        case(
            "context key with a dot",
            f"id: p\n{VALUE}context_filter:\n  chan.nel: google\n",
            "parameters/p.yaml:4:13 context_filter.chan.nel 'chan.nel' — not a slug",
        ),
        case(
            "unknown context variable",
            f"id: p\n{VALUE}observation_source: {{type: sql, query_template: x, context_variables: [devize]}}\n",
            "parameters/p.yaml:3:72 observation_source.context_variables[0] 'devize' — unknown context: "
            "did you mean device?",
        ),
        case(
            "unknown event column",
            f"id: p\n{VALUE}observation_source:\n  type: events\n  table: t\n  attempt: a\n  success: b\n"
            "  columns: {user: u, sesion: s}\n",
            "parameters/p.yaml:8:22 observation_source.columns.sesion 'sesion' — unknown context: "
            "did you mean session?",
        ),
        case(
            "statistic of another type",
            f"id: p\n{VALUE}observation_source: {QUERY}, result_mapping: {{events: e}}}}\n",
            "parameters/p.yaml:3:87 observation_source.result_mapping.events — a probability has no such statistic",
        ),
        case(
            "edge reference",
            f"id: p\n{VALUE}edge_reference: signup.p.mean\n",
            "parameters/p.yaml:3:17 edge_reference 'signup.p.mean' — not a reference to an edge: write it as e.<edge>",
        ),
        case(
            "node with a dot",
            f"id: p\n{VALUE}visited_filter: [home.page]\n",
            "parameters/p.yaml:3:18 visited_filter[0] 'home.page' — not a slug",
        ),
        case(
            "no nodes",
            f"id: p\n{VALUE}visited_filter: []\n",
            "parameters/p.yaml:3:17 visited_filter — is empty: list at least one",
        ),
        case(
            "unknown operator",
            f"id: p\n{VALUE}visited_filter: {{operator: XOR, nodes: [a]}}\n",
            "parameters/p.yaml:3:28 visited_filter.operator 'XOR' — not one of the allowed words: did you mean OR?",
        ),
        case(
            "model rule without a model",
            f"id: p\n{VALUE}bayesian_update: {{update_rule: model}}\n",
            "parameters/p.yaml:3:18 bayesian_update — update_rule: model and the key model belong together",
        ),
        case(
            "model that is no name",
            f"id: p\n{VALUE}bayesian_update: {{update_rule: model, model: my model}}\n",
            "parameters/p.yaml:3:46 bayesian_update.model 'my model' — has a form that is not allowed",
        ),
        case(
            "kappa of nothing",
            f"id: p\n{VALUE}bayesian_update: {{overdispersion: {{kappa: 0}}}}\n",
            "parameters/p.yaml:3:43 bayesian_update.overdispersion.kappa 0 — must be greater than 0",
        ),
        case(
            "discount in a word of its own",
            f"id: p\n{VALUE}bayesian_update: {{discount: leaned}}\n",
            "parameters/p.yaml:3:29 bayesian_update.discount 'leaned' — not one of the allowed words: "
            "did you mean learned?",
        ),
        case(
            "secret under an unknown key",
            f"id: p\n{VALUE}model_fit: {{alerts: {{type: slack, webhook_url: https://hooks/x}}}}\n",
            "parameters/p.yaml:3:35 model_fit.alerts.webhook_url '***' — unknown key: did you mean webhook?",
        ),
        case(
            "absorbed until no day",
            "id: p\nvalue: {mean: 0.3, stdev: 0.06, absorbed_until: tomorrow}\n",
            "parameters/p.yaml:2:49 value.absorbed_until 'tomorrow' — not a date: write it as YYYY-MM-DD",
        ),
        case(
            "no prior",
            "id: p\ntype: probability\n",
            "parameters/p.yaml:1:1 value — no prior: prior_source, bayesian_update.prior and value are all without",
        ),
        case(
            "history without a beginning",
            "id: p\nprior_source: {type: posterior_history}\n",
            "parameters/p.yaml:2:15 prior_source — posterior_history has nothing to begin with: add value:",
        ),
        case(
            "template without shards",
            f"id: p\n{VALUE}observation_source:\n  type: sql\n  query_template: SELECT 1 GROUP BY channel\n"
            "  context_variables: [channel]\n",
            "parameters/p.yaml:6:22 observation_source.context_variables 'channel' — a template whose contexts have "
            "no values: add contexts/channel.yaml",
        ),
    ],
)
def test_a_parameter_file_is_refused(problems_of: Problems, text: str, said: str) -> None:
    printed = problems_of(text)
    missing_webhook = [line for line in printed if ".webhook — required" in line]
    first = next(line for line in printed if line not in missing_webhook)
    assert first.startswith(said)
    assert len(printed) == 1 + len(missing_webhook), printed


def test_all_problems_of_all_files_are_reported_at_once(load_files: Load) -> None:
    registry = load_files(
        {
            "evenfall.toml": 'zone = "Europe/Berln"\nlookback = 3\n',
            "contexts/channel.yaml": "id: channel\nvalues: [{id: google}, {id: google}]\n",
            "graphs/g.json": '{"nodes": [{"slug": "a.b"}], "edges": 3}',
            "parameters/a.yaml": "id: a\nid: b\ntype: x\nvalue: {mean: 2, stdev: '1'}\n",
            "parameters/b.yaml": "id: [\n",
            "parameters/c.yaml": "id: c\nvalue: {mean: 0.3, stdev: 0.06}\n",
            "scenarios/s.yaml": "do: 1\ndo: 2\n",
        }
    )
    assert [(p.file, p.line, p.path) for p in registry.problems] == [
        ("contexts/channel.yaml", 1, ""),
        ("evenfall.toml", 1, "zone"),
        ("evenfall.toml", 2, "lookback"),
        ("graphs/g.json", 1, "nodes[0].slug"),
        ("graphs/g.json", 1, "edges"),
        ("parameters/a.yaml", 2, ""),
        ("parameters/a.yaml", 3, "type"),
        ("parameters/a.yaml", 4, "value.stdev"),
        ("parameters/b.yaml", 2, ""),
        ("scenarios/s.yaml", 2, ""),
    ]
    assert list(registry.parameters) == ["c"]
    assert list(registry.sources) == ["parameters/c.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        case("zone", 'zone = "Europe/Berln"\n', "evenfall.toml:1:8 zone 'Europe/Berln' — no such time zone: did you mean Europe/Berlin"),
        case("clock", 'clock = "soon"\n', "evenfall.toml:1:9 clock 'soon' — not a date: write it as YYYY-MM-DD"),
        case("hour", 'scheduled_hour = "6am"\n', "evenfall.toml:1:18 scheduled_hour '6am' — not a time of day"),
        case("memory", 'memory = "lots"\n', "evenfall.toml:1:10 memory 'lots' — not an amount of memory"),
        case("margin", "margin = 5\n", "evenfall.toml:1:10 margin 5 — must be less than or equal to 1"),
        case("connection without a type", '[connections.lake]\nhost = "h"\n', "evenfall.toml:1:2 connections.lake.type — required"),
        case("connection name", '[connections."a b"]\ntype = "duckdb"\n', "evenfall.toml:1:2 connections.a b 'a b' — not an id"),
        case(
            "secret without a name",
            '[connections.lake]\ntype = "postgres"\npassword = {evn = "X"}\n',
            "evenfall.toml:3:1 connections.lake.password.evn '***' — unknown key: did you mean env?",
        ),
        case("alert", '[[alerts]]\ntype = "pager"\n', "evenfall.toml:2:8 alerts[0].type 'pager' — unknown type: did you mean pagerduty?"),
    ],
)  # fmt: skip
def test_settings_are_refused(load_files: Load, text: str, said: str) -> None:
    printed = [str(problem) for problem in load_files({"evenfall.toml": text}).problems]
    assert any(line.startswith(said) for line in printed), printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        case("unknown node", "nodes: [{slug: home}]\nedges: [{slug: go, from: home, to: hme}]\n", "graphs/g.yaml:2:36 edges[0].to 'hme' — unknown node: did you mean home?"),
        case("node twice", "nodes: [{slug: home}, {slug: Home}]\n", "graphs/g.yaml:1:30 nodes[1].slug 'Home' — a slug used twice: nodes[0] has it already"),
        case("unknown parameter", "nodes: [{slug: a}, {slug: b}]\nedges: [{slug: go, from: a, to: b, p: {parameter_id: signp}}]\n", "graphs/g.yaml:2:54 edges[0].p.parameter_id 'signp' — unknown parameter: did you mean signup?"),
        case("p of both kinds", "nodes: [{slug: a}]\nedges: [{slug: go, from: a, to: a, p: {parameter_id: signup, mean: 0.2}}]\n", "graphs/g.yaml:2:39 edges[0].p — p needs a parameter_id or a mean"),
        case("p above one", "nodes: [{slug: a}]\nedges: [{slug: go, from: a, to: a, p: {mean: 1.2}}]\n", "graphs/g.yaml:2:46 edges[0].p.mean 1.2 — must be less than or equal to 1"),
        case("edge without an end", "nodes: [{slug: a}]\nedges: [{slug: go, from: a}]\n", "graphs/g.yaml:2:9 edges[0].to — required: add the key to"),
        case("python name of a key", "nodes: [{slug: a}]\nedges: [{slug: go, from: a, to: a, from_node: a}]\n", "graphs/g.yaml:2:36 edges[0].from_node 'a' — unknown key: did you mean from"),
        case("context key with a dot", "id: g.h\nnodes: [{slug: a.b}]\n", "graphs/g.yaml:2:16 nodes[0].slug 'a.b' — not a slug"),
    ],
)  # fmt: skip
def test_graphs_are_refused(load_files: Load, text: str, said: str) -> None:
    registry = load_files({"graphs/g.yaml": text, "parameters/signup.yaml": f"id: signup\n{VALUE}"})
    assert [str(problem) for problem in registry.problems][0].startswith(said)
    assert len(registry.problems) == 1
    assert registry.graphs == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        case("unknown edge", f"id: p\n{VALUE}edge_reference: e.sign-up.p.mean\n", "parameters/p.yaml:3:17 edge_reference 'sign-up' — unknown edge: did you mean signup?"),
        case("unknown node in a reference", f"id: p\n{VALUE}edge_reference: e.signup.visited(hom).p.mean\n", "parameters/p.yaml:3:17 edge_reference 'hom' — unknown node: did you mean home?"),
        case("unknown visited node", f"id: p\n{VALUE}visited_filter:\n  operator: OR\n  nodes: [hmoe]\n", "parameters/p.yaml:5:11 visited_filter.nodes[0] 'hmoe' — unknown node: did you mean home?"),
        case("unknown value in a reference", f"id: p\n{VALUE}edge_reference: e.signup.context(channel='gogle')\n", "parameters/p.yaml:3:17 edge_reference 'gogle' — unknown value of channel: did you mean google?"),
        case("unknown value in a filter", f"id: p\n{VALUE}context_filter:\n  channel: gogle\n", "parameters/p.yaml:4:12 context_filter.channel 'gogle' — unknown value of channel: did you mean google?"),
    ],
)  # fmt: skip
def test_names_that_the_project_does_not_declare_are_refused(load_files: Load, text: str, said: str) -> None:
    registry = load_files(
        {
            "contexts/channel.yaml": "id: channel\nvalues: [{id: google}, {id: direct}]\n",
            "graphs/g.yaml": "nodes: [{slug: home}, {slug: in}]\nedges: [{slug: signup, from: home, to: in}]\n",
            "parameters/p.yaml": text,
        }
    )
    assert [str(problem) for problem in registry.problems][0].startswith(said)
    assert len(registry.problems) == 1


def test_ids_that_differ_only_in_case_are_one_id(load_files: Load) -> None:
    registry = load_files(
        {"parameters/a.yaml": f"id: Signup\n{VALUE}", "parameters/b.yaml": f"id: signup\n{VALUE}"}
    )
    assert [str(problem) for problem in registry.problems] == [
        "parameters/b.yaml:1:5 id 'signup' — an id used twice: parameters/a.yaml has it already; "
        "upper and lower case count as one"
    ]
    assert list(registry.parameters) == ["Signup"]
