"""The scripts behind the measured rates: what they count, and that their slowdowns are exact."""

import importlib
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.schedule import HASH_SEEDS

RATES = Path(__file__).parents[2] / "docs" / "rates"
NAMES = ("tally", "revisions", "kinds", "check_rates", "ab_rates")


@pytest.fixture(scope="module")
def scripts():
    """The scripts import each other by their bare names, as they do when one of them is run."""
    sys.path.insert(0, str(RATES))
    yield {name: importlib.import_module(name) for name in NAMES}
    sys.path.remove(str(RATES))
    for name in NAMES:
        del sys.modules[name]


def executed(source):
    namespace = {"__name__": "sized"}
    exec(compile(source, "sized", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("tag", ["plus05", "plus12", "plus15", "plus20"])
def test_a_slower_revision_does_exactly_that_much_more(scripts, tag):
    size = scripts["revisions"].SIZES[tag]
    base, slower = executed(scripts["revisions"].sized(100)), executed(scripts["revisions"].sized(size))
    for name in ("string_dicts", "node_trees", "json_orders", "sort_names", "tokens_5ms"):
        assert slower[name]() * 100 == base[name]() * size


def test_the_repository_has_a_tag_a_revision_and_one_line_between_them(scripts, tmp_path):
    revisions = scripts["revisions"]
    repository = revisions.make_repository(tmp_path / "repository")
    assert set(revisions.git(repository, "tag").split()) == set(revisions.SIZES)
    changed = revisions.git(repository, "diff", "--numstat", "base", "plus15").split()
    assert changed == ["1", "1", "kinds/__init__.py"]
    assert revisions.git(repository, "status", "--porcelain") == ""


def recording(tmp_path, passes, *, far=()):
    """Two workloads whose process k has ratio 1, those in ``far`` 1.5; old enough to be finished."""
    path = tmp_path / "sitting.jsonl"
    rows = [
        {
            "name": name, "k": k, "at": 1000.0 + k, "method": "blocks", "loops": 1, "rl": 1, "cpu_share": 1.0, "d": 0.4,
            "pairs": [[(1.5 if k in far else 1.0) * (1 + (k * 7 + i) % 11 * 1e-3), 1.0] for i in range(30)],
        }
        for k in range(passes) for name in ("first", "second")
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.utime(path, (2000.0, 2000.0))
    return path


def test_no_process_is_in_two_baselines_and_seeds_differ_inside_of_one(scripts):
    check_rates = scripts["check_rates"]
    for count in (2, 3, 5, 11, 12):
        shift = check_rates._shift_of_second_passes(count)
        members = [list(check_rates._members(number, count, shift)) for number in range(count)]
        assert Counter(k for own in members for k in own) == Counter(range(count * 20))
        assert all(len({k % len(HASH_SEEDS) for k in own}) == 20 for own in members)


def test_a_disturbed_process_is_replaced_by_a_spare_one(scripts, tmp_path):
    clean = scripts["check_rates"].baselines(recording(tmp_path, 60))
    disturbed = scripts["check_rates"].baselines(recording(tmp_path, 60, far={3}))
    assert [[own.replaced for own in base.values()] for base in clean] == [[0, 0], [0, 0]]
    assert [[own.replaced for own in base.values()] for base in disturbed] == [[1, 1], [0, 0]]
    assert max(disturbed[0]["first"].logs) < 0.1
    assert len(disturbed[0]["first"].logs) == 20
    assert disturbed[0]["first"].at >= 1040.0


def test_a_recording_that_may_still_grow_is_refused(scripts, tmp_path):
    path = recording(tmp_path, 60)
    path.touch()
    with pytest.raises(SystemExit, match="not settled"):
        scripts["check_rates"].baselines(path)


def test_runs_are_spread_evenly_over_the_kinds(scripts):
    wanted, done, order = {"base": 6, "plus15": 2}, Counter(), []
    while (kind := scripts["tally"].farthest_behind(done, wanted)) is not None:
        order.append(kind)
        done[kind] += 1
    assert order.count("base") == 6
    assert sorted(index for index, kind in enumerate(order) if kind == "plus15") == [2, 6]


def test_a_line_cut_by_a_kill_is_left_out_and_not_glued_to_the_next(scripts, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": 2')
    scripts["tally"].append(path, [{"a": 3}])
    assert list(scripts["tally"].lines(path)) == [{"a": 1}, {"a": 3}]


def test_shares_have_exact_intervals(scripts):
    assert scripts["tally"].share(0, 210) == "0 of 210, 0.0% (0.0% to 1.7%)"
    assert scripts["tally"].share(204, 210) == "204 of 210, 97.1% (93.9% to 98.9%)"
