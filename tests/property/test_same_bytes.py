"""The bytes of every output depend on the sources alone: not on hash seeds, not on how a folder is listed."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from strataregula import ConfigCompiler

SEEDS = 12
WORDS = ["a", "b", "c", "kanto", "api", "web", "node", "x1", "10", "é"]

PROGRAM = """
import io, sys
from strataregula import CompilationError, ConfigCompiler
from strataregula.emit import FORMATS, write

for source in sys.argv[1:]:
    try:
        compiled = ConfigCompiler(strict=False).compile(source)
    except CompilationError as error:
        print(source, *(f"{diagnostic.render()}" for diagnostic in error.diagnostics), sep="\\n")
        continue
    for name in FORMATS:
        file = io.StringIO()
        write(compiled, file, name)
        print(file.getvalue())
    for entries in compiled.sections.values():
        for key in entries:
            print(compiled.explain(key).render())
    print(compiled.explain("a.nothing.like.it").render(), compiled.fingerprint, *compiled.warnings)
"""


def values(choose):
    return [1, "on", None, [1, {"b": 2, "a": 1}], {"z": 1, "y": [2]}, 2.5][choose.randrange(6)]


def document(choose):
    """One document of some domains and rules, all of it from the given source of randomness."""
    words = choose.sample(WORDS, 6)
    lines = ["domains:", f"  d: [{', '.join(map(repr, words[:3]))}]"]
    lines += [f"  h: {{by: p, values: {{{words[0]}: [u, v], {words[1]}: [v, w]}}}}", "s:"]
    texts = [
        "{d}.{h}",
        "{h.p}.{h}",
        "{d}.x",
        f"{words[0]}.{{h}}",
        "*.u",
        "**.v",
        "{d}.[uvx]",
        "!*.w",
        "{h}.{p}",
    ]
    for text in choose.sample(texts, 5):
        value = "null" if text.startswith("!") else repr(values(choose)).replace("None", "null")
        lines.append(f"  '{text}': {{value: {value}, priority: {choose.randrange(3)}}}")
    return "\n".join(lines) + "\n"


@pytest.mark.integration
def test_three_hash_seeds_give_the_same_bytes_in_every_format(tmp_path):
    sources = []
    for seed in range(SEEDS):
        path = tmp_path / f"{seed:02d}.yaml"
        path.write_text(document(random.Random(seed)), encoding="utf-8")
        sources.append(path.name)
    outputs = set()
    for hash_seed in ("0", "1", "20240601"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *sources],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
            timeout=120,
        )
        outputs.add(done.stdout)
    (output,) = outputs
    assert output.count(b"winner") > 10 * SEEDS


@pytest.mark.parametrize("seed", range(12))
def test_a_folder_means_the_same_however_it_is_listed(seed, tmp_path):
    choose = random.Random(seed)
    for number in range(6):
        lines = "\n".join(
            f"  '{text}': {number}" for text in choose.sample(["{d}.x", "{d}.y", "a.x", "*.y"], 2)
        )
        (tmp_path / f"part{number}.yaml").write_text(
            f"domains: {{d{number}: [a]}}\ns{number}:\n{lines}\n".replace("{d}", f"{{d{number}}}"),
            encoding="utf-8",
        )
    results = []
    listing = Path.iterdir
    for shuffle in range(3):

        def shuffled(self, shuffle=shuffle):
            found = sorted(listing(self))
            random.Random(shuffle).shuffle(found)
            return iter(found)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "iterdir", shuffled)
            compiled = ConfigCompiler(strict=False).compile(tmp_path)
        results.append(
            (compiled.fingerprint, {name: list(of.items()) for name, of in compiled.sections.items()})
        )
    assert results[0] == results[1] == results[2]
    assert list(results[0][1]) == [f"s{number}" for number in range(6)]
