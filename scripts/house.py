"""Measures a house: sizes, words, imports, tests and commits of a source tree.

    python -m scripts.house [--json] [--price] [TREE]

TREE is a checkout with one package under ``src`` and tests under ``tests``; this one by default. It
is read as text, so an older checkout can be measured too. ``--price`` adds the files and shapes
that one price passes from answer to bet in this checkout, which is counted in a real run: see
``scripts.price_way``.

How it is counted: files of five lines or less are left out. Functions include methods and nested
functions, without their decorators. Imports under TYPE_CHECKING do not count for cycles and for the
drawing, which is ``DRAWING`` of ``tests/unit/test_imports.py`` in TREE.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

HOME = Path(__file__).resolve().parents[1]
WIDTH = 100
LEAST_LINES = 6
NOUN_STARTS = {"The", "A", "What", "Whether", "One", "Every", "How"}
Functions = ast.FunctionDef | ast.AsyncFunctionDef
Figures = dict[str, str]


@dataclass(frozen=True)
class Module:
    """One file. ``name`` is dotted, below the package; empty for the package itself."""

    name: str
    is_package: bool
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def part(self) -> str:
        return self.name.split(".")[0]

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[2]

    def functions(self) -> Iterator[Functions]:
        """Yield every function, methods and nested ones included."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Functions))

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef))

    def top_level_names(self) -> set[str]:
        """Return what the module defines: functions, classes and assigned names."""
        names: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, Functions | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {
                    one.id
                    for target in targets
                    for one in ast.walk(target)
                    if isinstance(one, ast.Name)
                }
        return names

    def runtime_imports(self) -> set[str]:
        """Return the dotted names that the module imports when it runs."""
        return set(_imports(self.tree))

    def import_lines(self) -> int:
        """Return how many modules the import statements name."""
        nodes = list(ast.walk(self.tree))
        plain = sum(len(node.names) for node in nodes if isinstance(node, ast.Import))
        return plain + sum(isinstance(node, ast.ImportFrom) for node in nodes)


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _imports(child)


class House:
    """The source and the tests of a tree."""

    def __init__(self, tree: Path) -> None:
        packages = [file.parent for file in sorted(tree.glob("src/*/__init__.py"))]
        if len(packages) != 1:
            raise SystemExit(f"{tree} has {len(packages)} packages under src; one is wanted")
        self.tree, self.package = tree, packages[0].name
        self.every = [_module(packages[0], file) for file in sorted(packages[0].rglob("*.py"))]
        self.modules = [one for one in self.every if len(one.lines) >= LEAST_LINES]
        self.tests = [_module(tree / "tests", file) for file in sorted(tree.glob("tests/**/*.py"))]

    @cached_property
    def imported(self) -> dict[str, set[str]]:
        """The modules of the package that each module imports, by name."""
        known = {module.name for module in self.every}
        return {
            module.name: {
                found
                for name in module.runtime_imports()
                if (found := self._known(name, known)) is not None and found != module.name
            }
            for module in self.every
        }

    def _known(self, dotted: str, known: set[str]) -> str | None:
        """Return the module that a dotted name is, or is in; None if it is another package's."""
        parts = dotted.split(".")
        if parts[0] != self.package:
            return None
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[1:end])
            if name in known:
                return name
        return None


def _module(root: Path, file: Path) -> Module:
    parts = file.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, is_package, file.read_text(encoding="utf-8"))


def figures(house: House) -> Figures:
    """Return the table: each figure by its name, as text."""
    return {**_sizes(house), **_words(house), **_rooms(house), **_tests(house), **_commits(house)}


def _sizes(house: House) -> Figures:
    lengths = [_length(one) for module in house.modules for one in module.functions()]
    lines = sum(len(module.lines) for module in house.modules)
    return {
        "modules / lines": f"{len(house.modules)} / {lines:,}",
        "module median / p90 / max": _spread(len(module.lines) for module in house.modules),
        "function median / p90 / max": _spread(lengths),
        "functions over 30 lines": f"{sum(one > 30 for one in lengths)} of {len(lengths):,}",
    }


