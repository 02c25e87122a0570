"""The cloud's own ledger: one line for each ARM request, in the order in which they were answered.

Token and discovery requests are not ARM's, so they are not in it. A status of 0 says that the connection
was cut (a rehearsed fault). Paths hold ids and api-versions, never secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from k0rdent_azure.rehearsal.locks import opener

FILE = "requests.jsonl"


class Line(TypedDict):
    """`time` is true UTC, RFC 3339; `path` has its query."""

    time: str
    method: str
    path: str
    status: int


class RequestLog:
    """Appends; each line reaches the file at once, so that a killed service loses none."""

    def __init__(self, directory: Path) -> None:
        self._file = open(directory / FILE, "a", encoding="utf-8", buffering=1, opener=opener)  # noqa: SIM115

    def append(self, method: str, path: str, status: int) -> None:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line: Line = {"time": now, "method": method, "path": path, "status": status}
        self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        self._file.close()


def read(directory: Path) -> Iterator[Line]:
    """All lines, oldest first; nothing where no request was ever made. A line half written is left out."""
    path = directory / FILE
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for text in file:
            if text.endswith("\n"):
                line: Line = json.loads(text)
                yield line
