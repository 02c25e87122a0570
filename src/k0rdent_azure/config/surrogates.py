r"""JSON's escapes for characters beyond U+FFFF (`\ud83d\ude80`), which YAML's own parsers refuse.

JSON is YAML (YAML 1.2, section 1.3), but `\uXXXX` is a code point there and half of a UTF-16 pair in JSON (RFC 8259,
section 7). Only a parser knows which text is an escape: in a plain scalar, a single-quoted one and a comment it is not.
So each half is replaced by an escape of the same length that the parser accepts, from a block of code points that the
text does not use, and restored in the parser's scalars. Every line and column stays the same.
"""

from __future__ import annotations

import re
import sys

#: The second digit of a half, and the digit that stands for it; two cases, so that a replacement can be undone.
_DIGITS = "89abcdefABCDEF"
_STANDS_FOR = "0123456789abcd"
_HALF = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD])([89a-fA-F])(?=[0-9a-fA-F]{2})")
#: First digits of the blocks that can stand in, as letters, which keep the case of `d`: private use, then Hangul.
_BLOCKS = "ebca"


class HalfError(ValueError):
    """Half of a pair without the other half: JSON, but no text (RFC 8259, section 8.2)."""


class StandIns:
    """The code points U+`block`000 to U+`block`DFF as stand-ins for halves."""

    def __init__(self, block: str) -> None:
        first = int(block, 16) << 12
        either = block + block.upper()
        self._block = block
        self._characters = re.compile(f"[{chr(first)}-{chr(first + 0xDFF)}]")
        self._written = re.compile(rf"\\u([{either}])([{_STANDS_FOR}])(?=[0-9a-fA-F]{{2}})")
        self._used = re.compile(rf"\\(?:u|U0000)[{either}][0-9a-dA-D]")

    def are_free_in(self, text: str) -> bool:
        return self._characters.search(text) is None and self._used.search(text) is None

    def put_into(self, text: str) -> str:
        return _HALF.sub(self._stand_in, text)

    def restored(self, scalar: str, *, escapes: bool) -> str:
        """What the file says; where a scalar has `escapes`, pairs become characters. Raises HalfError."""
        if not escapes:
            return self._written.sub(self._undone, scalar)
        halves = self._characters.sub(_half, scalar)
        try:
            return halves.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            code = int.from_bytes(error.object[error.start : error.start + 2], sys.byteorder)
            raise HalfError(f"\\u{code:04x} is half of a surrogate pair; the other half is missing") from None

    def _stand_in(self, found: re.Match[str]) -> str:
        block = self._block if found[2] == "d" else self._block.upper()
        return f"{found[1]}\\u{block}{_STANDS_FOR[_DIGITS.index(found[3])]}"

    def _undone(self, found: re.Match[str]) -> str:
        return f"\\u{'d' if found[1] == self._block else 'D'}{_DIGITS[_STANDS_FOR.index(found[2])]}"


def _half(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0xD000 | int(_DIGITS[code >> 8 & 0xF], 16) << 8 | code & 0xFF)


def stand_ins(text: str) -> StandIns | None:
    """What `text` needs so that a YAML parser reads it; None if it has no halves of pairs."""
    if _HALF.search(text) is None:
        return None
    choices = (StandIns(block) for block in _BLOCKS)
    # A text that uses all of these is left to the parser, which refuses it with the line.
    return next((choice for choice in choices if choice.are_free_in(text)), None)
