"""`validate --repair`: shows what would end the drift, asks, does it, and looks again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from k0rdent_azure.cli.belongings_look import look_at_belongings
from k0rdent_azure.cli.comparing import EXIT_CODES, look, show
from k0rdent_azure.cli.deploy import continue_deployment
from k0rdent_azure.cli.preflight import require
from k0rdent_azure.cli.quorum_look import look_at_etcd
from k0rdent_azure.cli.running import confirm, snapshot_of
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.report.text import clean

if TYPE_CHECKING:
    from k0rdent_azure.azure.belongings import Belongings
    from k0rdent_azure.phases.repair import RepairPlan
    from k0rdent_azure.report.findings import Validation

_VM = "microsoft.compute/virtualmachines"


def repair(workspace: Workspace, told: Validation, args: argparse.Namespace) -> int:
    """Returns `validate`'s exit code for what is left in the end. Raises what a run raises."""
    from k0rdent_azure.phases.repair import mark, plan
    from k0rdent_azure.state.intents import refuse

    document = workspace.store().read()
    refuse(document.state, "repair", program=workspace.program)
    config, names = snapshot_of(workspace)
    wanted = plan([*told.findings, *told.ignored], config, names, document.state)
    wanted, etcd = _spare(workspace, told, wanted)
    along = look_at_belongings(workspace, [*wanted.anew, *wanted.gone], command="validate")
    if not args.json:
        show(told, args)
        _show_plan(wanted, along, etcd)
    if wanted.is_empty or args.dry_run:
        if args.json:
            _print_json(told, wanted, along, etcd, done=False)
        return EXIT_CODES[told.verdict]
    require(workspace, config)
    confirm("Do that?", yes=args.yes)

    with workspace.run_lock().acquire("validate"):
        continue_deployment(
            workspace,
            args,
            act="repair",
            intent=lambda tx: mark(tx, wanted),
            seen_serial=document.serial,
            touches=[*wanted.anew, *wanted.start],
            show=False,
        )
    after = look(workspace, args)
    if args.json:
        _print_json(after, wanted, along, etcd, done=True)
    else:
        show(after, args)
    return EXIT_CODES[after.verdict]


def _spare(workspace: Workspace, told: Validation, wanted: RepairPlan) -> tuple[RepairPlan, list[str]]:
    """The plan without what etcd does not allow now, and how etcd is, in words; [] if it plays no part."""
    members = look_at_etcd(workspace, wanted.disturbed, command="validate", powers=_Powers(told))
    if members is None:
        return wanted, []
    controllers = {each.name for each in members.controllers} & {*wanted.disturbed}
    refusal = members.refusal(controllers, act="deleted or restarted")
    if refusal is None:
        return wanted, [members.told()]
    return wanted.without_disturbance(controllers), [members.told(), f"not now: {refusal.message}"]


class _Powers(Mapping[str, "str | None"]):
    """Power states as the comparison just read them; "" if anything was unreadable: then it may have been this."""

    def __init__(self, told: Validation) -> None:
        vms = [each for each in (*told.findings, *told.ignored) if each.type.lower() == _VM]
        self._found: dict[str, str | None] = {
            each.name: None if each.kind == "missing" else f"VM {each.found}"
            for each in vms
            if each.kind == "missing" or each.field == "power_state"
        }
        self._others = "" if told.unread else "VM running"

    def __getitem__(self, name: str) -> str | None:
        return self._found.get(name, self._others)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _show_plan(wanted: RepairPlan, along: Mapping[str, Belongings], etcd: Sequence[str]) -> None:
    lines = [f"would {step}" for step in wanted.steps] or ["there is nothing here that a repair could do"]
    lines += [clean(f"with VM {vm} goes {each}") for vm, found in along.items() for each in found.goes]
    lines += [clean(f"of VM {vm} stays {each}") for vm, found in along.items() for each in found.stays]
    lines += [clean(line) for line in etcd]
    if wanted.later:
        lines.append(f"controllers go one at a time: run this again for {', '.join(wanted.later)}")
    if wanted.left:
        lines.append(f"{len(wanted.left)} of these are left to you: what to do stands beside each")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _print_json(
    told: Validation,
    wanted: RepairPlan,
    along: Mapping[str, Belongings],
    etcd: Sequence[str],
    *,
    done: bool,
) -> None:
    """`goes`, `stays` (by VM), `later` and `etcd` are there only if they say something."""
    from k0rdent_azure.cli.output import print_json
    from k0rdent_azure.report.findings import document

    more = {
        "goes": {vm: found.goes for vm, found in along.items() if found.goes},
        "stays": {vm: found.stays for vm, found in along.items() if found.stays},
        "later": wanted.later,
        "etcd": list(etcd),
    }
    steps = {"done": done, "steps": wanted.steps, **{key: value for key, value in more.items() if value}}
    print_json({**document(told), "repair": steps})
