"""The first page: what it shows is what the program prints, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from bench.cli.main import main as guard
from strataregula.cli.main import main as compiler

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def sessions():
    """(command, output) of every strataregula command shown."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if command.startswith("strataregula "):
                yield command, output


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (document,) = blocks("yaml")
    (tmp_path / "base.yaml").write_text(document)
    for example in (ROOT / "examples").iterdir():
        if (example / "base.yaml").is_file():
            (tmp_path / example.name).symlink_to(example)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("command", "output"), list(sessions()))
def test_what_a_compiler_command_shows_is_what_it_prints(folder, capsys, command, output):
    compiler(command.split()[1:])
    captured = capsys.readouterr()
    printed = captured.out or captured.err

    if output.endswith("...\n"):
        assert printed.startswith(output.removesuffix("...\n"))
    else:
        assert printed == output


def test_there_are_sessions_to_check():
    assert len(list(sessions())) >= 5


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)", TEXT))))
def test_every_link_leads_to_a_file(link):
    assert link.startswith("http") or (ROOT / link).exists()


def test_the_exit_codes_are_those_of_the_program(capsys):
    guard(["--help"])
    shown = re.findall(r"^ +(\d+) {2,}", capsys.readouterr().out, re.MULTILINE)

    assert re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE) == shown


@pytest.mark.parametrize("environment", ["guard", "test"])
def test_the_two_commands_name_environments_that_exist(environment):
    command = f"python3 -m venv .venv && .venv/bin/pip install -q tox && .venv/bin/tox run -e {environment}"

    assert f"{command}\n" in blocks("sh")
    assert f"[testenv:{environment}]" in (ROOT / "tox.ini").read_text(encoding="utf-8")
