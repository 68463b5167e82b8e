"""Imports point down, heavy libraries stay in their rooms, and errors are caught by name."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nl2sql_arena.settings import ROOT

PACKAGE = ROOT / "nl2sql_arena"
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS: tuple[tuple[str, ...], ...] = (
    ("types", "errors", "settings", "sampledata", "wire", "memory", "__version__"),
    (
        *("schema", "linking", "prompts", "sql", "difficulty", "clauses", "phrases", "steps", "compare", "golds", "stats", "ddl"),
        *("mending", "rewriting"),
    ),
    (
        *("catalog", "cells", "database", "vetting", "execution", "intake", "worker", "sandbox"),
        *("hardware", "zero_gpu", "hub", "backends", "published", "votes"),
    ),
    ("loaded", "engine", "services", "arena", "adding", "doctor", "publishing", "benchmark", "training"),
    ("ui", "terminal", "bench_cli", "model_cli", "vote_cli", "space_cli", "cli", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
HOMES = {
    "torch": ("backends/local", "training/", "hardware.py"),
    "transformers": ("backends/local", "training/"),
    "peft": ("backends/local", "training/"),
    "gradio": ("ui/",),
    "httpx": ("backends/endpoint",),
    "duckdb": ("database.py", "worker.py", "execution.py", "vetting.py", "intake.py", "votes/parquet.py"),
    "sqlalchemy": ("votes/",),
    "sqlglot": (
        *("sql.py", "difficulty.py", "clauses.py", "phrases.py", "steps.py", "golds.py", "ddl.py", "mending.py", "rewriting.py"),
        *("published/", "training/"),
    ),
    "sqlparse": ("sql.py",),
}


def module(path: Path) -> str:
    """A file's module inside the package: `votes.store`, `ui`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Full names of what a file imports anywhere, `package.module.name`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(path: Path) -> set[str]:
    """Modules of the package that a file imports."""
    names = {name.removeprefix("nl2sql_arena.") for name in imported(path) if name.startswith("nl2sql_arena")}
    return {name if name in MODULES else name.rpartition(".")[0] for name in names} - {""}


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_point_down(path: Path) -> None:
    room = module(path).split(".")[0]
    if not room:
        return
    for other in own(path):
        if other.split(".")[0] != room:
            assert LEVEL[other.split(".")[0]] <= LEVEL[room], f"{module(path)} imports {other}"


def test_every_room_has_its_layer() -> None:
    assert {name.split(".")[0] for name in MODULES} - {""} <= set(LEVEL)


def test_no_module_imports_itself_through_others() -> None:
    after = {name: own(path) for name, path in MODULES.items()}
    open_, done = [], set()

    def visit(name: str) -> None:
        assert name not in open_, f"a circle of imports: {' -> '.join([*open_, name])}"
        if name not in done:
            open_.append(name)
            for other in sorted(after.get(name, ())):
                visit(other)
            open_.remove(name)
            done.add(name)

    for name in after:
        visit(name)


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_stays_in_its_rooms(library: str) -> None:
    users = [path.relative_to(PACKAGE).as_posix() for path in FILES if any(name.split(".")[0] == library for name in imported(path))]
    assert [user for user in users if not user.startswith(HOMES[library])] == []


def test_pure_rooms_open_nothing() -> None:
    for room in LAYERS[1]:
        for path in (path for name, path in MODULES.items() if name.split(".")[0] == room):
            roots = {name.split(".")[0] for name in imported(path)}
            assert not roots & {"os", "pathlib", "subprocess", "socket", "threading", "sqlite3", "urllib", "tempfile"}, path.name


HEAVY = ("torch", "transformers", "peft", "gradio", "duckdb", "plotly")


@pytest.mark.parametrize("name", ["nl2sql_arena", "nl2sql_arena.cli"])
def test_importing_loads_nothing_heavy(name: str) -> None:
    code = f"import sys, {name}; print([heavy for heavy in {HEAVY!r} if heavy in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_errors_are_caught_by_name() -> None:
    """A broad except is allowed at the edge of the SQL worker, the page and the thread that syncs votes, marked or with a log line."""
    places = []
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node):
                places.append(module(path).split(".")[0])
                assert "noqa: BLE001" in lines[node.lineno - 1] or "log.exception" in ast.unparse(node), module(path)
    assert set(places) <= {"worker", "ui", "votes"}


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")) for kind in caught)


def test_only_faces_print() -> None:
    callers = {
        module(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert callers <= {"cli"}
