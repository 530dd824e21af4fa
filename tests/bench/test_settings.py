from pathlib import Path

import pytest

from bench.errors import ConfigurationError, StoreError
from bench.settings import BenchmarkOverride, Settings, find_root, load_settings


@pytest.fixture
def project(tmp_path):
    def write(text="", *files):
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        return tmp_path

    return write


def load(root, environ=None, **arguments):
    return load_settings(root, environ or {}, arguments)


def test_without_any_source_the_defaults_hold(tmp_path):
    settings = load(tmp_path)
    assert settings.root == tmp_path.resolve()
    assert (settings.tolerance, settings.budget, settings.metrics) == (0.10, 120.0, ("time", "peak"))
    assert settings.baseline == tmp_path.resolve() / "baselines"
    assert settings.reports == tmp_path.resolve() / "reports"
    assert (settings.suites, settings.subject, settings.paths, settings.expression) == ((), (), (), "")
    assert not settings.ci
    assert not settings.strict
    assert not settings.require_baseline
    assert not settings.installed
    assert set(settings.origins.values()) == {"default"}


def test_every_key_of_the_file_is_read_and_its_line_remembered(project):
    root = project(
        """
        [project]
        name = "thing"

        [tool.bench-guard]   # the gate
        suites = ["speed"]
        baseline = "kept"
        reports = "out"
        tolerance = 0.2
        metrics = [
            "time",
        ]
        subject = ["thing"]
        budget = 60
        installed = true
        strict = true
        "require_baseline" = true
        """
    )
    settings = load(root)
    assert settings.suites == ("speed",)
    assert settings.baseline == root / "kept"
    assert settings.reports == root / "out"
    assert (settings.tolerance, settings.budget) == (0.2, 60.0)
    assert (settings.metrics, settings.subject) == (("time",), ("thing",))
    assert settings.installed
    assert settings.strict
    assert settings.require_baseline
    assert settings.origins["tolerance"] == "pyproject.toml:9"
    assert settings.origins["require_baseline"] == "pyproject.toml:17"
    assert settings.origins["ci"] == "default"


def test_later_sources_win_and_are_remembered(project):
    root = project("[tool.bench-guard]\ntolerance = 0.2\nbudget = 10\nmetrics = ['time']\n")
    environ = {"BENCH_GUARD_TOLERANCE": "0.3", "BENCH_GUARD_BUDGET": "20"}
    settings = load(root, environ, budget=30.0, tolerance=None)
    assert (settings.tolerance, settings.budget, settings.metrics) == (0.3, 30.0, ("time",))
    assert settings.origins["tolerance"] == "BENCH_GUARD_TOLERANCE"
    assert settings.origins["budget"] == "--budget"
    assert settings.origins["metrics"] == "pyproject.toml:4"


def test_the_environment_can_set_every_kind_of_key(tmp_path):
    settings = load(
        tmp_path,
        {
            "BENCH_GUARD_METRICS": "time, peak,rss",
            "BENCH_GUARD_STRICT": "yes",
            "BENCH_GUARD_INSTALLED": "0",
            "BENCH_GUARD_BASELINE": "/somewhere/else",
            "BENCH_GUARD_SUBJECT": "a,b",
        },
    )
    assert settings.metrics == ("time", "peak", "rss")
    assert settings.strict
    assert not settings.installed
    assert settings.baseline == Path("/somewhere/else")
    assert settings.subject == ("a", "b")


@pytest.mark.parametrize(
    ("value", "ci"),
    [
        ("true", True),
        ("1", True),
        ("True", True),
        ("woodpecker", True),
        ("false", False),
        ("0", False),
        ("", False),
    ],
)
def test_ci_comes_from_its_variable_and_requires_a_baseline(tmp_path, value, ci):
    settings = load(tmp_path, {"CI": value})
    assert settings.ci is ci
    assert settings.require_baseline is ci
    assert settings.origins["require_baseline"] == "CI"


