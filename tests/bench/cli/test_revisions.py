"""What either side of an isolated comparison runs in."""

import pytest

from bench.cli import revisions
from bench.environments import IsolatedEnvironment
from bench.errors import SubjectError


@pytest.fixture
def environment(tmp_path):
    return IsolatedEnvironment(tmp_path / "bin" / "python", tmp_path)


def test_an_isolated_side_finds_nothing_in_front_of_what_was_installed(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("KEPT", "1")
    (tmp_path / "shop").mkdir()

    home = revisions._installed(["shop"], environment)

    assert home.roots == {"shop": str(tmp_path)}
    assert home.environ is not None
    assert "PYTHONPATH" not in home.environ
    assert home.environ["KEPT"] == "1"


def test_an_installation_without_the_subject_is_an_error(environment):
    with pytest.raises(SubjectError, match="brought no 'shop'"):
        revisions._installed(["shop"], environment)
