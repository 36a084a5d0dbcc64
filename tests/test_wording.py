"""Every message that a person may see exists in Chinese: collected from the source, not from runs that meet it.

`python tests/test_wording.py` prints what isn't translated yet as JSON, ready to be filled in, with the places on
standard error.
"""

# ruff: noqa: PD011 - `values` are those of syntax trees, not of frames
from __future__ import annotations

import ast
import errno
import json
import os
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest

from hotspot import wording
from hotspot.calendars import KINDS
from hotspot.errors import Fault, InputError, OutputError
from hotspot.incidents import RowCounts
from hotspot.reading.source import Layout
from hotspot.tables import open_table
from hotspot.times import day_month_evidence
from hotspot.wording import in_language
from planning.force import team_blocked
from planning.network import from_lines

ROOT = Path(__file__).parents[1]
HOLE, SIGN = re.compile(r"\{(\w+)\}"), re.compile(r"⟦\d+⟧")
MOST_READINGS = 200  # of one expression; more would mean that something else than messages flowed in
MOST_WORDS = 4  # that may stand in one place of a sentence; where more may, they are names or values
MOST_STEPS = 60  # from an end back to a literal

# ---- where messages end: (position, name) of an argument, by the function or class that is called ----

SINKS: dict[str, tuple[tuple[int, str], ...]] = {
    "Fault": ((1, "reason"), (2, "fix")),
    "BadRow": ((1, "reason"),),
    "Doubt": ((2, "reason"),),
    "reject": ((2, "reason"),),
    "set_aside": ((3, "reason"),),
    "in_language": ((0, "text"),),
    **dict.fromkeys(("ConfigError", "InputError", "CrsError", "PlanError", "OutputError"), ((0, "faults"),)),
}
OF_ROWS = ("BadRow", "reject", "set_aside", "Doubt")  # told once for many rows, without what concerns one of them
OF_ONE_ROW = re.compile(r": row .*| \(line .*|: byte 0x.*", re.DOTALL)
TABLES = re.compile(r"_?([A-Z_]*_)?(REASONS|FIXES|REFUSALS)")  # constants that list messages
RETURNED = re.compile(r"verify|\w*notices")  # functions whose results are messages
FIELDS = re.compile(r"reasons?|fix|why|notices?")  # fields that hold messages
PASSED_ON = {"str", "Series", "array", "asarray", "list", "tuple", "sorted", "set", "fromkeys"}
SAME_TEXT = {"astype", "to_numpy", "strip", "rstrip", "tolist", "copy", "mask", "items", "values"}

# ---- reading the source ----


@dataclass(eq=False)
class Function:
    """A function, or a module's own level: what is assigned in it and where it lies."""

    module: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    outer: Function | None
    is_method: bool = False
    assigned: dict[str, list[tuple[ast.expr, tuple[int, ...]]]] = field(default_factory=lambda: defaultdict(list))
    results: list[ast.expr] = field(default_factory=list)

    @property
    def parameters(self) -> list[str]:
        if isinstance(self.node, ast.Module):
            return []
        own = self.node.args
        return [each.arg for each in (*own.posonlyargs, *own.args)] + [each.arg for each in own.kwonlyargs]

    def takes(self, call: ast.Call) -> bool:
        """Whether the call gives as many arguments as this method needs, and no more than it has."""
        assert not isinstance(self.node, ast.Module)
        own = self.node.args
        least = len(own.posonlyargs) + len(own.args) - len(own.defaults) - 1
        given = len(call.args) + len(call.keywords)
        return bool(own.vararg or own.kwarg) or least <= given <= len(self.parameters) - 1

    def default(self, name: str) -> ast.expr | None:
        assert not isinstance(self.node, ast.Module)
        own = self.node.args
        named = [*own.posonlyargs, *own.args]
        pairs = dict(zip([each.arg for each in named[len(named) - len(own.defaults) :]], own.defaults, strict=True))
        return pairs.get(name) or dict(zip([each.arg for each in own.kwonlyargs], own.kw_defaults, strict=True)).get(
            name
        )


