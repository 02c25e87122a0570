"""`secrets`: encrypt the private keys in the state file to age recipients, or put them in clear again."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.recipients import add_recipient_arguments, read_recipient_arguments, recipient_words
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import UsageError

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.secrets import Vault
    from k0rdent_azure.state.secrets_at_rest import Outcome
    from k0rdent_azure.state.secrets_standing import Standing
    from k0rdent_azure.state.store import FileStore

EPILOG = """\
examples:
  k0rdent-azure secrets encrypt --ssh-key                  to your own SSH key, ~/.ssh/id_ed25519.pub
  k0rdent-azure secrets encrypt --recipient age1… --recipient-file team.txt
  k0rdent-azure secrets status                             who can open them, and can this machine
  k0rdent-azure secrets rotate --ssh-key --ssh-key ann.pub --force
  k0rdent-azure secrets decrypt --yes

All commands go on working: they decrypt what they use with K0RDENT_AZURE_AGE_IDENTITY (a file), or else with
~/.config/k0rdent-azure/identity.txt, ~/.ssh/id_ed25519 and ~/.ssh/id_rsa.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "secrets",
        help="encrypt the private keys in the state file",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    actions = parser.add_subparsers(prog=parser.prog, dest="action", metavar="ACTION", required=True)
    encrypt = actions.add_parser("encrypt", help="encrypt what stands in clear, in older copies too")
    rotate = actions.add_parser("rotate", help="encrypt everything anew, to these recipients only")
    decrypt = actions.add_parser("decrypt", help="put the private keys in clear again")
    status = actions.add_parser("status", help="what is encrypted, to whom, and whether it opens here")
    for action in (encrypt, rotate):
        add_recipient_arguments(action)
    decrypt.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    for action in (encrypt, rotate, decrypt, status):
        action.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """`--json` of encrypt, rotate and decrypt has secrets, changed, recipients[], snapshots, left[], in_clear[];
    of status secrets, encrypted, recipients[] (recipient, short), opened_by, trouble, in_clear[].
    """
    store = Workspace(args.workspace).store()
    document = store.read()
    if args.action == "status":
        from k0rdent_azure.state.secrets_standing import standing

        _show_standing(standing(document, store.storage), as_json=args.json)
        return 0
    change = {"encrypt": _encrypt, "rotate": _rotate, "decrypt": _decrypt}[args.action]
    _show_outcome(change(args, store, document), args)
    return 0


def _encrypt(args: argparse.Namespace, store: FileStore, document: Document) -> Outcome:
    from k0rdent_azure.state.age_recipients import key_of
    from k0rdent_azure.state.secrets import Vault, recipients_of
    from k0rdent_azure.state.secrets_at_rest import encrypt

    present, given = recipients_of(document.data), read_recipient_arguments(args)
    if present and given and {key_of(text) for text in present} != {key_of(text) for text in given}:
        raise UsageError(
            "the private keys are encrypted to other recipients already", hint="secrets rotate replaces them"
        )
    if not (present or given):
        raise UsageError("to whom? no recipient is given", hint="--ssh-key is your own SSH key")
    vault = Vault(present or given)
    _refuse_lockout(vault, force=args.force)
    return encrypt(store, document, vault)


def _rotate(args: argparse.Namespace, store: FileStore, document: Document) -> Outcome:
    from k0rdent_azure.state.secrets import Vault, recipients_of
    from k0rdent_azure.state.secrets_at_rest import rotate

    present, given = recipients_of(document.data), read_recipient_arguments(args)
    if not given:
        raise UsageError("to whom? no recipient is given", hint="name all of them, also those that stay")
    if not present:
        raise UsageError(
            "the private keys stand in clear; there is nothing to rotate",
            hint=f"encrypt them: k0rdent-azure secrets encrypt {shlex.join(recipient_words(args))}",
        )
    vault = Vault(given)
    _refuse_lockout(vault, force=args.force)
    return rotate(store, document, Vault(present), vault)


def _decrypt(args: argparse.Namespace, store: FileStore, document: Document) -> Outcome:
    from k0rdent_azure.cli.running import confirm
    from k0rdent_azure.state.secrets import Vault, recipients_of
    from k0rdent_azure.state.secrets_at_rest import decrypt

    confirm(f"Write the private keys in clear into {store.path.name}?", yes=args.yes)
    return decrypt(store, document, Vault(recipients_of(document.data)))


def _refuse_lockout(vault: Vault, *, force: bool) -> None:
    """Raise where nothing on this machine would open the keys any more: not even `secrets decrypt` could then."""
    if force or vault.opener() is not None:
        return
    error = vault.identities.refusal("no identity here opens what these recipients are sent")
    made = "mkdir -p ~/.config/k0rdent-azure && ssh-keygen -t ed25519 -N '' -f ~/.config/k0rdent-azure/identity.txt"
    error.hint = f"make a key for this, and name its .pub file: {made}; --force encrypts all the same"
    raise error


def _show_outcome(outcome: Outcome, args: argparse.Namespace) -> None:
    from k0rdent_azure.cli.output import print_json, show_notice

    if args.json:
        print_json(outcome)
        return
    from k0rdent_azure.report.text import clean, plural
    from k0rdent_azure.state.age_recipients import short

    words = {"encrypt": "encrypted", "rotate": "encrypted anew", "decrypt": "decrypted"}[args.action]
    readers = f" to {', '.join(map(short, outcome.recipients))}" if outcome.recipients else ""
    copies = f", and in {plural(outcome.snapshots, 'snapshot')}" if outcome.snapshots else ""
    line = f"{outcome.changed} of {plural(outcome.secrets, 'private key')} {words}{readers}{copies}"
    sys.stdout.write(clean(line) + "\n")
    for name in outcome.left:
        show_notice(f"{name} could not be rewritten: it is damaged, or no identity here opens it")
    if outcome.recipients:
        for name in outcome.in_clear:
            show_notice(f"{name} still holds private keys in clear: delete it if you can do without")


def _show_standing(found: Standing, *, as_json: bool) -> None:
    from k0rdent_azure.cli.output import print_json
    from k0rdent_azure.report.text import clean, plural

    if as_json:
        print_json(found)
        return
    lines = [f"{plural(found.secrets, 'private key')}, {found.encrypted} encrypted"]
    lines += [f"recipient: {reader.short}" for reader in found.recipients]
    if found.opened_by is not None:
        lines.append(f"opened here by {found.opened_by}")
    if found.trouble is not None:
        lines.append(f"not opened here: {found.trouble}")
    if found.recipients:
        lines += [f"in clear: {name}" for name in found.in_clear]
    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))
