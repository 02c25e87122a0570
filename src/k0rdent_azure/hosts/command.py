"""What a command gave, and how its failure is told."""

from __future__ import annotations

import re
from dataclasses import dataclass

from k0rdent_azure.errors import CommandFailedError

#: What an error shows of a command and of its error output, in characters.
COMMAND_SHOWN = 200
STDERR_SHOWN = 400

#: ANSI sequences, control characters but tab and newline, and what turns the direction of writing.
_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """`exit_status` is negative where a signal ended the command."""

    exit_status: int
    stdout: str
    stderr: str


def printable(text: str) -> str:
    """`text` without anything that a terminal would obey; lines and tabs stay."""
    return _CONTROL.sub("", text)


def failed(where: str, command: str, result: CommandResult) -> CommandFailedError:
    """The error for a command that ended non-zero; its input is no part of it."""
    stderr = printable(result.stderr).strip()[-STDERR_SHOWN:]
    return CommandFailedError(
        f"`{shown(command)}` on {where} ended with {result.exit_status}: {stderr or 'no message'}",
        exit_status=result.exit_status,
        stderr=stderr,
    )


def timed_out(where: str, command: str, seconds: float) -> CommandFailedError:
    """The error for a command that did not end in time; it may still be at work."""
    return CommandFailedError(
        f"no end of `{shown(command)}` on {where} within {seconds:.0f} s",
        exit_status=-1,
        hint="it may still be at work; run resume to look again",
    )


def shown(command: str) -> str:
    """A command on one line, as long as a message bears."""
    line = " ".join(printable(command).split())
    return line if len(line) <= COMMAND_SHOWN else f"{line[: COMMAND_SHOWN - 1]}…"
