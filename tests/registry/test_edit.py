"""Definition files changed in place: seen, valid, whole, alone, and committed when asked."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from evenfall.errors import ConfigError, EditRefused, FileChanged, NotCommitted, UsageError
from evenfall.registry.edit import Changed, DefinitionFile, change_file, problems_of, read_definition
from evenfall.registry.git import Commit
from evenfall.registry.parameter_edit import change_numbers
from evenfall.registry.sources import Text
from evenfall.registry.tree import Tree

FILE = "parameters/signup.yaml"
SIGNUP = """\
# Of those who see the form.
id: signup
bayesian_update:
  prior: {distribution: beta, mean: 0.3, stdev: 0.02}  # from last year
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of one parameter."""
    (tmp_path / "parameters").mkdir()
    (tmp_path / "evenfall.toml").write_text('zone = "UTC"\n')
    (tmp_path / FILE).write_text(SIGNUP)
    return tmp_path


def to(**prior: float) -> Callable[[str, Tree], str]:
    return lambda text, tree: change_numbers(text, tree, prior=prior)


def edit(
    root: Path, change: Callable[[str, Tree], str], *, etag: str | None = None, commit: Commit | None = None
) -> Changed:
    def seen(found: DefinitionFile) -> bool:
        return etag in (None, found.etag)

    return change_file(root, FILE, change, seen=seen, check=lambda _: [], commit=commit)


def test_an_edit_changes_the_numbers_and_nothing_else(root: Path) -> None:
    done = edit(root, to(mean=0.25, stdev=0.03))
    assert (root / FILE).read_text() == SIGNUP.replace("0.3,", "0.25,").replace("0.02", "0.03")
    assert done.etag == hashlib.sha256((root / FILE).read_bytes()).hexdigest()
    assert sorted(path.name for path in (root / "parameters").iterdir()) == ["signup.yaml"]


def test_bytes_that_are_no_text_and_line_ends_of_another_system_stay(root: Path) -> None:
    before = b"\xef\xbb\xbf" + SIGNUP.replace("\n", "\r\n").encode()
    (root / FILE).write_bytes(before)
    edit(root, to(mean=0.25, stdev=0.02))
    assert (root / FILE).read_bytes() == before.replace(b"0.3,", b"0.25,")


def test_what_an_editor_saves_while_the_project_is_checked_is_not_overwritten(root: Path) -> None:
    theirs = SIGNUP.replace("0.3,", "0.4,")

    def saves(_: object) -> list[ConfigError]:
        (root / FILE).write_text(theirs)
        return []

    with pytest.raises(FileChanged) as refused:
        change_file(root, FILE, to(mean=0.25, stdev=0.03), seen=lambda _: True, check=saves)
    assert (root / FILE).read_text() == theirs
    assert str(hashlib.sha256(theirs.encode()).hexdigest()) in str(refused.value.__dict__)


def test_the_rights_of_the_file_stay(root: Path) -> None:
    (root / FILE).chmod(0o640)
    edit(root, to(mean=0.25, stdev=0.02))
    assert (root / FILE).stat().st_mode & 0o777 == 0o640


def test_a_file_that_changed_meanwhile_is_left_alone_and_its_version_told(root: Path) -> None:
    seen = read_definition(root, FILE).etag
    (root / FILE).write_text(SIGNUP + "# another hand\n")
    with pytest.raises(FileChanged) as refused:
        edit(root, to(mean=0.25, stdev=0.02), etag=seen)
    assert refused.value.etag == hashlib.sha256((root / FILE).read_bytes()).hexdigest()
    assert (root / FILE).read_text() == SIGNUP + "# another hand\n"


def test_numbers_that_no_belief_has_are_refused_with_their_place_and_nothing_is_written(root: Path) -> None:
    with pytest.raises(EditRefused) as refused:
        edit(root, to(mean=0.5, stdev=0.6))
    (problem,) = refused.value.problems
    assert (problem.path, problem.value, problem.line) == ("bayesian_update.prior.stdev", 0.6, 4)
    assert "largest feasible stdev" in problem.remedy
    assert (root / FILE).read_text() == SIGNUP


def test_what_is_wrong_elsewhere_already_does_not_stand_in_the_way(root: Path) -> None:
    (root / "parameters" / "other.yaml").write_text("id: other\nvalue: {mean: 2}\n")
    assert edit(root, to(mean=0.25, stdev=0.02)).written


def test_what_would_go_wrong_elsewhere_stands_in_the_way(root: Path) -> None:
    (root / "parameters" / "other.yaml").write_text("id: other\nvalue: {mean: 0.2, stdev: 0.1}\n")
    with pytest.raises(EditRefused) as refused:
        edit(root, lambda text, _: text.replace("id: signup", "id: other"))
    assert "used twice" in refused.value.message
    assert (root / FILE).read_text() == SIGNUP


def test_a_check_of_the_queries_counts_too(root: Path) -> None:
    def refuse_small(registry: object) -> list[ConfigError]:
        mean = registry.parameters["signup"].value  # type: ignore[attr-defined]
        return [] if mean is None else [ConfigError("a query", file=FILE)]

    changed = SIGNUP + "value: {mean: 0.3, stdev: 0.02}\n"
    with pytest.raises(EditRefused, match="a query"):
        change_file(root, FILE, lambda *_: changed, seen=lambda _: True, check=refuse_small)
    assert (root / FILE).read_text() == SIGNUP


def test_a_change_to_what_the_file_says_already_writes_nothing(root: Path) -> None:
    before = (root / FILE).stat()
    assert not edit(root, to(mean=0.3, stdev=0.02)).written
    assert (root / FILE).stat() == before


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_out_of_the_project_is_not_followed(
    root: Path, tmp_path_factory: pytest.TempPathFactory, linked: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "signup.yaml").write_text(SIGNUP)
    (root / FILE).unlink()
    if linked == "file":
        (root / FILE).symlink_to(outside / "signup.yaml")
    else:
        (root / "parameters").rmdir()
        (root / "parameters").symlink_to(outside)
    with pytest.raises(UsageError, match="leads out of the project"):
        edit(root, to(mean=0.25, stdev=0.02))
    assert (outside / "signup.yaml").read_text() == SIGNUP


def test_a_link_within_the_project_stays_a_link(root: Path) -> None:
    (root / "elsewhere").mkdir()
    (root / FILE).rename(root / "elsewhere" / "signup.yaml")
    (root / FILE).symlink_to("../elsewhere/signup.yaml")
    edit(root, to(mean=0.25, stdev=0.02))
    assert (root / FILE).is_symlink()
    assert "0.25" in (root / "elsewhere" / "signup.yaml").read_text()


@pytest.mark.parametrize(
    ("said", "about"),
    [(b"id: [signup\n", "not YAML"), (b"id: sign\xffup\n", "not UTF-8"), (b"id: a\nid: b\n", "duplicate")],
)
def test_a_broken_file_is_not_edited(root: Path, said: bytes, about: str) -> None:
    (root / FILE).write_bytes(said)
    with pytest.raises(EditRefused, match=about):
        edit(root, to(mean=0.25, stdev=0.02))
    assert (root / FILE).read_bytes() == said


def test_a_disk_that_is_full_leaves_the_old_file_and_no_other(root: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            edit(root, to(mean=0.25, stdev=0.02))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (root / FILE).read_text() == SIGNUP
    assert [path.name for path in (root / "parameters").iterdir()] == ["signup.yaml"]


@pytest.mark.parametrize(("before", "number"), [("replace", "0.3,"), ("fsync", "0.3,"), ("close", "0.25,")])
def test_a_process_killed_while_it_saves_leaves_the_old_file_or_the_new_one(
    root: Path, before: str, number: str
) -> None:
    program = """
        import os, pathlib, signal, sys
        from evenfall.registry.edit import change_file
        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)
        place = pathlib.Path if sys.argv[3] == "replace" else os
        def saved(text, tree):
            setattr(place, sys.argv[3], die)
            return text.replace("0.3,", "0.25,")
        change_file(pathlib.Path(sys.argv[1]), sys.argv[2], saved, seen=lambda _: True, check=lambda _: [])
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(root), FILE, before]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert (root / FILE).read_text() == SIGNUP.replace("0.3,", number)
    assert edit(root, to(mean=0.2, stdev=0.02)).written  # the lock went with the process


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another")
def test_the_owner_of_the_file_stays(root: Path) -> None:
    os.chown(root / FILE, 1234, 4321)
    edit(root, to(mean=0.25, stdev=0.02))
    found = (root / FILE).stat()
    assert (found.st_uid, found.st_gid) == (1234, 4321)


