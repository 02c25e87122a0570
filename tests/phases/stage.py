"""Phases against a rehearsal cloud in the test's own event loop, whose time passes only where the product waits.

ARM is reached over HTTPS and the hosts over SSH, as everywhere; but a deployment of half an hour takes seconds, at
speed 1 too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.credentials import client_secret_credential
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.azure.sku_cache import SkuCache
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Names
from k0rdent_azure.hosts.ssh import Gateway
from k0rdent_azure.hosts.workstation import GatewayWorkstation
from k0rdent_azure.phases.azure_setup import AzureSetup
from k0rdent_azure.phases.begin import begin_run, initial_document
from k0rdent_azure.phases.context import Context, Outside
from k0rdent_azure.phases.destroy import destroy, foresee
from k0rdent_azure.phases.engine import Phase, run_phases
from k0rdent_azure.phases.interrupt import Interrupt
from k0rdent_azure.phases.preparation import Preparation
from k0rdent_azure.phases.vm_creation import VmCreation
from k0rdent_azure.rehearsal import requests
from k0rdent_azure.rehearsal.endpoint import Endpoint
from k0rdent_azure.rehearsal.hosts import gateway
from k0rdent_azure.rehearsal.server import describe, serve_arm
from k0rdent_azure.rehearsal.world import World
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.model import Durations
from k0rdent_azure.state.store import FileStore
from tests.somebody import colleague

#: As far as ARM is asked for anything.
UNTIL_VMS: Sequence[Phase] = (Preparation(), AzureSetup(), VmCreation())


class Jump:
    """A moment that goes on by itself hardly at all; waiting moves it. The cloud's clock and ours both follow it."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._real = time.time()

    @property
    def speed(self) -> float:
        return self._speed

    def real(self) -> float:
        return self._real

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._real, UTC)

    def monotonic(self) -> float:
        return self._real * self._speed

    def age(self, moment: datetime) -> float:
        return max(0.0, (self.now() - moment).total_seconds() * self._speed)

    async def sleep(self, seconds: float) -> None:
        self._real += seconds / self._speed
        await asyncio.sleep(0)


@dataclass
class Silent:
    """An observer that keeps what it is told."""

    notices: list[str] = field(default_factory=list)

    def update(self, document: Document) -> None: ...

    def activity(self, resource: str, text: str) -> None: ...

    def notice(self, text: str) -> None:
        self.notices.append(text)


@dataclass
class Stage:
    """One workspace and its cloud."""

    workspace: Path
    config: Config
    clock: Jump
    world: World
    endpoint: Endpoint
    names: Names
    store: FileStore
    durations: Durations | None = None

    def create(self) -> None:
        """A state of which nothing exists yet."""
        self.store.create(
            initial_document(
                self.config,
                self.names,
                clock=self.clock,
                config_file=None,
                config_digest=None,
                durations=self.durations,
            )
        )

    def outside(self, command: str = "") -> Outside:
        found = self.endpoint
        ledger = Ledger()
        environment = AzureEnvironment(
            name="rehearsal",
            arm_endpoint=found.arm_endpoint,
            audience=found.arm_endpoint,
            authority=found.authority,
        )
        credential = client_secret_credential(
            found.authority, found.tenant, found.client_id, found.client_secret, Path(found.ca_file)
        )
        return Outside(
            clock=self.clock,
            ledger=ledger,
            arm=ArmClient(
                environment=environment,
                credential=credential,
                ledger=ledger,
                clock=self.clock,
                ca_file=Path(found.ca_file),
                deployment=self.names.deployment_id,
                command=command,
            ),
            dns_suffix="cloudapp.azure.com",
            k0sctl=None,
            gateway=Gateway(
                host=found.ssh.host,
                port=found.ssh.port,
                username=found.ssh.username,
                key_path=found.ssh.key_path,
                host_key=found.ssh.host_key,
            ),
            make_workstation=GatewayWorkstation,
            sku_cache=SkuCache(self.workspace / "cache"),
            subscription_id=found.subscription_id,
        )

    def colleague(self) -> ArmClient:
        """A connection of somebody who is not the deployment."""
        return colleague(self.endpoint, self.clock)

    @asynccontextmanager
    async def run(self, command: str) -> AsyncIterator[Context]:
        """One run, as the command line makes it."""
        ctx = Context(
            workspace=self.workspace,
            store=self.store,
            config=self.config,
            names=self.names,
            outside=self.outside(command),
            observer=Silent(),
            interrupt=Interrupt(),
            command=command,
        )
        try:
            yield ctx
        finally:
            await ctx.close()

    async def deploy(self, command: str = "deploy") -> None:
        """All that asks ARM for something."""
        async with self.run(command) as ctx:
            begin_run(ctx, status="in_progress", action="deployment_started", message=command)
            await run_phases(ctx, UNTIL_VMS)

    async def destroy(self) -> None:
        async with self.run("destroy") as ctx:
            await destroy(ctx, await foresee(ctx))

    def requests(self) -> list[str]:
        """The cloud's own ledger: method and path, without query."""
        return [
            f"{line['method']} {line['path'].partition('?')[0]}"
            for line in requests.read(self.world.directory)
        ]

    def counted(self) -> int:
        """Our ledger, as the state has it."""
        return self.store.read().state.api_calls.total


@asynccontextmanager
async def stage(
    directory: Path, config: Config, *, speed: float = 1.0, seed: int = 7, durations: Durations | None = None
) -> AsyncIterator[Stage]:
    """A cloud that is served while the block runs, and a workspace with a fresh state."""
    clock = Jump(speed)
    workspace = directory / "workspace"
    workspace.mkdir(parents=True)
    world = World(directory / "cloud", seed=seed, speed=speed, real=clock.real)
    async with serve_arm(world) as (_, authority):
        ssh = await gateway.start_ssh(world, directory / "cloud")
        made = Stage(
            workspace=workspace,
            config=config,
            clock=clock,
            world=world,
            endpoint=describe(world, authority, ssh),
            names=Names("k0rdent-abcd1234", config.azure.resource_group),
            store=FileStore(workspace / "deployment-state.yaml", clock=clock),
            durations=durations,
        )
        made.create()
        yield made
