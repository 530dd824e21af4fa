"""[edge] The settings of a run: defaults, ``pyproject.toml``, environment and arguments, merged.

Later sources win: default, ``[tool.bench-guard]`` of the measured project, ``BENCH_GUARD_*`` variables,
command line. :attr:`Settings.origins` remembers which one did.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from bench.errors import ConfigurationError, StoreError
from bench.layout import default_suites, guess_subject
from bench.selection import parse_expression

FILE_NAME = "pyproject.toml"
ENVIRONMENT_PREFIX = "BENCH_GUARD_"
METRICS = ("time", "p95", "p99", "peak", "rss")

_LATER_METRICS = frozenset({"retained", "gc", "instructions", "growth"})
_TABLE = "tool.bench-guard"
_NO = frozenset({"", "0", "false", "no", "off"})
_YES = frozenset({"1", "true", "yes", "on"})
_LARGEST_TOLERANCE = 10.0


@dataclass(frozen=True, slots=True)
class BenchmarkOverride:
    """Settings for the benchmarks that ``pattern`` names (``*`` and ``?`` as in a shell)."""

    pattern: str
    tolerance: float | None = None

    def matches(self, benchmark_id: str) -> bool:
        """Whether the pattern names this benchmark.

        It is tried on the whole id (``benchmarks/expand.py::wide[n=10]``), on the function with and without
        its parameters (``wide[n=10]``, ``wide``) and on both behind the file's stem (``expand.wide``).
        """
        path, _, case = benchmark_id.partition("::")
        function = case.partition("[")[0]
        stem = path.rpartition("/")[2].removesuffix(".py")
        names = (benchmark_id, case, function, f"{stem}.{case}", f"{stem}.{function}")
        pattern = re.escape(self.pattern).replace(r"\*", ".*").replace(r"\?", ".")
        return any(re.fullmatch(pattern, name, re.DOTALL) for name in names)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a run was told. ``tolerance`` is a ratio, ``budget`` seconds; paths are absolute.

    ``suites`` and ``paths`` are POSIX paths relative to ``root`` (absolute where they lie outside of it).
    """

    root: Path
    suites: tuple[str, ...]
    baseline: Path
    reports: Path
    tolerance: float = 0.10
    metrics: tuple[str, ...] = ("time", "peak")
    subject: tuple[str, ...] = ()
    installed: bool = False
    budget: float = 120.0
    overrides: tuple[BenchmarkOverride, ...] = ()
    ci: bool = False
    strict: bool = False
    require_baseline: bool = False
    paths: tuple[str, ...] = ()
    expression: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)

    def tolerance_for(self, benchmark_id: str, declared: float | None) -> float:
        """Return the relative tolerance of one benchmark.

        The last matching ``[tool.bench-guard.benchmarks."PATTERN"]`` wins over what the suite declares, and
        that over the general tolerance.
        """
        for override in reversed(self.overrides):
            if override.tolerance is not None and override.matches(benchmark_id):
                return override.tolerance
        return self.tolerance if declared is None else declared


class _WrongValueError(ValueError):
    """A value that a key cannot take; carries what was expected."""


def _ratio(value: object) -> float:
    number = _number(value)
    if not 0 < number < _LARGEST_TOLERANCE:
        raise _WrongValueError(f"a ratio above 0 and below {_LARGEST_TOLERANCE:g}, such as 0.10 for 10 %")
    return number


def _seconds(value: object) -> float:
    number = _number(value)
    if not 0 < number < float("inf"):
        raise _WrongValueError("a number of seconds above 0, such as 120")
    return number


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _WrongValueError("a number, such as 0.10")
    try:
        return float(value)
    except OverflowError:
        raise _WrongValueError("a number of ordinary size") from None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _WrongValueError("true or false")
    return value


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise _WrongValueError("the path of a folder in quotes")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item for item in value):
        raise _WrongValueError('a list of texts, such as ["one", "two"]')
    return tuple(dict.fromkeys(value))


def _metrics(value: object) -> tuple[str, ...]:
    names = _texts(value)
    if not names:
        raise _WrongValueError(f"at least one of {', '.join(METRICS)}")
    for name in names:
        if name in _LATER_METRICS:
            raise _WrongValueError(f"one of {', '.join(METRICS)}; {name!r} arrives in a later version")
        if name not in METRICS:
            raise _WrongValueError(f"only names among {', '.join(METRICS)}{_meant(name, METRICS)}")
    return names


