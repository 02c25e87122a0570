"""Requests and answers held against Microsoft's generated clients (azure-mgmt-compute, -network, -resource…).

What a client would send and take is read from its own source: the path, the method and the query of each operation,
and the models of its body and its answer. Nothing here knows a resource type.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PACKAGES = (
    "azure.mgmt.compute",
    "azure.mgmt.network",
    "azure.mgmt.resource.deployments",
    "azure.mgmt.resource.resources",
    "azure.mgmt.resource.subscriptions",
)
#: The operation groups whose source is read; the clients have hundreds.
_GROUPS = re.compile(
    r"(VirtualMachines|VirtualMachineImages|VirtualMachineSizes|Disks|SshPublicKeys|ResourceSkus|Usage|VirtualNetworks|"
    r"Subnets|NetworkSecurityGroups|SecurityRules|PublicIPAddresses|NetworkInterfaces|Deployments|DeploymentOperations|"
    r"ResourceGroups|Resources|Providers|Tags|Subscriptions)Operations"
)
_BUILDER = re.compile(r"^def (build_\w+_request)\((.*?)(?=^def |^class |\Z)", re.MULTILINE | re.DOTALL)
_GROUP = re.compile(r"^class (\w+Operations)\b(.*?)(?=^class |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Operation:
    """One operation of a client; `answer` and `body` are models, `paged` says that it answers with a list of them."""

    name: str
    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    answer: Any
    body: Any
    paged: bool


@cache
def operations() -> list[Operation]:
    """Every operation of the groups, the ones with the fewest placeholders first."""
    found = [operation for package in PACKAGES for operation in _of_package(package)]
    return sorted(found, key=lambda each: each.path.pattern.count("[^/]+"))


def find(method: str, url: str) -> list[Operation]:
    """The operations that could have sent this; those for any resource only where there is none for this one."""
    # `az` leaves segments empty; ARM does not mind.
    path = re.sub("/+", "/", urlsplit(url).path).rstrip("/")
    found = [each for each in operations() if each.method == method and each.path.fullmatch(path)]
    return [each for each in found if ".+" not in each.path.pattern] or found


def request_faults(method: str, url: str, body: object) -> list[str]:
    """What no client would send: [] where one would send just this."""
    found = find(method, url)
    if not found:
        return [f"{method} {urlsplit(url).path}: no client has such an operation"]
    query = {key for key, _ in parse_qsl(urlsplit(url).query)}
    faults: list[str] = []
    for operation in found:
        unknown = sorted(query - operation.query)
        faults = [f"{operation.name}: no client asks with {unknown}"] if unknown else []
        if body:
            faults += list(misfits(body, operation.body, operation.name))
        if not faults:
            break
    return faults


def answer_faults(method: str, url: str, body: object) -> list[str]:
    """What the client's model would lose or not understand of an answer."""
    faults: list[str] = []
    for operation in find(method, url):
        if operation.paged and isinstance(body, dict):
            unknown = sorted(set(body) - {"value", "nextLink", "count"})
            faults = [f"{operation.name}: the list has {unknown}"] if unknown else []
            for each in body.get("value", []):
                faults += misfits(each, operation.answer, operation.name)
        else:
            faults = list(misfits(body, operation.answer, operation.name))
        if not faults:
            return []
    return faults


def error_model() -> Any:
    """The body of an answer that refuses."""
    return importlib.import_module("azure.mgmt.resource.resources.models").CloudError


