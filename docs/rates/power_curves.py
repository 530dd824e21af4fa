"""How often the gate is red, against how much slower the code really is: replayed, counted, drawn.

::

    python docs/rates/power_curves.py replay --trials 20000        # half an hour: counts every source
    python docs/rates/power_curves.py replay --only "sittings"     # some sources again, others kept
    python docs/rates/power_curves.py draw                         # the picture, and the tables of the page

``replay`` writes ``docs/rates/replayed.json``, counts only; ``draw`` needs nothing else, draws
``docs/images/power-curves.svg`` and writes the tables into ``docs/how-the-verdict-works.md``. Seeds are
fixed. The replay is that of ``tests/quality``, which holds the same counts to bounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "quality"))

import noise
import recorded
import replay

from bench.model import Verdict
from bench.stats.intervals import binomial_interval

ROOT = Path(__file__).resolve().parents[2]
COUNTS = ROOT / "docs" / "rates" / "replayed.json"
PAGE = ROOT / "docs" / "how-the-verdict-works.md"
BEGIN, END = "<!-- replayed: written by power_curves.py -->", "<!-- replayed: end -->"
PICTURE = ROOT / "docs" / "images" / "power-curves.svg"
SLOWDOWNS = (0.0, 0.05, 0.12, 0.15, 0.20)
GRID = (
    0.0,
    0.02,
    0.04,
    0.05,
    0.06,
    0.07,
    0.08,
    0.09,
    0.10,
    0.11,
    0.12,
    0.13,
    0.14,
    0.15,
    0.16,
    0.18,
    0.20,
    0.25,
    0.30,
)
TABLED = (0.0, 0.05, 0.08, 0.09, 0.10, 0.11, 0.12, 0.13, 0.15, 0.20, 0.30)
CURVE_SHARE = 10
"""A point of a curve gets a tenth of the trials of a rate: the eye cannot tell half a per cent."""

RECORDED = (noise.RECORDED_STORED, noise.RECORDED_SHIFTED, noise.RECORDED_PAIRS)
SYNTHETIC = (*noise.STORED_REGULAR, *noise.STORED_HOSTILE, *noise.PAIRED_REGULAR, *noise.PAIRED_HOSTILE)
CURVES = {
    "stored: recorded, different sittings": noise.RECORDED_STORED,
    "stored: synthetic, white, 3 %": noise.STORED_REGULAR[1],
    "paired: recorded": noise.RECORDED_PAIRS,
    "paired: synthetic, white, 3 %": noise.PAIRED_REGULAR[2],
}
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["replay", "draw"])
    parser.add_argument("--trials", type=int, default=20_000, help="comparisons a cell (replay)")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only sources whose name holds TEXT (replay)"
    )
    given = parser.parse_args()
    if given.step == "replay":
        count(given.trials, given.only)
    else:
        known = load()
        draw(known["curves"])
        PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), known), encoding="utf-8")


# --- counting -------------------------------------------------------------------------------------


def label(source: noise.Source) -> str:
    return f"{'paired' if source.paired else 'stored'}: {source.name}"


def load() -> Row:
    if not COUNTS.exists():
        return {"comparisons": replay.COMPARISONS, "sources": {}, "curves": {}}
    found: Row = json.loads(COUNTS.read_text(encoding="utf-8"))
    return found


def save(known: Row) -> None:
    lines = [f'{{"comparisons": {known["comparisons"]},']
    for key in ("sources", "curves"):
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in known[key].items())
        lines.append(f' "{key}": {{\n{rows}\n }}{"," if key == "sources" else "}"}')
    COUNTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def count(trials: int, only: str) -> None:
    """Replay the sources one after the other; each is saved when it is done."""
    for source in (*RECORDED, *SYNTHETIC):
        if only in label(source):
            rates = replay.replay(source, SLOWDOWNS, trials, progress(label(source), trials))
            known = load()
            known["sources"][label(source)] = {
                "at": {str(slowdown): counted(tally) for slowdown, tally in rates.at.items()},
                "printed": counted(rates.printed),
            }
            save(known)
    for name, source in CURVES.items():
        if only in name:
            few = trials // CURVE_SHARE
            rates = replay.replay(source, GRID, few, progress(f"curve of {name}", few))
            known = load()
            known["curves"][name] = [
                [slowdown, *(tally.verdicts[v] for v in (Verdict.REGRESSED, Verdict.UNDECIDED)), tally.trials]
                for slowdown, tally in rates.at.items()
            ]
            save(known)


def progress(name: str, trials: int):  # noqa: ANN201
    def tell(done: int) -> None:
        if done >= trials or done % (trials // 10 or 1) < replay.COMPARISONS:
            print(f"{name}: {done} of {trials}", file=sys.stderr, flush=True)

    return tell


def counted(tally: replay.Tally) -> Row:
    return {
        "trials": tally.trials,
        **{verdict.value: hits for verdict, hits in sorted(tally.verdicts.items())},
        "covered": tally.covered,
        "crowded": tally.crowded,
        "processes": tally.processes,
        "not_gated": tally.not_gated,
        "runs": tally.runs,
        "red_runs": tally.red_runs,
    }


# --- tables ---------------------------------------------------------------------------------------


def with_tables(page: str, known: Row) -> str:
    """The page with its tables renewed; ValueError where it has no place for them."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE}: expected a line {BEGIN!r} and after it {END!r}")
    return "\n".join([f"{head}{begin}", "", *tables(known), f"{end}{tail}"])


