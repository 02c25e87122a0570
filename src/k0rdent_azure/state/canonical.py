"""The form in which the engine writes YAML, and a reader for exactly that form.

Block style, two spaces, one value a line, every text in double quotes with JSON's escapes: a subset of YAML on
which 1.1 and 1.2 parsers agree. Because the form is so narrow, one regular expression tells whether a file has
it, and reading it needs no YAML library (whose import alone costs more than `state get` may). Whatever differs
in the least is left to the strict YAML parser; `read` never guesses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import msgspec

from k0rdent_azure.errors import StateInvalidError

#: How deeply a document may nest; also what the strict parser accepts.
MAX_DEPTH = 64
#: Longer keys need YAML's `? ` form, which not every parser reads: as text, and as it is written with escapes.
MAX_KEY = 256
_MAX_WRITTEN_KEY = 1000

#: Controls, line breaks of YAML 1.1, byte order marks, bidirectional and invisible signs, lone surrogates:
#: escaped when written, so that neither a parser nor a terminal is misled by them.
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff"
)
_PLAIN_TEXT = re.compile(f'[^"\\\\{_HIDDEN}]*\\Z').match
_TO_ESCAPE = re.compile(f"[{_HIDDEN}]")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z").match
#: Plain, some parser takes these for a boolean or null.
_AMBIGUOUS_KEYS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NOT_TEXT = frozenset({"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"})

_ESCAPE = r'\\(?:["\\bfnrt]|u(?!d[89a-f])[0-9a-f]{4})'
# Runs of plain characters with escapes between: no choice for the expression at each character.
_STRING = f'"[^"\\\\{_HIDDEN}]*(?:{_ESCAPE}[^"\\\\{_HIDDEN}]*)*"'
_LINE = re.compile(
    rf"^( *)(- )?(?:([A-Za-z_][A-Za-z0-9_./-]{{0,{MAX_KEY - 1}}}|{_STRING}):(?: (?=\S)|$))?"
    rf"({_STRING}|-?(?:0|[1-9][0-9]{{0,17}})(?:\.[0-9]+(?:e[+-][0-9]{{1,2}})?)?|true|false|null|\{{\}}|\[\])?$",
    re.MULTILINE,
)
_WORDS = {"true": True, "false": False, "null": None}


def read(text: str) -> dict[str, object] | None:
    """The document, or None where `text` is not wholly in our form (it may still be valid YAML)."""
    start = _end_of_comments(text)
    body = text[start:]
    if not body.endswith("\n"):
        return None
    rows = _LINE.findall(body, 0, len(body) - 1)
    if len(rows) != body.count("\n"):
        return None
    return _assemble(rows)


def _end_of_comments(text: str) -> int:
    """Where the comment lines at the top end."""
    start = 0
    while text.startswith("#", start):
        end = text.find("\n", start)
        if end < 0 or _TO_ESCAPE.search(text, start, end):
            return start
        start = end + 1
    return start


def _assemble(rows: Iterable[tuple[str, str, str, str]]) -> dict[str, object] | None:  # noqa: PLR0911, PLR0912
    # One flat loop: each line of a file runs through it.
    root: dict[str, object] = {}
    top: dict[str, object] | list[object] = root
    indent = 0
    parents: list[tuple[dict[str, object] | list[object], int]] = []
    waiting: str | None = None  # a key of `top` whose value begins on the next line
    for spaces, dash, written_key, written in rows:
        here = len(spaces)
        if waiting is not None:
            assert isinstance(top, dict)  # noqa: S101 - only a mapping's key waits
            child: dict[str, object] | list[object] = [] if dash else {}
            if here != (indent if dash else indent + 2) or len(parents) >= MAX_DEPTH - 1:
                return None
            top[waiting] = child
            parents.append((top, indent))
            top, indent, waiting = child, here, None
        else:
            while indent > here or (indent == here and not dash and type(top) is list):
                top, indent = parents.pop()
            if indent != here:
                return None
        if dash:
            if type(top) is not list:
                return None
            if not written_key:
                if not written:
                    return None
                top.append(_value(written))
                continue
            if len(parents) >= MAX_DEPTH - 1:
                return None
            item: dict[str, object] = {}
            top.append(item)
            parents.append((top, indent))
            top, indent = item, here + 2
        elif type(top) is not dict:
            return None
        if not written_key or written_key in _NOT_TEXT:
            return None
        key = written_key
        if key[0] == '"':
            key = msgspec.json.decode(written_key)
            if key_fault(key) is not None:
                return None
        if key in top:
            return None
        if not written:
            # Its place in the mapping is here, whatever comes.
            top[key] = None
            waiting = key
        elif written[0] == '"' and "\\" not in written:
            top[key] = written[1:-1]
        else:
            top[key] = _value(written)
    return root if waiting is None else None


def _value(written: str) -> object:
    first = written[0]
    if first == '"':
        return written[1:-1] if "\\" not in written else msgspec.json.decode(written)
    if written in _WORDS:
        return _WORDS[written]
    if first == "{":
        return {}
    if first == "[":
        return []
    return float(written) if "." in written else int(written)


def quoted(text: str) -> str:
    """`text` in double quotes. Raises StateInvalidError for what UTF-8 cannot hold."""
    if _PLAIN_TEXT(text):
        return f'"{text}"'
    try:
        written = msgspec.json.encode(text).decode()
    except UnicodeEncodeError:
        raise StateInvalidError(f"{text[:40]!a} is not Unicode text; it cannot be stored") from None
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def key_fault(key: str) -> str | None:
    """Why a key is not allowed: longer than every parser takes, as text or with its escapes, or a merge key."""
    if key == "<<":
        # Quoted or not, Go yq would put another mapping's keys in its place.
        return "merge keys (<<) are not allowed"
    if len(key) > MAX_KEY or (6 * len(key) > _MAX_WRITTEN_KEY and len(quoted(key)) > _MAX_WRITTEN_KEY):
        return f"a key has {len(key)} characters; expected {MAX_KEY} at most, fewer with escapes"
    return None


def key_text(key: str, *, plain: bool = True) -> str:
    """A key as it is written: plain, if that is wanted, where no parser can misread it."""
    fault = key_fault(key)
    if fault is not None:
        raise StateInvalidError(f"{fault}: {key[:40]!a}")
    return key if plain and _PLAIN_KEY(key) and key.lower() not in _AMBIGUOUS_KEYS else quoted(key)


def nests_deeper(value: object, limit: int = MAX_DEPTH) -> bool:
    """Whether more than `limit` collections stand in each other; empty ones do not count."""
    if not isinstance(value, dict | list) or not value:
        return False
    inside = value.values() if isinstance(value, dict) else value
    return limit < 1 or any(
        nests_deeper(inner, limit - 1) for inner in inside if isinstance(inner, dict | list)
    )


def refuse_deep(value: object, *, above: int = 0) -> None:
    """Raise StateInvalidError where `value`, which stands in `above` collections, nests too deeply to be read."""
    if above > MAX_DEPTH or nests_deeper(value, MAX_DEPTH - above):
        raise StateInvalidError(f"nested deeper than {MAX_DEPTH}; it cannot be stored")


def scalar(value: object) -> str:
    """Anything that stands on one line: a scalar, or an empty collection."""
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict | list) and not value:
        return "{}" if isinstance(value, dict) else "[]"
    raise StateInvalidError(f"a {type(value).__name__} cannot be stored in the state file")


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise StateInvalidError(f"{value} cannot be stored in the state file; expected a finite number")
    written = repr(value)
    # YAML 1.1 takes `1e+16` for text: a float needs its dot.
    return written if "." in written else written.replace("e", ".0e")


def item(value: object, indent: int) -> str:
    """One item of a list whose dashes stand `indent` deep, as whole lines."""
    pad = " " * indent
    if isinstance(value, dict) and value:
        lines = mapping(value, indent + 2)
        return f"{pad}- {lines[indent + 2 :]}"
    if isinstance(value, list) and value:
        return f"{pad}- {_flow(value)}\n"
    return f"{pad}- {scalar(value)}\n"


def mapping(value: dict[str, object], indent: int) -> str:
    """A mapping whose keys stand `indent` deep, as whole lines. Raises StateInvalidError for what has no form."""
    return "".join([entry(key, inner, indent) for key, inner in value.items()])


def entry(key: str, value: object, indent: int) -> str:
    """A key with its value, as whole lines."""
    head = f"{' ' * indent}{key_text(key)}:"
    if isinstance(value, dict) and value:
        return f"{head}\n{mapping(value, indent + 2)}"
    if isinstance(value, list) and value:
        return f"{head}\n{''.join([item(inner, indent) for inner in value])}"
    return f"{head} {scalar(value)}\n"


def _flow(value: object) -> str:
    """A list within a list, on one line: JSON's form, which YAML includes."""
    if isinstance(value, dict) and value:
        pairs = [f"{key_text(key, plain=False)}: {_flow(inner)}" for key, inner in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list) and value:
        return f"[{', '.join([_flow(inner) for inner in value])}]"
    return scalar(value)
