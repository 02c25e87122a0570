"""`rehearse fault`: make something go wrong on purpose in the rehearsal cloud of this workspace.

A fault is armed until it happened --times times, whether the cloud runs or not. Changes behind your back happen
before the next request is answered, once their target is there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from k0rdent_azure.rehearsal.fault_kinds import FaultKind
    from k0rdent_azure.rehearsal.faults import Fault

EPILOG = """\
examples:
  k0rdent-azure rehearse fault http --status 429 --retry-after 30 --method PUT
  k0rdent-azure rehearse fault http --status 429 --times 3      without Retry-After, three times
  k0rdent-azure rehearse fault disconnect --when after --at 2   the 2nd ARM request from now
  k0rdent-azure rehearse fault partial --path /operations
  k0rdent-azure rehearse fault ZonalAllocationFailed --zone 2 --always
  k0rdent-azure rehearse fault refused --code ScopeLocked --message 'a lock' --nesting preflight --status 409
  k0rdent-azure rehearse fault vm-fails --vm k0s-worker-1 --code OSProvisioningTimedOut --nesting deployment
  k0rdent-azure rehearse fault vm-evicted --vm k0s-worker-1
  k0rdent-azure rehearse fault rule-opened --rule AllowSSH
  k0rdent-azure rehearse fault vm-replaced --vm k0s-worker-1 --tags copied
  k0rdent-azure rehearse fault tag-added --tag costcenter=4711
  k0rdent-azure rehearse fault property-changed --resource k0s-worker-1 --property tags.owner --value '"me"'
  k0rdent-azure rehearse fault delete-refused --resource k0s-worker-1 --code ScopeLocked --always
  k0rdent-azure rehearse fault delete-failed --resource k0s-worker-1VMNic --code NicInUse
  k0rdent-azure rehearse fault child-cluster --resource eu-1
  k0rdent-azure rehearse fault list --json
  k0rdent-azure rehearse fault clear

`rehearse fault KIND --help` has the options of a kind.
"""

#: Option -> what it is, for `--help`.
_OPTIONS = {
    "method": "only requests of this HTTP method",
    "path": "only requests whose path and query hold this text",
    "status": "HTTP status (503)",
    "retry_after": "cloud seconds that the Retry-After header names; without it there is none",
    "when": "before the request has an effect (default), or after it",
    "seconds": "cloud seconds of silence or of a deletion, or real seconds of skew",
    "vm": "name of the VM",
    "zone": "only VMs in this zone",
    "size": "VM size",
    "group": "resource group (default: any)",
    "resource": "name of the resource (default: any)",
    "type": "type of the resource, as Microsoft.Network/publicIPAddresses (default: any)",
    "rule": "name of the security rule",
    "port": "destination port or range",
    "protocol": "Tcp, Udp or *",
    "source": "source address prefix",
    "priority": "priority of the rule",
    "policy": "Deallocate or Delete",
    "address": "the new address (default: drawn)",
    "key": "OpenSSH public key (default: drawn)",
    "tag": "NAME, or NAME=VALUE",
    "tags": "NAME=VALUE,…; `copied`: those of what was there; none without it",
    "property": "path in the resource's body, with dots; a number is an index",
    "value": "JSON; without it the property goes",
    "namespace": "Kubernetes namespace",
    "template": "name of the ClusterTemplate",
    "code": "Azure's code, such as QuotaExceeded",
    "message": "Azure's words",
    "target": "what Azure says that it is about",
    "nesting": "the shape: plain; inside a preflight's or a deployment's error (JSON in a text); only in the text "
    "(multiple); as an inner error; with capitalised keys; OData; a policy's; or not ARM's at all",
    "verb": "get, apply or delete",
    "reason": "a name of docs/rehearsal.md, or the text itself",
}
_TYPES: dict[str, Callable[[str], object]] = {
    "status": int,
    "retry_after": int,
    "seconds": float,
    "priority": int,
}
_CHOICES = {
    "when": ("before", "after"),
    "policy": ("Deallocate", "Delete"),
    "verb": ("get", "apply", "delete"),
    "nesting": (
        *("plain", "preflight", "deployment", "multiple", "inner", "capitals", "odata", "policy"),
        *("html", "text", "empty"),
    ),
}


def register(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `fault` to the actions of `rehearse`."""
    from k0rdent_azure.cli.help import HelpFormatter
    from k0rdent_azure.rehearsal.fault_kinds import KINDS

    fault = actions.add_parser(
        "fault",
        help="make something go wrong on purpose",
        description=f"{__doc__}\n{_kinds_by_family()}",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    kinds = fault.add_subparsers(prog=fault.prog, dest="kind", metavar="KIND", required=True)
    for kind in KINDS.values():
        _register_kind(kinds.add_parser(kind.kind, description=kind.summary), kind)
    listed = kinds.add_parser("list", description="the faults that are still armed")
    listed.add_argument("--json", action="store_true", help="as JSON")
    kinds.add_parser("clear", description="disarm all; what has changed already stays as it is")


def _kinds_by_family() -> str:
    from k0rdent_azure.rehearsal.fault_kinds import KINDS

    def lines() -> Iterator[str]:
        family = ""
        for kind in KINDS.values():
            if kind.family != family:
                family = kind.family
                yield f"\n{family}:"
            yield f"  {kind.kind:38}{kind.summary}".replace("%", "%%")

    return "\n".join(lines())


def _register_kind(parser: argparse.ArgumentParser, kind: FaultKind) -> None:
    for name in kind.options:
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            help=_help(name, kind.defaults.get(name)),
            type=_TYPES.get(name, str),
            choices=_CHOICES.get(name),
            default=kind.defaults.get(name),
            required=name in kind.required,
            metavar=None if name in _CHOICES else name.upper().replace("_", "-"),
        )
    parser.add_argument("--times", type=_count, default=1, metavar="N", help="so often (1)")
    parser.add_argument("--always", action="store_true", help="until it is cleared")
    parser.add_argument("--at", type=_count, default=1, metavar="N", help="the Nth from now on (1)")


