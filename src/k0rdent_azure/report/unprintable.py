"""Text that is not wholly printable, made harmless. It stands apart because most runs never meet such text."""

from __future__ import annotations

import re

#: Whole escape sequences go, not only the ESC that starts them: CSI, OSC/DCS/… up to their end, two-byte ones.
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*[0-~]?"
)
_BLANKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
#: Controls, direction marks and overrides (Unicode TR 9), zero-width characters, tags, lone surrogates.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def harmless(text: str, *, lines: bool) -> str:
    """What `report.text.clean` promises, of any text."""
    plain = _ESCAPES.sub("", text)
    if lines:
        return "\n".join(_one_line(line) for line in plain.splitlines())
    return _one_line(plain)


def _one_line(text: str) -> str:
    return _UNSEEN.sub("", _BLANKS.sub(" ", text)).strip()
