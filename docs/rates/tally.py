"""What the scripts of this folder share: lines of JSON, only ever appended, and counts with intervals."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.stats.intervals import binomial_interval

Row = dict[str, Any]
VERDICTS = ("regressed", "ok", "improved", "undecided")


def lines(path: Path) -> Iterator[Row]:
    """The rows of a file, none when there is no file yet; a line that a kill cut short is left out."""
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(json.JSONDecodeError):
            yield json.loads(text)


def append(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to a file in one write, on a line of their own even behind one that was cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut else "") + "".join(json.dumps(row) + "\n" for row in rows))


def farthest_behind(finished: Mapping[str, int], wanted: Mapping[str, int]) -> str | None:
    """Which kind of run comes next, so that all kinds are spread evenly over the sitting; None when done."""
    open_kinds = [kind for kind in wanted if finished[kind] < wanted[kind]]
    return min(open_kinds, key=lambda kind: (finished[kind] + 0.5) / wanted[kind], default=None)


def counts(texts: Sequence[str], defaults: Mapping[str, int]) -> dict[str, int]:
    """``["plus15=20"]`` over the defaults; SystemExit for anything else."""
    wanted = dict(defaults)
    for text in texts:
        kind, _, count = text.partition("=")
        if kind not in defaults or not count.isdigit():
            raise SystemExit(f"expected KIND=N with KIND one of {', '.join(defaults)}, got {text!r}")
        wanted[kind] = int(count)
    return wanted


def share(hits: int, count: int) -> str:
    """``2 of 300, 0.7 % (0.1 to 2.4 %)``: the exact 95 % interval of Clopper and Pearson."""
    if not count:
        return "0 of 0"
    low, high = binomial_interval(hits, count)
    return f"{hits} of {count}, {hits / count:.1%} ({low:.1%} to {high:.1%})"


def seconds(values: Sequence[float]) -> str:
    """``1.9 / 2.6``: median and 90th percentile; a dash without any."""
    if not values:
        return "-"
    ninth = sorted(values)[min(len(values) - 1, round(0.9 * (len(values) - 1)))]
    return f"{statistics.median(values):.1f} / {ninth:.1f}"


def verdict_table(groups: Mapping[str, Sequence[Row]]) -> str:
    """Markdown: one line a group of rows that hold ``verdict`` and ``seconds``."""
    head = ["", *VERDICTS, "other", "share red (95 %)", "share undecided (95 %)", "s green", "s red"]
    out = [_line(head), _line(["---"] * len(head))]
    for title, rows in groups.items():
        if not rows:
            continue
        count = Counter(row["verdict"] for row in rows)
        other = len(rows) - sum(count[name] for name in VERDICTS)
        took = {
            color: seconds(
                [row["seconds"] for row in rows if (row["verdict"] == "regressed") == (color == "red")]
            )
            for color in ("green", "red")
        }
        shares = [share(count[name], len(rows)) for name in ("regressed", "undecided")]
        counts = [str(count[name]) for name in VERDICTS]
        out.append(_line([title, *counts, str(other), *shares, took["green"], took["red"]]))
    return "\n".join(out)


def worst(rows: Sequence[Row], wanted: str, shown: int = 5) -> str:
    """The workloads whose verdict was most often not ``wanted``: ``memory_walk 3 of 20 undecided``."""
    wrong = Counter((row["name"], row["verdict"]) for row in rows if row["verdict"] != wanted)
    total = Counter(row["name"] for row in rows)
    found = [
        f"{name} {count} of {total[name]} {verdict}" for (name, verdict), count in wrong.most_common(shown)
    ]
    return ", ".join(found) or "none"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
