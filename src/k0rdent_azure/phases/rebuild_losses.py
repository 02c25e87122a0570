"""What a rebuilt state lacks: what stands nowhere any more, what that means, and what can be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from k0rdent_azure.azure.discovery import Discovery
from k0rdent_azure.config.topology import LAPTOP
from k0rdent_azure.phases.preparation import keyless
from k0rdent_azure.phases.rebuild_config import Wanted
from k0rdent_azure.state.model import State
from k0rdent_azure.state.rebuilding import Remains


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that could not be found. `do` is what helps, None where nothing does or nothing is needed.

    `command` is the one, without the program's name, that has to come before `resume`.
    """

    what: str
    means: str
    do: str | None = None
    command: str | None = None


def losses(
    found: Discovery,
    plan: Wanted,
    state: State,
    silent: Mapping[str, str],
    *,
    has_ssh_key: bool,
    kept: Remains,
) -> list[Loss]:
    """Everything that is missing from `state`, the gravest first."""
    return [
        *_keys(state, silent, has_ssh_key=has_ssh_key),
        *_of_azure(found, plan),
        *_history(kept),
    ]


def _keys(state: State, silent: Mapping[str, str], *, has_ssh_key: bool) -> list[Loss]:
    key = state.azure_resources.ssh_key
    missing: list[Loss] = []
    if not has_ssh_key:
        missing.append(
            Loss(
                what=f"the SSH private key {key.local_path if key else ''}",
                means="nobody can log in to the VMs: status and destroy work, resume does not",
                do="put the file back from a copy, then: k0rdent-azure recover --from-hosts",
            )
        )
    missing += [
        Loss(
            what=f"the keys of {name}",
            means="they are on the VM alone" + (f", and {silent[name]}" if name in silent else ""),
            do="k0rdent-azure recover --from-hosts",
            command="recover --from-hosts",
        )
        for name in keyless(state)
    ]
    laptop = state.wireguard.peers.get(LAPTOP) if state.wireguard else None
    if (laptop is None or laptop.private_key is None) and any(
        vm.id for vm in state.azure_resources.virtual_machines.values()
    ):
        missing.append(
            Loss(
                what="the WireGuard private key of the workstation",
                means="it was on the workstation alone; the VMs accept no other, so there is no VPN to them",
                do="k0rdent-azure recover --rekey",
                command="recover --rekey",
            )
        )
    return missing


def _of_azure(found: Discovery, plan: Wanted) -> list[Loss]:
    missing = []
    if plan.source == "tags":
        missing.append(
            Loss(
                what="the record of the deployment in Azure",
                means="software versions and timeouts are those of k0rdent.yaml, or the defaults where there is none",
                do="check them with: k0rdent-azure state get configuration",
            )
        )
    elif not plan.config.kof:
        missing.append(
            Loss(what="configuration.kof", means="the record leaves it out; nothing here reads it")
        )
    missing += [Loss(what=each, means="what it would have told is left out") for each in found.unread]
    return missing


def _history(kept: Remains) -> list[Loss]:
    missing = [
        Loss(
            what="how long each phase took, and the count of ARM requests until now",
            means="status shows no times for phases that ended before",
        ),
        Loss(
            what="whether private keys in the state were encrypted",
            means="they stand in clear now",
            do="k0rdent-azure secrets encrypt --ssh-key",
        ),
    ]
    if kept.foreign is not None:
        what, means = (
            "the history",
            f"the events beside the state are of {kept.foreign}; they stay where they are",
        )
        missing.insert(0, Loss(what=what, means=means))
    elif not kept.events:
        missing.insert(0, Loss(what="the history", means="no event of it is left; it begins anew"))
    elif kept.lineage is None:
        missing.insert(
            0,
            Loss(
                what="the lineage of the lost state",
                means="that the oldest event is really the first of this deployment cannot be proved any more",
            ),
        )
    return missing
