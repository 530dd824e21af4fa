"""[edge] Where a project keeps its package and its benchmark suites, when nobody says.

Only names are looked at; nothing is imported or executed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SUITE_FOLDERS = ("benchmarks", "bench", "tests/benchmarks")
SUITE_FILES = ("bench_*.py", "*_bench.py")

_NOT_SUBJECTS = frozenset(
    {"bench", "benchmarks", "build", "dist", "doc", "docs", "example", "examples", "scripts", "test", "tests"}
)
_NOT_CODE = frozenset({"conftest", "noxfile", "setup", "sitecustomize", "usercustomize"})


def default_suites(root: Path) -> tuple[str, ...]:
    """Return the usual suite folders that hold suites, else the suite files in the root itself."""
    folders = tuple(name for name in SUITE_FOLDERS if _has_suites(root / name))
    if folders:
        return folders
    return tuple(sorted({path.name for pattern in SUITE_FILES for path in root.glob(pattern)}))


def _has_suites(folder: Path) -> bool:
    patterns = ("*.py",) if (folder / "__init__.py").is_file() else SUITE_FILES
    return any(next(folder.rglob(pattern), None) is not None for pattern in patterns)


def guess_subject(root: Path, project: str | None, suites: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the import name of the project's package: ``project`` normalised, else the only one.

    Looks in ``src/`` before the root. Empty when there is none, or several to choose from.
    """
    places = [folder for folder in (root / "src", root) if folder.is_dir()]
    if project is not None:
        name = re.sub(r"[-_.]+", "_", project).lower()
        for place in places:
            if any(found.lower() == name for found in _importable(place)):
                return (next(found for found in _importable(place) if found.lower() == name),)
    taken = {suite.split("/")[0].removesuffix(".py") for suite in suites}
    for place in places:
        names = [name for name in _packages(place) if name not in _NOT_SUBJECTS | taken]
        if names:
            return tuple(names) if len(names) == 1 else ()
    return ()


def siblings(folder: Path, subjects: Sequence[str], suites: Sequence[Path]) -> tuple[str, ...]:
    """Return what else of the project can be imported from ``folder``, which holds its subjects.

    The subject may be a thin face of another package beside it. Suites, with whatever helps them, are no part
    of it: neither their packages nor, where a suite lies in the folder itself, the modules next to it.
    """
    tops = {suite.relative_to(folder).parts[0] for suite in suites if folder in suite.parents}
    beside_suites = any(suite == folder or (suite.parent == folder and suite.suffix) for suite in suites)
    names = _packages(folder) if beside_suites else list(_importable(folder))
    excluded = _NOT_SUBJECTS | _NOT_CODE | sys.stdlib_module_names | tops | set(subjects)
    return tuple(sorted(set(names) - excluded))


def _importable(folder: Path) -> Iterator[str]:
    """List packages, then single modules of ``folder``, each sorted."""
    yield from _packages(folder)
    yield from sorted(path.stem for path in folder.glob("*.py") if path.stem.isidentifier())


def _packages(folder: Path) -> list[str]:
    names = (path.parent.name for path in folder.glob("*/__init__.py"))
    return sorted(name for name in names if name.isidentifier())
