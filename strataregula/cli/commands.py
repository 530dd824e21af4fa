"""The commands by name, and how a failure of any of them becomes one message and an exit code."""

from __future__ import annotations

import re
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from typing import Final

import click

from strataregula import __version__
from strataregula.cli.options import Invocation, debug_option, examples
from strataregula.cli.output import abandon_standard_output, print_diagnostics
from strataregula.errors import CompilationError, StrataregulaError, visible
from strataregula.model import Diagnostic, Place

__all__ = ["commands", "run"]

_COMMANDS: Final = ("check", "compile", "diff", "explain", "match")


class _Commands(click.Group):
    """Imports a command when it is named, so that the others cost nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  -- click's signature
        return list(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            near = get_close_matches(args[0], _COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the commands are: {', '.join(_COMMANDS)}"
            ctx.fail(f"no command {visible(args[0])!r}; {hint}")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"strataregula.cli.{cmd_name}_command").command
        return command


@click.group(
    cls=_Commands,
    epilog=examples(
        "strataregula check services.yaml",
        "strataregula compile base.yaml prod.yaml --out settings.json",
        "strataregula explain edge.tokyo.api services.yaml",
        "strataregula match 'edge.*.api' services.yaml",
        "strataregula diff staging.yaml production.yaml",
    ),
)
@debug_option
@click.version_option(__version__, prog_name="strataregula")
def commands() -> None:
    """Compile layered YAML and JSON whose keys are patterns into one flat, explainable mapping."""


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; only `KeyboardInterrupt` is raised."""
    invocation = Invocation()
    try:
        code = _invoke(arguments, invocation)
    except BrokenPipeError:
        abandon_standard_output()
        return 141
    except Exception as error:  # noqa: BLE001  -- the last line of defence: one message, no traceback
        return _tell_fault(error, invocation)
    if invocation.has_run:
        print_diagnostics(invocation.diagnostics, invocation.style)
    return code


def _invoke(arguments: list[str], invocation: Invocation) -> int:
    try:
        with commands.make_context("strataregula", arguments, obj=invocation) as context:
            code: int | None = commands.invoke(context)
            return code or 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CompilationError as error:
        invocation.diagnostics += [one for one in error.diagnostics if isinstance(one, Diagnostic)]
        return _failed(error, invocation)
    except StrataregulaError as error:
        invocation.diagnostics.append(Diagnostic(_code(error), str(error), Place("strataregula")))
        return _failed(error, invocation)


def _code(error: StrataregulaError) -> str:
    """Return ``output-error`` for `OutputError` and so on: the codes of problems outside the sources."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()


def _failed(error: StrataregulaError, invocation: Invocation) -> int:
    invocation.has_run = True
    if invocation.debug:
        traceback.print_exception(error)
    return error.exit_code


def _tell_fault(error: Exception, invocation: Invocation) -> int:
    if invocation.debug:
        traceback.print_exception(error)
    kind = type(error).__name__
    sys.stderr.write(f"strataregula: internal error: {kind}: {visible(str(error))}\n")
    sys.stderr.write("This is a fault of strataregula; run again with --debug and report what it prints.\n")
    return 70