def test_of_many_threads_with_the_same_version_one_writes(root: Path) -> None:
    seen, done, refused = read_definition(root, FILE).etag, [], []

    def try_it(number: int) -> None:
        try:
            done.append(edit(root, to(mean=0.1 + number / 100, stdev=0.02), etag=seen))
        except FileChanged as changed:
            refused.append(changed)

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 7)
    assert read_definition(root, FILE).etag == done[0].etag


def test_another_process_waits_until_an_edit_is_through(root: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from evenfall.registry.edit import change_file
        def slow(text, tree):
            print("in", flush=True)
            sys.stdin.readline()
            return text.replace("0.3,", "0.31,")
        change_file(Path(sys.argv[1]), sys.argv[2], slow, seen=lambda _: True, check=lambda _: [])
    """
    first = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(root), FILE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stdin is not None
    assert first.stdout is not None
    with first:
        assert first.stdout.readline() == "in\n"
        threading.Timer(0.2, lambda: (first.stdin.write("go\n"), first.stdin.flush())).start()  # type: ignore[union-attr]
        edit(root, lambda text, _: text.replace("0.31,", "0.32,"))
    assert "mean: 0.32," in (root / FILE).read_text()  # had it not waited, it would have found no 0.31


def test_a_text_is_judged_as_it_would_be_saved(root: Path) -> None:
    (problem,) = problems_of(root, Text(FILE, "id: signup\nvalue: {mean: 0.5, stdev: 0.6}\n"), lambda _: [])
    assert (problem.path, problem.line) == ("value.stdev", 2)
    assert problems_of(root, Text(FILE, SIGNUP), lambda _: []) == []


# Git -------------------------------------------------------------------------------------------------------

COMMIT = Commit("Believe less", "maria@acme.example")


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=owner", "-c", "user.email=owner@acme.example"]
    return subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def kept(root: Path) -> Path:
    """The project in a repository, with another file staged and one more changed."""
    git(root, "init", "--quiet")
    (root / "other.txt").write_text("one\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    (root / "other.txt").write_text("two\n")
    git(root, "add", "other.txt")
    (root / "evenfall.toml").write_text('zone = "Europe/Berlin"\n')
    return root


def test_a_commit_holds_the_file_alone_in_its_authors_name(kept: Path) -> None:
    done = edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert done.commit == git(kept, "rev-parse", "HEAD")
    assert git(kept, "show", "--format=%an %ae %s", "--name-only", "HEAD").split("\n") == [
        "maria@acme.example maria@acme.example Believe less", "", FILE
    ]  # fmt: skip
    assert git(kept, "diff", "--cached", "--name-only") == "other.txt"
    assert git(kept, "diff", "--name-only") == "evenfall.toml"


def test_a_file_that_git_has_not_seen_is_committed_too(kept: Path) -> None:
    git(kept, "rm", "--quiet", "--cached", FILE)
    git(kept, "commit", "--quiet", "-m", "without")
    done = edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert done.commit is not None
    assert git(kept, "show", "--format=", "--name-only", "HEAD") == FILE


def test_without_a_repository_nothing_is_written(root: Path) -> None:
    with pytest.raises(NotCommitted, match="not kept in Git"):
        edit(root, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert (root / FILE).read_text() == SIGNUP


def test_when_a_hook_says_no_the_file_is_as_it_was(kept: Path) -> None:
    hook = kept / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on a Friday >&2\nexit 1\n")
    hook.chmod(0o755)
    head = git(kept, "rev-parse", "HEAD")
    with pytest.raises(NotCommitted, match="not on a Friday"):
        edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert (kept / FILE).read_text() == SIGNUP
    assert git(kept, "rev-parse", "HEAD") == head
    assert git(kept, "diff", "--cached", "--name-only") == "other.txt"


def test_a_commit_needs_no_identity_of_the_machine(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(kept / "nobody"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(kept / "nobody"))
    git(kept, "config", "user.useConfigOnly", "true")
    assert edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT).commit == git(kept, "rev-parse", "HEAD")
    assert git(kept, "log", "-1", "--format=%cn") == "maria@acme.example"


def test_what_else_was_changed_in_the_file_is_committed_with_it(kept: Path) -> None:
    (kept / FILE).write_text(SIGNUP + "# by hand\n")
    edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert git(kept, "show", f"HEAD:{FILE}").endswith("# by hand")
    assert git(kept, "status", "--porcelain", "--", FILE) == ""


def test_an_index_that_git_cannot_read_is_no_silent_success(kept: Path) -> None:
    (kept / ".git" / "index").write_bytes(b"no index")
    with pytest.raises(NotCommitted, match="does not commit"):
        edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert (kept / FILE).read_text() == SIGNUP


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another")
def test_a_repository_of_another_is_told_as_such(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(kept / "nobody"))
    for folder in (kept, kept / ".git"):
        os.chown(folder, 1234, 4321)
    with pytest.raises(NotCommitted, match="ownership"):
        edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert (kept / FILE).read_text() == SIGNUP


def test_without_git_the_remedy_is_to_install_it(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(kept))
    with pytest.raises(NotCommitted, match="there is no Git"):
        edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert (kept / FILE).read_text() == SIGNUP


def test_a_message_that_looks_like_an_option_is_a_message(kept: Path) -> None:
    edit(kept, to(mean=0.25, stdev=0.02), commit=Commit("--amend\n#hash", "a <b>\n\x00"))
    assert git(kept, "log", "-1", "--format=%B|%an") == "--amend\n#hash\n|a b"
    assert git(kept, "rev-list", "--count", "HEAD") == "2"


def test_a_file_that_git_ignores_is_not_committed(kept: Path) -> None:
    git(kept, "rm", "--quiet", "--cached", FILE)
    (kept / ".gitignore").write_text("parameters/\n")
    with pytest.raises(NotCommitted, match="ignores"):
        edit(kept, to(mean=0.25, stdev=0.02), commit=COMMIT)
    assert (kept / FILE).read_text() == SIGNUP


# Where a prior stands --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("prior_source: {type: sql, query: SELECT 1}", "comes from sql"),
        ("prior_source: {type: sheets, url: u, range: A1:B1}", "comes from sheets"),
        (
            "prior_source: {type: posterior_history}\nvalue: {mean: 0.3, stdev: 0.1}",
            "comes from posterior_history",
        ),
        ("value: {mean: 0.3, stdev: 0.1}", "is its value"),
    ],
)
def test_a_prior_that_stands_elsewhere_is_refused_with_its_place(root: Path, said: str, about: str) -> None:
    (root / FILE).write_text(f"id: signup\n{said}\n")
    with pytest.raises(ConfigError, match=about) as refused:
        edit(root, to(mean=0.25, stdev=0.02))
    assert (refused.value.file, refused.value.line) == (FILE, 2)
    assert refused.value.remedy


def test_a_static_source_with_numbers_is_where_the_prior_stands(root: Path) -> None:
    (root / FILE).write_text(
        "id: signup\nprior_source: {type: static, mean: 0.4, stdev: 0.1}\nvalue: {mean: 0.3, stdev: 0.1}\n"
    )
    edit(root, to(mean=0.25, stdev=0.02))
    assert (
        "prior_source: {type: static, mean: 0.25, stdev: 0.02}\nvalue: {mean: 0.3"
        in (root / FILE).read_text()
    )


def test_a_static_source_without_numbers_leaves_the_prior_to_the_update(root: Path) -> None:
    (root / FILE).write_text(SIGNUP + "prior_source: {type: static}\n")
    edit(root, to(alpha=30, beta=70))
    assert "prior: {distribution: beta, alpha: 30, beta: 70}  # from last year" in (root / FILE).read_text()


def test_what_is_said_of_single_observations_stays(root: Path) -> None:
    (root / FILE).write_text(
        "id: signup\ntype: mean\nbayesian_update:\n  prior: {mu: 62, sigma: 2, noise_sigma: 15}\n"
    )
    edit(root, to(mean=60, stdev=3))
    assert "prior: {mean: 60, stdev: 3, noise_sigma: 15}" in (root / FILE).read_text()


def test_a_parameter_without_any_prior_is_given_a_value(root: Path) -> None:
    (root / FILE).write_text("id: signup  # new\n")
    edit(root, lambda text, tree: change_numbers(text, tree, value={"mean": 0.3, "stdev": 0.1}))
    assert (root / FILE).read_text() == "id: signup  # new\nvalue: {mean: 0.3, stdev: 0.1}\n"
