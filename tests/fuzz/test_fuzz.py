"""A short run of the fuzzer, every saved document once more, and a look whether the oracle can see at all."""

from __future__ import annotations

import errno
import itertools
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.report import status_view
from k0rdent_azure.state import canonical, document, layout, rewriting, strict_yaml, transaction
from k0rdent_azure.state.files import SystemFiles
from k0rdent_azure.state.store import FileStore
from tests.fuzz import oracle
from tests.fuzz.mutations import CORPUS, mutate_text, mutated
from tests.fuzz.oracle import Finding, judge
from tests.fuzz.runs import run
from tests.state.conftest import EXAMPLE, StillClock

SAVED = sorted(CORPUS.iterdir())
#: So many in each part of the short run; parts, so that the suite's processes share them.
_EACH = 500


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.name)
def test_every_saved_document(path: Path) -> None:
    """Those that were findings once stand here too."""
    taken = judge(path.read_bytes())
    assert (taken == "refused") == path.name.startswith("refused-")


@pytest.mark.parametrize("part", range(6))
def test_a_short_run(part: int) -> None:
    counts, findings = run(7, range(part * _EACH, (part + 1) * _EACH))
    assert findings == []
    # A run that only makes what is refused at once, or nothing that is, finds nothing.
    assert counts["refused"] > _EACH // 5
    assert counts["canonical"] + counts["other"] > _EACH // 5


def test_a_run_is_told_by_its_seed() -> None:
    assert [mutated(random.Random("a")), mutated(random.Random("a"))] == [mutated(random.Random("a"))] * 2
    made = {mutate_text(EXAMPLE.read_bytes(), random.Random(seed)) for seed in range(200)}
    assert len(made) > 150


def test_the_command(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--runs",
        "60",
        "--seed",
        "3",
        "--jobs",
        "2",
        "--save",
        str(tmp_path),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=CORPUS.parents[2])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 documents from seed 3" in done.stdout
    assert "0 findings" in done.stdout
    assert list(tmp_path.iterdir()) == []


_SIGNS = (CORPUS / "least.yaml").read_bytes() + (
    b'events:\n- {timestamp: "2025-01-07T15:30:00Z", phase: a, action: b, message: "\\e[2J \\u202e"}\n'
)


#: Line breaks for which a file is written anew as a whole.
_DEEP = (CORPUS / "refused-depth.yaml").read_bytes().replace(b"\n", b"\r\n")


def _reads(result: object) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(canonical, "read", lambda text: result)


def _never_too_deep(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(strict_yaml, "nests_deeper", lambda value: False)


def _another_error(patch: pytest.MonkeyPatch) -> None:
    def fail(error: object, source: str) -> None:
        raise KeyError(source)

    patch.setattr(strict_yaml, "_invalid", fail)


def _slow(patch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(0, 3)
    patch.setattr(time, "process_time", lambda: next(ticks))


def _greedy(patch: pytest.MonkeyPatch) -> None:
    sizes = itertools.count(0, 2**28)
    patch.setattr(oracle, "peak_memory", lambda: next(sizes))


def _a_lost_key(patch: pytest.MonkeyPatch) -> None:
    real = layout.changed

    def changed(old: layout.Layout, data: dict[str, object]) -> layout.Layout:
        return real(old, {key: value for key, value in data.items() if key != "wireguard"})

    patch.setattr(layout, "changed", changed)
    patch.setattr(rewriting, "_says", lambda new, data: True)


def _a_commit_that_nobody_reads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(canonical, "key_text", lambda key, plain=True: f"{key}!: ")


def _raw_lines(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(oracle, "plain_line", lambda event, date: event.message or "")


def _no_drawing(patch: pytest.MonkeyPatch) -> None:
    def fail(text: object) -> str:
        raise KeyError(text)

    patch.setattr(status_view, "clean", fail)


def _all_of_the_trail(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(document.LongDocument, "_start_of_newest", lambda self: (self._trail, 24))


def _a_lost_event(patch: pytest.MonkeyPatch) -> None:
    def event(self: transaction.Transaction, *words: str) -> None:
        rows = self.by_path.get("events")
        assert isinstance(rows, list)
        self.by_path.set(
            "events", [*rows[1:], {"timestamp": "2025-01-07T15:30:00Z", "phase": "a", "action": "b"}]
        )

    patch.setattr(transaction.Transaction, "event", event)


@pytest.mark.parametrize(
    ("breaks", "text", "finding"),
    [
        (_reads({"a": 1}), "own-form.yaml", "readers disagree"),
        (_reads({"a": 1}), "refused-duplicate.yaml", "takes what the strict one refuses"),
        (_never_too_deep, _DEEP, "a commit raised StateInvalidError"),
        (_another_error, "refused-tag.yaml", "raised KeyError"),
        (_slow, "least.yaml", "reading took 3.0 s"),
        (_greedy, "least.yaml", "256 MB"),
        (_a_lost_key, "example.yaml", "changed what it was not to: wireguard"),
        (_a_commit_that_nobody_reads, "own-form.yaml", "cannot be read"),
        (_raw_lines, _SIGNS, "must not be sent"),
        (_no_drawing, "example.yaml", "showing it raised KeyError"),
        (_all_of_the_trail, "long-trail.yaml", "of the trail"),
        (_a_lost_event, "long-trail.yaml", "changed what it was not to: events"),
    ],
    ids=lambda value: getattr(value, "__name__", None) or (value if isinstance(value, str) else "text"),
)
def test_the_oracle_sees(
    monkeypatch: pytest.MonkeyPatch,
    breaks: Callable[[pytest.MonkeyPatch], None],
    text: str | bytes,
    finding: str,
) -> None:
    content = (CORPUS / text).read_bytes() if isinstance(text, str) else text
    judge(content)
    breaks(monkeypatch)
    with pytest.raises(Finding, match=finding):
        judge(content)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)


_IN_LITTLE_MEMORY = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
from k0rdent_azure.cli.main import main
sys.exit(main())
"""
_ODD: list[tuple[Callable[[Path], object], str]] = [
    (_sparse, "has 1073741824 bytes; expected at most"),
    (os.mkfifo, "is not a regular file"),
    (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
    (lambda path: path.symlink_to("/dev/tty"), "is not a regular file|No such device"),
    (lambda path: path.mkdir(), "is not a regular file"),
    (lambda path: path.symlink_to(path), "Symlink loop|Too many levels|symbolic links"),
]


@pytest.mark.parametrize(
    ("make", "message"), _ODD, ids=["1 GB", "pipe", "/dev/zero", "terminal", "folder", "loop"]
)
def test_what_is_no_state_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "deployment-state.yaml"
    make(path)
    words = [sys.executable, "-c", _IN_LITTLE_MEMORY, "-C", str(tmp_path), "status"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4, done.stderr
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


class _Denied(SystemFiles):
    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def test_what_may_not_be_read_is_refused(tmp_path: Path) -> None:
    """Root reads everything, so that the refusal is played."""
    path = tmp_path / "deployment-state.yaml"
    path.write_bytes(EXAMPLE.read_bytes())
    with pytest.raises(StateInvalidError, match=r"cannot read .*: Permission denied"):
        FileStore(path, clock=StillClock(), files=_Denied()).read()
