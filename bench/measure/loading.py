"""Importing a suite file inside a worker, under the name its own imports expect."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from bench.subject import SubjectFinder


def leave_untouched(folder: Path) -> None:
    """From now on no byte code is written below ``folder``; what lies there already is used."""
    write, kept = SourceFileLoader.set_data, folder.resolve()

    def set_data(loader: SourceFileLoader, path: str, data: bytes, **more: int) -> None:
        if not Path(path).resolve().is_relative_to(kept):
            write(loader, path, data, **more)

    SourceFileLoader.set_data = set_data  # type: ignore[method-assign,assignment]


def load_suite(path: Path) -> ModuleType:
    """Import the file.

    Inside a package it gets its dotted name, so that relative imports and ``from benchmarks.data import x``
    work; a lone file gets its stem, and its folder joins the end of ``sys.path``, where it shadows nothing.
    """
    parts = package_parts(path)
    if parts:
        base = path.parents[len(parts)]
        if parts[0] not in sys.modules:
            sys.meta_path.insert(0, SubjectFinder({parts[0]: str(base)}))
        return importlib.import_module(".".join((*parts, path.stem)))
    sys.path.append(str(path.parent))
    name = path.stem if path.stem not in sys.modules else f"suite_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def package_parts(path: Path) -> tuple[str, ...]:
    """Names of the packages around the file, outermost first.

    A package called ``bench`` ends the walk: that name belongs to the harness, so ``bench/suites/core`` is
    ``core`` to its modules.
    """
    parts: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier() and folder.name != "bench":
        parts.insert(0, folder.name)
        folder = folder.parent
    return tuple(parts)
