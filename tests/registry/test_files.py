"""A project's folder: what is read, what a broken file falls back on, what a new project is."""

from __future__ import annotations

import os
import subprocess
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import ConfigError, UsageError
from evenfall.registry.files import initialise, load
from evenfall.registry.settings import EMBEDDED

from .conftest import Load

VALUE = "value: {mean: 0.3, stdev: 0.06}\n"


def test_a_folder_without_settings_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="evenfall init"):
        load(tmp_path)


def test_the_least_project_has_the_known_contexts_and_the_embedded_connection(tmp_path: Path) -> None:
    (tmp_path / "evenfall.toml").write_text("")
    registry = load(tmp_path)
    assert registry.problems == ()
    assert list(registry.contexts) == ["channel", "device", "utm_source", "browser", "geo_country"]
    assert registry.settings.connections == {"data": EMBEDDED}
    assert registry.settings.zone == ZoneInfo("UTC")
    assert registry.settings.store_url == f"sqlite:///{tmp_path.resolve()}/.evenfall/store.db"
    assert (registry.settings.clock, registry.settings.scheduled_hour) == (None, time(6))
    assert (registry.settings.lookback_days, registry.settings.window_days) == (14, 7)
    assert (registry.settings.margin, registry.settings.timeout_seconds) == (0.05, 60)
    assert registry.settings.memory == "1GB"


