"""What the commands have in common: their shared options and how they compile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from strataregula.errors import UsageError
from strataregula.model import Diagnostic

if TYPE_CHECKING:
    from strataregula.core.compiled import CompiledConfig

__all__ = ["Invocation", "compiled_sources", "debug_option", "examples", "shared_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True)
class Invocation:
    """One call of the program: how to show problems, and those found so far."""

    style: str = "text"
    debug: bool = False
    has_run: bool = False
    diagnostics: list[Diagnostic] = field(default_factory=list)


def examples(*lines: str) -> str:
    """Return the end of a help text that shows ``lines`` as they are typed."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def _set_style(context: click.Context, _parameter: click.Parameter, value: str) -> None:
    context.ensure_object(Invocation).style = value


def _set_debug(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    invocation = context.ensure_object(Invocation)
    invocation.debug = invocation.debug or value


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show a traceback with an error."
)


def shared_options(function: _F) -> _F:
    """Add FILE..., --lenient, --diagnostics and --debug."""
    decorators = (
        click.argument("files", nargs=-1, required=True, metavar="FILE..."),
        click.option(
            "--lenient",
            is_flag=True,
            help="Take duplicate keys, conflicts, rules without keys and the like as warnings.",
        ),
        click.option(
            "--diagnostics",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            expose_value=False,
            callback=_set_style,
            help="How problems are written to standard error.",
        ),
        debug_option,
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def compiled_sources(files: tuple[str, ...], *, lenient: bool) -> CompiledConfig:
    """Compile ``files``, base first; warnings go to the invocation, errors are raised."""
    if "" in files:
        raise UsageError("one FILE is an empty text; is a variable of the shell unset?")
    if "-" in files:
        raise UsageError("standard input is not read; write it to a .yaml or .json file and name that")
    from strataregula.core.compiler import ConfigCompiler  # noqa: PLC0415  -- keeps --help and --version light

    invocation = click.get_current_context().ensure_object(Invocation)
    invocation.has_run = True
    compiled = ConfigCompiler(strict=not lenient).compile(*files)
    invocation.diagnostics += compiled.warnings
    return compiled
