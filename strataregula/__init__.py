"""Layered YAML and JSON whose keys are patterns, compiled into one flat, explainable mapping."""

__version__ = "0.1.0"
