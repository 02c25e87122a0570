"""One SSH session on a simulated host: answered by its shell."""

from __future__ import annotations

import contextlib
from typing import Protocol

import asyncssh

from k0rdent_azure.rehearsal.hosts.shell import Bytes, Input, Result


class Runner(Protocol):
    """A host's shell."""

    async def __call__(self, text: str, *, user: str, stdin: Input) -> Result: ...


class SessionInput:
    """Standard input of the session; nothing is read before a command asks for it."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self._process = process

    async def read(self) -> bytes:
        return await self._process.stdin.read()


async def serve_process(process: asyncssh.SSHServerProcess[bytes], run: Runner) -> None:
    """Answers and closes the session: a command, or else standard input as a script.

    A client that leaves early is no error; a terminal is told how to ask, since nobody sits here.
    """
    user = str(process.get_extra_info("username"))
    with contextlib.suppress(BrokenPipeError, ConnectionError, asyncssh.Error):
        stdin = SessionInput(process)
        if process.command is not None:
            result = await run(process.command, user=user, stdin=stdin)
        elif process.term_type is not None:
            result = Result(1, _NO_TERMINAL, b"")
        else:
            result = await run((await stdin.read()).decode("utf-8", "replace"), user=user, stdin=Bytes())
        process.stdout.write(result.stdout)
        process.stderr.write(result.stderr)
        process.exit(result.status)


_NO_TERMINAL = b"This is a simulated host; give it one command: ssh HOST 'cloud-init status'\r\n"
