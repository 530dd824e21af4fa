"""`bench-guard ab` on real repositories: which code either side runs, and what it says when it cannot.

Memory is what these compare: it needs no statistics, and the wrong code would show at once.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from bench.cli.main import main

pytestmark = pytest.mark.integration

SUITE = """
from bench import benchmark
import shop

@benchmark
def work(): return shop.work()
"""
SHOP = "def work(): return bytearray({size})\n"
PROJECT = '[project]\nname = "shop"\nversion = "1"\n'
IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


class Project:
    """A repository whose revisions allocate differently much."""

    def __init__(self, root, layout=""):
        self.root = root
        self.module = root / layout / "shop.py" if layout else root / "shop.py"
        self.write("pyproject.toml", PROJECT)
        self.write("benchmarks/bench_shop.py", SUITE)
        self.write(".gitignore", "reports/\n__pycache__/\n")
        self.git("init", "-q", "-b", "main")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def allocates(self, size):
        self.module.parent.mkdir(parents=True, exist_ok=True)
        self.module.write_text(SHOP.format(size=size))
        return self

    def commit(self, tag):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", tag, "--allow-empty")
        self.git("tag", tag)
        return self

    def git(self, *arguments):
        done = subprocess.run(
            ["git", *IDENTITY, *arguments], cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout

    def ab(self, *arguments, metric="peak"):
        """(exit code, report as data or None)"""
        file = self.root.parent / "report.json"
        file.unlink(missing_ok=True)
        code = main(["ab", "--metric", metric, "--json", str(file), "--no-progress", *arguments])
        return code, json.loads(file.read_text()) if file.exists() else None


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


@pytest.fixture(params=["", "src"], ids=["flat", "src"])
def laid_out(request, world):
    return Project(Path.cwd(), request.param)


@pytest.fixture
def project(world):
    return Project(Path.cwd())


def peak(report):
    (row,) = [row for row in report["comparisons"] if row["metric"] == "peak"]
    return row


def test_either_side_runs_its_own_revision_in_both_layouts(laid_out):
    laid_out.allocates(1_000_000).commit("v1").allocates(3_000_000).commit("v2")

    code, report = laid_out.ab("--base", "v1")

    assert code == 1
    assert peak(report)["verdict"] == "regressed"
    assert peak(report)["base"] == pytest.approx(1_000_000, rel=0.01)
    assert peak(report)["head"] == pytest.approx(3_000_000, rel=0.01)


def test_the_other_way_round_is_an_improvement(project):
    project.allocates(1_000_000).commit("v1").allocates(3_000_000).commit("v2")

    code, report = project.ab("--base", "v2", "--head", "v1")

    assert (code, peak(report)["verdict"]) == (0, "improved")
    assert (report["base"]["kind"], report["head"]["kind"]) == ("git", "git")


def test_a_change_that_is_not_committed_is_what_is_measured(project):
    project.allocates(1_000_000).commit("v1").allocates(3_000_000)

    code, report = project.ab("--base", "HEAD")

    assert (code, peak(report)["verdict"]) == (1, "regressed")
    assert report["head"]["kind"] == "working tree"
    assert report["head"]["commit"].endswith("-dirty")
    assert project.git("status", "--porcelain") == " M shop.py\n"


def test_equal_revisions_are_compared_and_said(project):
    project.allocates(1_000_000).commit("v1")

    code, report = project.ab("--base", "v1")

    assert (code, peak(report)["verdict"]) == (0, "ok")
    assert any("same code" in notice for notice in report["host"]["notices"])


def test_a_branch_is_compared_with_where_it_left_main(project):
    project.allocates(1_000_000).commit("start")
    project.git("checkout", "-q", "-b", "topic")
    project.allocates(1_000_000).commit("on-topic")
    project.git("checkout", "-q", "main")
    project.allocates(9_000_000).commit("on-main")
    project.git("checkout", "-q", "topic")

    code, report = project.ab("--base", "main...")

    assert (code, peak(report)["verdict"]) == (0, "ok")
    assert report["base"]["commit"] == project.git("rev-parse", "start").strip()


def test_what_the_subject_imports_from_beside_it_is_of_the_same_revision(laid_out, monkeypatch):
    folder = laid_out.module.parent
    monkeypatch.setenv("PYTHONPATH", str(folder))  # as an editable install would: the working tree's copy
    laid_out.allocates(1_000_000)
    laid_out.module.rename(folder / "shop_core.py")
    laid_out.module.write_text("from shop_core import work\n")
    laid_out.commit("v1")
    (folder / "shop_core.py").write_text(SHOP.format(size=3_000_000))

    code, report = laid_out.ab("--base", "v1")

    assert (code, peak(report)["verdict"]) == (1, "regressed")
    assert peak(report)["base"] == pytest.approx(1_000_000, rel=0.01)


def test_suites_inside_the_package_are_each_revisions_own(project, capsys):
    project.allocates(1_000_000).module.unlink()
    project.write("shop/__init__.py", SHOP.format(size=1_000_000))
    project.write("shop/speed/__init__.py", "")
    project.write("shop/speed/bench_shop.py", SUITE)
    project.write("pyproject.toml", PROJECT + "[tool.bench-guard]\nsuites = ['shop/speed']\n")
    project.commit("v1")
    project.write("shop/__init__.py", SHOP.format(size=3_000_000))

    assert project.ab("--base", "v1")[0] == 4
    assert "--suite-from each" in capsys.readouterr().err
    code, report = project.ab("--base", "v1", "--suite-from", "each")
    assert (code, peak(report)["verdict"]) == (1, "regressed")


def test_no_byte_code_is_left_in_a_tree_that_ignores_nothing(project, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    (project.root / ".gitignore").unlink()
    project.write("benchmarks/bench_shop.py", "from data import N\n" + SUITE)
    project.write("benchmarks/data.py", "N = 1\n")
    project.allocates(1_000_000).commit("v1")

    assert project.ab("--base", "v1")[0] == 0
    assert project.git("status", "--porcelain") == ""
    assert not list(project.root.rglob("__pycache__"))


def test_compiled_modules_that_no_revision_holds_are_named(project):
    project.write("shop/__init__.py", SHOP.format(size=1_000_000))
    project.write(".gitignore", "reports/\n__pycache__/\n*.so\n")
    project.commit("v1").write("shop/_fast.abi3.so", "")

    _, report = project.ab("--base", "v1")

    (notice,) = [text for text in report["host"]["notices"] if "_fast.abi3.so" in text]
    assert "--isolated" in notice


def test_time_is_measured_by_pairs(project):
    project.write("shop.py", "def work(): return sum(range(2_000))\n")
    project.commit("v1")
    project.write("shop.py", "def work(): return sum(range(6_000))\n")

    code, report = project.ab("--base", "v1", metric="time")

    (row,) = report["comparisons"]
    assert (code, row["verdict"]) == (1, "regressed")
    assert row["change"] > 1.0
    assert row["processes"][0] == row["processes"][1] >= 10


class TestWhoseSuite:
    @pytest.fixture
    def changed(self, project):
        project.allocates(1_000_000).commit("v1")
        project.write("benchmarks/bench_shop.py", SUITE + "\n@benchmark\ndef more(): return shop.work()\n")
        return project.commit("v2")

    def verdicts(self, report):
        return {row["benchmark"].rpartition("::")[2]: row["verdict"] for row in report["comparisons"]}

    def test_the_working_trees_on_both_sides_by_default(self, changed):
        _, report = changed.ab("--base", "v1")

        assert self.verdicts(report) == {"work": "ok", "more": "ok"}

    def test_each_its_own_makes_a_new_benchmark_new(self, changed):
        _, report = changed.ab("--base", "v1", "--suite-from", "each")

        assert self.verdicts(report) == {"work": "ok", "more": "new"}

    def test_each_its_own_compares_cases_of_the_same_name(self, project):
        suite = "from bench import benchmark\nimport shop\nN = [{}]\n@benchmark(params={{'n': N}})\ndef work(n): shop.work(n)\n"
        project.write("shop.py", "def work(n): return sum(range(n))\n")
        project.write("benchmarks/bench_shop.py", suite.format("300, 30_000"))
        project.commit("v1")
        project.write("benchmarks/bench_shop.py", suite.format("3, 300, 30_000"))
        project.commit("v2")

        _, report = project.ab("--base", "v1", "--suite-from", "each", "--budget", "1", metric="time")

        assert [row["verdict"] == "new" for row in report["comparisons"]] == [True, False, False]
        assert all(abs(row["change"]) < 0.5 for row in report["comparisons"] if row["change"] is not None)

    def test_the_bases_on_both_sides(self, changed):
        _, report = changed.ab("--base", "v1", "--suite-from", "base")

        assert self.verdicts(report) == {"work": "ok"}

    def test_one_that_went_is_missing(self, changed):
        code, report = changed.ab("--base", "v2", "--head", "v1", "--suite-from", "each")

        assert self.verdicts(report) == {"work": "ok", "more": "missing"}
        assert code == 1


def test_a_base_that_lacks_what_the_suite_imports_makes_it_new(project):
    project.write("shop.py", "def other(): ...\n")
    project.commit("v1").allocates(1_000_000)
    project.write(
        "benchmarks/bench_more.py", "from bench import benchmark\nfrom shop import work\nbenchmark(work)\n"
    )
    project.write(
        "benchmarks/bench_fine.py", SUITE.replace("shop.work()", "bytearray(10)").replace("work", "fine")
    )

    code, report = project.ab("--base", "v1")

    verdicts = {row["benchmark"].rpartition("::")[2]: row["verdict"] for row in report["comparisons"]}
    assert verdicts["fine"] == "ok"
    assert verdicts["work"] == "new"
    assert code == 0


class TestWhatCannotBeCompared:
    def error(self, project, capsys, *arguments):
        code = project.ab(*arguments)[0]
        return code, capsys.readouterr().err

    def test_an_unknown_revision(self, project, capsys):
        project.allocates(1).commit("v1")

        code, text = self.error(project, capsys, "--base", "v2")

        assert code == 2
        assert "v2" in text
        assert "Traceback" not in text

    @pytest.mark.usefixtures("world")
    def test_outside_of_a_repository(self, capsys):
        (Path.cwd() / "bench_x.py").write_text("")

        assert main(["ab", "--base", "main"]) == 2
        assert "git" in capsys.readouterr().err

    def test_a_subject_that_nobody_knows(self, project, capsys):
        project.write("pyproject.toml", "")
        project.write("one/__init__.py", "")
        project.write("two/__init__.py", "")
        project.commit("v1")

        code, text = self.error(project, capsys, "--base", "v1")

        assert code == 2
        assert "[tool.bench-guard] subject" in text

    def test_a_subject_that_the_base_does_not_hold(self, project, capsys):
        project.write("other.py", "")
        project.commit("v1").allocates(1).commit("v2")

        code, text = self.error(project, capsys, "--base", "v1")

        assert code == 2
        assert "'shop'" in text

    def test_a_subject_that_comes_from_another_place(self, project, world, capsys):
        (world / "elsewhere").mkdir()
        (world / "elsewhere" / "shop_core.py").write_text("def work(): ...\n")
        project.write(
            "shop/__init__.py",
            f"__path__.append({str(world / 'elsewhere')!r})\nfrom shop import shop_core\nwork = shop_core.work\n",
        )
        project.commit("v1")

        code, text = self.error(project, capsys, "--base", "v1")

        assert code == 4
        assert "elsewhere" in text

    def test_a_subject_that_no_suite_imports(self, project, capsys):
        project.allocates(1).write(
            "benchmarks/bench_shop.py", SUITE.replace("import shop", "").replace("shop.work()", "1")
        )
        project.commit("v1")

        code, text = self.error(project, capsys, "--base", "v1")

        assert code == 4
        assert "both sides ran the same code" in text

    def test_one_installed_copy_is_not_two(self, project, capsys):
        project.allocates(1).commit("v1")

        code, text = self.error(project, capsys, "--base", "v1", "--installed")

        assert code == 2
        assert "--isolated" in text

    def test_extras_need_an_environment(self, project, capsys):
        project.allocates(1).commit("v1")

        assert self.error(project, capsys, "--base", "v1", "--extra", "fast")[0] == 2
