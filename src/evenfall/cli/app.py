"""The program `evenfall`: its verbs, and what its exit code says.

0 is ok, 1 failed (also: something is red, a file has problems), 2 partial, 64 a mistake in the call.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from evenfall.cli.backfill import backfill
from evenfall.cli.compare import compare
from evenfall.cli.demo import demo
from evenfall.cli.fit import fit
from evenfall.cli.forecast import forecast
from evenfall.cli.funnel import funnel
from evenfall.cli.history import history
from evenfall.cli.import_ import import_definitions
from evenfall.cli.incidents import incidents
from evenfall.cli.init import init
from evenfall.cli.key import key
from evenfall.cli.migrate import migrate
from evenfall.cli.nightly import nightly
from evenfall.cli.output import complain, emit, problem
from evenfall.cli.rebuild import rebuild
from evenfall.cli.serve import serve
from evenfall.cli.show import show
from evenfall.cli.status import status
from evenfall.cli.update import update
from evenfall.cli.validate import validate
from evenfall.cli.whatif import whatif
from evenfall.errors import EvenfallError, UsageError

__all__ = ["FAILED", "INTERRUPTED", "OK", "USAGE", "app", "main"]

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 64
"""EX_USAGE of sysexits.h: the call itself is wrong, nothing was tried."""
INTERRUPTED: Final = 130

# typer's own base of "the call is wrong" has no public name; BadParameter, which has one, derives from it
_CallIsWrong: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="evenfall",
    help="Beliefs meet data, nightly: priors with an origin, evidence in a ledger, posteriors with proof.",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    init,
    validate,
    show,
    whatif,
    compare,
    forecast,
    funnel,
    update,
    nightly,
    backfill,
    rebuild,
    status,
    history,
    fit,
    incidents,
    serve,
    migrate,
    demo,
):
    app.command(verb.__name__)(verb)
app.add_typer(key, name="key")
app.command("import")(import_definitions)  # the word itself is no name in Python


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"evenfall {version('evenfall')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _before(
    context: typer.Context,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project", metavar="PATH", show_default=False, help="The project's folder, for any verb."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        raise UsageError("no verb was given", remedy="see `evenfall --help`")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one call of the program and leave with its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± still gets its table
    sys.exit(_run(given, as_json="--json" in given))


def _run(arguments: Sequence[str], *, as_json: bool) -> int:
    try:
        code = app(args=arguments, prog_name="evenfall", standalone_mode=False)
    except EvenfallError as error:
        return _refused(error, as_json=as_json)
    except _CallIsWrong as error:
        return _refused(_told(error), as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return code if isinstance(code, int) else OK


def _told(error: Exception) -> UsageError:
    """Return typer's complaint as one of ours, pointing at the help of the verb it is about."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "evenfall"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return UsageError(message, remedy=f"see `{path} --help`")


def _refused(error: EvenfallError, *, as_json: bool) -> int:
    if as_json:
        emit(problem(error))
    else:
        complain(error)
    return USAGE if isinstance(error, UsageError) else FAILED
