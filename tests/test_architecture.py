"""The rules of docs/architecture.md, checked on the syntax trees; its lists of rooms are read from that page."""

import ast
import re
import statistics
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bench", "strataregula")

MAX_MODULE = 400
MAX_FUNCTION = 60
P90_FUNCTION = 30
MAX_PARAMETERS = 6
MANY_PARAMETERS = {"bench.authoring.benchmark"}  # every one is a documented keyword of the public decorator

WORLD_MODULES = {"multiprocessing", "shutil", "signal", "socket", "subprocess", "tempfile", "time"}
WORLD_ATTRIBUTES = {
    "environ", "getenv", "read_text", "read_bytes", "write_text", "write_bytes", "is_file", "is_dir",
    "iterdir", "rglob", "mkdir", "unlink", "getcwd",
}  # fmt: skip


@dataclass(frozen=True)
class Room:
    name: str
    position: int
    marks: frozenset[str]


@dataclass(frozen=True)
class Module:
    name: str
    package: str
    room: Room | None
    lines: int
    tree: ast.Module

    @property
    def counted(self):
        """Not a top-level ``__init__``, nor one that is nothing but a docstring."""
        return self.name not in PACKAGES and any(not isinstance(node, ast.Expr) for node in self.tree.body)


@cache
def rooms():
    """Package -> its rooms; a line inside a room stands where that room stands."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    found = {}
    for package, block in re.findall(r"^```rooms (\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        listed = found[package] = []
        for at, line in enumerate(block.splitlines()):
            name = line.split()[0]
            around = [
                room.position for room in listed if room.name.endswith("/") and name.startswith(room.name)
            ]
            listed.append(Room(name, min(around, default=at), frozenset(re.findall(r"\[(\w+)\]", line))))
    return found


def sources(root):
    """Path -> text of every module of both packages but the suites."""
    paths = (path for package in PACKAGES for path in (root / package).rglob("*.py"))
    relative = (path.relative_to(root) for path in paths)
    return {path: (root / path).read_text(encoding="utf-8") for path in relative if path.parts[1] != "suites"}


def room_of(package, name):
    """The most special room that holds the module ``package.name``."""
    path = name.replace(".", "/")
    fitting = [room for room in rooms()[package] if f"{path}/".startswith(f"{room.name.rstrip('/')}/")]
    return max(fitting, key=lambda room: len(room.name.rstrip("/")), default=None)


@cache
def parse(path, text):
    parts = [*path.parts[:-1], path.stem] if path.stem != "__init__" else path.parts[:-1]
    name = ".".join(parts)
    return Module(name, parts[0], room_of(parts[0], ".".join(parts[1:])), text.count("\n"), ast.parse(text))


def modules(files):
    return {module.name: module for module in (parse(path, text) for path, text in files.items())}


@cache
def nodes(tree):
    return list(ast.walk(tree))


def imports(module, known):
    """(line, name of the module) for every import of this project, wherever in the file it stands."""
    for node in nodes(module.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name}:{node.lineno}: relative import"
            names = [
                whole if (whole := f"{node.module}.{alias.name}") in known else node.module
                for alias in node.names
            ]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] in PACKAGES)


def stands_below(other, module):
    return other.room is not None and other.room.position > module.room.position


def broken_order(found):
    for module in found.values():
        if not module.counted:
            continue
        if module.room is None:
            yield f"{module.name}: has no line in docs/architecture.md"
            continue
        for line, name in imports(module, found):
            if name.split(".")[0] != module.package:
                yield f"{module.name}:{line}: imports {name}, of the other package"
            elif name not in found:
                yield f"{module.name}:{line}: imports {name}, which does not exist"
            elif found[name].counted and stands_below(found[name], module):
                yield f"{module.name}:{line}: imports {name}, which stands below it"


def cycles(found):
    graph = {
        m.name: {n for _, n in imports(m, found) if n in found and found[n].counted} for m in found.values()
    }
    state = {}

    def visit(name, path):
        state[name] = "open"
        for target in sorted(graph[name]):
            if state.get(target) == "open":
                yield "cycle: " + " -> ".join([*path[path.index(target) :], target])
            elif target not in state:
                yield from visit(target, [*path, target])
        state[name] = "done"

    for name in sorted(graph):
        if name not in state and found[name].counted:
            yield from visit(name, [name])


def touched_world(found):
    for module in found.values():
        if not module.counted or module.room is None or "edge" in module.room.marks:
            continue
        for node in nodes(module.tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").split(".")[0]]
            if used := WORLD_MODULES.intersection(names):
                yield f"{module.name}:{node.lineno}: imports {', '.join(used)} and is no edge"
            if isinstance(node, ast.Attribute) and node.attr in WORLD_ATTRIBUTES:
                yield f"{module.name}:{node.lineno}: uses .{node.attr} and is no edge"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
                yield f"{module.name}:{node.lineno}: opens a file and is no edge"


def spoken(found):
    for module in found.values():
        if module.room is not None and "program" in module.room.marks:
            continue
        for node in nodes(module.tree):
            if isinstance(node, ast.Attribute) and (
                node.attr == "argv" or ast.unparse(node) in {"sys.exit", "os._exit"}
            ):
                yield f"{module.name}:{node.lineno}: uses {ast.unparse(node)} below cli"
            if isinstance(node, ast.Name) and node.id == "SystemExit":
                yield f"{module.name}:{node.lineno}: names SystemExit below cli"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id == "print" and not any(keyword.arg == "file" for keyword in node.keywords):
                    yield f"{module.name}:{node.lineno}: prints below cli"
                if node.func.id in {"exit", "quit", "input", "breakpoint"}:
                    yield f"{module.name}:{node.lineno}: calls {node.func.id}() below cli"


@cache
def functions(module):
    """(qualified name, node, lines without the docstring)."""

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                documented = child.body[0] if ast.get_docstring(child) else None
                words = documented.end_lineno - documented.lineno + 1 if documented else 0
                yield f"{prefix}.{child.name}", child, child.end_lineno - child.lineno + 1 - words
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            yield from walk(child, f"{prefix}.{child.name}" if named else prefix)

    return list(walk(module.tree, module.name))


def oversized(found):
    for module in found.values():
        if module.lines > MAX_MODULE:
            yield f"{module.name}: {module.lines} lines, more than {MAX_MODULE}"
        for name, node, lines in functions(module):
            if lines > MAX_FUNCTION:
                yield f"{name}: {lines} lines, more than {MAX_FUNCTION}"
            given = node.args
            count = len([*given.posonlyargs, *given.args, *given.kwonlyargs])
            bound = bool(given.args) and given.args[0].arg in {"self", "cls"}
            if count - bound > MAX_PARAMETERS and name not in MANY_PARAMETERS:
                yield f"{name}: {count - bound} parameters, more than {MAX_PARAMETERS}"


CHECKS = (broken_order, cycles, touched_world, spoken, oversized)


@cache
def faults_here(check):
    return frozenset(check(modules(sources(ROOT))))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_keeps_its_rules(check):
    assert sorted(faults_here(check)) == []


def test_most_functions_are_short():
    lengths = [lines for module in modules(sources(ROOT)).values() for _, _, lines in functions(module)]
    assert statistics.quantiles(lengths, n=10)[-1] < P90_FUNCTION


def test_every_room_of_the_page_exists():
    for package, listed in rooms().items():
        for room in listed:
            place = ROOT / package / room.name
            assert place.is_dir() if room.name.endswith("/") else place.with_suffix(".py").is_file(), (
                room.name
            )
    assert set(rooms()) == set(PACKAGES)


PLANTED = [
    (broken_order, "bench/stats/describe.py", "import bench.guard", "bench.guard, which stands below it"),
    (broken_order, "bench/model.py", "from bench import policy", "bench.policy, which stands below it"),
    (
        broken_order,
        "bench/model.py",
        "def f():\n    from bench.cli.main import main",
        "which stands below it",
    ),
    (broken_order, "bench/guard.py", "import strataregula", "of the other package"),
    (broken_order, "bench/compare.py", "from strataregula.core.pattern import x", "of the other package"),
    (broken_order, "strataregula/model.py", "from bench import benchmark", "of the other package"),
    (broken_order, "strataregula/core/pattern.py", "import strataregula.cli.main", "which stands below it"),
    (broken_order, "bench/compare.py", "import bench.nothing", "which does not exist"),
    (broken_order, "bench/new_room.py", "X = 1", "has no line in docs/architecture.md"),
    (cycles, "bench/stats/describe.py", "def f():\n    from bench.stats import intervals", "cycle: "),
    (touched_world, "bench/compare.py", "import subprocess", "no edge"),
    (touched_world, "bench/compare.py", "def f(path):\n    return path.read_text()", "no edge"),
    (touched_world, "strataregula/core/pattern.py", "def f():\n    return open('x')", "no edge"),
    (touched_world, "bench/policy.py", "import os\nX = os.environ", "no edge"),
    (spoken, "bench/policy.py", "def f():\n    print('x')", "prints below cli"),
    (spoken, "bench/policy.py", "import sys\nX = sys.argv", "sys.argv below cli"),
    (spoken, "strataregula/core/matcher.py", "import sys\ndef f():\n    sys.exit(1)", "sys.exit below cli"),
    (spoken, "bench/guard.py", "def f():\n    raise SystemExit", "SystemExit below cli"),
    (spoken, "bench/guard.py", "def f():\n    exit()", "exit() below cli"),
    (oversized, "bench/text.py", "\n" * 400, "more than 400"),
    (oversized, "bench/text.py", "def f():\n" + "    x = 1\n" * 60, "61 lines, more than 60"),
    (oversized, "bench/text.py", "def f(a, b, c, /, d, e, *, g, h=1): pass", "7 parameters"),
]


@pytest.mark.parametrize(
    ("check", "path", "text", "words"), PLANTED, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_planted_fault_is_found(check, path, text, words):
    files = sources(ROOT)
    place = Path(path)
    planted = {**files, place: f"{files.get(place, '')}\n{text}\n"}
    found = set(check(modules(planted))) - faults_here(check)
    assert len(found) >= 1
    assert any(words in fault for fault in found), found


def test_a_fault_planted_in_a_copy_on_disk_is_found(tmp_path):
    for path, text in sources(ROOT).items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    with (tmp_path / "bench" / "model.py").open("a", encoding="utf-8") as file:
        file.write("\n\ndef late():\n    import strataregula\n")
    faults = set(broken_order(modules(sources(tmp_path)))) - faults_here(broken_order)
    assert [fault.split(": ", 1)[1] for fault in faults] == ["imports strataregula, of the other package"]