def tables(known: Row) -> Iterator[str]:
    """What was recorded, rates per mode and source, then the points of the curves, as Markdown."""
    yield from records_list()
    yield ""
    modes = {"stored": "`check`, stored baseline", "paired": "`ab`, pairs"}
    for mode, heading in modes.items():
        own = {
            label(source).split(": ", 1)[1]: known["sources"][label(source)]
            for source in (*RECORDED, *SYNTHETIC)
            if label(source).startswith(mode)
        }
        yield from rate_table(heading, own)
        yield ""
        yield from runs_sentence(own)
        yield ""
    yield from curve_table(known["curves"])
    yield ""


def records_list() -> Iterator[str]:
    """How much is behind the recorded rows, and how far apart in time."""
    for name, what in (("stored", "processes with their reference"), ("paired", "pairs")):
        found = [process for process, _ in recorded.unpack((recorded.FOLDER / f"{name}.xz").read_bytes())[1]]
        begins = sorted(min(p.at for p in found if p.sitting == s) for s in {p.sitting for p in found})
        apart = " and ".join(f"{(b - a) / 60:,.0f}" for a, b in itertools.pairwise(begins))
        workloads = Counter(process.workload for process in found)
        yield (
            f"- recorded {what}: {len(found):,} of {len(workloads)} workloads, {min(workloads.values())} to "
            f"{max(workloads.values())} of each, in {len(begins)} sittings"
            + (f" that begin {apart} minutes apart" if name == "stored" else "")
        )


def runs_sentence(rows: Mapping[str, Row]) -> Iterator[str]:
    green = [row["at"]["0.0"] for row in rows.values()]
    red, trials = sum(row.get("regressed", 0) for row in green), sum(row["trials"] for row in green)
    high = binomial_interval(red, trials)[1]
    red_runs, runs = sum(row["red_runs"] for row in green), sum(row["runs"] for row in green)
    yield (
        f"Of {trials:,} comparisons of unchanged code in all of these rows {red} were red "
        f"(exact 95 % upper bound {high:.3%}); of {runs:,} whole runs, {red_runs}."
    ).replace("%)", " %)")


def curve_table(curves: Mapping[str, Sequence[Sequence[float]]]) -> Iterator[str]:
    """Every second point or so of the picture: red, and undecided in brackets, in per cent."""
    yield f"| true slowdown | {' | '.join(curves)} |"
    yield "|---|" + "---|" * len(curves)
    for index, slowdown in enumerate(GRID):
        if slowdown in TABLED:
            cells = [points[index] for points in curves.values()]
            yield (
                f"| {slowdown:.0%} | ".replace("%", " %")
                + " | ".join(
                    f"{100 * red / trials:.1f} ({100 * undecided / trials:.1f})"
                    for _, red, undecided, trials in cells
                )
                + " |"
            )


