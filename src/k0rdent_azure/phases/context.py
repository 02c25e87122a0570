"""What every phase is given: the deployment's facts, its store, and the ways to reach the outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.azure.outcome import Accepted
from k0rdent_azure.azure.removal import Removal
from k0rdent_azure.azure.sight import Sight
from k0rdent_azure.azure.sku_cache import SkuCache
from k0rdent_azure.clock import Clock, timestamp
from k0rdent_azure.cluster.apply import K0sctl
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host, Names, hosts
from k0rdent_azure.errors import UnconfirmedError
from k0rdent_azure.hosts.ssh import Gateway, SshRunner, Target
from k0rdent_azure.hosts.workstation import Workstation
from k0rdent_azure.phases.interrupt import Interrupt
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.model import PhaseName, State, VirtualMachine
from k0rdent_azure.state.secrets import Vault, is_encrypted, recipients_of
from k0rdent_azure.state.store import FileStore
from k0rdent_azure.state.transaction import Transaction

#: How many fresh looks a verdict of "too late" needs besides the time itself: a laptop that slept through
#: its deadline, or a machine under load, must look again before it gives up.
LOOKS_BEFORE_GIVING_UP = 10


class Observer(Protocol):
    """Whoever shows the run; gets values, returns nothing."""

    def update(self, document: Document) -> None:
        """A commit happened."""

    def activity(self, resource: str, text: str) -> None:
        """What is being done with a resource just now; not worth a commit. Empty text: nothing."""

    def notice(self, text: str) -> None:
        """Something the user should read."""


@dataclass(frozen=True)
class Outside:
    """The ways to reach the cloud and its hosts; the composition root chooses them, phases only use them."""

    clock: Clock
    ledger: Ledger
    arm: ArmClient
    dns_suffix: str
    k0sctl: K0sctl | None
    gateway: Gateway | None
    make_workstation: Callable[[SshRunner], Workstation]
    sku_cache: SkuCache
    subscription_id: str | None = None


class Stopwatch:
    """The time of one phase in cloud seconds, what earlier runs spent on it included."""

    def __init__(self, clock: Clock, spent: float) -> None:
        self._clock, self._spent, self._started = clock, spent, clock.monotonic()

    @property
    def seconds(self) -> float:
        return round(self._spent + self._clock.monotonic() - self._started, 1)


@dataclass
class Context:
    """One run. `commit` is the only way in which a phase changes the state."""

    workspace: Path
    store: FileStore
    config: Config
    names: Names
    outside: Outside
    observer: Observer
    interrupt: Interrupt
    command: str
    phase: PhaseName = "preparation"
    #: The run that was begun here; None while nothing was begun, as by who only looks.
    run_id: str | None = None
    #: Set while a phase's time is taken; each commit records it, so that a killed run loses little of it.
    stopwatch: Stopwatch | None = None
    #: What this run deleted, where resources are deleted one by one.
    removal: Removal = field(default_factory=Removal)
    #: Starts of VMs that Azure accepted in this run, by VM: asked about only if a VM is still without power.
    starts: dict[str, Accepted] = field(default_factory=dict)
    #: Whether this run changes nothing outside before somebody has confirmed it: the deployment is complete.
    only_looks: bool = False
    #: The newest look at the group, for who acts on it at once.
    sight: Sight | None = None
    _ssh: SshRunner | None = field(default=None, repr=False)
    _vault: Vault | None = field(default=None, repr=False)

    @property
    def clock(self) -> Clock:
        return self.outside.clock

    @property
    def arm(self) -> ArmClient:
        return self.outside.arm

    @property
    def hosts(self) -> list[Host]:
        return hosts(self.config)

    @property
    def placed_hosts(self) -> list[Host]:
        """The hosts in the zones where the state has them: not always the configuration's first choice."""
        vms = self.state.azure_resources.virtual_machines
        return [
            msgspec.structs.replace(
                host,
                zone=vms[host.name].availability_zone or "",
                os_disk=vms[host.name].os_disk or "",
            )
            for host in self.hosts
        ]

    @property
    def state(self) -> State:
        """The newest committed state; read anew, because others may commit too."""
        return self.store.read().state

    @property
    def now(self) -> str:
        return timestamp(self.clock.now())

    @contextmanager
    def commit(self) -> Iterator[Transaction]:
        """One transaction: changes, the events that explain them, and the ARM requests made since the last."""
        with self.store.transaction() as tx:
            count_calls(tx, self.outside.ledger, self.command)
            yield tx
            if self.stopwatch is not None:
                tx.phase(self.phase).update(seconds=self.stopwatch.seconds)
            self._sign_of_life(tx)
        self.observer.update(self.store.read())

    def _sign_of_life(self, tx: Transaction) -> None:
        """Say that this run lives, for who finds it dead; a commit of somebody else's says nothing of it."""
        run = tx.run.now
        if run is not None and run.id == self.run_id:
            tx.run.update(last_seen=self.now)

    def need_confirmation(self, *steps: str) -> None:
        """Called before each change outside, with what it is. Raises UnconfirmedError if this run only looks."""
        if self.only_looks and steps:
            raise UnconfirmedError(steps)

    def step(self, text: str) -> None:
        """Record what the phase does next, so that a killed run can be told where it died."""
        with self.commit() as tx:
            tx.phase(self.phase).update(step=text)

    def event(self, tx: Transaction, action: str, message: str, *, resource: str | None = None) -> None:
        """Add an event of the current phase to `tx`."""
        tx.event(self.phase, action, message, resource=resource)

    async def sleep(self, seconds: float) -> None:
        """Wait for cloud seconds; ends early, with the right error, when the run is to stop."""
        await self.interrupt.sleep(self.clock, seconds)

    def secret(self, value: str | None) -> str:
        """A private key of the state in clear, whether it is encrypted there or not; "" for None.

        Raises PrerequisiteError where no identity on this machine opens it.
        """
        if value is None or not is_encrypted(value):
            return value or ""
        if self._vault is None:
            self._vault = Vault(recipients_of(self.store.read().data))
        return self._vault.decrypt(value)

    def path(self, relative: str) -> Path:
        """A file of the deployment, which the state names relative to the workspace."""
        return self.workspace / relative

    @property
    def ssh(self) -> SshRunner:
        """The one SSH runner of this run (its key exists from the preparation on)."""
        if self._ssh is None:
            key = self.state.azure_resources.ssh_key
            assert key is not None, "preparation records the SSH key before any host is reached"  # noqa: S101
            self._ssh = SshRunner(
                key_path=self.path(key.local_path),
                gateway=self.outside.gateway,
                connect_timeout=min(10.0, float(self.config.timeouts.ssh_connect)),
            )
        return self._ssh

    @property
    def workstation(self) -> Workstation:
        return self.outside.make_workstation(self.ssh)

    def public_target(self, host: Host, vm: VirtualMachine) -> Target:
        """A VM at its public name, known before its address is: no ARM call is needed to watch it boot."""
        return Target(host.name, vm.public_ip or vm.fqdn or "", vm.host_key or "", self.config.ssh.username)

    def vpn_target(self, host: Host, vm: VirtualMachine) -> Target:
        """A VM at its WireGuard address."""
        return Target(host.name, host.wireguard_ip, vm.host_key or "", self.config.ssh.username)

    async def close(self) -> None:
        """Close what was opened; safe to call twice."""
        if self._ssh is not None:
            await self._ssh.close()
        await self.outside.arm.close()


def count_calls(tx: Transaction, ledger: Ledger, command: str) -> None:
    """Add the ARM requests that the ledger saw since the last commit to the counts in the state."""
    taken = ledger.take()
    if not taken:
        return
    calls = tx.state.api_calls
    count = sum(taken.values())
    tx.api_calls.update(
        total=calls.total + count,
        by_command={**calls.by_command, command: calls.by_command.get(command, 0) + count},
        by_phase=calls.by_phase
        | {phase: calls.by_phase.get(phase, 0) + count for phase, count in taken.items()},
    )