class Source:
    """All modules: their functions, classes with fields, calls and imports, by name."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.home: dict[ast.AST, Function] = {}  # the function in which a node stands
        self.modules: dict[str, Function] = {}
        self.functions: dict[str, list[Function]] = defaultdict(list)
        self.fields: dict[tuple[str, str], list[str]] = {}  # (module, class) -> its fields in order
        self.calls: dict[str, list[ast.Call]] = defaultdict(list)
        self.imported: dict[tuple[str, str], tuple[str, str]] = {}  # (module, name) -> (module, name there or "")
        self.set_fields: dict[str, list[tuple[ast.expr, tuple[int, ...]]]] = defaultdict(list)  # x.name = value
        self.calls_of: dict[Function, list[ast.Call]] = defaultdict(list)
        for name, text in texts.items():
            tree = ast.parse(text)
            self.modules[name] = Function(name, tree, None)
            self._walk(tree, self.modules[name], in_class=False)
        for call in [call for calls in self.calls.values() for call in calls]:
            for function in self.called_by(call):
                self.calls_of[function].append(call)

    def called_by(self, call: ast.Call) -> list[Function]:
        """The functions that a call may mean: of its own module, imported, or any method of that name."""
        module, named = self.home[call].module, self.functions.get(_called(call), [])
        if isinstance(call.func, ast.Name):
            there, name = self.imported.get((module, call.func.id), (module, call.func.id))
            return [each for each in self.functions.get(name, []) if each.module == there and _is_called_by_name(each)]
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id in ("self", "cls"):
            return [each for each in named if each.module == module and each.is_method]
        if isinstance(owner, ast.Name) and (module, owner.id) in self.imported:
            there = ".".join(self.imported[module, owner.id])
            return [each for each in named if each.module == there]
        return [each for each in named if each.is_method and each.takes(call)]

    def _walk(self, node: ast.AST, inside: Function, *, in_class: bool) -> None:
        self.home[node] = inside
        self._note(node, inside)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                own = Function(inside.module, child, inside, in_class and not _is_static(child))
                constructs = isinstance(node, ast.ClassDef) and child.name == "__init__"
                self.functions[node.name if constructs else child.name].append(own)
                self._walk(child, own, in_class=False)
            else:
                self._walk(child, inside, in_class=isinstance(child, ast.ClassDef))

    def _note(self, node: ast.AST, inside: Function) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value, inside)
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            self._assign(node.target, node.value, inside)
        elif isinstance(node, ast.For | ast.comprehension):
            self._assign(node.target, node.iter, inside, each=(-1,))
        elif isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None:
            inside.results.append(node.value)
        elif isinstance(node, ast.ClassDef):
            self.fields[inside.module, node.name] = [
                each.target.id for each in node.body if isinstance(each, ast.AnnAssign)
            ]
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                self.imported[inside.module, each.asname or each.name] = (node.module or "", each.name)
        elif isinstance(node, ast.Import):
            for each in node.names:
                self.imported[inside.module, each.asname or each.name] = (each.name, "")
        elif isinstance(node, ast.Call):
            self.calls[_called(node)].append(node)
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("append", "extend") and node.args:
                value = node.args[0]
                if node.func.attr == "append":
                    value = ast.copy_location(ast.List([value]), value)
                    self.home[value] = inside
                self._assign(node.func.value, value, inside)

    def _assign(self, target: ast.expr, value: ast.expr, inside: Function, each: tuple[int, ...] = ()) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for i, part in enumerate(target.elts):
                self._assign(part, value, inside, (*each, i))
        elif isinstance(target, ast.Name):
            inside.assigned[target.id].append((value, each))
        elif isinstance(target, ast.Attribute):
            self.set_fields[target.attr].append((value, each))
        elif isinstance(target, ast.Subscript | ast.Starred):
            self._assign(target.value, value, inside, each)


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _is_called_by_name(function: Function) -> bool:
    """A plain function, or the constructor of a class."""
    return not function.is_method or (isinstance(function.node, ast.FunctionDef) and function.node.name == "__init__")


def _is_static(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)


# ---- what an expression may say ----


class Reader:
    """The texts that an expression may become, with holes such as {row} for what only a run knows."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._open: set[tuple[ast.expr, tuple[int, ...]]] = set()
        self._known: dict[tuple[ast.expr, tuple[int, ...]], list[str]] = {}

    def texts(self, node: ast.expr, at: tuple[int, ...] = ()) -> list[str]:
        """`at` says which part of a tuple is meant: (-1,) any element, (1,) the second one. Unknown is one hole."""
        key = (node, at)
        if key not in self._known:
            if key in self._open or len(self._open) > MOST_STEPS or len(at) > 2:
                return []
            self._open.add(key)
            found = list(dict.fromkeys(self._read(node, at)))
            self._open.discard(key)
            self._known[key] = found if 0 < len(found) <= MOST_READINGS else [_hole(node)]
        return self._known[key]

    def _read(self, node: ast.expr, at: tuple[int, ...]) -> Iterable[str]:
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return self._sequence(node, at)
        if isinstance(node, ast.Dict):
            values = [value for value in node.values if value is not None]
            return [text for value in values for text in self.texts(value, at[1:] if at else ())]
        if isinstance(node, ast.IfExp):
            return [*self.texts(node.body, at), *self.texts(node.orelse, at)]
        if isinstance(node, ast.BoolOp):
            return [text for value in node.values for text in self.texts(value, at)]
        if isinstance(node, ast.NamedExpr | ast.Starred):
            return self.texts(node.value, at)
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return self.texts(node.elt, at[1:] if at[:1] == (-1,) else at)
        if isinstance(node, ast.DictComp):
            return self.texts(node.value)
        if isinstance(node, ast.Name):
            return self._name(node, at)
        if isinstance(node, ast.Call):
            return self._call(node, at)
        if isinstance(node, ast.Subscript):
            return self.texts(node.value, (-1, *at))
        if isinstance(node, ast.Attribute):
            return self._attribute(node, at)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and at and not _is_text(node):
            return [*self.texts(node.left, at), *self.texts(node.right, at)]
        return [] if at and at != (-1,) else self._plain(node)

    def _plain(self, node: ast.expr) -> Iterable[str]:
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            return self._joined([self._piece(part) for part in node.values])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([self._part(node.left), self._part(node.right)])
        return []

    def _joined(self, parts: list[list[str]]) -> list[str]:
        return [_with_own_names(combined) for combined in product(*parts)]

    def _piece(self, part: ast.expr) -> list[str]:
        if not isinstance(part, ast.FormattedValue):
            return self.texts(part)
        told_as_it_is = part.format_spec is not None or part.conversion != -1
        return [_hole(part.value)] if told_as_it_is else self._part(part.value)

    def _part(self, node: ast.expr) -> list[str]:
        """A part of a sentence: the words that may stand there, or a hole where they are values."""
        if isinstance(node, ast.Constant | ast.JoinedStr) or (isinstance(node, ast.BinOp) and _is_text(node)):
            return self.texts(node)
        found = [text if has_words(text) or " " in text else text and _hole(node) for text in self.texts(node)]
        found = list(dict.fromkeys(found))
        if any(HOLE.fullmatch(text) for text in found):
            found = [text for text in found if text]
        phrases = [text for text in found if " " in HOLE.sub("", text).strip()]
        if len(found) <= MOST_WORDS:
            return found
        return [_hole(node), *phrases] if len(phrases) < len(found) else found

    def _sequence(self, node: ast.Tuple | ast.List | ast.Set, at: tuple[int, ...]) -> Iterable[str]:
        if at and at[0] >= 0:
            return self.texts(node.elts[at[0]], at[1:]) if at[0] < len(node.elts) else []
        return [
            text for each in node.elts for text in self.texts(each, at if isinstance(each, ast.Starred) else at[1:])
        ]

    def _assigned(self, node: ast.Name) -> tuple[Function | None, list[tuple[ast.expr, tuple[int, ...]]]]:
        inside: Function | None = self.source.home[node]
        while inside is not None:
            if node.id in inside.assigned or node.id in inside.parameters:
                return inside, inside.assigned.get(node.id, [])
            inside = inside.outer
        module, name = self.source.imported.get((self.source.home[node].module, node.id), ("", ""))
        there = self.source.modules.get(module)
        return there, there.assigned.get(name, []) if there else []

    def _name(self, node: ast.Name, at: tuple[int, ...]) -> list[str]:
        inside, assigned = self._assigned(node)
        found = [text for value, part in assigned for text in self.texts(value, (*part, *at))]
        if inside is not None and node.id in inside.parameters:
            found += [text for value in self._arguments(inside, node.id) for text in self.texts(value, at)]
        return found

    def _arguments(self, function: Function, name: str) -> Iterator[ast.expr]:
        """What callers give for a parameter."""
        assert not isinstance(function.node, ast.Module)
        position = function.parameters.index(name) - function.is_method
        for call in self.source.calls_of[function]:
            if (value := _argument(call, position, name)) is not None:
                yield value
        if (default := function.default(name)) is not None:
            yield default

    def _attribute(self, node: ast.Attribute, at: tuple[int, ...]) -> list[str]:
        if isinstance(node.value, ast.Name):
            module, name = self.source.imported.get((self.source.home[node].module, node.value.id), ("", ""))
            there = self.source.modules.get(f"{module}.{name}")
            if there is not None:
                return [
                    text for value, part in there.assigned.get(node.attr, []) for text in self.texts(value, part + at)
                ]
        if not FIELDS.fullmatch(node.attr):
            return []
        here = self.source.home[node].module
        given = self.source.set_fields[node.attr]
        own = [each for each in given if self.source.home[each[0]].module == here]
        for (module, name), fields in self.source.fields.items():
            calls = self.source.calls[name] if node.attr in fields else []
            each = (_argument(call, fields.index(node.attr), node.attr) for call in calls)
            found = [(value, ()) for value in each if value is not None]
            given, own = [*given, *found], [*own, *(found if module == here else [])]
        return [text for value, part in own or given for text in self.texts(value, (*part, *at))]

    def _call(self, node: ast.Call, at: tuple[int, ...]) -> Iterable[str]:
        name = _called(node)
        if name == "where" and len(node.args) == 3:
            return [text for each in node.args[1:] for text in self.texts(each, at)]
        if name == "full" and len(node.args) >= 2:
            return self.texts(node.args[1], at)
        if name == "get" and isinstance(node.func, ast.Attribute):
            return [
                *self.texts(node.func.value, (-1, *at)),
                *(t for each in node.args[1:] for t in self.texts(each, at)),
            ]
        if name == "join" and isinstance(node.func, ast.Attribute) and node.args:
            lines = isinstance(node.func.value, ast.Constant) and node.func.value.value == "\n"
            return self.texts(node.args[0], (-1,)) if lines else []
        if name in PASSED_ON and node.args:
            return self.texts(node.args[-1] if name == "fromkeys" else node.args[0], at)
        if name in SAME_TEXT and isinstance(node.func, ast.Attribute):
            return self.texts(node.func.value, at)
        functions = self.source.called_by(node)
        return [text for each in functions for result in each.results for text in self.texts(result, at)]


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    before = call.args[: position + 1]
    known = len(before) > position >= 0 and not any(isinstance(each, ast.Starred) for each in before)
    return before[position] if known else None


