"""Writes a document as people and other programs do: comments, blank lines, every quoting, any indent, flow style.

Each line says what it belongs to, so that a test can tell which lines a change may touch.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

from hypothesis import strategies as st

from k0rdent_azure.state import canonical
from tests.state.documents import same

Keys = tuple[str | int, ...]
_T = TypeVar("_T")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./]*(?: [A-Za-z0-9_./]+)*\Z")
_WORDS = re.compile(r"[^\s#&*!|>'\"%@`,\[\]{}:?=-][^\s:#]*(?: [^\s:#]+)+\n?\Z")
_PAD = "   "


class Line(NamedTuple):
    """One line. It stays as it is, while nothing around its `owner` is replaced, as long as

    - `lead` (what stands above a key): the key is there;
    - `head` (a collection's key): there is a collection of that kind, with something in it;
    - `value`: the value is the same.

    `mark` is a comment behind a value on one line: it stays as long as the key does.
    """

    text: str
    owner: Keys
    kind: Literal["lead", "head", "value"]
    mark: str = ""


class Hand:
    """One writer, whose every choice is drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._numbers = itertools.count(1)

    def document(self, data: Mapping[str, object]) -> list[Line]:
        """The whole file."""
        indent = self._one_of(0, 0, 0, 2)
        lines = self.mapping(data, (), indent)
        first = (next(iter(data)),)
        top: list[list[tuple[str, Keys]]] = [
            [],
            [(self._comment(0), first)],
            [("%YAML 1.1", ()), ("---", ())],
            [("---", ()), (self._comment(0), ()), ("", ()), (self._comment(0), first)],
            [("--- # start", ())],
        ]
        # A deeper comment would be a line of the text above it, if that is a block text.
        end = [[], [self._comment(0)], ["", self._comment(0)], ["..."]]
        return [
            *(Line(text, owner, "lead") for text, owner in self._one_of(*top)),
            *lines,
            *(Line(text, (), "lead") for text in self._one_of(*end)),
        ]

    def mapping(self, data: Mapping[str, object], at: Keys, indent: int) -> list[Line]:
        """A block mapping, its keys `indent` deep."""
        lines: list[Line] = []
        for key, value in data.items():
            here = (*at, key)
            lines += self._lead(here, indent, "lead")
            lines += self._entry(
                f"{' ' * indent}{self._key(key)}{self._one_of(':', ':', ':', ' :')}", value, here, indent
            )
        return lines

    def _entry(self, head: str, value: object, at: Keys, indent: int) -> list[Line]:
        comment = self._behind()
        if isinstance(value, dict) and value and self._often():
            below = self.mapping(value, at, indent + self._one_of(1, 2, 2, 3, 4))
            return [Line(head + comment, at, "head", comment.strip()), *below]
        if isinstance(value, list) and value and self._often():
            below = self._list(value, at, indent + self._one_of(0, 0, 1, 2, 4))
            return [Line(head + comment, at, "head", comment.strip()), *below]
        texts = self._inline(value, indent + 1, comment)
        mark = comment.strip() if len(texts) == 1 and not _is_filled(value) else ""
        if texts[0].startswith("#") or not texts[0]:
            texts[0] = comment
        else:
            texts[0] = self._one_of(" ", " ", "  ", "\t") + texts[0]
        return [Line(text, at, "value", mark) for text in (head + texts[0], *texts[1:])]

    def _list(self, values: Sequence[object], at: Keys, indent: int) -> list[Line]:
        """A block list, its dashes `indent` deep; an item is one unit."""
        lines: list[Line] = []
        for index, value in enumerate(values):
            here = (*at, index)
            lines += self._lead(here, indent, "value")
            lines += [Line(line, here, "value") for line in self._item(value, indent)]
        return lines

    def _item(self, value: object, indent: int) -> list[str]:
        gap = self._one_of(1, 1, 2, 3)
        pad, dash = " " * indent, "-" + " " * gap
        if _is_filled(value) and self._often():
            inner = indent + 1 + gap
            if isinstance(value, dict):
                below = [line.text for line in self.mapping(value, (), inner)]
            else:
                assert isinstance(value, list)
                below = [line.text for line in self._list(value, (), inner)]
            if below[0].startswith(" " * inner) and not below[0].lstrip().startswith("#"):
                below[0] = pad + dash + below[0][inner:]
                return below
            return [f"{pad}-{self._behind()}", *below]
        texts = self._inline(value, indent + 1, self._behind())
        if texts[0].startswith("#"):
            # Nothing but a comment behind the dash.
            return [f"{pad}- {texts[0]}"]
        return [
            f"{pad}{dash}{texts[0]}".rstrip(" ") if not texts[0] else f"{pad}{dash}{texts[0]}",
            *texts[1:],
        ]

    def _inline(self, value: object, indent: int, comment: str) -> list[str]:
        """What begins on the line of the key or dash; following lines stand at least `indent` deep."""
        if isinstance(value, dict | list):
            texts = self._flow(value, indent)
            return [*texts[:-1], texts[-1] + comment]
        if isinstance(value, str):
            return self._text(value, indent, comment)
        written = self._number_or_word(value)
        return [written + comment if written else comment.strip()]

    def _flow(self, value: object, indent: int) -> list[str]:
        """On one line, or broken after a comma, where comments may stand too."""
        inside = self._flow_inside(value)
        if isinstance(inside, str):
            return [inside]
        opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
        if len(inside) < 2 or self._often():
            return [opening + ", ".join(inside) + closing]
        pad = " " * indent + self._one_of("", "  ")
        return [
            opening + self._behind(),
            *[f"{pad}{part},{self._behind()}" for part in inside],
            pad + closing,
        ]

    def _flow_inside(self, value: object) -> str | list[str]:
        if isinstance(value, dict) and value:
            return [f"{self._key(key, flow=True)}: {self._flow_text(inner)}" for key, inner in value.items()]
        if isinstance(value, list) and value:
            return [self._flow_text(inner) for inner in value]
        if isinstance(value, dict | list):
            return self._one_of("{}", "{ }") if isinstance(value, dict) else self._one_of("[]", "[ ]")
        return (self._quoted(value) if isinstance(value, str) else self._number_or_word(value)) or "null"

    def _flow_text(self, value: object) -> str:
        inside = self._flow_inside(value)
        if isinstance(inside, str):
            return inside
        return "{" + ", ".join(inside) + "}" if isinstance(value, dict) else "[" + ",".join(inside) + "]"

    def _text(self, text: str, indent: int, comment: str) -> list[str]:
        """A text in one of the forms that can hold it."""
        forms: list[list[str]] = [[self._quoted(text) + comment]]
        pad = " " * (indent + self._one_of(0, 1, 3))
        body = text.removesuffix("\n")
        printable = all(line.isprintable() for line in body.split("\n"))
        if printable and body.strip() and not body[0].isspace() and not body.endswith("\n"):
            sign = "|" if text.endswith("\n") else "|-"
            below = [pad + line if line else "" for line in body.split("\n")]
            forms.append([sign + comment, *below])
        if _WORDS.match(text) and text.isascii() and printable:
            first, _, rest = body.partition(" ")
            sign = ">" if text.endswith("\n") else ">-"
            forms.append([sign + comment, pad + first, pad + rest])
            if not text.endswith("\n") and _PLAIN.match(text):
                forms.append([first, pad + rest + comment])
        if len(text) > 1:
            cut = len(text) // 2
            second = _escaped(text[cut:])
            guard = "\\" if second[:1] in (" ", "\t") else ""
            forms.append([f'"{_escaped(text[:cut])}\\', f'{pad}{guard}{second}"{comment}'])
        return self._one_of(*forms, forms[0])

    def _quoted(self, text: str) -> str:
        forms = [f'"{_escaped(text)}"']
        if text.isprintable():
            forms.append("'" + text.replace("'", "''") + "'")
        if _PLAIN.match(text) and text.lower() not in ("null", "true", "false"):
            forms += [text, text]
        return self._one_of(*forms)

    def _key(self, key: str, *, flow: bool = False) -> str:
        forms = [f'"{_escaped(key)}"']
        if key.isprintable():
            forms.append("'" + key.replace("'", "''") + "'")
        if _PLAIN.match(key) and key.lower() not in ("null", "true", "false") and not flow:
            forms += [key, key, key]
        return self._one_of(*forms)

    def _number_or_word(self, value: object) -> str:
        if value is None:
            return self._one_of("null", "~", "Null", "NULL", "")
        if isinstance(value, bool):
            return self._one_of("true", "True", "TRUE") if value else self._one_of("false", "False", "FALSE")
        if isinstance(value, int):
            return self._one_of(str(value), f"{value:+d}", f"{value:07d}")
        written = canonical.scalar(value)
        return self._one_of(written, written if "e" in written else written + "0")

    def _lead(self, at: Keys, indent: int, kind: Literal["lead", "value"]) -> list[Line]:
        """Comments and blank lines above a key or an item; never so deep that a text above would take them in."""
        forms = [
            [],
            [],
            [],
            [""],
            [self._comment(indent)],
            ["", self._comment(0)],
            [self._comment(indent), "", "  "[:indent]],
        ]
        return [Line(text, at, kind) for text in self._one_of(*forms)]

    def _comment(self, indent: int) -> str:
        return f"{' ' * indent}# above {next(self._numbers)}"

    def _behind(self) -> str:
        return self._one_of(
            "", "", "", f"{_PAD}# behind {next(self._numbers)}", f" #behind {next(self._numbers)}"
        )

    def _often(self) -> bool:
        return self._draw(st.integers(0, 4)) != 0

    def _one_of(self, *forms: _T) -> _T:
        return forms[self._draw(st.integers(0, len(forms) - 1))]


def _escaped(text: str) -> str:
    """`text` for double quotes, with the escapes of YAML that JSON does not have."""
    return "".join(map(_escape, text))


def _escape(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    if sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04X}" if code < 65536 else f"\\U{code:08x}"


def _is_filled(value: object) -> bool:
    return isinstance(value, dict | list) and bool(value)


def text_of(lines: Sequence[Line]) -> bytes:
    """The file."""
    return "".join([f"{line.text}\n" for line in lines]).encode()


def must_stay(line: Line, before: object, after: object) -> bool:
    """Whether a change of the document from `before` to `after` may not touch the line."""
    if not line.owner:
        return True
    for key in line.owner[:-1]:
        if not _is_kept(before, after, key):
            return False
        before, after = _step(before, key), _step(after, key)
    key = line.owner[-1]
    if not _is_kept(before, after, key):
        return False
    if line.kind == "lead" or isinstance(before, list):
        return True
    old, new = _step(before, key), _step(after, key)
    if line.kind == "head":
        return _is_filled(new) and type(old) is type(new)
    return same(old, new)


def mark_must_stay(line: Line, before: object, after: object) -> bool:
    """Whether the comment behind a value has to be there still."""
    return bool(line.mark) and must_stay(line._replace(kind="lead"), before, after)


def _is_kept(before: object, after: object, key: str | int) -> bool:
    """Whether what stands around `key` is still laid out the same way."""
    if isinstance(before, dict):
        return isinstance(after, dict) and key in after
    if not isinstance(before, list) or not isinstance(after, list) or not isinstance(key, int):
        return False
    # Within a list, what is at one of its ends and the same all the way stays. Of equal items the first ones do.
    pairs = zip(before, after, strict=False)
    begins_alike = next((at for at, (old, new) in enumerate(pairs) if not same(old, new)), None)
    front = min(len(before), len(after)) if begins_alike is None else begins_alike
    if key < front:
        return True
    tail = len(before) - key
    return tail <= len(after) - front and all(map(same, before[-tail:], after[-tail:]))


def _step(value: object, key: str | int) -> object:
    if isinstance(value, dict):
        return value[key]
    assert isinstance(value, list)
    assert isinstance(key, int)
    return value[key] if key < len(value) else None  # what lies below an item goes with it
