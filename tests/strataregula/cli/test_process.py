"""The program as a process: pipes, bytes, signals, start-up imports."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
PROGRAM = [sys.executable, "-m", "strataregula.cli.main"]


def start(arguments, folder, **options):
    return subprocess.Popen(
        [*PROGRAM, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def run(arguments, folder, **environment):
    process = start(arguments, folder, env={**os.environ, **environment})
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.yaml").write_text('s: {"{1..3}.日本": [1, {x: "\\u2028"}]}', encoding="utf-8")
    return tmp_path


def test_piped_output_is_utf_8_json_whatever_the_locale_and_hash_seed(folder):
    results = {
        run(["compile", "a.yaml"], folder, PYTHONHASHSEED=seed, LC_ALL=locale, PYTHONIOENCODING=encoding)
        for seed, locale, encoding in (("0", "C", ""), ("1", "C.UTF-8", "latin-1"), ("2", "POSIX", "ascii"))
    }
    assert len(results) == 1
    code, out, err = results.pop()
    assert (code, err) == (0, b"")
    assert list(json.loads(out)["s"]) == ["1.日本", "2.日本", "3.日本"]


@pytest.mark.parametrize(
    "arguments", [["compile", "many.yaml"], ["compile", "many.yaml", "--format", "ndjson"]]
)
def test_a_reader_that_stops_early_gets_no_traceback(folder, arguments):
    (folder / "many.yaml").write_text('s: {"{1..50000}.x": 1}')
    process = start(arguments, folder)
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), err) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_one_message(folder):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "compile", "a.yaml"], cwd=folder, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 3
    assert b"cannot write standard output: No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_an_interrupt_from_the_keyboard(folder):
    os.mkfifo(folder / "slow.yaml")
    process = start(["check", "slow.yaml"], folder)
    with (folder / "slow.yaml").open("wb"):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == b"interrupted\n"


def loaded(arguments):
    script = (
        "import sys; from strataregula.cli.main import main\n"
        f"main({arguments!r})\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["compile", "--help"]])
def test_what_only_answers_questions_loads_no_parser_and_no_encoder(arguments):
    assert not loaded(arguments) & {"yaml", "msgspec", "rich", "matplotlib", "jinja2", "psutil", "asyncio"}