def _is_text(node: ast.expr) -> bool:
    """Whether it is plainly a text and no list or number."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (_is_text(node.left) or _is_text(node.right))
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def has_words(text: str) -> bool:
    return bool(re.search(r"[a-z]", HOLE.sub("", text)))


def _hole(node: ast.expr) -> str:
    """A hole named after the last name in the expression's head."""
    if isinstance(node, ast.Name):
        return f"{{{node.id.strip('_')}}}"
    if isinstance(node, ast.Attribute):
        return f"{{{node.attr.strip('_')}}}"
    inner = getattr(node, "value", None) or getattr(node, "func", None)
    if isinstance(node, ast.Call) and node.args and _called(node) in ("len", "int", "float", "str", "round", "join"):
        inner = node.args[0]
    return _hole(inner) if isinstance(inner, ast.expr) else "{n}"


def _with_own_names(parts: Iterable[str]) -> str:
    """The parts together; holes of one name in several places get numbers."""
    seen: dict[str, int] = defaultdict(int)

    def own(found: re.Match[str]) -> str:
        seen[found[1]] += 1
        return found[0] if seen[found[1]] == 1 else f"{{{found[1]}_{seen[found[1]]}}}"

    return HOLE.sub(own, "".join(parts))


# ---- the messages ----


def collected(texts: dict[str, str]) -> dict[str, str]:
    """Every message in the source of these modules -> where it is told."""
    source = Source(texts)
    reader = Reader(source)
    found: dict[str, str] = {}
    for node, at, of_rows in _ends(source):
        for text in reader.texts(node, at):
            for message in _messages(text, of_rows=of_rows):
                found.setdefault(message, f"{source.home[node].module}:{node.lineno}")
    return found


