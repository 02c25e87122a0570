"""The tables of docs/state-schema.md, from the types, docstrings and `#:` comments of `state/model.py`."""

from __future__ import annotations

import ast
import inspect
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

import msgspec
import yaml

from docs.meanings import MEANINGS
from k0rdent_azure.state import model
from k0rdent_azure.state.checks import TIME_KEYS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "tests" / "data" / "state-example.yaml"
JSON_SCHEMA = ROOT / "src" / "k0rdent_azure" / "state" / "deployment-state.schema.json"

_WORDS = {str: "text", int: "number", float: "number", bool: "true or false", object: "anything"}
_MANY = {"list": "list of", "dict": "mapping of names to"}


def json_schema() -> str:
    """JSON Schema 2020-12 of the document. Unknown keys are allowed, as they are in the file."""
    generated = msgspec.json.schema(model.State, schema_hook=_anything)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"deployment-state.yaml, schema {model.SCHEMA_VERSION}",
        **generated,
    }
    for definition in generated["$defs"].values():
        # Python 3.13 and newer versions of msgspec remove the indentation of docstrings, older ones keep it.
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
    return json.dumps(whole, indent=2) + "\n"


def _anything(annotation: type) -> dict[str, object]:
    """The plan leaves open what a snapshot or an operation's details hold."""
    if annotation is object:
        return {"description": "any value"}
    raise NotImplementedError(annotation)


def schema() -> str:
    """One table for each section of the document, in its order."""
    plan = _fields_of_the_plan()
    lines: list[str] = []
    for path, struct in _sections(model.State, ""):
        lines += [f"## {f'`{path}`' if path else 'The document'}", ""]
        lines += [text, ""] if (text := _docstring(struct)) else []
        lines += ["| field | type | required | from | meaning |", "| --- | --- | --- | --- | --- |"]
        comments = _comments(struct)
        for field in msgspec.structs.fields(struct):
            origin = "plan" if (struct.__name__, field.name) in plan else "ours"
            required = "yes" if field.required else ""
            meaning = comments.get(field.name) or MEANINGS[_key(struct, field.name)]
            kind = _words(field.type)
            if field.name in TIME_KEYS:
                kind = kind.replace("text", "time")
            lines.append(f"| `{field.name}` | {kind} | {required} | {origin} | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def undocumented() -> tuple[set[str], set[str]]:
    """Fields that nobody explains, and explanations that no field uses."""
    used = {
        _key(struct, field.name)
        for _, struct in _sections(model.State, "")
        for field in msgspec.structs.fields(struct)
        if field.name not in _comments(struct)
    }
    return used - set(MEANINGS), set(MEANINGS) - used


def _key(struct: type[msgspec.Struct], field: str) -> str:
    own = f"{struct.__name__}.{field}"
    return field if own not in MEANINGS and field in MEANINGS else own


def _sections(struct: type[msgspec.Struct], path: str) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    yield path, struct
    seen: set[type] = set()
    for field in msgspec.structs.fields(struct):
        inner, suffix = _struct_in(field.type)
        if inner is None or inner in seen:
            # Controllers and workers are one kind of node; one table tells both.
            continue
        seen.add(inner)
        names = [f.name for f in msgspec.structs.fields(struct) if _struct_in(f.type)[0] is inner]
        place = "|".join(names)
        yield from _sections(inner, f"{path}.{place}{suffix}".lstrip("."))


def _struct_in(annotation: object) -> tuple[type[msgspec.Struct] | None, str]:
    """The struct that a field holds, and how its path goes on where there are several of them."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation, ""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return _struct_in(inner[1])[0], ".<name>"
    if origin is list:
        return _struct_in(inner[0])[0], "[]"
    if origin in (Union, types.UnionType):
        return next((found for part in inner if (found := _struct_in(part))[0] is not None), (None, ""))
    return None, ""


def _words(annotation: object) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join("null" if part is type(None) else _words(part) for part in inner)
    if origin in (dict, list):
        return f"{_MANY[origin.__name__]} {_words(inner[-1])}".replace("of section", "of sections")
    return "section"


def _docstring(struct: type) -> str:
    """A struct's own docstring on one line; msgspec gives none by itself, but `inspect` finds the base's."""
    text = struct.__dict__.get("__doc__")
    return " ".join(inspect.cleandoc(text).split()) if text else ""


def _comments(struct: type) -> dict[str, str]:
    """The `#:` comment above each field of a struct."""
    source = inspect.getsource(model)
    lines, found = source.splitlines(), {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name == struct.__name__:
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    comment = _comment_above(lines, field.lineno)
                    if comment:
                        found[field.target.id] = comment
    return found


def _comment_above(lines: list[str], number: int) -> str:
    """`number` counts from 1, so `lines[number - 2]` is the line above."""
    parts: list[str] = []
    while lines[number - 2].lstrip().startswith("#:"):
        parts.insert(0, lines[number - 2].lstrip().removeprefix("#:").strip())
        number -= 1
    first, space, rest = " ".join(parts).rstrip(".").partition(" ")
    return f"{first.lower() if first[1:].islower() else first}{space}{rest}"


def _fields_of_the_plan() -> set[tuple[str, str]]:
    """(struct, field) of every field that the plan's example document has."""
    found: set[tuple[str, str]] = set()
    _walk(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), model.State, found)
    return found


def _walk(value: object, annotation: object, found: set[tuple[str, str]]) -> None:
    struct, suffix = _struct_in(annotation)
    if struct is None:
        return
    if isinstance(value, list):
        items: list[object] = value
    else:
        items = list(value.values()) if suffix and isinstance(value, dict) else [value]
    for item in items:
        known = item if isinstance(item, dict) else {}
        for field in msgspec.structs.fields(struct):
            if field.name in known:
                found.add((struct.__name__, field.name))
                _walk(known[field.name], field.type, found)
