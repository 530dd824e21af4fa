"""[edge] From suite files to benchmark cases with source hashes; calls no benchmark and no setup.

Finding files happens in the guard's own process, looking into them only in a worker (a suite is foreign
code: it may not import, hang or exit). Both halves live here because they define one identity:
``path::function[n=100]``.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.authoring import ATTRIBUTE, Declaration, cases
from bench.errors import ConfigurationError, SuiteNotFoundError
from bench.model import BenchmarkSpec

PATTERNS = ("bench_*.py", "*_bench.py")
_TEXT_LIMIT = 60


def find_suites(root: Path, places: Sequence[str]) -> tuple[Path, ...]:
    """Suite files named by ``places`` (files or folders, relative to ``root``), each once, in a stable order.

    A folder gives its ``bench_*.py`` and ``*_bench.py`` at any depth, a package (a folder with
    ``__init__.py``) all its modules. SuiteNotFoundError names the first place that does not exist.
    """
    found: dict[Path, None] = {}
    for place in places:
        path = (root / place).resolve()
        if path.is_file():
            found[path] = None
        elif path.is_dir():
            found.update(dict.fromkeys(_in_folder(path)))
        else:
            raise SuiteNotFoundError(
                f"no such suite: {path}",
                hint="name a file or folder of benchmarks, or set [tool.bench-guard] suites",
            )
    return tuple(found)


def _in_folder(folder: Path) -> list[Path]:
    patterns = ("*.py",) if (folder / "__init__.py").is_file() else PATTERNS
    files = {path for pattern in patterns for path in folder.rglob(pattern)}
    return sorted(path for path in files if "__pycache__" not in path.parts and path.name != "__init__.py")


def relative_id(path: Path, root: Path) -> str:
    """POSIX path relative to the project's root; absolute for a suite outside of it."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def declared(module: ModuleType) -> Iterator[tuple[str, Any, Declaration]]:
    """(name, function, declaration) of the benchmarks that this module itself defines, in source order."""
    for name, value in list(vars(module).items()):
        declaration = getattr(value, ATTRIBUTE, None)
        if isinstance(declaration, Declaration) and getattr(value, "__module__", None) == module.__name__:
            yield name, value, declaration


def specs_of(module: ModuleType, path: str) -> list[BenchmarkSpec]:
    """The cases of a loaded suite; ConfigurationError for a declaration that contradicts itself."""
    specs: list[BenchmarkSpec] = []
    for name, function, declaration in declared(module):
        place = f"{path}::{name}"
        _check(declaration, place)
        digest, line = _source(function, declaration)
        specs.extend(
            BenchmarkSpec(
                id=place + _suffix(values),
                path=path,
                function=name,
                case=index,
                source_hash=digest,
                line=line,
                params=tuple((key, _text(value)) for key, value in values.items()),
                is_async=inspect.iscoroutinefunction(function),
                items=_items(declaration, values, place),
                budgets=declaration.budgets,
                tolerance=declaration.tolerance,
                growth=declaration.growth,
                timeout_s=declaration.timeout,
            )
            for index, values in enumerate(cases(declaration))
        )
    _unique(specs)
    return specs


def _check(declaration: Declaration, place: str) -> None:
    given: object = declaration.params
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{place}: params is a mapping of name to values, not {_text(given)}")
    _check_numbers(declaration, place)
    if declaration.setup is not None and not callable(declaration.setup):
        raise ConfigurationError(f"{place}: setup is a function, not {_text(declaration.setup)}")
    for key, values in given.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ConfigurationError(
                f"{place}: params[{key!r}] must be a non-empty list of values, not {_text(values)}"
            )
    if declaration.growth is not None and declaration.growth not in declaration.params:
        raise ConfigurationError(
            f"{place}: growth={declaration.growth!r} is not one of its params {sorted(declaration.params)}"
        )


def _check_numbers(declaration: Declaration, place: str) -> None:
    if declaration.tolerance is not None and not _between(declaration.tolerance, 10):
        raise ConfigurationError(
            f"{place}: tolerance is a ratio such as 0.15, not {_text(declaration.tolerance)}"
        )
    if not _between(declaration.timeout, 1e6):
        raise ConfigurationError(f"{place}: timeout is a number of seconds, not {_text(declaration.timeout)}")


def _between(value: object, limit: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < limit


def _items(declaration: Declaration, values: dict[str, Any], place: str) -> float | None:
    items = values.get(declaration.items) if isinstance(declaration.items, str) else declaration.items
    if items is None and declaration.items is None:
        return None
    if (
        isinstance(items, bool)
        or not isinstance(items, (int, float))
        or not math.isfinite(items)
        or items <= 0
    ):
        raise ConfigurationError(
            f"{place}: items={declaration.items!r} must be a positive number or the name of a numeric "
            f"parameter, got {_text(items)}"
        )
    return float(items)


def _source(function: Any, declaration: Declaration) -> tuple[str, int]:
    """Digest of the syntax trees of function, setup and parameter values, and the function's first line.

    Trees, not texts: a comment or a line break does not make a baseline incomparable.
    """
    parts = [repr(sorted(declaration.params)), repr(declaration.items)]
    line = 1
    for part in (declaration.setup, function):
        if part is None:
            continue
        try:
            lines, line = inspect.getsourcelines(inspect.unwrap(part))
            parts.append(ast.dump(ast.parse(textwrap.dedent("".join(lines)))))
        except (OSError, TypeError, SyntaxError):  # a builtin, a lambda inside an expression, generated code
            parts.append(getattr(part, "__qualname__", type(part).__qualname__))
    return _digest("\0".join(parts))[:16], line


def _suffix(values: dict[str, Any]) -> str:
    return f"[{','.join(f'{key}={_text(value)}' for key, value in values.items())}]" if values else ""


def _text(value: object) -> str:
    """Short, printable, stable text of a parameter value; objects show their type, never an address."""
    if callable(value) and hasattr(value, "__qualname__"):
        text = str(value.__qualname__)
    else:
        text = repr(value) if type(value).__repr__ is not object.__repr__ else type(value).__qualname__
    text = text[1:-1] if isinstance(value, str) else text
    text = "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in text)
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 9]}~{_digest(text)[:8]}"


def _digest(text: str) -> str:
    import hashlib  # noqa: PLC0415  -- OpenSSL costs 4 ms in every worker, and only collecting needs it

    return hashlib.sha256(text.encode()).hexdigest()


def _unique(specs: Sequence[BenchmarkSpec]) -> None:
    seen: set[str] = set()
    for spec in specs:
        if spec.id in seen:
            raise ConfigurationError(
                f"{spec.id}: two cases have this name; give the parameters values that read differently"
            )
        seen.add(spec.id)