def _ends(source: Source) -> Iterator[tuple[ast.expr, tuple[int, ...], bool]]:
    """Expressions whose text a person is told, and whether it is told once for many rows."""
    for name, sinks in SINKS.items():
        for call in source.calls[name]:
            for position, keyword in sinks:
                if (value := _argument(call, position, keyword)) is not None:
                    yield value, (), name in OF_ROWS
    for module in source.modules.values():
        for value, part in (
            each for name, values in module.assigned.items() if TABLES.fullmatch(name) for each in values
        ):
            yield from ((value, (*part, *at), True) for at in ((-1,), (-1, -1)))
    for node in [node for node in source.home if isinstance(node, ast.Dict)]:
        if all(isinstance(value, ast.Constant) for value in node.values):  # names of types
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "reason":  # a column of a table of rows
                yield value, (), True
    for inside in {id(each): each for each in source.home.values()}.values():
        yield from ((value, (*part, -1), False) for value, part in inside.assigned.get("notices", []))
    yield from ((value, (*part, -1), False) for value, part in source.set_fields["notices"])
    for name, functions in source.functions.items():
        if RETURNED.fullmatch(name):
            yield from ((result, (-1,), False) for each in functions for result in each.results)


def _messages(text: str, *, of_rows: bool) -> Iterator[str]:
    """The parts that are translated one by one: lines, and the fix apart from the reason."""
    for line in text.split("\n"):
        for part in line.split("; fix: "):
            for message in (part, OF_ONE_ROW.sub("", part)) if of_rows else (part,):
                if has_words(message):
                    yield message


