"""docs/architecture.md is true: imports lead down its list of rooms, and what it says is where it says."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY

from wganlib import layout

LIBRARY = REPOSITORY / "wganlib"
PAGE = (REPOSITORY / "docs/architecture.md").read_text()
FILES = {path.relative_to(LIBRARY).as_posix(): path for path in sorted(LIBRARY.rglob("*.py"))}


def rows(title):
    """The cells of a table below a heading."""
    text = PAGE.split(f"# {title}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")][2:]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


ROOMS = [quoted(row[0]) for row in rows("How the house is built")]
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
WITHOUT_TORCH = [row[2] for row in rows("How the house is built")]


def room_of(file):
    """The folder that a file stands in, or its own name; `wganlib` itself offers what the top floor has."""
    return "api" if file == "__init__.py" else file.removesuffix(".py").partition("/")[0]


def file_of(module):
    """The file of a module of the library; None for a name in a module."""
    path = "/".join(module.split(".")[1:])
    names = (f"{path}.py", f"{path}/__init__.py") if path else ("__init__.py",)
    return next((name for name in names if name in FILES), None)


def imports(path) -> Iterator[tuple[int, str]]:
    """Line and file of every import of the library in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            both = [(f"{node.module}.{alias.name}", str(node.module)) for alias in node.names]
            modules = [whole if whole.startswith("wganlib.") and file_of(whole) else module for whole, module in both]
        for module in modules:
            if module.partition(".")[0] == "wganlib":
                target = file_of(module)
                assert target, f"{path}:{node.lineno}: no module {module}"
                yield node.lineno, target


def test_the_page_lists_every_room():
    folders = {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").exists()}
    assert folders | {path.stem for path in LIBRARY.glob("*.py")} - {"__init__"} == set(FLOOR)
    assert len(FLOOR) == sum(map(len, ROOMS))


@pytest.mark.parametrize("file", FILES)
def test_imports_lead_down(file):
    here = room_of(file)
    for line, target in imports(FILES[file]):
        there = room_of(target)
        assert here == there or FLOOR[here] <= FLOOR[there], f"wganlib/{file}:{line} imports {target}, a floor above"
        assert there != "experiments" or target == "experiments/__init__.py", f"wganlib/{file}:{line} imports an experiment"


def test_imports_by_name_are_those_of_plug_ins():
    """Experiments by what collects and reports, loaders of data sets, the names that `wganlib` offers, what is kept warm."""
    calls = {file for file, path in FILES.items() if re.search(r"\bimport_module\(|__import__", path.read_text())}
    assert calls == {"__init__.py", "collecting/collect.py", "datasets/loading.py", "warm.py"}


def test_no_circle_between_files():
    edges = {file: {target for _, target in imports(path)} for file, path in FILES.items()}
    done: set[str] = set()

    def visit(file, above):
        assert file not in above, f"a circle: {' -> '.join([*above[above.index(file) :], file])}"
        if file not in done:
            for target in sorted(edges[file]):
                visit(target, [*above, file])
            done.add(file)

    for file in FILES:
        visit(file, [])


def test_no_two_files_of_one_name():
    places = defaultdict(list)
    for file in FILES:
        places[Path(file).name].append(file)
    assert {name: files for name, files in places.items() if len(files) > 1 and name != "__init__.py"} == {}


@pytest.mark.parametrize("folder", ["wganlib", "tests", "benchmarks"])
def test_no_file_of_more_than_400_lines(folder):
    lengths = {str(path): len(path.read_text().splitlines()) for path in (REPOSITORY / folder).rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_the_modules_that_the_page_calls_free_of_torch_are():
    free = []
    for rooms, cell in zip(ROOMS, WITHOUT_TORCH, strict=True):
        for file in FILES:
            if room_of(file) in rooms and not file.startswith("__"):
                listed = Path(file).stem in quoted(cell)
                free += [file] if cell.startswith("all") != listed else []
    modules = ["wganlib." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in free]
    code = "import importlib, sys\nfor m in sys.argv[1:]: importlib.import_module(m); assert 'torch' not in sys.modules, m"
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"cli.py", "planning/plan.py", "spec/run.py", "judging/statistics.py", "layout.py"} <= set(free)


def defined(path) -> set[str]:
    """Names that a module defines, those of its classes as Class.name."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        for own in [node, *(node.body if isinstance(node, ast.ClassDef) else [])]:
            prefix = "" if own is node else f"{node.name}."
            if isinstance(own, ast.FunctionDef | ast.ClassDef):
                names.add(prefix + own.name)
            elif isinstance(own, ast.Assign | ast.AnnAssign):
                targets = own.targets if isinstance(own, ast.Assign) else [own.target]
                names |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
    return names


PLACES = list(dict.fromkeys(re.findall(r"`([\w./]+\.\w+): ([\w. ]+)`", PAGE)))


def test_the_page_answers_where_things_are():
    assert len(rows("Where is …?")) >= 25
    assert all(re.search(r"`[\w./]+\.\w+: [\w. ]+`", row[1]) for row in rows("Where is …?"))


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_it_is_where_the_page_says(file, name):
    path = FILES.get(file, REPOSITORY / file)
    names = defined(path) if path.suffix == ".py" else set(re.findall(r"^ *([\w ]+):", path.read_text(), re.MULTILINE))
    assert name in names


def test_the_page_names_the_files_that_each_step_makes():
    made = {
        row[0]: [name for name in quoted(row[3]) if not name.endswith("/") and "<" not in name]
        for row in rows("The way of one run, and of one figure on toys")
    }
    assert made["train"] == list(layout.RUN_FILES)
    assert made["score"] == list(layout.SCORE_FILES)
    assert made["classifier"] == list(layout.CLASSIFIER_FILES)
    assert made["collect"] == [*layout.TABLE_FILES, layout.PAGE]
    assert made["report"] == list(layout.REPORT_SUFFIXES)


def test_the_map_fits_a_screen():
    assert len(PAGE.split("\n## The way")[0].splitlines()) <= 30
