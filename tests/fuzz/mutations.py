"""Makes bad documents of good ones: by bytes, by lines, by tokens, and by the values behind them."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.codec import dump

CORPUS = Path(__file__).parent / "corpus"
_Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TOKEN = re.compile(r"[A-Za-z0-9_./+-]+|\"[^\"\n]*\"|'[^'\n]*'|[^\sA-Za-z0-9]")
_HIDDEN = (
    "\0\1\7\b\t\v\f\r\x1b\x1f\x7f\x80\x85\x9b\xa0\xad\u061c"
    "\u200b\u200f\u2028\u2029\u202e\u2066\ufeff\ufffe\U000e0041"
)
#: What stands in place of a value, as text.
_NASTY_TOKENS = (
    *(
        "null",
        "~",
        "true",
        "yes",
        "-0",
        "0x1F",
        "0o14",
        "010",
        "1e3",
        ".inf",
        ".nan",
        "1_000",
        "12:30",
        "=",
        "<<",
    ),
    *("1.0e+999", "-1.5e-400", "9" * 30, "1" * 5000, "1.", ".5", "+7", "0.1e+1", "1e", "--1", "", '""', "''"),
    *(
        "{}",
        "[]",
        "{",
        "[",
        "}",
        "]",
        "- ",
        "-",
        "? ",
        ": ",
        ":",
        "#",
        " #",
        ",",
        "&a",
        "*a",
        "&a *a",
        "!!str",
        "!t x",
    ),
    *(
        "!!python/name:os.system",
        "!!binary aGk=",
        "!<tag:x> y",
        "|",
        ">-",
        "|2",
        ">+1",
        "---",
        "...",
        "%YAML 1.1",
    ),
    *(
        '"\\ud800"',
        '"\\x00"',
        '"\\u202e"',
        '"\\U0001F600"',
        '"\\z"',
        '"\\',
        '"',
        "'",
        "@",
        "`",
        "%",
        "\\",
        "\t",
    ),
    *(
        "é",
        "😀",
        "\u202e",
        "\ufeff",
        "\u2028",
        "\x85",
        "\x1b[31m",
        "2025-01-07T15:30:00Z",
        "0001-01-01",
        "9999-12-31",
    ),
    *(
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "10.240.0.0/33",
        "::1",
        "256.1.1.1",
        "k" * 300,
    ),
)
_NASTY_VALUES: tuple[object, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        1.0,
        0.0,
        -0.0,
        1e300,
        5e-324,
        2**53 + 1,
        2**63,
        2**64,
        -(2**63) - 1,
        10**40,
    ),
    *(
        "",
        " ",
        "x",
        "\n",
        "a\nb\n",
        " lead",
        "trail ",
        "# no",
        "a: b",
        "- a",
        "a #b",
        "\t",
        "\x1b[2J",
        "\u202eabc",
    ),
    *(
        "é",
        "😀",
        "\U000e0041",
        "\ufeff",
        "\u2028",
        "\x85",
        "\\",
        '"',
        "'",
        "yes",
        "null",
        "12",
        "1e3",
        "~",
        "k" * 2000,
    ),
    *(
        "2025-01-07T15:30:00Z",
        "0001-01-01T00:00:00+23:59",
        "10.240.1.11",
        "10.240.0.0/16",
        "running",
        "failed",
        "1.0",
    ),
    *(
        [],
        {},
        [[]],
        [{}],
        {"a": {}},
        [[1, [2]], {"b": [[]]}],
        {"": 0},
        {"a.b": 1},
        {"yes": 1},
        {"é\n": {"#": []}},
    ),
)
_NASTY_KEYS = (
    "",
    "a.b",
    "yes",
    "null",
    "12",
    "<<",
    "=",
    "- a",
    "# a",
    "a: b",
    "é",
    "😀",
    "\n",
    "\x1b",
    "\u202e",
    "k" * 256,
)


@cache
def corpus() -> tuple[bytes, ...]:
    """Every saved document, in the order of their names."""
    return tuple(path.read_bytes() for path in sorted(CORPUS.iterdir()))


@cache
def _shares() -> list[int]:
    """How often each document is taken: those that are refused as they stand teach less."""
    return [1 if path.name.startswith("refused-") else 6 for path in sorted(CORPUS.iterdir())]


@cache
def _data() -> tuple[dict[str, object], ...]:
    """The values of those that any YAML parser reads."""
    found = []
    for text in corpus():
        try:
            data = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        if isinstance(data, dict) and "metadata" in data and b"*" not in text:
            found.append(data)
    return tuple(found)


def mutated(rng: random.Random) -> bytes:
    """One mutated document; the same for the same state of `rng`."""
    text = _dumped(rng) if rng.random() < 0.5 else rng.choices(corpus(), _shares())[0]
    # Most that is broken twice is refused at the first; what is broken once goes deeper.
    for _ in range(rng.choice((0, 0, 1, 1, 1, 1, 2, 5))):
        text = mutate_text(text, rng)
    return text


def mutate_text(text: bytes, rng: random.Random) -> bytes:
    """`text` with one change."""
    changed: bytes = rng.choices(_CHANGES, _WEIGHTS)[0](text, rng)
    return changed


def _dumped(rng: random.Random) -> bytes:
    """A document with some other values, in our form or as PyYAML writes it."""
    data = copy.deepcopy(rng.choice(_data()))
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        _change_value(data, rng)
    try:
        if rng.random() < 0.6:
            return dump(data)
        styles = (None, None, None, '"', "'", "|", ">")
        written: bytes = yaml.dump(
            data,
            Dumper=_Dumper,
            sort_keys=rng.random() < 0.2,
            default_flow_style=rng.choice((False, False, None, True)),
            default_style=rng.choice(styles) if rng.random() < 0.3 else None,
            indent=rng.choice((1, 2, 2, 3, 4, 8)),
            width=rng.choice((20, 80, 10_000)),
            allow_unicode=rng.random() < 0.7,
            explicit_start=rng.random() < 0.1,
            encoding="utf-8",
        )
    except (StateInvalidError, yaml.YAMLError, ValueError):
        return rng.choice(corpus())
    return written


def _change_value(data: dict[str, object], rng: random.Random) -> None:
    """Replace, remove, double or add one value somewhere in the tree."""
    here: dict[str, object] | list[object] = data
    if rng.random() < 0.5:
        # The schema refuses most changes; what it does not know it takes as it is.
        forms: tuple[dict[str, object] | list[object], ...] = (
            {},
            {"a": 1, "b": {"c": [1, 2]}},
            [{"a": 1}, ["b"]],
        )
        here = data["x-free"] = rng.choice(forms)
    while True:
        inner = [
            v for v in (here.values() if isinstance(here, dict) else here) if isinstance(v, dict | list) and v
        ]
        if not inner or rng.random() < 0.25:
            break
        here = rng.choice(inner)
    value = copy.deepcopy(rng.choice(_NASTY_VALUES) if rng.random() < 0.8 else rng.choice(_data()))
    if isinstance(here, list):
        at = rng.randrange(len(here) + 1)
        if here and rng.random() < 0.4:
            del here[at % len(here)]
        elif here and rng.random() < 0.3:
            here[at % len(here)] = value
        else:
            here.insert(at, value)
        return
    key = rng.choice([*here, rng.choice(_NASTY_KEYS), "x-new"])
    if rng.random() < 0.15:
        here.pop(key, None)
    elif rng.random() < 0.1:
        # Lay it one deeper, many times.
        for _ in range(rng.choice((1, 5, 61, 70))):
            value = {"a": value} if rng.random() < 0.5 else [value]
        here[key] = value
    else:
        here[key] = value


def _flip(text: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(text) + 1)
    return (
        text[:at] + bytes([rng.randrange(256 if rng.random() < 0.2 else 128)]) + text[at + rng.randrange(2) :]
    )


def _cut(text: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(text) + 1)
    return text[:at] if rng.random() < 0.3 else text[:at] + text[at + rng.randrange(1, 60) :]


def _copy_span(text: bytes, rng: random.Random) -> bytes:
    start, at = rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)
    return text[:at] + text[start : start + rng.randrange(1, 200)] + text[at:]


def _lines(
    change: Callable[[list[str], int, random.Random], None],
) -> Callable[[bytes, random.Random], bytes]:
    """A mutation of the list of lines at one of them."""

    def apply(text: bytes, rng: random.Random) -> bytes:
        lines = text.decode("utf-8", "surrogateescape").split("\n")
        change(lines, rng.randrange(len(lines)), rng)
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    return apply


@_lines
def _drop_line(lines: list[str], at: int, rng: random.Random) -> None:
    del lines[at : at + rng.choice((1, 1, 2, 10))]


@_lines
def _double_line(lines: list[str], at: int, rng: random.Random) -> None:
    lines[at:at] = lines[at : at + rng.choice((1, 1, 2, 10))]


@_lines
def _move_line(lines: list[str], at: int, rng: random.Random) -> None:
    line = lines.pop(at)
    lines.insert(rng.randrange(len(lines) + 1), line)


@_lines
def _indent(lines: list[str], at: int, rng: random.Random) -> None:
    by = rng.choice((-4, -2, -1, 1, 2, 4, 130))
    for index in range(at, min(len(lines), at + rng.choice((1, 1, 3, 20)))):
        lines[index] = " " * by + lines[index] if by > 0 else lines[index][-by:]


@_lines
def _add_behind(lines: list[str], at: int, rng: random.Random) -> None:
    lines[at] += rng.choice(
        (" ", "  # said", " #", "\t", "\t# x", "\r", " # \u202e", "#", " x", ",", ":", " \\")
    )


@_lines
def _add_line(lines: list[str], at: int, rng: random.Random) -> None:
    pad = " " * rng.choice((0, 0, 2, 4, 6))
    comment = rng.choice(("# said", "", "  ", "#", "\t", "# \u2028 x: 1", "---", "...", "%TAG ! x:", "# é"))
    key = rng.choice(
        ("a", "metadata", "events", "status", "x-new", '"q"', "'s'", "? k", "- i", "<<", "yes", "&k k")
    )
    lines.insert(at, pad + rng.choice((comment, f"{key}: {rng.choice(_NASTY_TOKENS)}", f"{key}:")))


@_lines
def _join(lines: list[str], at: int, rng: random.Random) -> None:
    lines[at : at + 2] = [rng.choice((" ", "")).join(lines[at : at + 2])]


@_lines
def _cross(lines: list[str], at: int, rng: random.Random) -> None:
    """Lines of another document."""
    other = rng.choice(corpus()).decode("utf-8", "replace").split("\n")
    start = rng.randrange(len(other))
    lines[at:at] = other[start : start + rng.choice((1, 3, 20))]


@_lines
def _put_token(lines: list[str], at: int, rng: random.Random) -> None:
    tokens = list(_TOKEN.finditer(lines[at]))
    if not tokens:
        return
    found = rng.choice(tokens)
    token = rng.choice(_NASTY_TOKENS)
    if rng.random() < 0.2:
        token = rng.choice(
            (f"'{found[0]}'", f'"{found[0]}"', f"[{found[0]}]", f"&a {found[0]}", found[0].strip("\"'"))
        )
    lines[at] = lines[at][: found.start()] + token + lines[at][found.end() :]


@_lines
def _put_sign(lines: list[str], at: int, rng: random.Random) -> None:
    column = rng.randrange(len(lines[at]) + 1)
    lines[at] = lines[at][:column] + rng.choice(_HIDDEN) + lines[at][column:]


@_lines
def _put_block(lines: list[str], at: int, rng: random.Random) -> None:
    """A text over several lines in place of a value."""
    head, colon, _ = lines[at].partition(": ")
    if not colon:
        return
    pad = " " * (len(head) - len(head.lstrip(" ")) + rng.choice((1, 2, 4)))
    if rng.random() < 0.3:
        lines[at : at + 1] = [f'{head}: "one', f"{pad}two", "", f'{pad}three"']
        return
    style = rng.choice(("|", ">", "|-", ">+", "|2"))
    lines[at : at + 1] = [
        f"{head}: {style}",
        f"{pad}one # two",
        f"{pad}- three: 3",
        rng.choice(("", f"{pad}  four")),
    ]


def _bomb(text: bytes, rng: random.Random) -> bytes:
    """Aliases that multiply: many, or few that are enough."""
    levels, each = rng.choice(((10, 9), (24, 2), (12, 4), (3, 16), (3, 2)))
    start = rng.choice(("[1, 2]", "{k: v}", "text", "[" + ", ".join(["x"] * 300) + "]"))
    lines = [f"b0: &b0 {start}"]
    lines += [f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * each)}]" for i in range(1, levels)]
    return text + b"\n" + "\n".join(lines).encode() + b"\n"


def _deepen(text: bytes, rng: random.Random) -> bytes:
    depth = rng.choice((10, 62, 63, 64, 65, 70, 130, 2000))
    step = rng.choice((1, 2, 3))
    forms = (
        "deep: " + "[" * depth + "]" * depth,
        "deep: " + "{a: " * depth + "1" + "}" * depth,
        "deep:\n " + "- " * depth + "1",
        "\n".join(" " * step * level + "a:" for level in range(min(depth, 200))),
        "deep:\n" + "\n".join("  " * level + "- a:" for level in range(min(depth, 200))),
        "deep: " + "[" * depth,
    )
    return text + b"\n" + rng.choice(forms).encode() + b"\n"


def _recode(text: bytes, rng: random.Random) -> bytes:
    """The same in another encoding, or with other line breaks."""
    plain = text.decode("utf-8", "replace")
    forms: tuple[Callable[[], bytes], ...] = (
        lambda: text.replace(b"\n", b"\r\n"),
        lambda: text.replace(b"\n", b"\r"),
        lambda: b"\xef\xbb\xbf" + text,
        lambda: plain.replace("\n", "\u2028").encode(),
        lambda: plain.replace("\n", "\x85").encode(),
        lambda: plain.encode("utf-16"),
        lambda: plain.encode("utf-16-be"),
        lambda: plain.encode("utf-32"),
        lambda: plain.encode("latin-1", "replace"),
        lambda: text.replace(b"  ", b"\t"),
        lambda: text.rstrip(b"\n"),
        lambda: text.replace(b"\n", b"\r\n", 3),
    )
    return rng.choice(forms)()


def _swell(text: bytes, rng: random.Random) -> bytes:
    """Something long, but less than a megabyte in all."""
    size = rng.choice((2_000, 20_000, 400_000) if rng.random() < 0.05 else (500, 2_000))
    forms = (
        "long: " + "x" * size,
        'long: "' + "\\u202e" * (size // 6) + '"',
        "# " + "x" * size,
        "k" * size + ": 1",
        "long: [" + "1," * (size // 2) + "]",
        "long:\n" + "  - a: 1\n" * (size // 9),
        "\n".join(f"k{number}: {number}" for number in range(size // 12)),
        " " * size,
        "-" * size,
        "long: " + "- " * (size // 2),
        "long: " + "{" * (size // 2),
        "long: '" + "''" * (size // 2) + "'",
        "long: " + "&a " * (size // 3),
        "long: " + "9" * size,
    )
    return text + b"\n" + rng.choice(forms).encode() + b"\n"


_CHANGES, _WEIGHTS = zip(
    (_flip, 8),
    (_cut, 5),
    (_copy_span, 4),
    (_drop_line, 5),
    (_double_line, 5),
    (_move_line, 5),
    (_indent, 6),
    (_add_behind, 12),
    (_add_line, 14),
    (_join, 3),
    (_cross, 5),
    (_put_token, 16),
    (_put_sign, 5),
    (_put_block, 5),
    (_bomb, 1),
    (_deepen, 2),
    (_recode, 4),
    (_swell, 1),
    strict=True,
)