def messages_of_source() -> dict[str, str]:
    return collected({_module(file): file.read_text(encoding="utf-8") for file in _files()})


def _files() -> list[Path]:
    return [file for package in ("hotspot", "planning") for file in sorted((ROOT / package).rglob("*.py"))]


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# ---- whether they are translated ----


def filled(message: str) -> str:
    """The message with a sign in each hole that stands nowhere else."""
    names = iter(range(1, 100))
    return HOLE.sub(lambda _: f"⟦{next(names)}⟧", message)


def fault_of(message: str) -> str:
    """What is wrong with the message's translation, '' if nothing is."""
    text = filled(message)
    told = in_language(text, "zh")
    if told == text or not re.search(r"[一-鿿]", told):
        return "isn't translated"
    if lost := [sign for sign in SIGN.findall(text) if sign not in told]:
        return f"lost {', '.join(lost)}: {told}"
    if left := english_left(text, told):
        return f"left in English, {', '.join(left)}: {told}"
    return ""


def english_left(text: str, told: str) -> list[str]:
    """Words of the message that still stand in its translation, though no entry keeps them and they are no value."""
    plain, quoted = r"(?<![\w./=⟦-]){}(?![\w./=⟧-])", r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\""
    values = {
        part for match in matches_in(text) for hole, part in match.parts.items() if not wording.words_in(hole, part)
    }
    said = set(re.findall(plain.format("[A-Za-z_]{2,}"), re.sub(quoted, "", text), re.ASCII))
    return sorted(word for word in said - kept_words() - values if re.search(plain.format(word), told, re.ASCII))


@cache
def kept_words() -> frozenset[str]:
    """Names of fields, keys and programs, which the Chinese has too."""
    chinese = (HOLE.sub("", entry.chinese) for entry in wording.entries())
    return frozenset(word for sentence in chinese for word in re.findall(r"\w+", sentence, re.ASCII))