def test_the_required_baseline_can_be_waived_in_ci(tmp_path):
    settings = load(tmp_path, {"CI": "true"}, require_baseline=False)
    assert settings.ci
    assert not settings.require_baseline
    assert settings.origins["require_baseline"] == "--require-baseline/--no-require-baseline"


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("tolerence = 0.1", "pyproject.toml:2", "did you mean 'tolerance'"),
        ("completely_else = 1", "pyproject.toml:2", "unknown key 'completely_else'"),
        ("tolerance = '10%'", "pyproject.toml:2: tolerance", "a number, such as 0.10; got '10%'"),
        ("tolerance = true", "pyproject.toml:2: tolerance", "a number"),
        ("tolerance = 10", "pyproject.toml:2: tolerance", "0.10 for 10 %; got 10"),
        ("tolerance = nan", "pyproject.toml:2: tolerance", "a ratio above 0"),
        ("tolerance = -0.1", "pyproject.toml:2: tolerance", "a ratio above 0"),
        (f"budget = 1{'0' * 400}", "pyproject.toml:2: budget", "ordinary size"),
        ("budget = 0", "pyproject.toml:2: budget", "seconds above 0"),
        ("budget = inf", "pyproject.toml:2: budget", "seconds above 0"),
        ("suites = 'bench'", "pyproject.toml:2: suites", r'a list of texts, such as \["one", "two"\]'),
        ("suites = [1]", "pyproject.toml:2: suites", "a list of texts"),
        ("metrics = []", "pyproject.toml:2: metrics", "at least one of time"),
        ("metrics = ['tyme']", "pyproject.toml:2: metrics", "did you mean 'time'"),
        ("subject = ['src/pkg']", "pyproject.toml:2: subject", "as in an import statement"),
        ("strict = 'yes'", "pyproject.toml:2: strict", "true or false"),
        ("baseline = 3", "pyproject.toml:2: baseline", "path of a folder"),
        ("baseline = ''", "pyproject.toml:2: baseline", "path of a folder"),
        (
            "[tool.bench-guard.benchmark.'a']",
            "pyproject.toml",
            "unknown key 'benchmark' .*did you mean 'benchmarks'",
        ),
        ("[tool.bench-guard.nothing]", "pyproject.toml:2", "unknown key 'nothing'"),
        ("benchmarks = 3", "pyproject.toml:2", "must be a table of tables"),
        ("[tool.bench-guard.benchmarks]\n'a.*' = 3", "pyproject.toml:3", "must be a table"),
        (
            '[tool.bench-guard.benchmarks."a.*"]\ntolerence = 3',
            "pyproject.toml:3",
            "did you mean 'tolerance'",
        ),
        ("[tool.bench-guard.benchmarks.'a.*']\ntolerance = 'x'", "pyproject.toml:3: tolerance", "a number"),
    ],
)
def test_wrong_keys_and_values_name_the_place_and_what_was_expected(project, text, place, expected):
    root = project(f"[tool.bench-guard]\n{text}\n")
    with pytest.raises(ConfigurationError, match=expected) as caught:
        load(root)
    assert caught.value.message.startswith(place)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("[tool.bench-guard\n", r"pyproject\.toml:1:18: not valid TOML"),
        ("a = " + "[" * 5000, r"pyproject\.toml.*: not valid TOML"),
        ("[tool]\nbench-guard = 3\n", r"pyproject\.toml:2: \[tool\.bench-guard\] must be a table"),
    ],
)
def test_a_file_that_is_no_toml_or_no_table_is_named(project, document, expected):
    with pytest.raises(ConfigurationError, match=expected):
        load(project(document))


def test_foreign_tables_do_not_disturb(project):
    assert load(project("tool = 3\nproject = 4\n")).tolerance == 0.10


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b"# \xff\n")
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: not UTF-8 text \(byte 2\)"):
        load(tmp_path)


def test_a_file_that_cannot_be_read_is_named(project, monkeypatch):
    root = project("")

    def refuse(self, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        load(root)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"BENCH_GUARD_TOLERENCE": "1"}, "BENCH_GUARD_TOLERENCE; did you mean 'BENCH_GUARD_TOLERANCE'"),
        ({"BENCH_GUARD_TOLERANCE": "ten"}, "BENCH_GUARD_TOLERANCE: expected a number"),
        ({"BENCH_GUARD_STRICT": "perhaps"}, "BENCH_GUARD_STRICT: expected true or false"),
    ],
)
def test_wrong_variables_are_named(tmp_path, environ, expected):
    with pytest.raises(ConfigurationError, match=expected):
        load(tmp_path, environ)


def test_variables_of_others_are_left_alone(tmp_path):
    assert load(tmp_path, {"BENCH_GUARD_MACHINE": "somewhere", "BENCH_GUARD": "1"}).tolerance == 0.10


def test_wrong_arguments_are_named_by_their_option(tmp_path):
    with pytest.raises(ConfigurationError, match="--tolerance: expected a ratio"):
        load(tmp_path, tolerance=-1.0)
    with pytest.raises(ConfigurationError, match="--metric: expected only names among"):
        load(tmp_path, metrics=("nope",))


