"""``bench-guard ab``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from bench import gitref
from bench.cli.options import MeasuringOptions, measuring
from bench.cli.output import EXIT_CODES
from bench.cli.session import execute
from bench.discovery import find_suites
from bench.environments import IsolatedEnvironment, environment_for, package_differences
from bench.errors import BenchGuardError, ConfigurationError, DiscoveryError, SubjectError
from bench.executor import IsolatedExecutor
from bench.gitref import Revision
from bench.guard import Ports
from bench.model import Report, Side
from bench.pairs import PairedExecutor
from bench.revisions import Revisions, compare_revisions
from bench.settings import Settings
from bench.subject import locate
from bench.worktrees import Worktrees, open_worktrees

_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options of ``ab`` say; no ``head`` means the working tree, no ``suite_from`` its suites."""

    base: str
    head: str | None
    suite_from: str | None
    isolated: bool
    extras: tuple[str, ...]


@click.command(
    "ab",
    epilog=f"""\b
Examples:
  bench-guard ab --base main                  the working tree against main
  bench-guard ab --base main...               against where this branch left main
  bench-guard ab --base v1.2 --head v1.3      two releases
  bench-guard ab --base HEAD~1 -k parse       some benchmarks
  bench-guard ab --base v1.2 --isolated       each side in an environment of its own
\b
{EXIT_CODES}""",
)
@click.option(
    "--base",
    "base",
    metavar="REF",
    required=True,
    help="Revision to compare with: anything git understands; A...B is their merge base.",
)
@click.option("--head", "head", metavar="REF", help="Revision to judge. Default: the working tree.")
@click.option(
    "--suite-from",
    metavar="SIDE",
    type=click.Choice(["base", "head", "each"]),
    help="Whose suites run: base, head or each its own. Default: the working tree's, on both sides.",
)
@click.option(
    "--isolated",
    is_flag=True,
    help="Install either revision, with its dependencies, into an environment of its own.",
)
@click.option(
    "--extra", "extras", metavar="NAME", multiple=True, help="With --isolated: install this extra too."
)
@measuring
def command(
    base: str,
    head: str | None,
    suite_from: str | None,
    isolated: bool,
    extras: tuple[str, ...],
    **options: Any,
) -> int:
    """Measure two revisions against each other, in one sitting, by processes that take turns.

    Needs no baseline and no quiet machine: whatever slows the host slows both sides alike. Your working
    tree, index and stash are not touched; both revisions are checked out elsewhere for as long as it takes.
    """
    asked = _Asked(base, head, suite_from, isolated, extras)
    if extras and not isolated:
        raise click.UsageError("--extra belongs to --isolated")

    def compare(settings: Settings, ports: Ports) -> Report:
        with _opened(settings, ports, asked) as (of_head, revisions):
            return compare_revisions(of_head, ports, revisions)

    return execute("ab", MeasuringOptions(**options), compare)


@contextmanager
def _opened(settings: Settings, ports: Ports, asked: _Asked) -> Iterator[tuple[Settings, Revisions]]:
    """Check both revisions out and bind either side to its own."""
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
            name: replace(_real(ports), root=root, watch=(), roots=home.roots, python=home.python)
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


def _check_subject(settings: Settings, asked: _Asked) -> None:
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


def _real(ports: Ports) -> IsolatedExecutor:
    if not isinstance(ports.executor, IsolatedExecutor):
        raise BenchGuardError("ab needs real worker processes")
    return ports.executor


def _homes(
    settings: Settings, ports: Ports, asked: _Asked, trees: Worktrees
) -> tuple[tuple[_Home, _Home], tuple[str, ...]]:
    """Either side's tree, or the environment that it was installed into; and what differs besides."""
    if not asked.isolated:
        in_base, in_head = (_bound(settings.subject, tree) for tree in (trees.base, trees.head))
        return (_Home(in_base), _Home(in_head)), ()
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


def _bound(subjects: Sequence[str], tree: Path) -> Mapping[str, str]:
    return {name: str(locate(name, tree)) for name in subjects}


def _installed(subjects: Sequence[str], environment: IsolatedEnvironment) -> _Home:
    place = environment.site_packages
    for name in subjects:
        if not (place / name).is_dir() and not any(place.glob(f"{name}.*")):
            raise SubjectError(
                f"the revision's installation brought no {name!r} into {place}",
                hint="is [tool.bench-guard] subject the import name of what pyproject.toml installs?",
            )
    return _Home(dict.fromkeys(subjects, str(place)), str(environment.python))


def _suites(settings: Settings, root: Path) -> tuple[Path, ...]:
    """The base's suite files; none where that revision does not have the place: all is new then."""
    try:
        return find_suites(root, settings.paths or settings.suites)
    except DiscoveryError:
        return ()


def _described(revision: Revision, kind: str) -> Side:
    commit = f"{revision.commit}-dirty" if revision.dirty else revision.commit
    return Side(kind, revision.label, commit, revision.date)
