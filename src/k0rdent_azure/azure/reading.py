"""Reads fields of ARM's answers: a missing or strange one is empty, never a crash."""

from __future__ import annotations

from collections.abc import Mapping


def text(body: Mapping[str, object], key: str) -> str:
    """A text field; "" where it is missing or not a text."""
    value = body.get(key)
    return value if isinstance(value, str) else ""


def mapping(body: Mapping[str, object], key: str) -> dict[str, object]:
    """An object field; {} where it is missing or not an object."""
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def mappings(body: Mapping[str, object], key: str) -> list[dict[str, object]]:
    """An array of objects; whatever else stands in it is left out."""
    value = body.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(body: Mapping[str, object], key: str) -> dict[str, str]:
    """An object whose values are texts, such as `tags`."""
    return {name: value for name, value in mapping(body, key).items() if isinstance(value, str)}
