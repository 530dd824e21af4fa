"""Every file, command and session of the guide and of the examples' READMEs is run and compared.

``pytest --update-golden tests/examples`` writes the real output of the commands into the documents.
"""

import doctest
import re
import shlex
import shutil
from pathlib import Path

import pytest

from strataregula.cli.main import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ("service_latency", "resource_limits", "feature_flags", "endpoints")
DOCUMENTS = [
    ROOT / "docs" / "language.md",
    ROOT / "docs" / "coming-from-0.3.md",
    *(ROOT / "examples" / name / "README.md" for name in EXAMPLES),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CUT = "..."


class Session:
    """Runs the commands of one document one after the other and remembers the last exit code."""

    def __init__(self, capsys):
        self.capsys = capsys
        self.code = 0

    def output(self, command):
        if command == "echo $?":
            return [str(self.code)]
        program, *arguments = shlex.split(command)
        assert program == "strataregula"
        self.code = main(arguments)
        captured = self.capsys.readouterr()
        return (captured.out + captured.err).splitlines()

    def transcript(self, block):
        """Return the block with the real output in place of the written one, cut where that is cut."""
        lines = []
        for command, written in commands_of(block):
            real = self.output(command)
            if written and written[-1] == CUT:
                real = [*real[: len(written) - 1], CUT]
            lines += [f"$ {command}", *real]
        return "\n".join(lines) + "\n"


def commands_of(block):
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def run_python(text, names):
    """Run one session; ``names`` carries what it defines to the next of the same document."""
    session = doctest.DocTestParser().get_doctest(text, names, "session", None, 0)
    told = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(session, out=told.append, clear_globs=False)
    names.update(session.globs)
    assert runner.failures == 0, "".join(told)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_document_says_what_happens(document, request, tmp_path, monkeypatch, capsys):
    for path in [*document.parent.glob("*.yaml"), *document.parent.glob("*.json")]:
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    session = Session(capsys)
    text = document.read_text(encoding="utf-8")
    consoles, names = 0, {}

    def run(found):
        nonlocal consoles
        kind, body = found.groups()
        if kind == "console":
            consoles += 1
            body = session.transcript(body)
        elif kind == "python":
            run_python(body, names)
        elif name := re.match(r"# file: (\S+)\n", body):
            (tmp_path / name[1]).write_text(body, encoding="utf-8")
        return f"```{kind}\n{body}```"

    real = BLOCK.sub(run, text)
    if request.config.getoption("--update-golden"):
        document.write_text(real, encoding="utf-8")
        return
    assert consoles
    assert real == text
