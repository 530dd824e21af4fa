"""What the commands have in common: their shared options and how they compile."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

import click

from strataregula.errors import UsageError, visible
from strataregula.model import Diagnostic

if TYPE_CHECKING:
    from strataregula.core.compiled import CompiledConfig
    from strataregula.core.lazy_config import LazyConfig

__all__ = [
    "Invocation",
    "chosen_section",
    "compilation_options",
    "compiled_sources",
    "debug_option",
    "examples",
    "files_read",
    "shared_options",
]

_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?", re.DOTALL)

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True)
class Invocation:
    """One call of the program: how to compile, how to show problems, and those found so far."""

    lenient: bool = False
    environment: dict[str, str | None] = field(default_factory=dict)
    max_keys: int | None = None
    style: str = "text"
    debug: bool = False
    has_run: bool = False
    diagnostics: list[Diagnostic] = field(default_factory=list)
    read: list[str] = field(default_factory=list)


def examples(*lines: str) -> str:
    """Return the end of a help text that shows ``lines`` as they are typed."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def _set_style(context: click.Context, _parameter: click.Parameter, value: str) -> None:
    context.ensure_object(Invocation).style = value


def _set_debug(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    invocation = context.ensure_object(Invocation)
    invocation.debug = invocation.debug or value


def _set_lenient(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    context.ensure_object(Invocation).lenient = value


def _set_max_keys(context: click.Context, _parameter: click.Parameter, value: int | None) -> None:
    context.ensure_object(Invocation).max_keys = value


def _set_environment(context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> None:
    for text in values:
        found = _VARIABLE.fullmatch(text)
        if found is None:
            raise click.BadParameter(f"{visible(text)!r} is no NAME or NAME=VALUE")
        name, value = found.groups()
        context.ensure_object(Invocation).environment[name] = os.environ.get(name) if value is None else value


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show a traceback with an error."
)


def shared_options(function: _F) -> _F:
    """Add FILE... and the options of `compilation_options`."""
    return click.argument("files", nargs=-1, required=True, metavar="FILE...")(compilation_options(function))


def compilation_options(function: _F) -> _F:
    """Add --lenient, --env, --max-keys, --diagnostics and --debug, which the invocation remembers."""
    decorators = (
        click.option(
            "--lenient",
            is_flag=True,
            expose_value=False,
            callback=_set_lenient,
            help="Take duplicate keys, conflicts, rules without keys and the like as warnings.",
        ),
        click.option(
            "--env",
            multiple=True,
            metavar="NAME[=VALUE]",
            expose_value=False,
            callback=_set_environment,
            help="Allow ${env:NAME} in values; with =VALUE it has this value. May be repeated.",
        ),
        click.option(
            "--max-keys",
            type=click.IntRange(min=1),
            metavar="N",
            expose_value=False,
            callback=_set_max_keys,
            help="Make at most N keys in all, and with any one rule, instead of 10 million and 1 million.",
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


@overload
def compiled_sources(files: Sequence[str], *, lazy: Literal[False] = ...) -> CompiledConfig: ...
@overload
def compiled_sources(files: Sequence[str], *, lazy: bool) -> CompiledConfig | LazyConfig: ...


def compiled_sources(files: Sequence[str], *, lazy: bool = False) -> CompiledConfig | LazyConfig:
    """Compile ``files``, base first, as the options say; warnings go to the invocation, errors are raised."""
    if "" in files:
        raise UsageError("one FILE is an empty text; is a variable of the shell unset?")
    if "-" in files:
        raise UsageError("standard input is not read; write it to a .yaml or .json file and name that")
    from strataregula.core.compiler import ConfigCompiler  # noqa: PLC0415  -- keeps --help and --version light
    from strataregula.core.documents import SystemFiles  # noqa: PLC0415

    class Recorded(SystemFiles):
        """Remembers what was read, also what documents name as layers."""

        def read(self, path: str, limit: int) -> bytes:
            invocation.read.append(path)
            return super().read(path, limit)

    invocation = click.get_current_context().ensure_object(Invocation)
    invocation.has_run = True
    most = invocation.max_keys
    compiler = ConfigCompiler(
        strict=not invocation.lenient, files=Recorded(), max_keys=most, max_keys_per_rule=most
    )
    compiled: CompiledConfig | LazyConfig
    if lazy:
        compiled = compiler.compile(*files, env=invocation.environment, lazy=True)
    else:
        compiled = compiler.compile(*files, env=invocation.environment)
    invocation.diagnostics += compiled.warnings
    return compiled


def files_read() -> Sequence[str]:
    """Return the paths of every file that went into the compilation."""
    return click.get_current_context().ensure_object(Invocation).read


def chosen_section(name: str | None, known: Sequence[str]) -> str | None:
    """Return the name of a section unless it is unknown; raise `UsageError` naming the others."""
    if name is not None and name not in known:
        raise UsageError(
            f"no section {visible(name)!r}; the sections are: {', '.join(map(visible, known)) or 'none'}"
        )
    return name