def _help(option: str, default: str | None) -> str:
    """What the option is; a kind's own default takes the place of the usual one."""
    text = _OPTIONS[option]
    return text if default is None else f"{text.partition(' (default: ')[0]} (default: {default})"


def run(args: argparse.Namespace, directory: Path) -> None:
    """Arm, list or clear. Raises UsageError for a value that no fault can have."""
    from k0rdent_azure.cli.output import print_json, show_notice
    from k0rdent_azure.rehearsal import faults

    if args.kind == "clear":
        faults.clear(directory)
        show_notice("rehearsal cloud: no fault is armed")
    elif args.kind == "list":
        found = faults.list_faults(directory)
        if args.json:
            print_json(found)
            return
        for fault in found:
            _print(f"{fault.id}  {_words(fault)}")
    else:
        fault = _fault(args)
        faults.add(directory, fault)
        show_notice(f"rehearsal cloud: armed {_words(fault)}")


def _fault(args: argparse.Namespace) -> Fault:
    import msgspec

    from k0rdent_azure.errors import UsageError
    from k0rdent_azure.rehearsal.fault_kinds import KINDS
    from k0rdent_azure.rehearsal.faults import Fault

    kind = KINDS[args.kind]
    given = {name: getattr(args, name) for name in kind.options if getattr(args, name) is not None}
    try:
        if "value" in given:
            given["value"] = msgspec.json.decode(given["value"])
        times = None if args.always else args.times
        return msgspec.convert({**given, "kind": kind.kind, "times": times, "at": args.at}, Fault)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"this is no {kind.kind} fault: {error}", hint=f"k0rdent-azure rehearse fault {kind.kind} --help"
        ) from error


def _words(fault: Fault) -> str:
    """`vm-resized --vm k0s-worker-1 --size Standard_B2s`: as it would be armed again."""
    import msgspec

    own = msgspec.to_builtins(fault)
    always = ["--always"] if own.pop("times", 1) is None else []
    left = {key: value for key, value in own.items() if key not in ("id", "kind")}
    return " ".join(
        [fault.kind, *(f"--{key.replace('_', '-')} {value}" for key, value in left.items()), *always]
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _print(text: str) -> None:
    import sys

    from k0rdent_azure.report.text import clean

    sys.stdout.write(clean(text) + "\n")