def matches_in(text: str) -> Iterator[wording.Match]:
    """The entry that the text is, or what follows a path in it, and those that stand in its holes."""
    for part in (text, text.partition(": ")[2]):
        if (match := wording.matching(part)) is not None:
            yield match
            for hole, inner in match.parts.items():
                for words in wording.words_in(hole, inner):
                    yield from matches_in(words)


def missing(messages: dict[str, str]) -> dict[str, str]:
    """The messages that aren't translated as they should be -> why, and where they are told."""
    faults = {message: fault_of(message) for message in messages}
    return {message: f"{fault} ({messages[message]})" for message, fault in faults.items() if fault}


def unused(messages: dict[str, str]) -> list[str]:
    """Sentences of the catalogue that no message is, nor any part of one."""
    used = {match.entry.english for text in map(filled, messages) for match in matches_in(text)}
    return [entry.english for entry in wording.entries() if entry.english not in used]


# ---- messages that are built of counts, lists and codes, which the collector can't follow ----


def built_of_parts(folder: Path) -> dict[str, str]:
    teams = pd.DataFrame({"id": ["T01", "T02", "T03"], "vetted": [False, True, True], "members": 1, "shift_end": 1320})
    teams["trained_until"] = ["2026-12-31", "2020-12-31", "2026-12-31"]
    shapes = ["POINT (1 1)", "POINT EMPTY", "LINESTRING (1 1, 1 1)", "LINESTRING (1 1, inf inf)"]
    no_streets = gpd.GeoDataFrame(geometry=gpd.GeoSeries.from_wkt(shapes, crs="EPSG:32649"))
    book = openpyxl.Workbook()
    book.active.title = "一月"
    book.create_sheet("旧").sheet_state = "hidden"
    book.save(folder / "book.xlsx")
    told = [
        f"incidents: {RowCounts(read=5, used=5)}",
        *(day_month_evidence(pd.Series(texts), range(2, 9)) for texts in _DAYS_AND_MONTHS),
        *(f"{team}: in no visit, {code}" for team, code in team_blocked(teams, date="2026-06-01").items()),
        *(f"2026-02-14 is a {kind}" for kind in KINDS),
        *(f"can't be read: {os.strerror(code)}" for code in _OF_THE_SYSTEM),
        _reason(lambda: from_lines(no_streets)),
        "5 street edges, 4 nodes, 1.0 km; left out: 3 of a class no mode may use, 1 not a line",
        _reason(lambda: open_table(folder / "book.xlsx", required=["id"], layout=Layout(sheet="new"))),
    ]
    return dict.fromkeys(told, "built of parts")


_OF_THE_SYSTEM = (
    errno.ENOENT, errno.EACCES, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC, errno.EROFS, errno.EIO,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.EPERM, errno.EDQUOT, errno.ECONNREFUSED, errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
)  # fmt: skip
_DAYS_AND_MONTHS = (
    ["15/04/2026"],
    ["04/15/2026"],
    ["15/04/2026", "04/15/2026"],
    ["26/03/15", "03/15/26"],
    ["80/01/02"],
)


def _reason(do: Callable[[], object]) -> str:
    with pytest.raises(InputError) as error:
        do()
    return error.value.faults[0].reason


# ---- the tests ----


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    return messages_of_source()


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, str]:
    return built_of_parts(tmp_path_factory.mktemp("built"))


def test_every_message_that_a_person_may_see_is_in_chinese(messages, built):
    assert len(messages) > 500  # a collector that finds nothing proves nothing
    assert missing(messages) == {}
    assert missing(built) == {}


def test_both_languages_have_the_same_holes():
    holes = {entry.english: (HOLE.findall(entry.english), HOLE.findall(entry.chinese)) for entry in wording.entries()}
    assert {english: both for english, both in holes.items() if sorted(both[0]) != sorted(both[1])} == {}
    assert {english for english, (own, _) in holes.items() if len(set(own)) < len(own)} == set()


def test_every_entry_of_the_catalogue_is_a_message_that_exists(messages, built):
    assert unused(messages | built) == []


def test_a_new_message_without_translation_is_found():
    told = collected({"hotspot.new": NEW})
    assert told.keys() == {
        "no horse in row {row}", "no horses in row {row}", "give the horse water", "saddle the horse first",
        "too many horses", "a horse that ends before it begins", "horses not read: {names}", "{path}: 1 horse left",
        "the horse is {names}, in stable {names_2}", "a lame horse", "a lame horse (line {row} of the file)",
        "a white horse", "a black horse",
    }  # fmt: skip
    assert missing(told).keys() == told.keys()


