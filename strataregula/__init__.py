"""Layered YAML and JSON whose keys are patterns, compiled into one flat, explainable mapping.

>>> from strataregula import ConfigCompiler
>>> compiled = ConfigCompiler().compile({"domains": {"role": ["api", "web"]}, "timeouts": {"edge.{role}": 5}})
>>> compiled["edge.api"]
5

The names below are imported when first asked for, so that ``import strataregula`` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from strataregula.answers import Explanation
    from strataregula.core.codegen import CompiledPatternCache
    from strataregula.core.compiled import CompiledConfig
    from strataregula.core.compiler import ConfigCompiler
    from strataregula.core.matcher import PatternMatcher
    from strataregula.core.pattern import Pattern, parse_pattern
    from strataregula.core.pattern_expander import PatternExpander
    from strataregula.errors import (
        AmbiguousKey,
        CompilationError,
        EmitError,
        MissingKey,
        OutputError,
        PatternSyntaxError,
        StrataregulaError,
        UsageError,
    )
    from strataregula.model import Diagnostic

__version__ = "0.1.0"

_HOMES = {
    "AmbiguousKey": "strataregula.errors",
    "CompilationError": "strataregula.errors",
    "CompiledConfig": "strataregula.core.compiled",
    "CompiledPatternCache": "strataregula.core.codegen",
    "ConfigCompiler": "strataregula.core.compiler",
    "Diagnostic": "strataregula.model",
    "EmitError": "strataregula.errors",
    "Explanation": "strataregula.answers",
    "MissingKey": "strataregula.errors",
    "OutputError": "strataregula.errors",
    "Pattern": "strataregula.core.pattern",
    "PatternExpander": "strataregula.core.pattern_expander",
    "PatternMatcher": "strataregula.core.matcher",
    "PatternSyntaxError": "strataregula.errors",
    "StrataregulaError": "strataregula.errors",
    "UsageError": "strataregula.errors",
    "parse_pattern": "strataregula.core.pattern",
}

__all__ = [
    "AmbiguousKey",
    "CompilationError",
    "CompiledConfig",
    "CompiledPatternCache",
    "ConfigCompiler",
    "Diagnostic",
    "EmitError",
    "Explanation",
    "MissingKey",
    "OutputError",
    "Pattern",
    "PatternExpander",
    "PatternMatcher",
    "PatternSyntaxError",
    "StrataregulaError",
    "UsageError",
    "__version__",
    "parse_pattern",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - typing and importlib are most of what an import costs

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