def test_settings_are_what_the_file_says(load_files: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
zone = "Europe/Berlin"
clock = 2025-11-30
store_url = "postgresql+psycopg://db/evenfall"
scheduled_hour = "04:30"
[connections.lake]
type = "postgres"
host = "db"
port = 5432
password = {env = "LAKE_PASSWORD"}
[[alerts]]
type = "email"
email = "team@example.com"
"""
    settings = load_files({"evenfall.toml": text}).settings
    assert (settings.zone.key, settings.clock) == ("Europe/Berlin", date(2025, 11, 30))
    assert (settings.scheduled_hour, settings.store_url) == (time(4, 30), "postgresql+psycopg://db/evenfall")
    lake = settings.connections["lake"]
    assert lake.resolve({"LAKE_PASSWORD": "s3cret"}) == {"host": "db", "port": 5432, "password": "s3cret"}
    assert "s3cret" not in repr(lake)
    with pytest.raises(ConfigError, match="set the environment variable LAKE_PASSWORD"):
        lake.resolve({})


def test_a_context_file_gives_a_known_context_its_values(load_files: Load) -> None:
    text = (
        "id: channel\nmece: true\nother_policy: computed\n"
        "values:\n  - {id: google, label: Google, source_filter: utm = 'g'}\n"
    )
    filtered = f"id: p\n{VALUE}context_filter: {{channel: other}}\n"
    registry = load_files({"contexts/c.yaml": text, "parameters/p.yaml": filtered})
    assert registry.problems == ()
    assert registry.contexts["channel"].value_ids == ("google",)
    assert registry.contexts["channel"].mece
    assert set(registry.contexts) == {"channel", "device", "utm_source", "browser", "geo_country"}


def test_a_graph_is_known_by_its_id_or_its_files_name(load_files: Load) -> None:
    json = (
        '{"nodes": [{"slug": "a"}, {"slug": "b", "outcome": true}],\n'
        '\t"edges": [{"slug": "go", "uuid": "1-2", "from": "a", "to": "b", "p": {"mean": 0.5}, "cost": 2}]}'
    )
    registry = load_files({"graphs/one.json": json, "graphs/two.yaml": "id: second\nnodes: [{slug: c}]\n"})
    assert registry.problems == ()
    assert list(registry.graphs) == ["one", "second"]
    edge = registry.graphs["one"].edges[0]
    assert (edge.from_node, edge.to_node, edge.cost, edge.uuid) == ("a", "b", 2, "1-2")
    assert edge.p is not None
    assert edge.p.mean == 0.5


def test_files_are_found_in_folders_below_and_other_files_are_passed_over(load_files: Load) -> None:
    registry = load_files(
        {
            "parameters/checkout/a.yml": f"id: a\n{VALUE}",
            "parameters/README.md": "# none of these",
            "parameters/.hidden.yaml": "[",
            "parameters/.git/b.yaml": "[",
            "scenarios/more-ads.yaml": "overrides: {signup: 0.4}\n",
            "mmm/spec.yaml": "[",
        }
    )
    assert registry.problems == ()
    assert list(registry.parameters) == ["a"]
    assert list(registry.scenarios) == ["more-ads"]
    assert set(registry.sources) == {"evenfall.toml", "parameters/checkout/a.yml", "scenarios/more-ads.yaml"}
    assert registry.sources["parameters/checkout/a.yml"].text == f"id: a\n{VALUE}"
    assert len(registry.sources["parameters/checkout/a.yml"].sha256) == 64


def test_a_byte_order_mark_is_no_part_of_the_text(load_files: Load, tmp_path: Path) -> None:
    load_files({})
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "p.yaml").write_bytes(b"\xef\xbb\xbf" + f"id: p\r\n{VALUE}".encode())
    (tmp_path / "evenfall.toml").write_bytes(b"\xef\xbb\xbf" + b'zone = "UTC"\r\n')
    registry = load(tmp_path)
    assert registry.problems == ()
    assert registry.parameter("p").locate("id") == ("parameters/p.yaml", 1, 5)


def test_what_cannot_be_read_is_a_problem_of_its_file(load_files: Load, tmp_path: Path) -> None:
    load_files({"parameters/good.yaml": f"id: good\n{VALUE}"})
    folder = tmp_path / "parameters"
    (folder / "a.yaml").write_bytes(b"id: p\nname: caf\xe9\n")
    (folder / "b.yaml").write_bytes(b"#" * 1_000_001)
    (folder / "c.yaml").symlink_to("/etc/passwd")
    (folder / "d.yaml").symlink_to(folder / "nowhere.yaml")
    os.mkfifo(folder / "e.yaml")
    registry = load(tmp_path)
    assert [str(problem) for problem in registry.problems] == [
        "parameters/a.yaml:2:10 — not UTF-8: save the file as UTF-8",
        "parameters/b.yaml:1:1 — larger than 1,000,000 bytes: split the file",
        "parameters/c.yaml:1:1 — a link out of the project: copy the file into the project",
        "parameters/d.yaml:1:1 — not a file: remove it, or give it another ending",
        "parameters/e.yaml:1:1 — not a file: remove it, or give it another ending",
    ]
    assert list(registry.parameters) == ["good"]


def test_a_file_of_the_largest_size_is_read(load_files: Load) -> None:
    text = f"id: p\n{VALUE}"
    registry = load_files({"parameters/p.yaml": text + "#" * (1_000_000 - len(text))})
    assert registry.problems == ()


def test_a_broken_parameter_keeps_its_last_good_version_and_says_so(load_files: Load) -> None:
    good = f"id: p\nname: Before\n{VALUE}"
    broken = "id: p\nname: After\nvalue: {mean: 3, stdev: 0.06}\n"
    registry = load_files({"parameters/p.yaml": broken}, last_good={"parameters/p.yaml": good})
    parameter = registry.parameter("p")
    assert parameter.name == "Before"
    assert parameter.config_error is registry.problems[0]
    assert (parameter.config_error.line, parameter.config_error.path) == (3, "value.stdev")
    assert parameter.declared_prior() is not None
    assert "parameters/p.yaml" not in registry.sources


def test_a_name_that_is_no_longer_declared_leaves_the_last_good_version(load_files: Load) -> None:
    text = f"id: p\n{VALUE}context_filter: {{channel: google}}\n"
    registry = load_files(
        {"contexts/c.yaml": "id: channel\nvalues: [{id: direct}]\n", "parameters/p.yaml": text},
        last_good={"parameters/p.yaml": text},
    )
    assert registry.parameter("p").config_error is registry.problems[0]
    assert registry.parameter("p").context_filter == {"channel": "google"}


def test_a_parameter_that_lost_its_prior_keeps_the_one_it_had(load_files: Load) -> None:
    registry = load_files(
        {"parameters/p.yaml": "id: p\n"}, last_good={"parameters/p.yaml": f"id: p\n{VALUE}"}
    )
    assert registry.parameter("p").declared_prior() is not None
    assert registry.parameter("p").config_error is registry.problems[0]


def test_a_last_good_version_that_is_broken_today_is_no_help(load_files: Load) -> None:
    registry = load_files({"parameters/p.yaml": "id: [\n"}, last_good={"parameters/p.yaml": "id: {\n"})
    assert registry.parameters == {}
    assert len(registry.problems) == 1


def test_broken_settings_contexts_and_graphs_keep_their_last_good_versions(load_files: Load) -> None:
    registry = load_files(
        {
            "evenfall.toml": 'zone = "Nowhere"\n',
            "contexts/c.yaml": "id: channel\nvalues: 3\n",
            "graphs/g.yaml": "nodes: 3\n",
            "parameters/p.yaml": f"id: p\n{VALUE}context_filter: {{channel: google}}\n"
            "visited_filter: [home]\n"
            "observation_source: {type: sql, connection: lake, query: x}\n",
        },
        last_good={
            "evenfall.toml": 'zone = "Asia/Tokyo"\n[connections.lake]\ntype = "duckdb"\n',
            "contexts/c.yaml": "id: channel\nvalues: [{id: google}]\n",
            "graphs/g.yaml": "nodes: [{slug: home}]\n",
        },
    )
    assert [problem.file for problem in registry.problems] == [
        "contexts/c.yaml",
        "evenfall.toml",
        "graphs/g.yaml",
    ]
    assert registry.settings.zone.key == "Asia/Tokyo"
    assert registry.contexts["channel"].value_ids == ("google",)
    assert registry.graphs["g"].nodes[0].slug == "home"
    assert registry.parameter("p").config_error is None


def test_names_of_files_that_are_broken_beyond_repair_are_not_held_against_others(load_files: Load) -> None:
    registry = load_files(
        {
            "evenfall.toml": "zone = \n",
            "contexts/plan.yaml": "id: plan\nvalues: 3\n",
            "graphs/g.yaml": "nodes: 3\n",
            "graphs/h.yaml": "nodes: [{slug: x}]\n"
            "edges: [{slug: e, from: x, to: x, p: {parameter_id: broken}}]\n",
            "parameters/broken.yaml": "id: broken\ntype: 3\n",
            "parameters/p.yaml": f"id: p\n{VALUE}context_filter: {{plan: pro}}\nvisited_filter: [home]\n"
            "observation_source: {type: sql, connection: lake, query: x}\n",
        }
    )
    assert [problem.file for problem in registry.problems] == [
        "contexts/plan.yaml",
        "evenfall.toml",
        "graphs/g.yaml",
        "parameters/broken.yaml",
    ]
    assert list(registry.parameters) == ["p"]
    assert list(registry.graphs) == ["h"]


def test_a_new_project_is_valid_and_never_written_over_another(tmp_path: Path) -> None:
    files = initialise(tmp_path / "new")
    assert {path.relative_to(tmp_path / "new").as_posix() for path in files} == {
        "evenfall.toml",
        "contexts/channel.yaml",
        "graphs/funnel.yaml",
        "parameters/start-signup.yaml",
        "parameters/signup-google.yaml",
        "data/README.md",
    }
    registry = load(tmp_path / "new")
    assert (registry.problems, registry.warnings) == ((), ())
    assert list(registry.parameters) == ["signup-google", "start-signup"]
    with pytest.raises(UsageError, match="holds a project already"):
        initialise(tmp_path / "new")


def test_a_new_project_overwrites_no_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="choose an empty folder"):
        initialise(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["README.md", "data"]


def test_the_commented_source_of_a_new_project_is_valid_too(tmp_path: Path) -> None:
    initialise(tmp_path)
    path = tmp_path / "parameters" / "signup-google.yaml"
    head, source = path.read_text().split("# observation_source:")
    path.write_text(head + "observation_source:" + source.replace("\n# ", "\n"))
    registry = load(tmp_path)
    assert registry.problems == ()
    assert registry.parameter("signup-google").observation_source is not None


def git(root: Path, *arguments: str) -> str:
    names = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *names, *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_project_in_git_knows_its_commit(tmp_path: Path) -> None:
    initialise(tmp_path)
    assert load(tmp_path).git_revision is None
    git(tmp_path, "init", "-q")
    assert load(tmp_path).git_revision is None  # nothing committed yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    assert load(tmp_path).git_revision == git(tmp_path, "rev-parse", "HEAD")


def test_the_commit_is_that_of_the_folder_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialise(tmp_path / "project")
    git(tmp_path, "init", "-q", "elsewhere")
    git(tmp_path / "elsewhere", "commit", "-q", "--allow-empty", "-m", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere" / ".git"))
    assert load(tmp_path / "project").git_revision is None


def test_without_git_there_is_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    initialise(tmp_path)
    git(tmp_path, "init", "-q")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load(tmp_path).git_revision is None


ANY_FILE = st.binary(max_size=200) | st.text(max_size=200).map(str.encode)
KEYS = st.sampled_from(
    """
    id type value mean stdev prior_source observation_source query query_template context_variables parameters
    result_mapping bayesian_update prior alpha beta range visited_filter nodes edges slug from to p values
    model_fit alerts format posterior_destination destinations connection table columns metadata
    """.split()  # noqa: SIM905  (a list would take forty lines)
)
SCALARS = (
    st.sampled_from(
        ["p", "beta", "sql", "sheets", "static", "events", "rate", "learned", "SELECT 1 GROUP BY a"]
    )
    | st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-3, 3)
    | st.text(max_size=5)
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.dictionaries(KEYS, inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=25,
)


def written(value: object) -> str:
    """The value as YAML in one line, written independently of the reader."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''").replace("\n", " ") + "'"
    return {None: "null", True: "true", False: "false"}.get(value) or repr(value)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzzed")
    initialise(root)
    return root


FOLDERS = ["contexts/f.yaml", "graphs/f.json", "parameters/f.yaml", "scenarios/f.yaml", "evenfall.toml"]


@given(content=ANY_FILE, name=st.sampled_from(FOLDERS))
def test_no_bytes_in_a_file_stop_a_project_from_loading(fuzzed: Path, content: bytes, name: str) -> None:
    check_loads(fuzzed, name, content)


@given(document=DOCUMENTS, name=st.sampled_from(FOLDERS[:3]))
def test_no_document_in_a_file_stops_a_project_from_loading(
    fuzzed: Path, document: object, name: str
) -> None:
    check_loads(fuzzed, name, written(document).encode())


def check_loads(root: Path, name: str, content: bytes) -> None:
    """Load with one file replaced: every problem is printable and in place, every other file is whole."""
    path = root / name
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        registry = load(root)
    finally:
        path.unlink() if before is None else path.write_bytes(before)
    assert {"signup-google", "start-signup"} <= set(registry.parameters)
    for problem in (*registry.problems, *registry.warnings):
        assert type(problem).__name__ == "ConfigError"
        assert str(problem).startswith(f"{problem.file}:{problem.line}:{problem.column} ")
        str(problem).encode()
