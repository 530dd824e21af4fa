"""Two revisions made ready to be measured: checked out, each side bound to its own code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from bench import gitref
from bench.cli.wiring import subject_roots
from bench.discovery import find_suites
from bench.environments import IsolatedEnvironment, environment_for, package_differences
from bench.errors import (
    BenchGuardError,
    ConfigurationError,
    DiscoveryError,
    SubjectError,
    SubjectNotFoundError,
)
from bench.executor import IsolatedExecutor
from bench.gitref import Revision
from bench.guard import Ports
from bench.model import Side
from bench.pairs import PairedExecutor
from bench.revisions import Revisions
from bench.settings import Settings
from bench.subject import locate
from bench.worktrees import Worktrees, open_worktrees

_NAMED = 5
_BUILD = "--isolated builds either side"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which revisions to compare, and how. No ``head``: the working tree. No ``suite_from``: its suites."""

    base: str
    head: str | None = None
    suite_from: str | None = None
    isolated: bool = False
    extras: tuple[str, ...] = ()


@contextmanager
def opened_revisions(settings: Settings, ports: Ports, asked: Asked) -> Iterator[tuple[Settings, Revisions]]:
    """Check both revisions out and bind either side to its own; removes the trees at the end.

    Gives the settings to collect the head's suites with, and both sides. GitError, SubjectError,
    ConfigurationError where that is not possible.
    """
    base = gitref.resolve(settings.root, asked.base)
    head = gitref.resolve(settings.root, asked.head) if asked.head else gitref.working_tree(settings.root)
    _check_subject(settings, asked)
    with open_worktrees(settings.root, base, head, ports.progress.say) as trees:
        roots = {
            "base": settings.root if asked.suite_from is None else trees.base,
            "head": settings.root if asked.suite_from is None else trees.head,
        }
        if asked.suite_from in {"base", "head"}:
            roots = dict.fromkeys(roots, roots[asked.suite_from])
        homes, notices = _homes(settings, ports, asked, trees)
        sides = {
            name: replace(
                _real(ports),
                root=root,
                watch=(),
                roots=home.roots,
                python=home.python,
                environ=home.environ,
                untouched=settings.root,
            )
            for (name, root), home in zip(roots.items(), homes, strict=True)
        }
        yield (
            replace(settings, root=roots["head"]),
            Revisions(
                base_side=_described(base, "git"),
                head_side=_described(head, "git" if asked.head else "working tree"),
                pairs=PairedExecutor(sides["base"], sides["head"]),
                head=sides["head"],
                base=sides["base"],
                base_suites=_suites(settings, roots["base"]),
                subjects=settings.subject,
                same_code=base.commit == head.commit and not head.dirty,
                notices=notices,
            ),
        )


def _check_subject(settings: Settings, asked: Asked) -> None:
    if not settings.subject:
        raise ConfigurationError(
            "ab needs the name of the package under measurement, and could not guess it",
            hint='set [tool.bench-guard] subject = ["yourpackage"] in pyproject.toml',
        )
    if settings.installed and not asked.isolated:
        raise ConfigurationError(
            "--installed measures one installed copy, ab needs two",
            hint="leave --installed out, or add --isolated to install either revision",
        )


@dataclass(frozen=True, slots=True)
class _Home:
    """Where one side's workers find the subject, and the interpreter that they are."""

    roots: Mapping[str, str]
    python: str = sys.executable
    environ: Mapping[str, str] | None = None


def _real(ports: Ports) -> IsolatedExecutor:
    if not isinstance(ports.executor, IsolatedExecutor):
        raise BenchGuardError("ab needs real worker processes")
    return ports.executor


def _homes(
    settings: Settings, ports: Ports, asked: Asked, trees: Worktrees
) -> tuple[tuple[_Home, _Home], tuple[str, ...]]:
    """Either side's tree, or the environment that it was installed into; and what differs besides."""
    if not asked.isolated:
        in_base, in_head = (subject_roots(settings, tree) for tree in (trees.base, trees.head))
        return (_Home(in_base), _Home(in_head)), tuple(_left_behind(settings, trees))
    base, head = (
        environment_for(tree, ports.progress.say, cache=trees.cache, extras=asked.extras)
        for tree in (trees.base, trees.head)
    )
    differences = package_differences(base, head)
    more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    notice = (
        f"the environments differ in {', '.join(differences[:_NAMED])}{more}: a change may come from there"
    )
    homes = (_installed(settings.subject, base), _installed(settings.subject, head))
    return homes, (notice,) if differences else ()


def _left_behind(settings: Settings, trees: Worktrees) -> Iterator[str]:
    """Say which compiled modules are not in the revisions: Python code may stand in for them in silence."""
    for name in settings.subject:
        with suppress(SubjectError):
            built = (locate(name, settings.root) / name).rglob(f"*{EXTENSION_SUFFIXES[-1]}")
            inside = (path.relative_to(settings.root) for path in built)
            first = next((path for path in inside if not (trees.head / path).exists()), None)
            if first is not None:
                yield f"{first}, built in the working tree, is in no revision: both sides lack it; {_BUILD}"


def _rooted(settings: Settings, tree: Path, name: str) -> Mapping[str, str]:
    try:
        return subject_roots(settings, tree)
    except SubjectNotFoundError as error:
        raise SubjectNotFoundError(
            f"{name} has no package {' or '.join(map(repr, settings.subject))}: there is nothing to compare",
            hint="name a revision that holds it; --isolated installs what its pyproject.toml packages",
        ) from error


def _installed(subjects: Sequence[str], environment: IsolatedEnvironment) -> _Home:
    place = environment.site_packages
    for name in subjects:
        if not (place / name).is_dir() and not any(place.glob(f"{name}.*")):
            raise SubjectError(
                f"the revision's installation brought no {name!r} into {place}",
                hint="is [tool.bench-guard] subject the import name of what pyproject.toml installs?",
            )
    # PYTHONPATH stands in front of what was installed, and would be the same on both sides.
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    return _Home(dict.fromkeys(subjects, str(place)), str(environment.python), environ)


def _suites(settings: Settings, root: Path) -> tuple[Path, ...]:
    """The base's suite files; none where that revision does not have the place: all is new then."""
    try:
        return find_suites(root, settings.paths or settings.suites)
    except DiscoveryError:
        return ()


def _described(revision: Revision, kind: str) -> Side:
    commit = f"{revision.commit}-dirty" if revision.dirty else revision.commit
    return Side(kind, revision.label, commit, revision.date)
