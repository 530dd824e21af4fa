"""docs/language.md names every command and option of the compiler, its reserved names and its strategies."""

import re
from pathlib import Path

import click

from strataregula.answers import Candidate, Explanation
from strataregula.cli.commands import commands
from strataregula.core.layers import RESERVED
from strataregula.core.merging import STRATEGIES
from strataregula.core.schema import KEYWORDS
from strataregula.core.settings import SETTINGS
from strataregula.model import NO_PLACE

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
CONTEXT = click.Context(commands)
COMMANDS = {"strataregula": commands} | {
    name: commands.get_command(CONTEXT, name) for name in commands.list_commands(CONTEXT)
}


def section(title):
    return re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]


def rows(text, title):
    """First cells of the table whose head begins with ``title``, with the cells behind them."""
    table = re.search(rf"^\| {title} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)[1]
    split = (re.split(r"(?<!\\)\|", line.strip("|\n")) for line in table.splitlines())
    return [[cell.strip().replace("\\|", "|") for cell in cells] for cells in split]


def test_every_command_is_in_its_table():
    named = {cells[0].strip("`").split()[1] for cells in rows(section("Commands"), "command")}
    assert named | {"strataregula"} == set(COMMANDS)


def test_every_option_is_documented_where_it_exists_and_nowhere_else():
    documented = {
        (command.strip(), cells[0].strip("`").split()[0])
        for cells in rows(section("Commands"), "option")
        for command in cells[1].split(",")
    }
    existing = {
        (name, spelling)
        for name, command in COMMANDS.items()
        for parameter in command.get_params(click.Context(command))
        if isinstance(parameter, click.Option)
        for spelling in parameter.opts
    }
    assert documented == existing


def test_the_value_of_an_option_is_written_as_in_its_help():
    for cells in rows(section("Commands"), "option"):
        spelling = cells[0].strip("`")
        if " " in spelling:
            command = COMMANDS[cells[1].split(",")[0]]
            assert spelling in command.get_help(click.Context(command)), spelling


def test_names_settings_strategies_and_keywords_are_those_of_the_program():
    reserved = re.search(r"^The reserved names are (.*)\.$", PAGE, re.MULTILINE)[1]
    assert set(re.findall(r"`(\w+)`", reserved)) == set(RESERVED)
    assert {cells[0].strip("`").split(":")[0] for cells in rows(section("Settings"), "setting")} == set(
        SETTINGS
    )
    merging = rows(section("Values that merge"), "strategy")
    assert [cells[0].strip("`") for cells in merging] == list(STRATEGIES)
    keywords = [
        name for cells in rows(section("A schema"), "about") for name in re.findall(r"`(\w+)`", cells[1])
    ]
    assert sorted(keywords) == sorted(KEYWORDS)


def test_the_names_of_json_answers_are_those_of_the_program():
    text = re.search(r"An object of `explain --json` has (.*?)\n\n", PAGE, re.DOTALL)[1]
    explanation = Explanation("k", found=False)
    rule = Candidate("k", 1, NO_PLACE, (0, 0, ()))
    named = re.findall(r"`([a-z_]+)`", text)
    assert named[: len(explanation.as_dict())] == list(explanation.as_dict())
    assert set(rule.as_dict()) <= set(named)