NEW = """
from hotspot.errors import ConfigError, Fault

TOO_MANY = "too many horses"
_REASONS = ("", "a horse that ends before it begins")
_FIXES = {TOO_MANY: "saddle the horse first"}

class Stable:
    def rows(self, row, names, few, path):
        reason = f"no {'horse' if few else 'horses'} in row {row}"
        self.fault(path, reason, _FIXES.get(reason, "give the horse water"))
        self.fault(path, TOO_MANY, fix="saddle the horse first")
        self.notices.append(f"horses not read: {names}")
        self.notices += [f"{path}: " + "1 horse" + " left"]
        if names:
            raise ConfigError("the horse is " + names[0] + f", in stable {len(names)}; fix: saddle the horse first")
        where = f" (line {row} of the file)" if few else ""
        return BadRow(row, "a lame horse" + where, ""), "this horse is told to nobody"

    def fault(self, path, reason, fix):
        self.found.append(Fault(path, reason, fix))
        coat, _ = _coat(fix)
        self.found.append(Fault(path, coat, fix))

def _coat(fix):
    return ("a white horse", "a secret horse") if fix else ("a black horse", "a secret horse")
"""


def test_a_path_in_front_of_a_notice_stays():
    assert in_language("a b.csv: columns not read: phone", "zh") == "a b.csv: 未读取的列：phone"
    assert in_language("damaged shapefile: a.shp has no header", "zh") == "shapefile 已损坏：a.shp 没有文件头"
    assert in_language("areas.geojson: 2 gaps between communities, 10 m2 in all: what happens there is outside of the "
                       "study area", "zh").startswith("areas.geojson: 社区之间有 2 处空隙，共 10 平方米")  # fmt: skip


def test_a_value_that_is_a_word_of_the_catalogue_stays_as_it_is():
    assert in_language("columns not read: missing, none", "zh") == "未读取的列：missing, none"
    assert in_language('add it, or map it: columns = { id = "{x}" }', "zh").endswith('columns = { id = "{x}" }')


def test_words_in_a_sentence_are_translated_with_it():
    assert (
        in_language("time '2026-02-30': no such date or time of day", "zh") == "时间 '2026-02-30'：不存在的日期或时刻"
    )
    assert (
        in_language("no street in it (3 not a line, 2 without length)", "zh") == "没有道路（3 个不是线，2 个没有长度）"
    )


def test_an_error_is_told_in_both_languages_line_by_line():
    fault = Fault("teams.csv", "the same id as row 2", "give each row an id of its own", row=3, field="id", value="T01")
    assert fault.told("zh") == "teams.csv: 第 3 行，字段 id: 值 'T01': 与第 2 行的 id 相同; 处理: 请给每一行不同的 id"
    error = OutputError("out: is a file; fix: give a folder\nout: isn't empty; fix: give a new folder")
    assert error.told("zh").split("\n")[:2] == [
        "out: 是文件; 处理: 请给出文件夹",
        "out: 不是空的; 处理: 请给出新的文件夹",
    ]


@pytest.mark.parametrize("text", ["no such sentence", "a, b: c in d; row 5 of e " * 20, "is " * 200, ": " * 200])
def test_a_message_that_the_catalogue_does_not_have_costs_less_than_a_millisecond(text):
    assert in_language(text, "zh") == text
    best_s = min(_seconds(text) for _ in range(20))
    assert best_s < 1e-3


def _seconds(text: str) -> float:
    begun = time.perf_counter()
    in_language(text, "zh")
    return time.perf_counter() - begun


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        found = messages_of_source() | built_of_parts(Path(folder))
    lacking = missing(found)
    sys.stdout.write(json.dumps(dict.fromkeys(lacking, ""), ensure_ascii=False, indent=1) + "\n")
    sys.stderr.writelines(f"{message}: {why}\n" for message, why in lacking.items())
    sys.stderr.writelines(f"{english}: is no message any more\n" for english in unused(found))
