"""The compiler on one screen: sources, documents, rules, plan, keys, compiled configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from strataregula.core.compiled import CompiledConfig
from strataregula.core.documents import Document, Files, Source, SystemFiles, read_sources
from strataregula.core.evaluation import Context, Evaluator, evaluate, is_special
from strataregula.core.expansion import expand
from strataregula.core.explanations import CompiledKeys
from strataregula.core.layers import read_layers
from strataregula.core.planner import plan_rules
from strataregula.core.resolver import Resolver
from strataregula.diagnostics import DiagnosticLog
from strataregula.errors import UsageError

__all__ = ["ConfigCompiler"]

_FORMAT = b"strataregula-1"


class ConfigCompiler:
    """Compiles layers of YAML, JSON and mappings.

    ``strict`` (the default) makes every problem an error; ``strict=False`` turns those that have a safe
    reading (see `strataregula.diagnostics.LENIENT_CODES`) into warnings of the result. ``files`` is the
    edge to the file system.
    """

    def __init__(self, *, strict: bool = True, files: Files | None = None) -> None:
        self._strict = strict
        self._files = files if files is not None else SystemFiles()

    def compile(self, *sources: Source, env: Mapping[str, str | None] | None = None) -> CompiledConfig:
        """Compile paths, folders or mappings, base first, into one configuration.

        ``env`` holds the variables that ``${env:NAME}`` may ask for, None for one that is not set; it is part
        of the fingerprint. Nothing else of the environment is ever read.

        Raise one `CompilationError` that carries every problem found (at most 200), `UsageError` without
        any source.
        """
        if not sources:
            raise UsageError("compile needs at least one source: a path, a folder or a mapping")
        log = DiagnosticLog(lenient=not self._strict)
        documents = read_sources(sources, log, self._files)
        layers = read_layers(documents, log)
        resolver = Resolver(layers.domains, layers.shapes)
        plan = plan_rules(layers.rules, resolver, log, layers.sections)
        log.raise_if_errors()
        sections = expand(plan, log)
        evaluator = None
        if layers.merges or any(map(is_special, layers.rules)):
            context = Context(layers.merges, MappingProxyType(dict(env or {})), layers.domains)
            evaluator = Evaluator(CompiledKeys(plan, sections), context, log)
            evaluate(plan, sections, evaluator)
        log.raise_if_errors()
        return CompiledConfig(
            sections,
            plan,
            resolver,
            fingerprint=_fingerprint(documents, env or {}, strict=self._strict),
            warnings=log.warnings,
            evaluator=evaluator,
        )


def _fingerprint(documents: Iterable[Document], env: Mapping[str, str | None], *, strict: bool) -> str:
    """Return the SHA-256 of the options, the allowed variables, and every content with its layer and kind.

    Names and times take no part.
    """
    digest = hashlib.sha256(_FORMAT + (b"strict" if strict else b"lenient"))
    if env:
        digest.update(f"\nenv {sorted(env.items())!r}\n".encode("utf-8", "backslashreplace"))
    for document in documents:
        kind = document.name.rpartition(".")[2] if not document.name.startswith("<") else "mapping"
        head = f"\n{document.layer.index} {kind} {len(document.content)}\n"
        digest.update(head.encode("utf-8", "backslashreplace"))
        digest.update(document.content)
    return digest.hexdigest()