def _subject(value: object) -> tuple[str, ...]:
    names = _texts(value)
    for name in names:
        if not name.isidentifier():
            raise _WrongValueError('top-level names as in an import statement, such as ["mypackage"]')
    return names


_KEYS: Mapping[str, Callable[[object], Any]] = {
    "suites": _texts,
    "baseline": _path,
    "reports": _path,
    "tolerance": _ratio,
    "metrics": _metrics,
    "subject": _subject,
    "installed": _flag,
    "budget": _seconds,
    "strict": _flag,
    "require_baseline": _flag,
}
_OPTIONS = {
    "metrics": "--metric",
    "paths": "PATHS",
    "expression": "-k",
    "require_baseline": "--require-baseline/--no-require-baseline",
}


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    origin: str


def load_settings(cwd: Path, environ: Mapping[str, str], arguments: Mapping[str, object]) -> Settings:
    """Merge all sources for the project around ``cwd``; :func:`find_root` says which one that is.

    ``arguments`` holds values by the names of :class:`Settings`; None means not given. Raises
    :class:`ConfigurationError` naming the place, the key and what was expected.
    """
    root = find_root(cwd)
    text = _read_text(root / FILE_NAME)
    document = _parse_document(text)
    table = _tool_table(document, text)
    overrides = _read_overrides(table.pop("benchmarks", {}), text)
    values = _default_values(root, document, environ)
    values |= _from_file(table, text)
    values |= _from_environment(environ)
    values |= _from_arguments(arguments, cwd, root)
    merged = {key: found.value for key, found in values.items()}
    merged["baseline"] = root / Path(merged["baseline"]).expanduser()
    merged["reports"] = root / Path(merged["reports"]).expanduser()
    origins = {key: found.origin for key, found in values.items()}
    return Settings(root=root, overrides=overrides, origins=origins, **merged)


def find_root(cwd: Path) -> Path:
    """Return the nearest folder upwards that holds a ``pyproject.toml``, else ``cwd`` itself."""
    start = cwd.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / FILE_NAME).is_file()), start)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error


def _parse_document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"^(.*) \(at line (\d+), column (\d+)\)$", str(error), re.DOTALL)
        place, why = (f":{found[2]}:{found[3]}", found[1]) if found else ("", str(error))
        raise ConfigurationError(f"{FILE_NAME}{place}: not valid TOML: {why}") from None


