"""What `recover --from-azure` found, shown before it is written, and told as JSON."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from shlex import quote
from typing import TYPE_CHECKING

from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_LINEAGE
from k0rdent_azure.config import forms

if TYPE_CHECKING:
    from k0rdent_azure.azure.discovery import Discovery
    from k0rdent_azure.cli.workspace import Workspace
    from k0rdent_azure.phases.rebuild import Workplace
    from k0rdent_azure.phases.rebuild_config import Wanted
    from k0rdent_azure.phases.rebuild_losses import Loss
    from k0rdent_azure.state.model import State
    from k0rdent_azure.state.rebuilding import Rebuilt, Remains


#: So many of what is not proven get a command of their own.
MOST_COMMANDS = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found, and the state that it makes. `requests` is how many Azure was sent."""

    found: Discovery
    plan: Wanted
    place: Workplace
    state: State
    kept: Remains
    lost: list[Loss]
    requests: int

    @property
    def deployment_id(self) -> str:
        return self.state.metadata.deployment_id

    @property
    def sources(self) -> list[str]:
        """What the state is made of, in words."""
        record = (
            "the deployment record in Azure"
            if self.plan.source == "record"
            else "tags and resources in Azure"
        )
        hosts = f"{len(self.place.hosts)} of {len(self.state.azure_resources.virtual_machines)} hosts"
        return [
            record,
            *([hosts] if self.place.hosts else []),
            *(["the workstation's WireGuard key"] if self.place.laptop else []),
        ]

    @property
    def said(self) -> str:
        """For the event: the sources, and what was not found."""
        lost = f"; not found: {', '.join(loss.what for loss in self.lost)}" if self.lost else ""
        return f"{', '.join(self.sources)}{lost}"

    def show_preview(self) -> None:
        """What would be written, on stdout."""
        from k0rdent_azure.report.text import clean, plural

        resources, record = self.state.azure_resources, self.found.record
        group = f"{self.found.candidate.group} in {self.found.subscription}"
        where = record.provisioning_state if record else "no record"
        lines = [
            f"{self.deployment_id}: {group}; deployment {where}",
            f"found in {', '.join(self.sources)}, with {plural(self.requests, 'ARM request')}",
        ]
        for name, vm in resources.virtual_machines.items():
            keys = "keys read" if vm.host_key else "no keys"
            lines.append(f"  {name}: {vm.status}, {vm.public_ip or 'no address'}, {keys}")
        lines += self._unproven()
        metadata = self.state.metadata
        lines.append(f"the state will say: {metadata.deployment_status}, in {metadata.deployment_phase}")
        lines.append(_history(self.kept))
        if self.lost:
            lines.append("what could not be found:")
        lines += [f"  {loss.what}: {loss.means}{f' ({loss.do})' if loss.do else ''}" for loss in self.lost]
        sys.stdout.writelines(f"{'  ' * line.startswith('  ')}{clean(line)}\n" for line in lines)
        sys.stdout.flush()

    def _unproven(self) -> list[str]:
        """What stands in the group and is not proven to be this deployment's, and how to say that it is."""
        found = self.found.unproven
        if not found:
            return []
        lines = ["not proven to be this deployment's:"]
        for each in found:
            used = "used all the same" if each.taken else "left out"
            lines.append(f"  {each.type.rpartition('/')[2]} {each.name}: {each.why}; {used}")
        lineage = f" {TAG_LINEAGE}={self.found.lineage}" if forms.is_uuid(self.found.lineage) else ""
        tags = f"{TAG_DEPLOYMENT}={self.deployment_id}{lineage}"
        lines.append("  if one of them is this deployment's, give it its tags, and run this again:")
        lines += [
            f"  az tag update --operation merge --resource-id {quote(each.id)} --tags {tags}"
            for each in found[:MOST_COMMANDS]
        ]
        return lines

    def show_outcome(self, done: Rebuilt | None, workspace: Workspace) -> None:
        """What was written, on stdout."""
        from k0rdent_azure.report.text import clean, plural

        if done is None:
            sys.stdout.write("nothing was written\n")
            return
        lines = [f"wrote the state of {self.deployment_id} as serial {done.serial}"]
        if done.damaged is not None:
            lines.append(f"the file before is kept as {done.damaged}")
        if done.taken:
            lines.append(
                f"{plural(done.taken, 'event')} taken over; {done.unproven} do not follow from the one before"
            )
        first = next((loss.command for loss in self.lost if loss.command), None)
        then = f"{workspace.command(first)}, then resume" if first else workspace.command("resume")
        lines.append(f"go on with: {then}")
        sys.stdout.writelines(f"{clean(line)}\n" for line in lines)

    def print_json(self, done: Rebuilt | None) -> None:
        """The keys that `cli.recover.run` documents."""
        from k0rdent_azure.cli.output import print_json

        metadata, record = self.state.metadata, self.found.record
        print_json(
            {
                "deployment_id": self.deployment_id,
                "subscription_id": self.found.subscription,
                "resource_group": self.found.candidate.group,
                "record": record.provisioning_state if record else None,
                "sources": self.sources,
                "requests": self.requests,
                "phase": metadata.deployment_phase,
                "status": metadata.deployment_status,
                "virtual_machines": [
                    {
                        "name": name,
                        "status": vm.status,
                        "public_ip": vm.public_ip,
                        "keys": vm.host_key is not None,
                    }
                    for name, vm in self.state.azure_resources.virtual_machines.items()
                ],
                "unproven": [asdict(each) for each in self.found.unproven],
                "lost": self.lost,
                "events": {"found": self.kept.events, "unread": self.kept.unread},
                "written": done,
            }
        )


def _history(kept: Remains) -> str:
    from k0rdent_azure.report.text import plural

    if not kept.events:
        return "no event of its history is left"
    proof = "" if kept.lineage else "; that they are all cannot be proved without the lineage"
    return f"{plural(kept.events, 'event')} of its history are left{proof}"
