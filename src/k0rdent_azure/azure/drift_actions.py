"""What to do now about each kind of drift: one command where one does it, else one sentence.

Names come from Azure and are pasted into a shell by people, so each is quoted.
"""

from __future__ import annotations

from shlex import quote

from k0rdent_azure.azure.drift_facts import RULE, VM
from k0rdent_azure.state.finding import Finding

#: What ends most kinds of drift, after a preview.
_REPAIR = "k0rdent-azure validate --repair"
#: What others may add to the network; where nothing of ours is missing, no repair touches it.
_ADDABLE = frozenset({"address_prefixes", "dns_servers", "peerings", "route_table", "nat_gateway"})


def action(finding: Finding, *, is_spot: bool = False) -> str:
    """The sentence or command for `finding`, whose own `action` plays no part."""
    if finding.kind == "missing":
        return f"make it anew: {_REPAIR}"
    if finding.kind == "unexpected":
        return _unexpected(finding)
    if finding.field == "incarnation":
        return f"another one took its name, and is left alone; see who made it: {_log_of(quote(finding.resource))}"
    return _changed(finding, is_spot=is_spot)


def _unexpected(finding: Finding) -> str:
    if finding.type == RULE:
        return f"remove it: az network nsg rule delete --ids {quote(finding.resource)}"
    if finding.type == VM:
        return "move it to another group: destroy deletes this one with all that is in it"
    return "leave it, with an ignore rule that says why, or move it: destroy deletes the group with all that is in it"


def _changed(finding: Finding, *, is_spot: bool) -> str:
    field, resource = finding.field or "", quote(finding.resource)
    if field == "power_state":
        return _start(finding, is_spot=is_spot)
    if field.startswith("tags.") and finding.expected is None:
        return "leave it, or say why it is there in an ignore rule"
    if field == "attached_to" and finding.repair == "none":
        return f"somebody uses it; see where: az network public-ip show --query ipConfiguration.id --ids {resource}"
    if field in _ADDABLE and finding.repair == "none":
        return "somebody added it, and no repair takes it away: leave it, with an ignore rule that says why"
    if finding.severity == "info" and field == "provisioning_state":
        return "something is being done with it; look again in a few minutes"
    find_out = _log_of(resource)
    by_repair = {
        "resize": f"give it its size back (it restarts): {_REPAIR}",
        "adopt": "take it over: k0rdent-azure validate --sync; then bring the VPN to it: k0rdent-azure resume",
        "recreate": f"make it anew: k0rdent-azure replace {quote(f'vm/{finding.name}')}"
        if finding.type == VM
        else f"see why: {find_out}",
        "restore": f"{'put it back' if finding.expected else 'take it away again'}: {_REPAIR}",
    }
    return by_repair.get(finding.repair, f"find out why: {find_out}")


def _log_of(resource: str) -> str:
    return f"az monitor activity-log list --resource-id {resource}"


def _start(finding: Finding, *, is_spot: bool) -> str:
    if finding.severity == "info":
        return "it is coming up; look again in a few minutes"
    is_eviction = is_spot and (finding.found or "").lower().startswith("dealloc")
    return f"{'evicted, it seems; start it when there is room' if is_eviction else 'start it'}: {_REPAIR}"
