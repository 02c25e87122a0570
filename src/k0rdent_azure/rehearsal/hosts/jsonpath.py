"""The part of kubectl's JSONPath and Go templates that scripts use on simulated objects.

`{.a.b[0].c}`, `{.items[*].metadata.name}`, `[?(@.type=="Ready")]`, `{range …}…{end}`, `{"\\n"}`; and
`{{.metadata.uid}}`. Source: kubernetes.io/docs/reference/kubectl/jsonpath.
"""

from __future__ import annotations

import json
import re

_TAG = re.compile(r"\{((?:\"(?:\\.|[^\"])*\"|'[^']*'|[^{}])*)\}")
_STEP = re.compile(
    r"\.?(?P<name>[A-Za-z0-9_/-]+|\*)"
    r"|\.?\['(?P<quoted>[^']+)'\]"
    r"|\[(?P<index>-?\d+|\*)\]"
    r"|\[\?\(@\.(?P<key>[\w.]+)\s*==\s*[\"'](?P<value>[^\"']*)[\"']\)\]"
)


class PathError(ValueError):
    """The expression is outside the supported part of the language."""


def render(template: str, document: object) -> str:
    """A whole jsonpath template. Raises PathError."""
    if "{" not in template:
        template = f"{{{template}}}"
    text, rest = _render(template, document)
    if rest:
        raise PathError("unexpected {end}")
    return text


def render_go(template: str, document: object) -> str:
    """A Go template of plain `{{.path}}` fields."""
    return re.sub(
        r"\{\{\s*(\.[^}]*?)\s*\}\}",
        lambda match: " ".join(_text(value) for value in select(match[1], document)) or "<no value>",
        template,
    )


def _render(template: str, document: object) -> tuple[str, str]:
    """Renders up to the end or an `{end}`; returns the text and what follows the `{end}`."""
    output, at = "", 0
    while match := _TAG.search(template, at):
        output += template[at : match.start()]
        at = match.end()
        tag = match[1].strip()
        if tag == "end":
            return output, template[at:] or "\0"
        if tag.startswith("range "):
            body = template[at:]
            rest = body
            for value in select(tag[6:].strip(), document) or [None]:
                text, rest = _render(body, value)
                output += text if value is not None else ""
            template, at = rest.removeprefix("\0"), 0
        elif tag[:1] in {'"', "'"}:
            output += tag[1:-1].encode().decode("unicode_escape")
        else:
            output += " ".join(_text(value) for value in select(tag, document))
    return output + template[at:], ""


def select(path: str, document: object) -> list[object]:
    """The values at a path; a missing field selects nothing, as kubectl's does by default."""
    path = path.removeprefix("$").removeprefix("@")
    values, at = [document], 0
    if path in {"", "."}:
        return values
    path = path.replace(r"\.", "\x01")
    while at < len(path):
        match = re.compile(_STEP.pattern.replace("A-Za-z0-9_/-", "A-Za-z0-9_/\x01-")).match(path, at)
        if match is None:
            raise PathError(f"unrecognized character in action: {path[at:]!r}")
        at = match.end()
        values = [found for value in values for found in _step(match, value)]
    return values


def _step(match: re.Match[str], value: object) -> list[object]:
    name = match["quoted"] or (match["name"] or "").replace("\x01", ".")
    if name == "*" or match["index"] == "*":
        return (
            list(value.values())
            if isinstance(value, dict)
            else list(value)
            if isinstance(value, list)
            else []
        )
    if name:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if match["index"]:
        index = int(match["index"])
        return [value[index]] if isinstance(value, list) and -len(value) <= index < len(value) else []
    items = value if isinstance(value, list) else []
    return [
        item for item in items if [_text(v) for v in select("." + match["key"], item)] == [match["value"]]
    ]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))
