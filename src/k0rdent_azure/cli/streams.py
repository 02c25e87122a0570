"""Standard streams that last: closed, full or unread, they stop no command half-way and cost no exit code.

A result that nobody reads any more (`| head -1`) is no failure. A result that could not be written (a full disk) is
one, and is told at the end, when everything else is done.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: How characters are written that the encoding of a stream does not have: as in JSON, so that JSON stays JSON.
ESCAPED = "k0rdent-azure-escaped"


class LastingFile(io.FileIO):
    """An open descriptor that takes everything; `failure` is why it no longer passes it on."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: Buffer) -> int:
        if self.failure is None:
            try:
                written = super().write(data)
                while written is None:
                    _wait_for_room(self.fileno())
                    written = super().write(data)
            except OSError as error:
                self.failure = error
            else:
                return written
        return memoryview(data).nbytes


def settle() -> None:
    """Give this process three open standard streams, whichever it was started with."""
    for descriptor in range(3):
        _open_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - open for as long as the process
    import codecs

    codecs.register_error(ESCAPED, _escaped)
    sys.stdout = _lasting(sys.stdout, errors=ESCAPED)
    sys.stderr = _lasting(sys.stderr, errors="backslashreplace")


def is_unread(stream: TextIO) -> bool:
    """Whether what is written to `stream` no longer arrives anywhere; of a pipe, also before anything is written."""
    if _failure(stream) is not None:
        return True
    import select

    try:
        watch = select.poll()
        watch.register(stream.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLNVAL) for _, event in watch.poll(0))
    except (OSError, ValueError):
        # No file of the system's.
        return False


def finish(code: int, *, as_json: bool) -> int:
    """Write out what is left; the exit code, which tells of a result that was lost."""
    sys.stdout.flush()
    failure = _failure(sys.stdout)
    if failure is not None and failure.errno != errno.EPIPE and code == 0:
        from k0rdent_azure.cli.output import show_error
        from k0rdent_azure.errors import K0rdentAzureError

        why = failure.strerror or str(failure)
        error = K0rdentAzureError(
            f"the output could not be written: {why}",
            hint="all else succeeded; write the output to another place",
        )
        show_error(error, as_json=as_json)
        code = error.exit_code
    sys.stderr.flush()
    return code


def _open_closed(descriptor: int) -> None:
    """Let nothing that is opened later take the number of a standard stream: it would get what a screen should get."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened == descriptor:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - positional only
        else:
            os.dup2(opened, descriptor)
            os.close(opened)


def _lasting(stream: TextIO | None, *, errors: str) -> TextIO:
    if stream is None:
        # It was closed; its number may be another file's by now, and is not written to.
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open for as long as the process
    try:
        file = LastingFile(stream.fileno())
    except (OSError, ValueError):
        # No file of the system's, but something that a caller put there.
        return stream
    screen = stream.isatty() or stream is sys.stderr
    return io.TextIOWrapper(
        io.BufferedWriter(file), encoding=stream.encoding, errors=errors, line_buffering=screen
    )


def _failure(stream: TextIO) -> OSError | None:
    file = getattr(getattr(stream, "buffer", None), "raw", None)
    return file.failure if isinstance(file, LastingFile) else None


def _wait_for_room(descriptor: int) -> None:
    """Whoever shares the terminal or the pipe may have made it non-blocking."""
    import select

    select.select([], [descriptor], [])


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end
