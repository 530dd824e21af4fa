"""``bench-guard``: from arguments to an exit code, with every error as one clear message.

Commands are imported when they are called, so that ``--version`` and ``--help`` stay quick.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

import bench
from bench.cli.output import EXIT_CODES, say, write_stdout
from bench.errors import BenchGuardError

_COMMANDS = {
    "run": ("bench.cli.run", "Measure the benchmarks and compare them with nothing."),
    "list": ("bench.cli.list", "List the benchmarks without running them."),
    "check": ("bench.cli.check", "Measure and compare with the stored baseline: the gate."),
    "ab": ("bench.cli.ab", "Measure two revisions against each other: needs no baseline."),
    "baseline": ("bench.cli.baseline", "Record, accept or show the stored baseline."),
    "calibrate": ("bench.cli.calibrate", "Find out what this machine can resolve, by A/A measurements."),
    "self-test": ("bench.cli.self_test", "Check that the gate catches a known slowdown on this machine."),
    "doctor": ("bench.cli.doctor", "Check the setup: settings, suites, subject, host, baseline."),
}
_LATER = frozenset({"compare", "profile", "report"})
_HOME = Path(__file__).resolve().parents[2]


class _LazyGroup(click.Group):
    """Knows the commands by name and imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LATER:
            raise click.UsageError(f"the command {cmd_name!r} arrives in a later version", ctx)
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = import_module(_COMMANDS[cmd_name][0]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


def _show_version(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        write_stdout(f"bench-guard {bench.__version__}\n")
        ctx.exit()


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"""\b
Examples:
  bench-guard check                 measure and compare; the first time, record the baseline
  bench-guard ab --base main        the working tree against another revision
  bench-guard run -k parse          only benchmarks whose name contains "parse"
  bench-guard baseline update       accept what is measured now as the new baseline
  bench-guard COMMAND --help        options of a command
\b
{EXIT_CODES}""",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version.",
)
def cli() -> None:
    """Guard the performance of a Python project: red only when it is sure."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and raises nothing (a traceback only under ``--debug``)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _drop_working_folder()
        _end_orderly_when_told()
    try:
        return _dispatch(arguments)
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        return 130
    except SystemExit:  # click's way out when the reader of its help text has gone
        return 0
    except click.ClickException as error:
        _show_usage_error(error)
        return 2
    except BenchGuardError as error:
        if "--debug" in arguments:
            raise
        say(f"bench-guard: error: {error}")
        return error.exit_code
    except Exception as error:  # the last line of defence: whatever is wrong in here, a user sees one message
        if "--debug" in arguments:
            raise
        say(f"bench-guard: internal error: {type(error).__name__}: {error}\n  hint: --debug shows where")
        return 4


def _dispatch(arguments: list[str]) -> int:
    if os.name == "nt":
        say("bench-guard: error: Windows is not supported in this version; use WSL, Linux or macOS")
        return 2
    _assert_own_package()
    code = cli.main(args=arguments, prog_name="bench-guard", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _end_orderly_when_told() -> None:
    """A cancelled CI job sends SIGTERM, a closed terminal SIGHUP: both end like Ctrl-C, without orphans."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)


def _show_usage_error(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "bench-guard"
    if context is not None and error.format_message() == context.get_help():  # a group without its command
        say(error.format_message())
        return
    say(f"{where}: error: {error.format_message()}\n  hint: {where} --help")


def _drop_working_folder() -> None:
    """Keep modules of the measured project, which may have any name, from standing in for ours."""
    here = Path.cwd()
    if here != _HOME:
        sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != here]


def _assert_own_package() -> None:
    found = Path(bench.__file__ or "").resolve().parent
    if found != _HOME / "bench":
        raise BenchGuardError(
            f"'import bench' gave {found}, but bench-guard is {_HOME / 'bench'}",
            hint="run the console script bench-guard, or python -P -m bench.cli.main, without PYTHONPATH",
        )


if __name__ == "__main__":
    sys.exit(main())