def test_paths_are_spelled_relative_to_the_root(project):
    root = project("", "benchmarks/bench_a.py", "deep/er/x.py")
    settings = load_settings(root / "deep", {}, {"paths": ("../benchmarks/bench_a.py", "er")})
    assert settings.root == root
    assert settings.paths == ("benchmarks/bench_a.py", "deep/er")


def test_a_path_outside_the_root_stays_absolute(project, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    assert load(project(""), paths=(str(other),)).paths == (other.as_posix(),)


def test_a_path_that_does_not_exist_is_a_usage_error(project):
    with pytest.raises(ConfigurationError, match="no such file or folder: nowhere") as caught:
        load(project(""), paths=("nowhere",))
    assert "bench-guard list" in caught.value.hint


def test_an_id_for_a_path_is_answered_with_the_right_option(project):
    with pytest.raises(ConfigurationError) as caught:
        load(project("", "a.py"), paths=("a.py::f[n=1]",))
    assert "a.py -k 'f[n=1]'" in caught.value.hint


def test_an_expression_is_handed_on(tmp_path):
    settings = load(tmp_path, expression="a and b")
    assert (settings.expression, settings.origins["expression"]) == ("a and b", "-k")


def test_an_expression_that_cannot_be_understood_is_refused_at_once(tmp_path):
    with pytest.raises(ConfigurationError, match="-k: expected a name"):
        load(tmp_path, expression="a and")


def test_subject_and_suites_are_guessed(project):
    root = project("[project]\nname = 'my-thing'\n", "src/my_thing/__init__.py", "benchmarks/bench_a.py")
    settings = load(root)
    assert (settings.subject, settings.suites) == (("my_thing",), ("benchmarks",))
    assert (settings.origins["subject"], settings.origins["suites"]) == ("guessed", "guessed")


def test_an_empty_subject_switches_the_guess_off(project):
    assert (
        load(project("[project]\nname='p'\n[tool.bench-guard]\nsubject=[]\n", "p/__init__.py")).subject == ()
    )


def test_the_root_is_the_nearest_project_upwards(project):
    root = project("")
    (root / "a" / "b").mkdir(parents=True)
    assert find_root(root / "a" / "b") == root


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("expand.*", True),
        ("wide", True),
        ("wide[n=10]", True),
        ("wide[n=1?]", True),
        ("expand.wide[n=10]", True),
        ("suites/*", True),
        ("suites/expand.py::wide[n=10]", True),
        ("*", True),
        ("narrow", False),
        ("wid", False),
        ("wide[n=1]", False),
        ("wide[10n]", False),
        ("expand", False),
    ],
)
def test_a_pattern_matches_function_stem_or_id(pattern, matches):
    assert BenchmarkOverride(pattern, 0.1).matches("suites/expand.py::wide[n=10]") is matches


def test_parameters_may_hold_what_separates_names():
    assert BenchmarkOverride("wide", 0.1).matches("suites/expand.py::wide[key=a::b]")


def test_the_last_matching_table_wins_over_the_declaration_and_the_general_tolerance(project):
    root = project(
        """
        [tool.bench-guard]
        tolerance = 0.3
        [tool.bench-guard.benchmarks."a.*"]
        tolerance = 0.2
        [tool.bench-guard.benchmarks."a.slow"]
        tolerance = 0.4
        [tool.bench-guard.benchmarks.empty]
        """
    )
    settings = load(root)
    assert settings.tolerance_for("a.py::slow", 0.5) == 0.4
    assert settings.tolerance_for("a.py::fast", 0.5) == 0.2
    assert settings.tolerance_for("b.py::slow", 0.5) == 0.5
    assert settings.tolerance_for("b.py::slow", None) == 0.3
    assert settings.tolerance_for("b.py::empty", None) == 0.3


def test_settings_can_be_built_by_hand():
    settings = Settings(root=Path("/p"), suites=("b",), baseline=Path("/p/b"), reports=Path("/p/r"))
    assert settings.tolerance_for("x::y", None) == 0.10


@pytest.mark.parametrize("metric", ["retained", "gc", "instructions", "growth"])
def test_a_metric_that_is_not_measured_yet_is_refused_instead_of_passing(tmp_path, metric):
    with pytest.raises(ConfigurationError, match=f"'{metric}' arrives in a later version"):
        load_settings(tmp_path, {}, {"metrics": ("time", metric)})