def _words(house: House) -> Figures:
    functions = [one for module in house.modules for one in module.functions()]
    classes = [one for module in house.modules for one in module.classes()]
    lines = [line for module in house.modules for line in module.lines]
    said = [text for one in functions if (text := ast.get_docstring(one))]
    parameters = [one for function in functions for one in _parameters(function)]
    shares = (
        _share(len(said), len(functions)),
        _share(sum(ast.get_docstring(one) is not None for one in classes), len(classes)),
        _share(
            sum(ast.get_docstring(one.tree) is not None for one in house.modules),
            len(house.modules),
        ),
    )
    verbs = sum(text.split()[0] not in NOUN_STARTS for text in said)
    return {
        "annotated returns / parameters": " / ".join(
            (
                _share(sum(one.returns is not None for one in functions), len(functions)),
                _share(sum(one.annotation is not None for one in parameters), len(parameters)),
            )
        ),
        "docstrings fn / class / module": " / ".join(shares),
        "function docstrings that do not begin with The/A/What/Whether/One/Every/How": _share(
            verbs, len(said)
        ),
        "whole-line comments": _share(
            sum(line.lstrip().startswith("#") for line in lines), len(lines), 1
        ),
        f"lines over {WIDTH} columns (limit)": (
            f"{_share(sum(len(line) > WIDTH for line in lines), len(lines), 1)}"
            f" ({_line_limit(house.tree)})"
        ),
    }


def _rooms(house: House) -> Figures:
    folders = {module.name.rpartition(".")[0] for module in house.every if not module.is_package}
    loose = [one for one in house.modules if "." not in one.name and not one.is_package]
    parts: dict[str, set[str]] = {}
    for name, found in house.imported.items():
        here = name.split(".")[0]
        parts.setdefault(here, set()).update({one.split(".")[0] for one in found} - {here, ""})
    return {
        "top-level names per module, median / p90 / max": _spread(
            len(module.top_level_names()) for module in house.modules
        ),
        "folders with code / loose root modules": f"{len(folders - {''})} / {len(loose)}",
        "imports per module, median / p90 / max": _spread(
            module.import_lines() for module in house.modules
        ),
        "module import cycles / package cycles": (
            f"{len(_cycles(_between_files(house)))} / {len(_cycles(parts))}"
        ),
        "file pairs that break the project's own drawing": _broken_pairs(house),
    }


def _tests(house: House) -> Figures:
    functions = sum(
        one.name.startswith("test_")
        for module in house.tests
        if module.stem.startswith("test_")
        for one in module.functions()
    )
    lines = sum(len(module.lines) for module in house.tests)
    code = sum(len(module.lines) for module in house.modules)
    named = {module.stem for module in house.tests}
    mirrored = [one for one in house.modules if not one.is_package]
    without = sum(f"test_{one.stem.strip('_')}" not in named for one in mirrored)
    return {
        "tests per code line, test functions": f"{lines / max(code, 1):.2f}, {functions:,}",
        "modules without a test file of their name": f"{without} of {len(mirrored)}",
    }


def _commits(house: House) -> Figures:
    answer = subprocess.run(  # noqa: S603 - a fixed command in the tree that the caller names
        ("git", "-C", str(house.tree), "log", "--no-merges", "--format=%s"),  # noqa: S607 - git of the path
        capture_output=True,
        text=True,
        check=False,
    )
    subjects = [len(line) for line in answer.stdout.splitlines()]
    return {"commit subject median / p90 / max letters": _spread(subjects)}


def _between_files(house: House) -> dict[str, set[str]]:
    """Return imports without those of a package by its own modules, which import it anyway."""
    return {
        name: {one for one in found if not f"{name}.".startswith(f"{one}." if one else "")}
        for name, found in house.imported.items()
    }