def misfits(value: object, wanted: Any, where: str) -> Iterator[str]:
    """Where `value` (JSON) has what the type `wanted` has not, or something else than it has."""
    wanted = _single(wanted)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted in (Any, object) or value is None:
        return
    if origin is list:
        if not isinstance(value, list):
            yield f"{where}: a list is wanted, not {value!r:.60}"
            return
        for index, each in enumerate(value):
            yield from misfits(each, arguments[0], f"{where}[{index}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{where}: an object is wanted, not {value!r:.60}"
            return
        for key, each in value.items():
            yield from misfits(each, arguments[1], f"{where}.{key}")
    elif hasattr(wanted, "as_dict"):
        yield from _model_misfits(value, wanted, where)
    elif not _is_plain(value, wanted):
        yield f"{where}: {wanted} is wanted, not {value!r:.60}"


def _model_misfits(value: object, model: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {model.__name__} is wanted, not {value!r:.60}"
        return
    fields = _fields(model)
    for key, each in value.items():
        if key in fields:
            yield from misfits(each, fields[key], f"{where}.{key}")
        else:
            yield f"{where}.{key}: {model.__name__} has no such property"


@cache
def _fields(model: Any) -> Mapping[str, Any]:
    """The type of each property, by its name in JSON."""
    model({})  # the first instance fills `_attr_to_rest_field`
    module = sys.modules[model.__module__]
    package = importlib.import_module(model.__module__.rpartition(".models")[0] + ".models")
    hints: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        for name, text in vars(base).get("__annotations__", {}).items():
            hints[name] = _evaluate(text, {**vars(module), "_models": package})
    return {
        field._rest_name: hints[name] for name, field in model._attr_to_rest_field.items() if name in hints
    }


def _evaluate(text: Any, names: Mapping[str, Any]) -> Any:
    if not isinstance(text, str):
        return typing._eval_type(text, dict(names), {})  # type: ignore[attr-defined]
    return _evaluate(eval(text, dict(names)), names)  # noqa: S307  Microsoft's own annotations


def _single(wanted: Any) -> Any:
    """`Optional[X]` is X; of `Union[str, AnEnum]` the enumeration's values are not all that ARM may say."""
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        kinds = [each for each in typing.get_args(wanted) if each is not type(None)]
        return str if str in kinds else kinds[0]
    return wanted


def _is_plain(value: object, wanted: Any) -> bool:
    if wanted is datetime:
        return isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value) is not None
    if wanted is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted in (int, bool, str):
        return type(value) is wanted
    return isinstance(value, str)  # enumerations, durations, byte strings


def _of_package(package: str) -> Iterator[Operation]:
    client = importlib.import_module(package)
    models = importlib.import_module(f"{package}.models")
    folder = Path(str(client.__file__)).parent / "operations"
    for path in sorted(folder.glob("*operations*.py")):
        text = path.read_text(encoding="utf-8")
        builders = dict(
            re.findall(r"^def (build_\w+_request)\((.*?)(?=^def |^class |\Z)", text, re.MULTILINE | re.DOTALL)
        )
        for name, source in re.findall(
            r"^class (\w+Operations)\b(.*?)(?=^class |\Z)", text, re.MULTILINE | re.DOTALL
        ):
            if _GROUPS.fullmatch(name):
                yield from _of_group(name, f"class {name}{source}", builders, models)


def _of_group(group: str, source: str, builders: Mapping[str, str], models: Any) -> Iterator[Operation]:
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    methods: dict[str, ast.FunctionDef] = {
        each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)
    }  # the last of several is the implementation behind its overloads
    for name, method in methods.items():
        if name.startswith("_"):
            continue
        sender = methods.get(f"_{name.removeprefix('begin_')}_initial", method)
        built = next(
            (word for word in re.findall(r"build_\w+_request", ast.unparse(sender)) if word in builders), None
        )
        if built is not None:
            yield _operation(f"{group}.{name}", method, builders[built], models)


def _operation(name: str, method: ast.FunctionDef, builder: str, models: Any) -> Operation:
    url = re.search(r"_url = \(?\s*((?:r?\"[^\"]*\"\s*(?:#[^\n]*)?\s*)+)", builder)
    verb = re.search(r'HttpRequest\(method="(\w+)"', builder)
    assert url is not None, name
    assert verb is not None, name
    path = "".join(re.findall(r'"([^"]*)"', url[1]))
    returned = ast.unparse(method.returns) if method.returns else ""
    bodies = [
        ast.unparse(each.annotation)
        for each in [*method.args.args, *method.args.kwonlyargs]
        if each.annotation is not None and "IO[bytes]" in ast.unparse(each.annotation)
    ]
    return Operation(
        name=name,
        method=verb[1],
        path=_pattern(path),
        query=frozenset(re.findall(r'_params\["([^"]+)"\] = ', builder)),
        answer=_model(returned, models),
        body=_model(bodies[0], models) if bodies else None,
        paged="ItemPaged" in returned,
    )


def _pattern(path: str) -> re.Pattern[str]:
    """Paths have no case. A scope or a parent path is any number of segments."""
    text = ""
    for literal, name in re.findall(r"([^{]+)|\{(\w+)\}", path):
        if literal:
            text += re.escape(literal)
        else:
            text += ".+" if name in ("scope", "resourceId", "parentResourcePath") else "[^/]+"
    return re.compile(text, re.IGNORECASE)


def _model(annotation: str, models: Any) -> Any:
    """The model that an annotation names; None for an answer without a body."""
    found = re.search(r"_models\.(\w+)", annotation)
    model = getattr(models, found[1]) if found else None
    return list[model] if model is not None and re.search(r"\b[Ll]ist\[", annotation) else model  # type: ignore[valid-type]
