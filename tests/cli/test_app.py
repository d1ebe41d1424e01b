from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from evenfall.cli import app as program
from evenfall.cli import nightly as nightly_module
from evenfall.errors import ConfigError, EvenfallError, MigrationNeeded, UsageError

VERBS = (
    "init",
    "validate",
    "show",
    "update",
    "nightly",
    "backfill",
    "rebuild",
    "status",
    "history",
    "migrate",
    "demo",
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_and_takes_json(call, verb):
    helped = call(verb, "--help")
    assert helped.code == 0
    assert "--json" in helped.out
    assert helped.err == ""


def test_the_help_lists_every_verb(call):
    out = call("--help").out
    assert all(f" {verb} " in out for verb in VERBS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no verb was given"),
        (("--no-such-option",), "No such option"),
        (("nightlee",), "nightly"),
        (("nightly", "--no-such-option"), "No such option"),
        (("show",), "Missing argument"),
        (("show", "a", "b"), "unexpected extra argument"),
        (("nightly", "--as-of", "yesterday"), "is not a date"),
        (("nightly", "--plan", "--apply"), "exclude each other"),
        (("backfill",), "Missing option"),
        (("backfill", "--from", "2025-11-03", "--to", "2025-11-03"), "no day lies"),
        (("demo", "--port", "eighty"), "--port"),
        (("status",), "evenfall.toml"),
        (("status", "--project", "nowhere"), "nowhere"),
        (("--project", "nowhere", "status"), "nowhere"),
    ],
)
def test_a_mistake_in_the_call_exits_64_with_a_message_and_a_remedy(
    call, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    refused = call(*arguments)
    assert (refused.code, refused.out) == (64, "")
    assert refused.err.startswith("error: ")
    assert message in refused.err
    assert len(refused.err.splitlines()) == 2
    assert "Traceback" not in refused.err
    told = call(*arguments, "--json")
    assert (told.code, told.err) == (64, "")
    assert message in told.json["error"] or "No such option" in told.json["error"]
    assert told.json["remedy"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EvenfallError("it broke", remedy="mend it"), 1),
        (MigrationNeeded("the store is older", remedy="run `evenfall migrate`"), 1),
        (UsageError("no such thing", remedy="ask for another"), 64),
        (
            ConfigError(
                "not an id", file="parameters/x.yaml", line=3, column=5, path="id", value="..", remedy="fix"
            ),
            1,
        ),
        (KeyboardInterrupt(), 130),
    ],
)
def test_an_error_of_ours_is_told_without_a_traceback(call, monkeypatch, error, code):
    def refuse(_):
        raise error

    monkeypatch.setattr(nightly_module, "open_project", refuse)
    refused = call("nightly")
    assert refused.code == code
    assert "Traceback" not in refused.err
    if isinstance(error, EvenfallError):
        assert error.message in refused.err
        assert error.remedy in refused.err
        assert call("nightly", "--json").json["error"] == error.message


def test_an_error_of_the_program_itself_keeps_its_traceback(call, monkeypatch):
    def fail(_):
        raise ZeroDivisionError("ours to mend")

    monkeypatch.setattr(nightly_module, "open_project", fail)
    with pytest.raises(ZeroDivisionError):
        program.main(["nightly"])


def test_the_version_is_printed(call):
    assert call("--version").out.startswith("evenfall ")


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "evenfall", "nightly", "--no-such-option", "--json"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 64
    assert json.loads(done.stdout)["error"] == "No such option: --no-such-option"


def test_a_terminal_without_unicode_still_gets_an_answer():
    done = subprocess.run(
        [sys.executable, "-m", "evenfall", "show"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 64
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["nightly", "--help"], ["nightly", "--no-such-option"]])
def test_help_and_usage_errors_load_nothing_heavy(arguments):
    heavy = {"sqlalchemy", "duckdb", "numpy", "scipy", "sqlglot", "pyarrow"}
    script = (
        "import sys\nfrom evenfall.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print('loaded', *sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.rpartition("loaded")[2].strip() == ""