def rate_table(heading: str, rows: Mapping[str, Row]) -> Iterator[str]:
    shown = " | ".join(
        f"{'+' if slowdown else ''}{slowdown:.0%}".replace("%", " %") for slowdown in SLOWDOWNS
    )
    yield f"| {heading}: noise | {shown} | interval holds | printed effect caught | processes at 0 % |"
    yield "|---|" + "---|" * (len(SLOWDOWNS) + 3)
    for name, row in rows.items():
        cells = [rate(row["at"][str(slowdown)], "regressed") for slowdown in SLOWDOWNS]
        held = [row["at"][str(slowdown)] for slowdown in SLOWDOWNS]
        shares = [one["covered"] / one["trials"] for one in held]
        green = row["at"]["0.0"]
        cells += [
            f"{100 * min(shares):.1f} to {100 * max(shares):.1f}",
            rate(row["printed"], "regressed"),
            f"{green['processes'] / green['trials']:.1f}",
        ]
        yield f"| {name} | {' | '.join(cells)} |"


def rate(row: Row, verdict: str) -> str:
    """Per cent, with two digits where they mean something."""
    share = 100 * row.get(verdict, 0) / row["trials"]
    return f"{share:.2f}" if share < 1 else "100" if share == 100 else f"{share:.1f}"


# --- the picture ----------------------------------------------------------------------------------

INK, PAPER, GREY = "#222222", "#fbfbf8", "#8a8a8a"
COLOURS = {"recorded": "#0060a8", "synthetic": "#c04a00"}


def draw(curves: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """Two panels on paper of their own, so that it reads on a light and on a dark page."""
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    plain = {
        "svg.fonttype": "none",
        "svg.hashsalt": "power-curves",
        "font.family": "sans-serif",
        "font.size": 9,
    }
    with mpl.rc_context(plain):
        figure = Figure(figsize=(8.2, 3.6), facecolor=PAPER, layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for axis, mode, title in zip(
            axes, ("stored", "paired"), ("check: stored baseline", "ab: pairs in one sitting"), strict=True
        ):
            panel(axis, title, {name: points for name, points in curves.items() if name.startswith(mode)})
        axes[0].set_ylabel("share of comparisons")
        PICTURE.parent.mkdir(exist_ok=True)
        figure.savefig(
            PICTURE, metadata={"Date": None, "Title": "Share of red verdicts against true slowdown"}
        )
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes", file=sys.stderr)


def panel(axis: Any, title: str, curves: Mapping[str, Sequence[Sequence[float]]]) -> None:
    axis.set_facecolor(PAPER)
    axis.set_title(title, color=INK, fontsize=10, loc="left")
    axis.axvline(10, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    axis.text(9.6, 88, "tolerance", color=GREY, fontsize=8, ha="right")
    for name, points in curves.items():
        kind = name.split(": ", 1)[1].split(",")[0]
        colour = COLOURS[kind]
        slowdowns = [100 * point[0] for point in points]
        red = [100 * point[1] / point[3] for point in points]
        undecided = [100 * point[2] / point[3] for point in points]
        axis.plot(slowdowns, red, color=colour, linewidth=1.8, label=f"red, {kind}")
        axis.plot(slowdowns, undecided, color=colour, linewidth=1, linestyle=":", label=f"undecided, {kind}")
    axis.set_xlim(0, 30)
    axis.set_ylim(-2, 102)
    axis.xaxis.set_major_formatter("{x:.0f} %")
    axis.yaxis.set_major_formatter("{x:.0f} %")
    axis.set_xlabel("true slowdown", color=INK)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.tick_params(colors=INK)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.legend(loc="center right", fontsize=7.5, frameon=True, facecolor=PAPER, edgecolor="none")


if __name__ == "__main__":
    main()
