"""Commands on this machine that a Ctrl-C must not stop half-way."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.hosts.command import CommandResult, timed_out

#: Real seconds between two looks at a command.
LOOK = 0.05


async def execute(words: Sequence[str], limit: float) -> CommandResult:
    """Run `words` without a terminal to ask on; `limit` is in real seconds.

    The command is left to end by itself whatever becomes of us: half a `wg-quick up` is an interface without
    routes. Raises CommandFailedError after `limit`, PrerequisiteError where there is no such command.
    """
    with _file() as stdout, _file() as stderr:
        process = _start(words, stdout, stderr)
        try:
            async with asyncio.timeout(limit):
                while process.poll() is None:  # noqa: ASYNC110 - asyncio would kill its own children at the end
                    await asyncio.sleep(LOOK)
        except TimeoutError as error:
            raise timed_out("this machine", shlex.join(words), limit) from error
        return CommandResult(process.returncode, _text(stdout), _text(stderr))


def _file() -> IO[bytes]:
    """For what a command says: a pipe would end it once we are gone."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise PrerequisiteError(
            f"no temporary file can be made: {error.strerror or error}",
            hint="set TMPDIR to a folder that can be written to, and has room",
        ) from error


def _start(words: Sequence[str], stdout: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, "LC_ALL": "C"},
            # Out of the way of the terminal's Ctrl-C, but in its session: sudo remembers passwords by it.
            process_group=0,
        )
    except OSError as error:
        raise PrerequisiteError(
            f"cannot start {words[0]}: {error.strerror}", hint="see `k0rdent-azure doctor`"
        ) from error


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")
