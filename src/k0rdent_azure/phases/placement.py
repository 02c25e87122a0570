"""Where Azure has no room for a VM, another zone of the configuration may have some: which one is tried next."""

from __future__ import annotations

from collections.abc import Mapping

from k0rdent_azure.azure.deployments import VmFailure
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host
from k0rdent_azure.state.model import VirtualMachine

#: What Azure says where a zone, or a kind of hardware in it, is full just now.
#: https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/allocation-failure
NO_ROOM = frozenset(
    {
        "AllocationFailed",
        "ZonalAllocationFailed",
        "OverconstrainedAllocationRequest",
        "OverconstrainedZonalAllocationRequest",
        "SkuNotAvailable",
        "SpotCapacityNotAvailable",
    }
)


def zones_of(config: Config, host: Host) -> list[str]:
    """The zones that the configuration names for this host's role, each once, its own first choice first."""
    pool = config.cluster.controllers if host.role == "controller" else config.cluster.workers
    return list(dict.fromkeys([host.zone, *map(str, pool.zones)])) if pool.zones else []


def next_zone(config: Config, host: Host, vm: VirtualMachine) -> str | None:
    """A zone that was not full yet; None where all were. `vm` is in the one that has just turned out to be."""
    full = {*vm.full_zones, vm.availability_zone}
    return next((zone for zone in zones_of(config, host) if zone not in full), None)


def lacks_room(failures: Mapping[str, VmFailure]) -> bool:
    """Whether it is room, and nothing else, that all these VMs lack."""
    return bool(failures) and all(
        failure.code in NO_ROOM or failure.family == "capacity" for failure in failures.values()
    )