def _cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return one cycle after another, each with its nodes taken out before the next is sought."""
    left = {name: set(found) for name, found in graph.items()}
    cycles: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as e:
            cycle: list[str] = e.args[1]
            cycles.append(cycle)
            left = {name: found - set(cycle) for name, found in left.items() if name not in cycle}
        else:
            return cycles


def _broken_pairs(house: House) -> str:
    drawn = read_drawing(house.tree / "tests" / "unit" / "test_imports.py")
    if drawn is None:
        return "none drawn"
    drawing, ground = drawn
    broken = 0
    for module in house.every:
        part = module.part
        allowed = (*drawing.get(part, ()), *ground, part)
        broken += sum(
            not any(f"{name}.".startswith(f"{one}.") for one in allowed)
            for name in house.imported[module.name]
            if part and name
        )
    return str(broken)


def read_drawing(file: Path) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]] | None:
    """Return DRAWING and GROUND of a test file without running it; None if they are missing."""
    if not file.is_file():
        return None
    values: dict[str, object] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        if not isinstance(target, ast.Name) or not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        try:
            values[target.id] = ast.literal_eval(_spelled_out(node.value, values))
        except (ValueError, TypeError):
            continue  # No constant: it is nothing that is looked for.
    drawing, ground = values.get("DRAWING"), values.get("GROUND")
    if not isinstance(drawing, dict) or not isinstance(ground, tuple):
        return None
    return drawing, ground


def _spelled_out(value: ast.expr | None, known: dict[str, object]) -> ast.expr:
    """Return an expression whose ``*NAME`` are replaced by the strings of that constant."""
    if value is None:
        raise ValueError("an annotation without a value")
    for node in ast.walk(value):
        if isinstance(node, ast.Tuple):
            node.elts = [
                one
                for element in node.elts
                for one in (
                    _elements(element, known) if isinstance(element, ast.Starred) else [element]
                )
            ]
    return value


def _elements(starred: ast.Starred, known: dict[str, object]) -> list[ast.expr]:
    found = known.get(starred.value.id) if isinstance(starred.value, ast.Name) else None
    if not isinstance(found, tuple):
        raise TypeError("no constant of this file")
    return [ast.Constant(one) for one in found]


def _parameters(function: Functions) -> list[ast.arg]:
    every = function.args
    found = [*every.posonlyargs, *every.args, *every.kwonlyargs]
    found += [one for one in (every.vararg, every.kwarg) if one is not None]
    return [one for one in found if one.arg not in {"self", "cls"}]


def _length(function: Functions) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _line_limit(tree: Path) -> str:
    file = tree / "pyproject.toml"
    found = re.search(r"line-length\s*=\s*(\d+)", file.read_text()) if file.is_file() else None
    return found.group(1) if found else "none"


def _spread(values: Iterable[int]) -> str:
    """Return median, 90th percentile and maximum."""
    ranked = sorted(values)
    if not ranked:
        return "none"
    p90 = ranked[min(len(ranked) - 1, round(0.9 * (len(ranked) - 1)))]
    return f"{median(ranked):g} / {p90} / {ranked[-1]}"


def _share(count: int, total: int, digits: int = 0) -> str:
    return f"{100 * count / total:.{digits}f} %" if total else "none"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="house", description=__doc__.splitlines()[0])
    parser.add_argument("tree", nargs="?", type=Path, default=HOME, help="a checkout")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument("--price", action="store_true", help="run one price from answer to bet")
    options = parser.parse_args(arguments)
    found = figures(House(options.tree.resolve()))
    if options.price:
        from scripts.price_way import follow_one_price

        found |= follow_one_price()
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        rows = ["| figure | value |", "| --- | --- |"]
        rows += [f"| {name} | {value} |" for name, value in found.items()]
        sys.stdout.write("\n".join(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
