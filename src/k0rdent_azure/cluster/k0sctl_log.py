"""k0sctl's log, as it is off a terminal: progress for a person, and errors fit to be shown. Pure but for reading.

Lines look like `level=info msg="==> Running phase: Connect to hosts"` and
`level=info msg="172.24.24.11:22: installing k0s controller"` (logrus' text form).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from k0rdent_azure.hosts.command import printable

#: What an error shows of one line, and in all, in characters.
LINE_SHOWN = 400
SHOWN = 1200
#: What is read of a log for its errors, in bytes: they stand at its end.
READ = 1024 * 1024
#: How many messages, and how many lines of one message, are shown: the first ones and the last ones.
MESSAGES = 4
LINES = 9

_MESSAGE = re.compile(r'level=(?P<level>\w+) msg=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>\S+))')
#: How Go quotes a text (`%q`): https://go.dev/ref/spec#Rune_literals
_ESCAPE = re.compile(r"""\\(?:(["'\\abfnrtv])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))""")
_PLAIN = {
    '"': '"',
    "'": "'",
    "\\": "\\",
    "n": "\n",
    "r": "\n",
    "t": " ",
    "a": "",
    "b": "",
    "f": "\n",
    "v": "\n",
}
#: A message of whatever level. A log that ended in the middle of a line has no closing quote.
_ERROR = re.compile(
    r'\blevel=(?P<level>\w+) msg=(?:"(?P<quoted>(?:[^"\\\n]|\\.)*)(?:"|$)|(?P<bare>\S+))(?P<more>.*)$'
    r"|^(?P<short>[A-Z]{4})(?:\[\d+\])? (?P<rest>.*)$",
    re.MULTILINE,
)
#: What logrus adds to a message of its own, and slog.
_CAUSE = re.compile(r'\s(?:error|err)=(?:"(?P<quoted>(?:[^"\\\n]|\\.)*)"?|(?P<bare>\S+))')
_ERRORS = frozenset({"error", "fatal", "panic", "erro", "fata", "pani"})
_LEVELS = _ERRORS | {"info", "warn", "debu", "trac"}
#: Go's runtime when it ends a program, and what a shell or the loader says of one that it cannot start.
_CRASH = re.compile(r"^(?:panic: |fatal error: |runtime: |SIG[A-Z]+: |signal: |Killed\b|Error: ).*$")
#: That the run failed, and where k0sctl's own log is: never the cause.
_NO_CAUSE = re.compile(r"^(?:==> )?apply failed(?: - log file saved to \S+)?$", re.IGNORECASE)
_HOST = re.compile(r"^(?:\[ssh\] )?(?P<address>[\w.:-]+?):(?P<port>\d+): (?P<text>.*)$", re.DOTALL)
_PHASE = re.compile(r"^==> Running phase: (?P<phase>.*)$")
_PEM = re.compile(r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)
_NAMED = re.compile(
    r"(?i)((?:password|passphrase|token|secret|private[-_ ]?key|key-data|certificate-authority-data"
    r"|authorization)[\"']?(?:[=:]\s*|\s+bearer\s+)(?:bearer\s+)?)(?!\s)[^\s;,]+"
)
#: 32 bytes in base64, wherever its slashes fall.
_WIREGUARD_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of k0sctl's log: a phase that begins, or what is being done on the host at `host`."""

    text: str
    phase: str | None = None
    host: str | None = None


class Follower:
    """Reads what was added to a log since the last look, whole lines only."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0

    def new(self) -> list[Progress]:
        try:
            with self._log.open("rb") as stream:
                stream.seek(self._offset)
                added = stream.read()
        except OSError:
            # Somebody moved it away; k0sctl itself is not disturbed by that, and so are we not.
            return []
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        lines = printable(whole.decode(errors="replace")).splitlines()
        return [progress for line in lines if (progress := progress_of(line)) is not None]


def progress_of(line: str) -> Progress | None:
    """What a line tells of the progress; None where it tells nothing."""
    match = _MESSAGE.search(line)
    if match is None or match["level"] not in ("info", "warning"):
        return None
    text = _text(match)
    phase = _PHASE.match(text)
    if phase is not None:
        return Progress(text, phase=phase["phase"])
    host = _HOST.match(text)
    return Progress(redacted(host["text"]), host=host["address"]) if host is not None else None


def errors_in(text: str) -> str:
    """The errors of a log: the first ones and the last ones, each with its beginning and its end.

    k0sctl says the step first and the cause last, and with several hosts one cause a line. If no line has the level of
    an error, it is what a crash said, or the last lines. No secrets, no control characters.
    """
    lines = printable(text).splitlines()
    messages = [message for message in _errors(lines) if not _NO_CAUSE.match(message.strip())]
    messages = messages or [line.strip() for line in lines if line.strip()][-3:]
    # Whole messages are redacted before they are cut: half a secret would look like none.
    told = [_shorter(redacted(message)) for message in _ends(list(dict.fromkeys(messages)), MESSAGES)]
    return _middle_cut("; ".join(told), SHOWN)


def last_errors(log: Path) -> str:
    """As `errors_in`, of a file."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - READ))
            text = stream.read().decode(errors="replace")
    except OSError:
        return "no log"
    return errors_in(text) or "see the log"


def _errors(lines: Sequence[str]) -> list[str]:
    """The messages with the level of an error, with the lines that belong to them, and what a crash said."""
    found: list[str] = []
    goes_on = False
    for index, line in enumerate(lines):
        match = _ERROR.search(line)
        level = (match["level"] or match["short"]).lower() if match is not None else ""
        if match is not None and (match["level"] or level in _LEVELS):
            goes_on = match["level"] is None and level in _ERRORS
            if level in _ERRORS:
                found.append(match["rest"] if match["level"] is None else _message(match))
        elif _CRASH.match(line) and not goes_on:
            found.append("; ".join(each.strip() for each in lines[index : index + 4] if each.strip()))
        elif goes_on:
            found[-1] += f"\n{line}"
    return found


def _message(match: re.Match[str]) -> str:
    cause = _CAUSE.search(match["more"])
    return _text(match) + (f": {_text(cause)}" if cause is not None else "")


def _shorter(message: str) -> str:
    """A message of many lines, or of long ones: one line a host, so the first and the last stay."""
    lines = _ends(message.strip().splitlines(), LINES)
    return "\n".join(_middle_cut(line, LINE_SHOWN) for line in lines)


def _ends(items: list[str], most: int) -> list[str]:
    """All, or as many of the first and the last, and how many are left out between them."""
    if len(items) <= most:
        return items
    first, last = most // 2, most - most // 2
    return [*items[:first], f"… {len(items) - most} more …", *items[-last:]]


def _middle_cut(text: str, most: int) -> str:
    """`text`, without its middle if it is too long: the end is where Go puts the cause."""
    if len(text) <= most:
        return text
    first = most // 3
    return f"{text[:first]} … {text[first + 3 - most :]}"


def redacted(text: str) -> str:
    """`text` without what looks like a key, a certificate or a token: none of them helps to understand it."""
    text = _NAMED.sub(r"\1…", _PEM.sub("…", text))
    return _RUN.sub(lambda match: "…" if _looks_secret(match[0]) else match[0], text)


def _looks_secret(run: str) -> bool:
    """base64 mixes all kinds of characters; paths, which hold slashes too, are made of short words."""
    if _WIREGUARD_KEY.search(run):
        return True
    words = run.split("/")
    mixed = all(re.search(kind, run) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return mixed and len(run) / len(words) > 16


def _text(match: re.Match[str]) -> str:
    if match["bare"] is not None:
        return match["bare"]
    # A terminal's sequences are spelled out in a quoted text: they are removed once they are what they were.
    return printable(_ESCAPE.sub(_unescaped, match["quoted"]))


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1] is not None:
        return _PLAIN[escape[1]]
    if escape[2] is not None and int(escape[2], 16) >= 0x80:
        # One byte of what is not UTF-8.
        return "\ufffd"
    code = int(escape[2] or escape[3] or escape[4], 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"
