"""[edge] The code under measurement: bound to one root by a meta-path finder, and proved to come from there.

The worker installs :class:`SubjectFinder` before it imports the suite. Without it an editable install, a
``PYTHONPATH`` or a stale copy in ``site-packages`` could be measured in silence; with it the import either
comes from the root or fails, and :func:`prove` says so module by module.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from bench.errors import SubjectError, SubjectNotFoundError


class SubjectFinder:
    """A meta-path finder that resolves the bound top-level names from their own folder and from nowhere else.

    ``roots`` maps a top-level name to the folder that contains the package or module. Submodules follow by
    themselves, because a package found here searches its own ``__path__``. It does not inherit from
    ``importlib.abc.MetaPathFinder``: that import alone takes 6 ms of every worker.
    """

    def __init__(self, roots: Mapping[str, str]) -> None:
        self.roots = dict(roots)

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a bound name; ModuleNotFoundError, not another copy, when the root does not hold it."""
        root = self.roots.get(fullname)
        if root is None:
            return None
        spec = PathFinder.find_spec(fullname, [root], target)
        if spec is None:
            raise ModuleNotFoundError(
                f"subject {fullname!r} is bound to {root}, which does not hold it", name=fullname
            )
        return spec


def locate(name: str, project: Path) -> Path:
    """The folder that holds the subject ``name`` in ``project``: the root itself or its ``src``.

    Raises SubjectNotFoundError when neither does, SubjectError when the name is this program's own.
    """
    candidates = [project, project / "src"]
    # A folder without code of its own may be what is left of a package that moved to src.
    tried = ((folder, holds) for holds in (_holds, _may_hold) for folder in candidates)
    found = next((folder for folder, holds in tried if holds(folder, name)), None)
    if name == "bench" and found is not None and (found / name).resolve() != Path(__file__).resolve().parent:
        raise SubjectError(
            f"the project's package {found / name} has the name of the harness {Path(__file__).parent}: "
            "both cannot be imported in one process",
            hint="rename it, or name another package under [tool.bench-guard] subject",
        )
    if found is None:
        places = " or ".join(str(folder / name) for folder in candidates)
        raise SubjectNotFoundError(
            f"subject {name!r} was not found: expected {places}",
            hint='set [tool.bench-guard] subject = ["yourpackage"] in pyproject.toml, or pass --installed',
        )
    return found


def _holds(folder: Path, name: str) -> bool:
    return (folder / name / "__init__.py").is_file() or (folder / f"{name}.py").is_file()


def _may_hold(folder: Path, name: str) -> bool:
    return (folder / name).is_dir()


def bind(roots: Mapping[str, str]) -> None:
    """Install the finder in front of all others; names already imported from elsewhere are an error."""
    early = sorted(name for name in roots if name in sys.modules)
    if early:
        raise SubjectError(f"{early[0]!r} was imported before it could be bound to {roots[early[0]]}")
    sys.meta_path.insert(0, SubjectFinder(roots))


def prove(roots: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(name, file) of every bound package that was imported; SubjectError for a module from another root.

    Every loaded submodule is looked at, since a package can extend its ``__path__`` to another copy.
    """
    for name, module in sorted(sys.modules.items()):
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        if (
            top in roots
            and file is not None
            and not Path(file).resolve().is_relative_to(Path(roots[top]).resolve())
        ):
            raise SubjectError(
                f"{name} was imported from {file}, not from {roots[top]}: nothing was measured"
            )
    return tuple(
        (name, str(getattr(sys.modules[name], "__file__", "")))
        for name in sorted(roots)
        if name in sys.modules
    )


def whereabouts(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(name, file) of the imported ones among ``names``, without any claim about where they should be."""
    loaded = [name for name in names if name in sys.modules]
    return tuple((name, str(getattr(sys.modules[name], "__file__", None) or "")) for name in loaded)
