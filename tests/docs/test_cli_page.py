"""docs/cli.md names every command, option, exit code and setting of the program, and nothing else."""

import re
import shlex
from pathlib import Path

import click
import pytest

from bench import settings
from bench.cli.main import cli
from bench.cli.output import EXIT_CODES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
DOCUMENTS = [
    ROOT / "docs" / "calibrate.md",
    ROOT / "docs" / "cli.md",
    ROOT / "docs" / "guide.md",
    ROOT / "docs" / "formats.md",
    ROOT / "examples" / "own_project" / "README.md",
]


def tree(command=cli, name="bench-guard"):
    """(words of the command, command) of the whole program."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            full = word if command is cli else f"{name} {word}"
            yield from tree(command.get_command(context, word), full)


COMMANDS = dict(tree())


def spellings(command):
    """Every way to write an option of a command, with -h and the name of its argument."""
    context = click.Context(command, help_option_names=["-h", "--help"])
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Argument):
            yield "[PATHS]"
        else:
            yield from (*parameter.opts, *parameter.secondary_opts)


def section(title):
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def rows(title):
    """Cells of the table in a section, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def code_lines(text):
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            command = line.removeprefix("$ ").split("   #")[0]
            if re.match(r"bench-guard(\s|$)", command):
                yield command


def test_every_command_has_a_section_and_every_section_a_command():
    titles = re.findall(r"^## `(?:bench-guard ?)([^`]*)`$", PAGE, re.MULTILINE)
    assert {title or "bench-guard" for title in titles} == set(COMMANDS)
    assert len(titles) == len(COMMANDS)


def test_every_option_is_documented_where_it_exists_and_nowhere_else():
    documented = {
        (command.strip(), spelling.split()[0])
        for options, commands, _ in rows("Options")
        for spelling in re.findall(r"`([^`]+)`", options)
        for command in commands.split(",")
    }
    existing = {(name, spelling) for name, command in COMMANDS.items() for spelling in spellings(command)}
    assert documented == existing


def test_the_value_of_an_option_is_written_as_in_its_help():
    for options, commands, _ in rows("Options"):
        command = COMMANDS[commands.split(",")[0].strip()]
        for spelling in re.findall(r"`([^`]+)`", options):
            if " " in spelling:
                assert spelling in command.get_help(click.Context(command)), spelling


def test_the_exit_codes_are_those_of_the_help():
    codes = re.findall(r"^  (\d+)\s+(.*)$", EXIT_CODES, re.MULTILINE)
    page = {code: re.sub("`", "", meaning) for code, meaning in rows("Exit codes")}
    assert list(page) == [code for code, _ in codes]
    for code, meaning in codes:
        assert page[code].startswith(re.split(r"[;,:]| under| or ", meaning)[0])


@pytest.mark.parametrize(
    "name", [name for name, command in COMMANDS.items() if command.params and name != "bench-guard"]
)
def test_every_command_lists_the_exit_codes_of_its_help(name):
    promised = re.findall(r"^\s+(\d+)  ", COMMANDS[name].epilog.partition("Exit codes:")[2], re.MULTILINE)
    listed = re.search(r"^Exit codes: (.*)$", section(f"`bench-guard {name}`"), re.MULTILINE)[1]
    assert re.findall(r"\d+", listed) == promised


def test_the_settings_are_those_of_the_file_and_the_environment():
    documented = {
        key.strip("`").replace("-", "_"): variable.strip("`") for key, _, variable, _ in rows("Settings")
    }
    assert set(documented) == set(settings._KEYS)
    for key, variable in documented.items():
        assert variable == f"{settings.ENVIRONMENT_PREFIX}{key.upper()}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_line_in_the_documents_is_understood(document):
    lines = list(code_lines(document.read_text(encoding="utf-8")))
    assert lines
    for line in lines:
        words = shlex.split(line)[1:]
        if {"--help", "-h", "--version"} & set(words):
            continue
        name = next(n for n in (" ".join(words[:2]), words[0]) if n in COMMANDS)
        COMMANDS[name].make_context(name, words[len(name.split()) :])
