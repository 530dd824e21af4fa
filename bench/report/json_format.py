"""The report as data: JSON, format ``bench-guard/report`` version 1.

Keys: ``format``, ``version``, ``verdict``, ``exit_code``, ``base``, ``head``, ``host``, ``duration_s``,
``messages``, ``comparisons``. Units are seconds, bytes and ratios; a number that does not exist is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.model import Comparison, Report

FORMAT = "bench-guard/report"
VERSION = 1


def to_json(report: Report) -> bytes:
    """Encode a whole report as UTF-8 text with a line break at its end."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "verdict": report.verdict.value,
        "exit_code": report.exit_code,
        "base": asdict(report.base),
        "head": asdict(report.head),
        "host": asdict(report.host),
        "duration_s": report.duration_s,
        "messages": report.messages,
        "comparisons": [_comparison(row) for row in report.comparisons],
    }
    return encode(document)


def encode(document: Mapping[str, Any]) -> bytes:
    """Any document as UTF-8 text; numbers that JSON does not have become null."""
    text = json.dumps(_finite(document), indent=1, ensure_ascii=True, allow_nan=False)
    return f"{text}\n".encode()


def _comparison(row: Comparison) -> dict[str, Any]:
    document = asdict(row)
    document["verdict"] = row.verdict.value
    return document


def _finite(value: Any) -> Any:
    """Replace the numbers that JSON does not have by null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value
