"""Standard streams that are closed, full or read by nobody: no traceback, the right exit code, the work is done."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from k0rdent_azure.cli.streams import ESCAPED, LastingFile, finish, is_unread, settle
from k0rdent_azure.state.codec import dump
from tests.report.states import complete

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full (Linux)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deployment-state.yaml").write_bytes(dump(complete()))
    return tmp_path


def shell(line: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """One command line with its redirections; `$K` is the program in the workspace."""
    script = f"set -o pipefail; K='{sys.executable} -m k0rdent_azure -C {folder}'; {line}"
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
        cwd=folder,
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$K status >&-", 0),
        ("$K state get metadata.serial nope 2>&-", 4),
        ("$K status <&- >&- 2>&-", 0),
        ("$K detsroy 2>&-", 2),
        ("$K --help >&-", 0),
        ("$K --help | head -0", 0),
        ("$K state get nope 2>&1 | head -0", 4),
        ("$K events --follow | head -1 >/dev/null", 0),
        ("$K -C new init --cloud rehearsal <&-", 0),
        pytest.param("$K status --json >/dev/full 2>/dev/full", 1, marks=needs_full),
        pytest.param("$K --help >/dev/full", 1, marks=needs_full),
        pytest.param("$K state get nope 2>/dev/full", 4, marks=needs_full),
        # A change is made, and the event says so, whatever becomes of what is printed.
        ("$K state set notes.a 1 --reason test >&- 2>&- && $K state get notes.a | grep -qx 1", 0),
        ("$K state set notes.b 2 --reason test 2>&1 | head -0; $K state get notes.b | grep -qx 2", 0),
    ],
)
def test_the_exit_code_is_the_commands_own(line: str, code: int, folder: Path) -> None:
    done = shell(line, folder)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr


@needs_full
def test_a_result_that_was_lost_is_told(folder: Path) -> None:
    done = shell("$K status --json >/dev/full", folder)
    assert (done.returncode, json.loads(done.stderr)["error"]["exit_code"]) == (1, 1)
    assert "No space left on device" in done.stderr


def test_no_file_gets_what_was_for_a_closed_stream(folder: Path) -> None:
    """The first file that is opened would have number 1, and number 2."""
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert shell("$K state get nope >&- 2>&-", folder).returncode == 4
    assert shell("$K status >&- 2>&-", folder).returncode == 0
    assert before.items() <= {path.name: path.read_bytes() for path in folder.iterdir()}.items()


def test_a_number_that_another_file_took_is_left_alone(tmp_path: Path) -> None:
    """Whatever was opened before this program ran (a start-up file of Python's, say) is not ours to write to."""
    script = (
        "import os, sys; taken = os.open('taken', os.O_RDWR | os.O_CREAT); assert taken == 1\n"
        "from k0rdent_azure.cli.streams import settle; settle()\n"
        "print('for the screen'); sys.stdout.flush(); os.write(taken, b'its own')"
    )
    line = f'cd {tmp_path}; {sys.executable} -c "$0" >&-'
    assert subprocess.run(["bash", "-c", line, script], check=False).returncode == 0
    assert (tmp_path / "taken").read_text() == "its own"


def lasting(descriptor: int, *, encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(LastingFile(descriptor)), encoding=encoding, errors=ESCAPED)


def test_after_a_failure_everything_is_taken_and_nothing_passed_on() -> None:
    reading, writing = os.pipe()
    stream = lasting(writing)
    os.close(reading)
    stream.write("x" * 1_000_000)
    stream.flush()
    assert is_unread(stream)
    stream.write("more")
    stream.close()
    os.close(writing)
    assert not is_unread(io.StringIO())


def test_a_descriptor_that_does_not_block_is_waited_for() -> None:
    """A parent (ssh, node) may have left the shared terminal so; half a result would be lost."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got = bytearray()

    def read() -> None:
        while part := os.read(reading, 65536):
            got.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    stream = lasting(writing)
    stream.write("x" * 3_000_000)
    stream.close()
    os.close(writing)
    reader.join()
    os.close(reading)
    assert len(got) == 3_000_000


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("text", ["München ✓ 🚀", "a name of bytes: \udcff", "\ud83d alone"])
def test_json_stays_json_in_every_encoding(encoding: str, text: str) -> None:
    settle_errors()
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=ESCAPED)
    stream.write(json.dumps({"text": text}, ensure_ascii=False))
    stream.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == {"text": text}


def settle_errors() -> None:
    """What `settle` registers, without the streams of the test's own process."""
    kept = sys.stdout, sys.stderr
    settle()
    sys.stdout, sys.stderr = kept


def test_what_fails_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    stream = lasting(writing)
    file = getattr(stream.buffer, "raw", None)
    assert isinstance(file, LastingFile)
    file.failure = OSError(errno.EIO, "Input/output error")
    monkeypatch.setattr(sys, "stdout", stream)
    assert finish(0, as_json=False) == 1
    assert "Input/output error" in capsys.readouterr().err
    assert finish(6, as_json=False) == 6
    file.failure = BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert finish(0, as_json=False) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    stream.close()
    os.close(writing)
    os.close(reading)
