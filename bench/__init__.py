"""A performance gate: benchmarks in isolated processes, compared with a baseline, red only when it is sure."""

__version__ = "0.1.0"
