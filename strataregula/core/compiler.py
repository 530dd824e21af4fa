"""The compiler on one screen: sources, documents, rules, plan, keys, compiled configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, overload

from strataregula.core.compiled import CompiledConfig
from strataregula.core.documents import Document, Files, Source, SystemFiles, read_sources
from strataregula.core.evaluation import Context, Evaluator, is_special
from strataregula.core.expansion import expand
from strataregula.core.explanations import CompiledKeys
from strataregula.core.layers import read_layers
from strataregula.core.lazy_config import LazyConfig
from strataregula.core.pattern import parse_key
from strataregula.core.planner import MAX_KEYS, Plan, plan_rules
from strataregula.core.resolver import MAX_KEYS_PER_RULE, Resolver
from strataregula.core.schema import Schemas, check_values
from strataregula.core.settings import Limits
from strataregula.diagnostics import DiagnosticLog
from strataregula.errors import UsageError
from strataregula.model import NO_PLACE, Entry

__all__ = ["ConfigCompiler"]

_FORMAT = b"strataregula-1"
_ANY_NUMBER: Final = 10**30


class ConfigCompiler:
    """Compiles layers of YAML, JSON and mappings.

    ``strict`` (the default) makes every problem an error; ``strict=False`` turns those that have a safe
    reading (see `strataregula.diagnostics.LENIENT_CODES`) into warnings of the result. ``files`` is the
    edge to the file system. ``max_keys`` (10 million) and ``max_keys_per_rule`` (one million) are checked
    before anything is expanded; a lazy compilation expands nothing and has only limits that are given.
    """

    def __init__(
        self,
        *,
        strict: bool = True,
        files: Files | None = None,
        max_keys: int | None = None,
        max_keys_per_rule: int | None = None,
    ) -> None:
        self._strict = strict
        self._files = files if files is not None else SystemFiles()
        self._max_keys, self._max_keys_per_rule = max_keys, max_keys_per_rule

    @overload
    def compile(
        self, *sources: Source, env: Mapping[str, str | None] | None = ..., lazy: Literal[False] = ...
    ) -> CompiledConfig: ...
    @overload
    def compile(
        self, *sources: Source, env: Mapping[str, str | None] | None = ..., lazy: Literal[True]
    ) -> LazyConfig: ...

    def compile(
        self, *sources: Source, env: Mapping[str, str | None] | None = None, lazy: bool = False
    ) -> CompiledConfig | LazyConfig:
        """Compile paths, folders or mappings, base first, into one configuration.

        ``env`` holds the variables that ``${env:NAME}`` may ask for, None for one that is not set; it is part
        of the fingerprint. Nothing else of the environment is ever read.

        With ``lazy`` no key is made: the result asks the rules when it is asked, and how many keys they make
        is not limited. A conflict that is not found in a bounded time is raised when its key is read.

        Raise one `CompilationError` that carries every problem found (at most 200), `UsageError` without
        any source.
        """
        if not sources:
            raise UsageError("compile needs at least one source: a path, a folder or a mapping")
        log = DiagnosticLog(lenient=not self._strict)
        documents = read_sources(sources, log, self._files)
        layers = read_layers(documents, log, self._limits(lazy=lazy))
        resolver = Resolver(layers.domains, layers.shapes, max_keys=layers.limits.keys_per_rule)
        plan = plan_rules(layers.rules, resolver, log, layers.sections, layers.limits.keys)
        log.raise_if_errors()
        context = Context(layers.merges, MappingProxyType(dict(env or {})), layers.domains)
        fingerprint = _fingerprint(documents, env or {}, strict=self._strict)
        if lazy:
            _refuse_schemas(layers.schemas, log)
            config = LazyConfig(plan, resolver, context, fingerprint=fingerprint, log=log)
            log.raise_if_errors()
            return config
        compiled = _compiled(plan, resolver, context, fingerprint, log)
        if layers.schemas:
            check_values(layers.schemas, compiled.sections, compiled.place_of, log)
            log.raise_if_errors()
        return compiled

    def _limits(self, *, lazy: bool) -> Limits:
        return Limits(
            self._max_keys or (_ANY_NUMBER if lazy else MAX_KEYS),
            self._max_keys_per_rule or (_ANY_NUMBER if lazy else MAX_KEYS_PER_RULE),
        )

    def stream(self, *sources: Source, env: Mapping[str, str | None] | None = None) -> Iterator[Entry]:
        """Compile and yield the entries one by one, in constant memory, for any number of them.

        Problems are raised before the first entry, but for conflicts that only show with their key.
        """
        return self.compile(*sources, env=env, lazy=True).entries()


def _refuse_schemas(schemas: Schemas, log: DiagnosticLog) -> None:
    if schemas:
        message = "a lazy compilation and a stream cannot check schema:"
        log.report("unsupported", message, NO_PLACE, hint="compile without lazy or --stream to check it once")


def _compiled(
    plan: Plan, resolver: Resolver, context: Context, fingerprint: str, log: DiagnosticLog
) -> CompiledConfig:
    sections = expand(plan, log)
    evaluator = None
    special = any(is_special(planned.rule) for section in plan.sections for planned in section.rules)
    if context.paths or special:
        evaluator = Evaluator(CompiledKeys(plan, sections), context, log)
        _evaluate(plan, sections, evaluator)
    log.raise_if_errors()
    return CompiledConfig(
        sections, plan, resolver, fingerprint=fingerprint, warnings=log.warnings, evaluator=evaluator
    )


def _evaluate(plan: Plan, sections: Mapping[str, dict[str, Any]], evaluator: Evaluator) -> None:
    """Put the final values into expanded sections; keys with plain values are not touched."""
    paths = evaluator.context.paths
    for section in plan.sections:
        entries = sections[section.name]
        special = {id(planned.rule.value) for planned in section.rules if is_special(planned.rule)}
        chosen = [key for key, value in entries.items() if id(value) in special] if special else []
        if paths:
            chosen += [key for key in entries if paths.strategy((section.name, *parse_key(key)))]
        for key in dict.fromkeys(chosen):
            entries[key] = evaluator.value(section.name, key)


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
