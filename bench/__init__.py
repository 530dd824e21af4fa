"""A performance gate: benchmarks in isolated processes, compared with a baseline, red only when it is sure.

Everything public is importable from here and loaded when it is first used, so that a suite file which says
``from bench import benchmark`` costs a worker almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.authoring import benchmark as benchmark
    from bench.inprocess import benchmark_function as benchmark_function
    from bench.inprocess import compare_implementations as compare_implementations
    from bench.inprocess import measure_memory_usage as measure_memory_usage
    from bench.inprocess import print_comparison_report as print_comparison_report
    from bench.profiling import profile_function as profile_function
    from bench.profiling import profile_memory as profile_memory
    from bench.profiling import trace_memory_allocations as trace_memory_allocations
    from bench.regression import PerformanceRegression as PerformanceRegression

__version__ = "0.1.0"

_HOMES = {
    "PerformanceRegression": "bench.regression",
    "benchmark": "bench.authoring",
    "benchmark_function": "bench.inprocess",
    "compare_implementations": "bench.inprocess",
    "measure_memory_usage": "bench.inprocess",
    "print_comparison_report": "bench.inprocess",
    "profile_function": "bench.profiling",
    "profile_memory": "bench.profiling",
    "trace_memory_allocations": "bench.profiling",
}

__all__ = sorted([*_HOMES, "__version__"])  # noqa: PLE0605  -- one list, derived from the table above


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
