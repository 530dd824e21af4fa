"""Revisions of one package that differ in nothing but how much they do: exactly 0, 5, 12, 15 and 20 % more.

::

    python docs/rates/revisions.py FOLDER     # a git repository with one commit and tag a revision

Every workload of :mod:`kinds` is one unit of work ``SIZE`` times over; a revision changes that number alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = {"base": 100, "plus05": 105, "plus12": 112, "plus15": 115, "plus20": 120}
"""Tag of each revision -> its SIZE, which is also 100 times the work of ``base``."""

_SIZE_LINE = "SIZE = 100\n"
_PROJECT = """\
[project]
name = "kinds"
version = "1.0"

[tool.bench-guard]
suites = ["benchmarks"]
subject = ["kinds"]
metrics = ["time"]
budget = 600
"""
_IDENTITY = ("-c", "user.name=rates", "-c", "user.email=rates@example.org", "-c", "commit.gpgsign=false")


def main() -> None:
    """Make the repository, or say that it is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print(f"{make_repository(folder)}: {', '.join(SIZES)}")


def sized(size: int) -> str:
    """The source of the workloads with another SIZE."""
    source = (HERE / "kinds.py").read_text(encoding="utf-8")
    if source.count(_SIZE_LINE) != 1:
        raise SystemExit(f"{HERE / 'kinds.py'}: expected one line {_SIZE_LINE.strip()!r}")
    return source.replace(_SIZE_LINE, f"SIZE = {size}\n")


def make_tree(folder: Path, size: int) -> Path:
    """A folder with the suite and the workloads of one size side by side; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kinds.py").write_text(sized(size), encoding="utf-8")
    shutil.copy(HERE / "bench_kinds.py", folder)
    return folder


def make_repository(folder: Path) -> Path:
    """A repository with the package ``kinds``, its suite, and a tag for every revision."""
    if (folder / ".git").exists():
        return folder
    (folder / "kinds").mkdir(parents=True)
    (folder / "benchmarks").mkdir()
    (folder / "pyproject.toml").write_text(_PROJECT, encoding="utf-8")
    (folder / ".gitignore").write_text("__pycache__/\nreports/\n", encoding="utf-8")
    shutil.copy(HERE / "bench_kinds.py", folder / "benchmarks")
    git(folder, "init", "-q", "-b", "main")
    for tag, size in SIZES.items():
        (folder / "kinds" / "__init__.py").write_text(sized(size), encoding="utf-8")
        git(folder, "add", "-A")
        git(folder, *_IDENTITY, "commit", "-q", "-m", f"SIZE = {size}")
        git(folder, "tag", tag)
    git(folder, "checkout", "-q", "-B", "main", "base")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; returns what it wrote."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S607
    return done.stdout


if __name__ == "__main__":
    main()
