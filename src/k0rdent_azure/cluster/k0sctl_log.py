"""k0sctl's log, as it is off a terminal: progress for a person, and errors fit to be shown. Pure but for reading.

Lines look like `level=info msg="==> Running phase: Connect to hosts"` and
`level=info msg="172.24.24.11:22: installing k0s controller"` (logrus' text form).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from k0rdent_azure.hosts.command import printable

#: What an error shows, in characters.
SHOWN = 600

_MESSAGE = re.compile(r'level=(?P<level>\w+) msg=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>\S+))')
_ESCAPE = re.compile(r'\\(["\\nt])')
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
    """The last errors of a log, or where it names none its last lines; no secrets, no control characters."""
    clean = printable(text)
    lines = [_text(match) for match in _MESSAGE.finditer(clean) if match["level"] in ("error", "fatal")]
    lines = lines or [line.strip() for line in clean.splitlines() if line.strip()]
    # Whole messages are redacted before they are cut: half a secret would look like none.
    joined = redacted("; ".join(dict.fromkeys(lines[-3:])))
    return joined if len(joined) <= SHOWN else f"…{joined[1 - SHOWN :]}"


def last_errors(log: Path) -> str:
    """As `errors_in`, of a file."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "no log"
    return errors_in(text) or "see the log"


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
    replaced = {'"': '"', "\\": "\\", "n": "\n", "t": " "}
    return printable(_ESCAPE.sub(lambda escape: replaced[escape[1]], match["quoted"]))
