"""Everything that can be wrong with a set of values: each by its own rule, then how they fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from k0rdent_azure.config import fit_networks, fit_vms
from k0rdent_azure.config.forms import is_user_name
from k0rdent_azure.config.good import Good, Values
from k0rdent_azure.config.reading import shown
from k0rdent_azure.config.rules import RULES, tag_form_problem, tag_problem
from k0rdent_azure.errors import Fault

#: ARM takes 50 tags on a resource; a VM with an owner carries 7 of ours.
MAX_TAGS = 43
#: What `topology.hosts` needs to be right. A snapshot is held to these and to `TEXTS`, but not to how values fit each
#: other, so that a stricter rule of a later version never locks anybody out of an existing deployment.
TOPOLOGY = (
    "network.vnet_prefix",
    "network.subnet_prefix",
    "network.wireguard_network",
    "network.wireguard_port",
    "cluster.controllers.count",
    "cluster.workers.count",
)

#: Texts that become part of a template, a path, a command or a file.
TEXTS = (
    "azure.location",
    "azure.vm_image",
    "azure.resource_group",
    "azure.subscription_id",
    "vm_sizing.controller.size",
    "vm_sizing.worker.size",
    "cluster.controllers.zones",
    "cluster.workers.zones",
    "metadata.owner",
    "network.allowed_ssh_sources",
    "ssh.key_comment",
    "software.k0s.version",
    "software.k0rdent.version",
    "software.k0rdent.registry",
    "software.k0rdent.namespace",
)


def check(values: Values) -> list[Fault]:
    """All faults, errors and warnings, of the values that are there; missing ones are the caller's."""
    faults: list[Fault] = []
    good = _check_each(values, RULES, faults)
    for rule in (_tags, *fit_vms.RULES, *fit_networks.RULES):
        faults.extend(rule(good))
    return faults


def check_snapshot(values: Values) -> list[Fault]:
    """What computing hosts and addresses depends on, and the form of every text: a snapshot is data from a file too."""
    faults: list[Fault] = []
    # A rule that somebody took away in Azure leaves no source; whoever recovers such a deployment is not locked out.
    there = {keys: value for keys, value in values.items() if value.value != ()}
    good = _check_each(there, (*TOPOLOGY, *TEXTS), faults)
    faults.extend(fit_networks.hosts_fit(good))
    user = good.value("ssh.username")
    if user is not None and not is_user_name(str(user.value)):
        # Which names are reserved is no matter of a deployment that exists.
        message = f"{shown(str(user.value))} is not a Linux user name"
        faults.append(user.fault("ssh.username", message, expected="1 to 32 of a-z, 0-9, _ and -"))
    for name, value in good.below(("azure", "tags")):
        problem = tag_form_problem(name, str(value.value))
        if problem is not None:
            faults.append(value.fault("azure.tags", problem[0], expected=problem[1]))
    return faults


def _check_each(values: Values, paths: Mapping[str, object] | tuple[str, ...], faults: list[Fault]) -> Good:
    good = dict(values)
    for path in paths:
        keys = tuple(path.split("."))
        value = values.get(keys)
        if value is None or value.value is None:
            continue
        problem = RULES[path](value.value)
        if problem is not None:
            faults.append(value.fault(path, problem[0], expected=problem[1]))
            del good[keys]
    return Good(good, values)


def _tags(good: Good) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    tags = list(good.below(("azure", "tags")))
    for name, value in tags:
        problem = tag_problem(name, str(value.value))
        if problem is not None:
            yield value.fault("azure.tags", problem[0], expected=problem[1])
        elif name.lower() in seen:
            message = f"tag names {shown(seen[name.lower()])} and {shown(name)} are one to Azure, which ignores case"
            yield value.fault("azure.tags", message, expected="different names")
        seen.setdefault(name.lower(), name)
    if len(tags) > MAX_TAGS:
        yield tags[-1][1].fault(
            "azure.tags", f"{len(tags)} tags are too many", expected=f"at most {MAX_TAGS}"
        )