def _tool_table(document: Mapping[str, Any], text: str) -> dict[str, Any]:
    tool = document.get("tool", {})
    table = tool.get("bench-guard", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{_place(text, 'tool', 'bench-guard')}: [{_TABLE}] must be a table")
    return dict(table)


def _default_values(root: Path, document: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, _Value]:
    ci = environ.get("CI", "").strip().lower() not in _NO
    ci_origin = "CI" if "CI" in environ else "default"
    suites = default_suites(root)
    project = document.get("project", {})
    name = project.get("name") if isinstance(project, dict) else None
    plain = {
        "baseline": "baselines",
        "reports": "reports",
        "tolerance": 0.10,
        "metrics": ("time", "peak"),
        "installed": False,
        "budget": 120.0,
        "strict": False,
        "paths": (),
        "expression": "",
    }
    values = {key: _Value(value, "default") for key, value in plain.items()}
    values["ci"] = _Value(ci, ci_origin)
    values["require_baseline"] = _Value(ci, ci_origin)
    values["suites"] = _Value(suites, "guessed" if suites else "default")
    subject = guess_subject(root, name if isinstance(name, str) else None, suites)
    values["subject"] = _Value(subject, "guessed" if subject else "default")
    return values


def _from_file(table: Mapping[str, Any], text: str) -> dict[str, _Value]:
    values = {}
    for key, raw in table.items():
        name = "require_baseline" if key == "require-baseline" else key
        place = _place(text, _TABLE, key)
        if name not in _KEYS:
            known = (*_KEYS, "benchmarks")
            raise ConfigurationError(
                f"{place}: unknown key {key!r} in [{_TABLE}]{_meant(key, known)}",
                hint=f"known keys: {', '.join(known)}",
            )
        values[name] = _Value(_checked(name, raw, f"{place}: {key}"), place)
    return values


def _read_overrides(raw: object, text: str) -> tuple[BenchmarkOverride, ...]:
    name = f"{_TABLE}.benchmarks"
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{_place(text, _TABLE, 'benchmarks')}: [{name}] must be a table of tables")
    overrides = []
    for pattern, table in raw.items():
        where = f'{name}."{pattern}"'
        if not isinstance(table, dict):
            raise ConfigurationError(f"{_place(text, name, pattern)}: [{where}] must be a table")
        for key in table:
            if key != "tolerance":
                place = _place(text, f"{name}.{pattern}", key)
                message = f"{place}: unknown key {key!r} in [{where}]{_meant(key, ('tolerance',))}"
                raise ConfigurationError(message, hint="known key: tolerance")
        place = _place(text, f"{name}.{pattern}", "tolerance")
        tolerance = _checked("tolerance", table["tolerance"], f"{place}: tolerance") if table else None
        overrides.append(BenchmarkOverride(pattern, tolerance))
    return tuple(overrides)


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Value]:
    """Read the known variables; a near miss is an error, any other name belongs to somebody else."""
    values = {}
    for variable in sorted(environ):
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        key = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if key in _KEYS:
            values[key] = _Value(_checked(key, _from_text(key, environ[variable]), variable), variable)
            continue
        close = get_close_matches(key, _KEYS, n=1)
        if close:
            meant = ENVIRONMENT_PREFIX + close[0].upper()
            raise ConfigurationError(f"unknown environment variable {variable}; did you mean {meant!r}?")
    return values


def _from_text(key: str, text: str) -> object:
    kind = _KEYS[key]
    if kind in {_ratio, _seconds}:
        try:
            return float(text)
        except ValueError:
            return text
    if kind is _flag:
        word = text.strip().lower()
        return True if word in _YES else False if word in _NO else text
    if kind is _path:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _from_arguments(arguments: Mapping[str, object], cwd: Path, root: Path) -> dict[str, _Value]:
    values = {}
    for key, raw in arguments.items():
        if raw is None:
            continue
        option = _OPTIONS.get(key, "--" + key.replace("_", "-"))
        if key == "paths":
            paths = tuple(_relative(text, cwd, root) for text in _texts(raw))
            values[key] = _Value(paths, option if paths else "default")
        elif key == "expression":
            parse_expression(str(raw))
            values[key] = _Value(str(raw), option)
        else:
            values[key] = _Value(_checked(key, raw, option), option)
    return values


def _relative(name: str, cwd: Path, root: Path) -> str:
    """Spell a path of the command line as ids do; it must exist."""
    path = (cwd / name).resolve()
    if not path.exists():
        file, separator, case = name.partition("::")
        hint = (
            f"select single benchmarks by name: {file} -k '{case}'"
            if separator
            else "bench-guard list shows all"
        )
        raise ConfigurationError(f"no such file or folder: {name}", hint=hint)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _checked(key: str, raw: object, where: str) -> Any:
    try:
        return _KEYS[key](raw)
    except _WrongValueError as wrong:
        raise ConfigurationError(f"{where}: expected {wrong}; got {raw!r}") from None


def _meant(word: str, known: tuple[str, ...] | list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _place(text: str, table: str, key: str) -> str:
    """``pyproject.toml:LINE`` of a key; without the line where the key is written in an unusual way.

    ``tomllib`` keeps no positions, so the lines are read again: table headers, and keys at their start.
    """
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[([^\[\]]+(?:\[[^\]]*\][^\[\]]*)*)\]\s*(?:#.*)?$", line)
        if header:
            current = _plain(header[1])
            if current == f"{table}.{key}":
                return f"{FILE_NAME}:{number}"
        found = re.match(r"""\s*("[^"]*"|'[^']*'|[\w.-]+)\s*=""", line)
        if found and f"{current}.{_plain(found[1])}" == f"{table}.{key}":
            return f"{FILE_NAME}:{number}"
    return FILE_NAME


def _plain(key: str) -> str:
    return re.sub(r"""["']|\s*(\.)\s*""", r"\1", key).strip()
