"""The flags that name age recipients."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.errors import StateInvalidError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What `--ssh-key` without a file means.
OWN_SSH_KEY = "~/.ssh/id_ed25519.pub"


def add_recipient_arguments(parser: argparse.ArgumentParser) -> None:
    """`--recipient`, `--recipient-file`, `--ssh-key`, and `--force`."""
    parser.add_argument(
        "--recipient",
        metavar="KEY",
        action="append",
        default=[],
        help="age1…, or an SSH public key in one line (repeatable)",
    )
    parser.add_argument(
        "--recipient-file",
        metavar="FILE",
        action="append",
        default=[],
        help="a file with one recipient a line (repeatable)",
    )
    parser.add_argument(
        "--ssh-key",
        metavar="FILE",
        action="append",
        nargs="?",
        const=OWN_SSH_KEY,
        default=[],
        help=f"an SSH public key file, {OWN_SSH_KEY} if none is named (repeatable)",
    )
    parser.add_argument("--force", action="store_true", help="even if nothing here could open them then")


def recipient_words(args: argparse.Namespace) -> list[str]:
    """The same flags again, for another command."""
    given = {
        "--recipient": args.recipient,
        "--recipient-file": args.recipient_file,
        "--ssh-key": args.ssh_key,
    }
    return [word for flag, values in given.items() for value in values for word in (flag, value)]


def read_recipient_arguments(args: argparse.Namespace) -> list[str]:
    """Everyone named on the command line, once. Raises UsageError."""
    from k0rdent_azure.state.age_recipients import key_of, read_recipient, read_recipients

    try:
        found = [read_recipient(text, where="the --recipient") for text in args.recipient]
        for name in (*args.recipient_file, *args.ssh_key):
            found += read_recipients(_lines(name), where=name)
    except StateInvalidError as error:
        raise UsageError(error.message, hint=error.hint) from None
    once: dict[str, str] = {}
    for text in found:
        once.setdefault(key_of(text), text)
    return list(once.values())


def _lines(name: str) -> Sequence[str]:
    try:
        # Never raises, unlike pathlib: `~nobody` is then a file that is not there.
        path = Path(os.path.expanduser(name))  # noqa: PTH111
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        hint = "ssh-keygen -t ed25519 makes a key" if name == OWN_SSH_KEY else None
        raise UsageError(f"cannot read {name}: {error.strerror}", hint=hint) from None
