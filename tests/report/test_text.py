"""Untrusted text on a terminal, and times in few characters."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.report.text import age, ago, clean, duration, parse_age, plural, shorten
from k0rdent_azure.report.unprintable import harmless


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("\x1bcreset", "reset"),
        ("a\r\nb\tc", "a b c"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("tag\U000e0041", "tag"),
        ("\ud800lone", "lone"),
        ("Grüße 東京", "Grüße 東京"),
    ],
)
def test_clean_removes_what_acts_and_keeps_what_says(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


def test_printable_text_is_what_the_full_treatment_would_leave() -> None:
    """`clean` takes it as it is; that holds only while Python calls nothing harmful printable."""
    text = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if char.isprintable())
    assert len(text) > 100_000
    assert (
        harmless(f"  {text}  ", lines=True)
        == harmless(text, lines=False)
        == clean(f"  {text}  ")
        == text.strip()
    )


def test_clean_keeps_lines_only_when_asked() -> None:
    assert clean("one\n\x1b[2Ktwo", lines=True) == "one\ntwo"
    assert clean("one\ntwo") == "one two"


@given(st.text())
def test_nothing_that_acts_survives(text: str) -> None:
    cleaned = clean(text)
    assert not [char for char in cleaned if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert not {unicodedata.bidirectional(char) for char in cleaned} & {"RLO", "LRO", "RLE", "LRE", "PDF"}
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.2, "<1s"), (42, "42s"), (433, "7m 13s"), (7500, "2h 05m"), (273600, "3d 4h")],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "short", "sentence"),
    [
        (None, "never", "never"),
        (0.4, "0s", "just now"),
        (-5, "0s", "just now"),
        (59, "59s", "59s ago"),
        (200, "3m", "3m ago"),
        (7300, "2h", "2h ago"),
        (86400 * 5, "5d", "5d ago"),
    ],
)
def test_age(seconds: float | None, short: str, sentence: str) -> None:
    assert (age(seconds), ago(seconds)) == (short, sentence)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("5", None), ("-1m", None)]
)
def test_parse_age(text: str, seconds: float | None) -> None:
    assert parse_age(text) == seconds


def test_shorten_and_plural() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
    assert (plural(1, "peer"), plural(0, "peer")) == ("1 peer", "0 peers")
