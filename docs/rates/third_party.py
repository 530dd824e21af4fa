"""The same verdicts every time? `ab` between two releases of a package that was written elsewhere.

::

    python docs/rates/third_party.py FOLDER --times 3
    python docs/rates/third_party.py FOLDER --versions 2.0.1 2.2.1

Downloads the sdists of two releases of tomli from the package index, commits them one after the other
into a scratch repository, adds a suite as the README shows it and no configuration whatsoever, and runs
``bench-guard ab --base v1`` there. Exit code 1 when the verdicts of the runs differ.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from revisions import git
from tally import Row, append, lines

PACKAGE = "tomli"
VERSIONS = ("1.2.3", "2.0.1")
SUITE = '''\
from bench import benchmark
import tomli

EXAMPLE = """
title = "TOML Example"
[owner]
name = "Tom Preston-Werner"
dob = 1979-05-27T07:32:00-08:00
[database]
enabled = true
ports = [ 8000, 8001, 8002 ]
data = [ ["delta", "phi"], [3.14] ]
temp_targets = { cpu = 79.5, case = 72.0 }
"""
PROSE = 'text = """\\n' + "some words in a line of text, more or less\\n" * 40 + '"""\\n'
NUMBERS = "a = [" + ", ".join(str(i) for i in range(100)) + "]\\n"

def products(n):
    return "".join(f"[[products]]\\nname = 'item {i}'\\nsku = {i}\\n" for i in range(n))

def headers(n):
    return "".join(f"[site{i}.settings.color]\\nred = 1\\n" for i in range(n))

def dotted(n):
    one = "name = 'item'\\ncolor.dark.red = 'x'\\ncolor.dark.green = 1\\ncolor.light.red = 2\\n"
    return "".join(f"[[products]]\\n{one}" for _ in range(n))

@benchmark
def example():
    return tomli.loads(EXAMPLE)

@benchmark
def prose():
    return tomli.loads(PROSE)

@benchmark
def numbers():
    return tomli.loads(NUMBERS)

@benchmark(params={"n": [10, 80]}, setup=products, items="n")
def arrays_of_tables(text):
    return tomli.loads(text)

@benchmark(params={"n": [40]}, setup=headers, items="n")
def table_headers(text):
    return tomli.loads(text)

@benchmark(params={"n": [10, 40]}, setup=dotted, items="n")
def dotted_keys(text):
    return tomli.loads(text)
'''
_IDENTITY = ("-c", "user.name=rates", "-c", "user.email=rates@example.org", "-c", "commit.gpgsign=false")
_KEPT = ("verdict", "change", "note")
_ROWS = "third-party.jsonl"


def main() -> None:
    """Compare the releases again and again; exit code 1 when the answers differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--versions", nargs=2, default=VERSIONS, metavar=("BASE", "HEAD"))
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    repository = make_repository(given.folder.resolve(), *given.versions)
    file = given.folder / _ROWS
    while (done := len(list(lines(file)))) < given.times:
        append(file, [compare(repository)])
        print(f"{done + 1} of {given.times}", flush=True)
    raise SystemExit(table(list(lines(file))[: given.times]))


def make_repository(folder: Path, *versions: str) -> Path:
    """One commit a release, tagged v1 and v2, and the suite on top of the second."""
    repository = folder / "repository"
    if (repository / ".git").exists():
        return repository
    repository.mkdir(parents=True)
    git(repository, "init", "-q", "-b", "main")
    for number, version in enumerate(versions, 1):
        for path in repository.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(_sources(folder, version), repository, dirs_exist_ok=True)
        _commit(repository, f"{PACKAGE} {version}")
        git(repository, "tag", f"v{number}")
    (repository / "benchmarks").mkdir()
    (repository / "benchmarks" / f"bench_{PACKAGE}.py").write_text(SUITE, encoding="utf-8")
    _commit(repository, "Benchmarks")
    return repository


def _sources(folder: Path, version: str) -> Path:
    """The unpacked sdist of a release."""
    options = ["--no-deps", "--no-binary", ":all:", "--quiet", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, f"{PACKAGE}=={version}"]
    name = f"{PACKAGE}-{version}"
    if not (folder / f"{name}.tar.gz").exists():
        subprocess.run(command, check=True)
    with tarfile.open(folder / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / name


def _commit(repository: Path, message: str) -> None:
    git(repository, "add", "-A")
    git(repository, *_IDENTITY, "commit", "-q", "-m", message)


def compare(repository: Path) -> Row:
    """One run of the command line: (benchmark, metric) -> verdict and change, and the exit code."""
    report = repository.parent / "report.json"
    program = str(Path(sys.executable).with_name("bench-guard"))
    command = [program, "ab", "--base", "v1", "--json", str(report), "--no-progress"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1, 3}:
        raise SystemExit(f"exit code {done.returncode}\n{done.stderr}{done.stdout}")
    document = json.loads(report.read_text(encoding="utf-8"))
    gating = [row for row in document["comparisons"] if row["tolerance"] is not None]
    return {
        "exit": done.returncode,
        "duration_s": document["duration_s"],
        "verdicts": {
            f"{row['benchmark'].rpartition('::')[2]} {row['metric']}": [row[key] for key in _KEPT]
            for row in gating
        },
    }


def table(rows: list[Row]) -> int:
    """Verdict and change of every comparison, run by run; 1 when the verdicts of two runs differ."""
    print(f"| comparison |{''.join(f' run {number} |' for number in range(1, len(rows) + 1))}")
    print("|---|" + "---|" * len(rows))
    for name in rows[0]["verdicts"]:
        cells = [row["verdicts"].get(name, ("absent", None, None)) for row in rows]
        words = [verdict + ("" if change is None else f" {change:+.1%}") for verdict, change, _ in cells]
        print(f"| {name} | {' | '.join(words)} |")
    answers = {tuple((name, found[0]) for name, found in row["verdicts"].items()) for row in rows}
    took = ", ".join(f"{row['duration_s']:.0f}" for row in rows)
    codes = [row["exit"] for row in rows]
    word = "the same verdicts" if len(answers) == 1 else "DIFFERENT VERDICTS"
    print(f"\n{word}, exit codes {codes}, {took} s")
    return int(len(answers) != 1)


if __name__ == "__main__":
    main()
