"""The pure functions of the template language, by lower-case name; arguments are already evaluated.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions
A wrong argument raises TypeError or ValueError; `expressions` turns that into InvalidTemplate.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import cast

#: The namespace of ARM's `guid()`.
_GUID_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_UNIQUE_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def text(value: object) -> str:
    """`string()`: JSON for objects, arrays and booleans."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, separators=(",", ":"))


def _concat(*parts: object) -> object:
    if parts and all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in cast("list[object]", part)]
    return "".join(text(part) for part in parts)


def _format(template: str, *values: object) -> str:
    def one(match: re.Match[str]) -> str:
        value, spec = values[int(match.group(1))], match.group(2) or ""
        if not spec:
            return text(value)
        width = len(spec) if set(spec) == {"0"} else int(spec[1:] or 0) if spec[0] in "dD" else None
        if width is None:
            raise ValueError(f"format '{spec}' is not one of 0…, D…")
        return str(_int(value)).zfill(width)

    marked = template.replace("{{", "\0").replace("}}", "\1")
    return re.sub(r"\{(\d+)(?::([^}]*))?\}", one, marked).replace("\0", "{").replace("\1", "}")


def _union(*parts: object) -> object:
    if all(isinstance(part, list) for part in parts):
        found: list[object] = []
        for part in parts:
            found.extend(item for item in _array(part) if item not in found)
        return found
    merged: dict[str, object] = {}
    for part in parts:
        merged = _merge(merged, _object(part))
    return merged


def _merge(base: dict[str, object], more: dict[str, object]) -> dict[str, object]:
    result = dict(base)
    for key, value in more.items():
        present = result.get(key)
        both = isinstance(present, dict) and isinstance(value, dict)
        result[key] = _merge(_object(present), _object(value)) if both else value
    return result


def _create_object(*parts: object) -> dict[str, object]:
    if len(parts) % 2:
        raise ValueError("createObject needs keys and values in pairs")
    return {str(parts[index]): parts[index + 1] for index in range(0, len(parts), 2)}


def _contains(container: object, item: object) -> bool:
    if isinstance(container, dict):
        return str(item).lower() in (str(key).lower() for key in container)
    if isinstance(container, list):
        return item in container
    return text(item) in str(container)


def _empty(value: object) -> bool:
    return value is None or value in ("", [], {})


def _split(value: str, delimiter: object) -> list[str]:
    marks = delimiter if isinstance(delimiter, list) else [delimiter]
    return re.split("|".join(re.escape(str(mark)) for mark in marks), value)


def _unique_string(*parts: object) -> str:
    number = int.from_bytes(hashlib.sha256("-".join(map(text, parts)).encode()).digest()[:9], "big")
    return "".join(_UNIQUE_ALPHABET[(number >> (5 * place)) & 31] for place in range(13))


def _equals(left: object, right: object) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return type(left) is type(right) and left == right


def _take(value: object, count: object) -> object:
    sequence, number = _sequence(value), max(0, _int(count))
    return sequence[:number]


def _skip(value: object, count: object) -> object:
    return _sequence(value)[max(0, _int(count)) :]


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("an integer was expected")
    return int(value)


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    if str(value).lower() in ("true", "false", "1", "0"):
        return str(value).lower() in ("true", "1")
    raise TypeError(f"'{value}' is not a boolean")


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("an object was expected")
    return value


def _sequence(value: object) -> str | list[object]:
    if not isinstance(value, str | list):
        raise TypeError("a string or an array was expected")
    return value


def _array(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _divide(left: object, right: object) -> int:
    quotient = abs(_int(left)) // abs(_int(right))
    return quotient if (_int(left) < 0) == (_int(right) < 0) else -quotient


def _items(value: object) -> list[object]:
    return [{"key": key, "value": each} for key, each in sorted(_object(value).items())]


FUNCTIONS: dict[str, Callable[..., object]] = {
    "concat": _concat,
    "format": _format,
    "base64": lambda value: base64.b64encode(str(value).encode()).decode(),
    "base64tostring": lambda value: base64.b64decode(str(value)).decode(),
    "union": _union,
    "createobject": _create_object,
    "createarray": lambda *parts: list(parts),
    "array": _array,
    "length": len,
    "equals": _equals,
    "not": lambda value: not _bool(value),
    "true": lambda: True,
    "false": lambda: False,
    "null": lambda: None,
    "tolower": lambda value: str(value).lower(),
    "toupper": lambda value: str(value).upper(),
    "trim": lambda value: str(value).strip(),
    "string": text,
    "int": _int,
    "bool": _bool,
    "split": _split,
    "join": lambda values, mark: str(mark).join(text(each) for each in values),
    "first": lambda value: _sequence(value)[0] if value else ("" if isinstance(value, str) else None),
    "last": lambda value: _sequence(value)[-1] if value else ("" if isinstance(value, str) else None),
    "contains": _contains,
    "empty": _empty,
    "startswith": lambda value, start: str(value).lower().startswith(str(start).lower()),
    "endswith": lambda value, end: str(value).lower().endswith(str(end).lower()),
    "indexof": lambda value, part: str(value).lower().find(str(part).lower()),
    "substring": lambda value, start, length=None: str(value)[start:][
        : length if length is not None else None
    ],
    "padleft": lambda value, width, mark=" ": text(value).rjust(width, mark),
    "uniquestring": _unique_string,
    "guid": lambda *parts: str(uuid.uuid5(_GUID_NAMESPACE, "-".join(map(text, parts)))),
    "add": lambda left, right: _int(left) + _int(right),
    "sub": lambda left, right: _int(left) - _int(right),
    "mul": lambda left, right: _int(left) * _int(right),
    "div": _divide,
    "mod": lambda left, right: _int(left) % _int(right),
    "min": lambda *parts: min(_array(parts[0]) if len(parts) == 1 else parts),
    "max": lambda *parts: max(_array(parts[0]) if len(parts) == 1 else parts),
    "range": lambda start, count: list(range(_int(start), _int(start) + _int(count))),
    "less": lambda left, right: left < right,
    "lessorequals": lambda left, right: left <= right,
    "greater": lambda left, right: left > right,
    "greaterorequals": lambda left, right: left >= right,
    "json": json.loads,
    "take": _take,
    "skip": _skip,
    "replace": lambda value, old, new: str(value).replace(str(old), str(new)),
    "items": _items,
}


def _if(parts: list[Callable[[], object]]) -> object:
    condition, yes, no = parts
    return yes() if _bool(condition()) else no()


def _coalesce(parts: list[Callable[[], object]]) -> object:
    return next((value for part in parts if (value := part()) is not None), None)


#: Functions that evaluate only the arguments that they need.
LAZY: dict[str, Callable[[list[Callable[[], object]]], object]] = {
    "if": _if,
    "coalesce": _coalesce,
    "and": lambda parts: all(_bool(part()) for part in parts),
    "or": lambda parts: any(_bool(part()) for part in parts),
}
