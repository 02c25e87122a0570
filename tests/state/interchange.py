"""Other programs' YAML readers, each giving plain values with their types and order."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

#: Tells types apart that JSON has not: integers, floats, and mappings in their order.
_NODE_SCRIPT = """
const yaml = require('yaml');
const plain = (value) =>
  value instanceof Map ? ['map', [...value].map(([key, inner]) => [key, plain(inner)])]
  : Array.isArray(value) ? ['list', value.map(plain)]
  : typeof value === 'bigint' ? ['int', value.toString()]
  : typeof value === 'number' ? ['float', value]
  : ['as it is', value];
const text = require('fs').readFileSync(process.argv[1], 'utf8');
const options = {version: process.argv[2], intAsBigInt: true, mapAsMap: true, maxAliasCount: 50};
process.stdout.write(JSON.stringify(plain(yaml.parse(text, options))));
"""
_NODE_WRITER = """
const read = require('fs').readFileSync(process.argv[1], 'utf8');
process.stdout.write(require('yaml').stringify(JSON.parse(read)));
"""


def go_yq() -> str | None:
    """The path of Go yq v4; None where there is none, or another program of that name."""
    found = shutil.which("yq")
    if found is None:
        return None
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    return found if "mikefarah" in done.stdout else None


def has_node_yaml() -> bool:
    """Whether node finds npm's `yaml`."""
    if shutil.which("node") is None:
        return False
    return subprocess.run(["node", "-e", "require('yaml')"], capture_output=True, check=False).returncode == 0


def read_pyyaml(path: Path) -> object:
    value: object = yaml.safe_load(path.read_bytes())
    return value


def read_ruamel(path: Path) -> object:
    value: object = YAML(typ="safe", pure=True).load(path)
    return value


def read_yq(path: Path) -> object:
    """JSON has one kind of numbers, so that yq is asked for each value's tag as well."""
    values = json.loads(_run("yq", "-o=json", "-I=0", ".", str(path)))
    tags = _run("yq", "-r", ".. | tag", str(path)).decode().split()
    return _typed(values, iter(tags))


def read_node(path: Path, version: str) -> object:
    """As YAML of that version, with npm's `yaml`."""
    return _untagged(json.loads(_run("node", "-e", _NODE_SCRIPT, str(path), version)))


def write_node(path: Path) -> bytes:
    """What npm's `yaml` makes of the JSON in `path`."""
    return _run("node", "-e", _NODE_WRITER, str(path))


def _run(*words: str) -> bytes:
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def _typed(value: Any, tags: Any) -> object:
    """`value` with its numbers of the kind that the tags, in the order of the document, say."""
    tag = next(tags)
    if isinstance(value, dict):
        assert tag == "!!map"
        return {key: _typed(inner, tags) for key, inner in value.items()}
    if isinstance(value, list):
        assert tag == "!!seq"
        return [_typed(inner, tags) for inner in value]
    kinds = {str: "!!str", bool: "!!bool", type(None): "!!null"}
    if type(value) in kinds:
        assert tag == kinds[type(value)]
        return value
    assert tag in ("!!int", "!!float")
    return int(value) if tag == "!!int" else float(value)


def _untagged(value: Any) -> object:
    kind, inner = value
    if kind == "map":
        return {key: _untagged(part) for key, part in inner}
    if kind == "list":
        return [_untagged(part) for part in inner]
    if kind == "int":
        return int(inner)
    return float(inner) if kind == "float" else inner
