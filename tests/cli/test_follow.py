"""`events --follow`: every event once, in order, whatever happens to the file meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from k0rdent_azure.cli import events
from k0rdent_azure.cli.follow import Follower
from k0rdent_azure.cli.main import main
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.store import FileStore
from tests.report.states import complete

Step = Callable[[], object]
#: Real seconds after which a process under test is called hung.
HUNG = 30.0


class EndOfScriptError(Exception):
    """The script of a test is at its end."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "deployment-state.yaml"
    path.write_bytes(dump(complete()))
    return path


def store(path: Path) -> FileStore:
    return FileStore(path, clock=SystemClock())


def add(path: Path, *messages: str) -> None:
    with store(path).transaction() as tx:
        for message in messages:
            tx.event("complete", "looked", message)


def follow(path: Path, *steps: Step) -> tuple[list[str], list[str]]:
    """The messages that a follower saw, and what it told; one of `steps` is done before each look."""
    told: list[str] = []
    seen: list[str] = []
    script = iter(steps)

    def wait() -> None:
        step = next(script, None)
        if step is None:
            raise EndOfScriptError
        step()

    follower = Follower(store(path), wait=wait, tell=told.append)
    follower.start()
    try:
        for event in follower.new_events():
            seen.append(str(event.message))  # noqa: PERF401 - what came before the end counts
    except EndOfScriptError:
        return seen, told
    raise AssertionError("following has no end")


def numbered(first: int, last: int) -> list[str]:
    return [f"look {number}" for number in range(first, last + 1)]


def test_each_new_event_once(path: Path) -> None:
    steps = [lambda: add(path, "one"), lambda: None, lambda: add(path, "two", "three"), lambda: None]
    assert follow(path, *steps) == (["one", "two", "three"], [])


def test_across_seals(path: Path) -> None:
    steps: Sequence[Step] = [
        lambda: add(path, *numbered(1, 290)),
        lambda: add(path, *numbered(291, 310)),
        lambda: add(path, *numbered(311, 1300)),
        lambda: add(path, "look 1301"),
    ]
    assert follow(path, *steps) == (numbered(1, 1301), [])
    assert len(list((path.parent / "deployment-state.events").iterdir())) == 2


def test_equal_events_of_another_hand_are_told_apart(path: Path) -> None:
    def by_hand() -> None:
        data = complete()
        data["events"] += [
            {"timestamp": "2026-03-04T10:50:00Z", "phase": "complete", "action": "x", "message": "same"}
        ] * 3
        path.write_bytes(dump(data))

    assert follow(path, by_hand, lambda: add(path, "next")) == (["same", "same", "same", "next"], [])


def test_an_unchanged_file_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[FileStore] = []
    read = FileStore.read

    def counted(self: FileStore) -> Document:
        reads.append(self)
        return read(self)

    monkeypatch.setattr(FileStore, "read", counted)
    follow(path, *[lambda: None] * 20)
    assert len(reads) == 1
    follow(path, lambda: add(path, "one"), lambda: None)
    assert len(reads) == 3


def test_a_broken_or_missing_file_is_waited_for(path: Path) -> None:
    def break_off() -> None:
        path.rename(path.with_suffix(".away"))

    def mend() -> None:
        path.with_suffix(".away").rename(path)

    steps = [
        lambda: add(path, "one"),
        break_off,
        lambda: None,
        lambda: path.write_text("metadata: ["),
        lambda: os.utime(path, (1, 1)),
        mend,
        lambda: add(path, "two"),
    ]
    seen, told = follow(path, *steps)
    assert seen == ["one", "two"]
    assert len(told) == 2, told
    assert "there is no state file" in told[0]


def test_a_file_set_back_goes_on_from_there(path: Path) -> None:
    """`recover` puts the version before back: the newest events are gone, and its own comes after."""

    def recover() -> None:
        path.with_name(path.name + ".backup").replace(path)
        add(path, "recovered")

    steps: Sequence[Step] = [
        lambda: add(path, "one"),
        lambda: add(path, "lost"),
        recover,
        lambda: add(path, "two"),
    ]
    seen, told = follow(path, *steps)
    assert seen == ["one", "lost", "recovered", "two"]
    assert told == ["the file is an older version again; following on from there"]


def test_another_deployment_is_told_from_its_beginning(path: Path) -> None:
    def replace() -> None:
        path.unlink()
        data = complete()
        data["events"] = [
            {"timestamp": "2026-03-04T11:00:00Z", "phase": "preparation", "action": "x", "message": "new"}
        ]
        store(path).create(data)

    seen, told = follow(path, lambda: add(path, "one"), replace, lambda: add(path, "two"))
    assert seen == ["one", "new", "two"]
    assert "another deployment" in told[0]


def test_from_no_events_at_all(path: Path) -> None:
    data = complete()
    data["events"] = []
    path.write_bytes(dump(data))
    assert follow(path, lambda: add(path, "one"), lambda: add(path, "two")) == (["one", "two"], [])


def test_the_command_filters_and_ends_with_ctrl_c(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: Iterator[Step] = iter([lambda: add(path, "hay", "a needle"), lambda: add(path, "NEEDLE again")])
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr("k0rdent_azure.cli.events.time.sleep", sleep)
    words = ["events", "--follow", "--json", "--limit", "1", "--text", "needle"]
    assert main(["-C", str(path.parent), *words]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["a needle", "NEEDLE again"]
    assert waited == [events.LOOK_EVERY] * 3


def test_the_newest_come_first(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sleep(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("k0rdent_azure.cli.events.time.sleep", sleep)
    assert main(["-C", str(path.parent), "events", "-f", "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines] == ["k0rdent_ready", "deployment_completed"]


@contextmanager
def started(path: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """A process that follows, whose stdout is buffered unless it flushes."""
    argv = [
        sys.executable,
        "-m",
        "k0rdent_azure",
        "-C",
        str(path.parent),
        "events",
        "-f",
        "--limit",
        "1",
        *words,
    ]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # A line that never comes ends the test, not the patience of who runs it.
        watchdog = threading.Timer(HUNG, process.kill)
        watchdog.start()
        try:
            yield process, process.stdout, process.stderr
        finally:
            watchdog.cancel()
            process.kill()


def test_a_process_prints_at_once_and_ends_with_0(path: Path) -> None:
    with started(path, "--json") as (process, out, err):
        assert json.loads(out.readline())["action"] == "deployment_completed"
        add(path, "one")
        assert json.loads(out.readline())["message"] == "one"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=HUNG) == 0
        assert err.read() == ""


def test_a_reader_that_leaves_ends_it(path: Path) -> None:
    with started(path) as (process, out, err):
        out.readline()
        out.close()
        add(path, "one")
        assert process.wait(timeout=HUNG) == 0
        assert err.read() == ""
