"""The composition root's other half: which cloud a deployment talks to, and with which tools.

A rehearsal is no special case further down. It is another endpoint, another way to log in, an SSH gateway
that plays the workstation, and a clock that runs faster.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from k0rdent_azure import descriptors
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import UsageError

if TYPE_CHECKING:
    from k0rdent_azure.azure.where import Where
    from k0rdent_azure.cluster.apply import K0sctl
    from k0rdent_azure.config.model import Config
    from k0rdent_azure.phases.context import Outside

#: A VM takes 3 to 8 minutes; at this factor a whole rehearsal takes well under a minute.
DEFAULT_SPEED = 60.0


def rehearsal_speed() -> float:
    """`K0RDENT_AZURE_REHEARSAL_SPEED`: cloud seconds per real second."""
    text = os.environ.get("K0RDENT_AZURE_REHEARSAL_SPEED", "")
    if not text:
        return DEFAULT_SPEED
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(
            f"K0RDENT_AZURE_REHEARSAL_SPEED={text!r} is not a speed", hint="use a positive number such as 60"
        )
    return speed


def rehearsal_seed() -> int:
    """`K0RDENT_AZURE_REHEARSAL_SEED`: the same seed draws the same durations and addresses."""
    text = os.environ.get("K0RDENT_AZURE_REHEARSAL_SEED", "") or "0"
    try:
        return int(text)
    except ValueError:
        raise UsageError(
            f"K0RDENT_AZURE_REHEARSAL_SEED={text!r} is not a seed", hint="use a whole number"
        ) from None


#: Retries of a run, which has time; `A_LOOK` is for who waits at a terminal for an answer.
PATIENCE, A_LOOK = 6, 2


def outside(
    config: Config,
    workspace: Workspace,
    *,
    retries: int = PATIENCE,
    read_only: bool = False,
    deployment: str = "",
    command: str = "",
) -> Outside:
    """Everything beyond this process that a run needs, for the cloud that `config` names.

    With `read_only`, ARM is sent nothing that could change something. Requests carry the id
    of the `deployment` and the `command`. Raises PrerequisiteError if this process may open too few connections.
    """
    cluster = config.cluster
    descriptors.provide(descriptors.needed_for(cluster.controllers.count + cluster.workers.count))
    if config.azure.cloud == "rehearsal":
        return _rehearsal(config, workspace, retries, read_only, (deployment, command))
    return _azure(config, retries, read_only, (deployment, command))


def dns_suffix(cloud: str) -> str:
    """What ends the name of a public address in a cloud; a rehearsal's are like Azure's."""
    from k0rdent_azure.azure.clouds import ENVIRONMENTS

    return ENVIRONMENTS["AzureCloud" if cloud == "rehearsal" else cloud].dns_suffix


def _azure(config: Config, retries: int, read_only: bool, purpose: tuple[str, str]) -> Outside:
    from k0rdent_azure.azure.client import ArmClient
    from k0rdent_azure.azure.clouds import ENVIRONMENTS
    from k0rdent_azure.azure.credentials import RenewableCredential, default_credential
    from k0rdent_azure.azure.ledger import Ledger
    from k0rdent_azure.azure.sku_cache import SkuCache, user_cache_directory
    from k0rdent_azure.hosts.workstation import LocalWorkstation
    from k0rdent_azure.phases.context import Outside

    environment = ENVIRONMENTS[config.azure.cloud]
    clock, ledger = SystemClock(), Ledger()
    return Outside(
        clock=clock,
        ledger=ledger,
        arm=ArmClient(
            environment=environment,
            credential=RenewableCredential(lambda: default_credential(environment)),
            ledger=ledger,
            clock=clock,
            retries=retries,
            read_only=read_only,
            deployment=purpose[0],
            command=purpose[1],
            where=_where(config, purpose[0]),
        ),
        dns_suffix=environment.dns_suffix,
        k0sctl=_k0sctl(None),
        gateway=None,
        make_workstation=lambda _ssh: LocalWorkstation(),
        sku_cache=SkuCache(user_cache_directory(os.environ)),
        subscription_id=config.azure.subscription_id,
    )


def _rehearsal(
    config: Config, workspace: Workspace, retries: int, read_only: bool, purpose: tuple[str, str]
) -> Outside:
    from k0rdent_azure.azure.client import ArmClient
    from k0rdent_azure.azure.clouds import AzureEnvironment
    from k0rdent_azure.azure.credentials import RenewableCredential, client_secret_credential
    from k0rdent_azure.azure.ledger import Ledger
    from k0rdent_azure.azure.sku_cache import SkuCache
    from k0rdent_azure.hosts.ssh import Gateway
    from k0rdent_azure.hosts.workstation import GatewayWorkstation
    from k0rdent_azure.phases.context import Outside
    from k0rdent_azure.rehearsal import service

    endpoint = service.start(workspace.rehearsal_dir, speed=rehearsal_speed(), seed=rehearsal_seed())
    environment = AzureEnvironment(
        name="rehearsal",
        arm_endpoint=endpoint.arm_endpoint,
        audience=endpoint.arm_endpoint,
        authority=endpoint.authority,
        dns_suffix=dns_suffix("rehearsal"),
    )
    clock, ledger = SystemClock(endpoint.speed), Ledger()
    return Outside(
        clock=clock,
        ledger=ledger,
        arm=ArmClient(
            environment=environment,
            credential=RenewableCredential(
                lambda: client_secret_credential(
                    endpoint.authority,
                    endpoint.tenant,
                    endpoint.client_id,
                    endpoint.client_secret,
                    endpoint.ca_file,
                )
            ),
            ledger=ledger,
            clock=clock,
            ca_file=endpoint.ca_file,
            retries=retries,
            read_only=read_only,
            deployment=purpose[0],
            command=purpose[1],
            where=_where(config, purpose[0]),
        ),
        dns_suffix=environment.dns_suffix,
        k0sctl=_k0sctl(rehearsal_k0sctl),
        gateway=Gateway(
            host=endpoint.ssh.host,
            port=endpoint.ssh.port,
            username=endpoint.ssh.username,
            key_path=endpoint.ssh.key_path,
            host_key=endpoint.ssh.host_key,
        ),
        make_workstation=GatewayWorkstation,
        # Each workspace has a cloud of its own, whose sizes are nobody else's business.
        sku_cache=SkuCache(workspace.rehearsal_dir / "cache"),
        subscription_id=endpoint.subscription_id,
    )


def _where(config: Config, deployment: str) -> Where:
    """The deployment's place, for commands in hints; `deployment` is "" before there is one."""
    from k0rdent_azure.azure.where import Where
    from k0rdent_azure.config.topology import Names

    own = Names(deployment, None).resource_group if deployment else ""
    return Where(
        cloud=config.azure.cloud,
        location=config.azure.location,
        image=config.azure.vm_image,
        group=config.azure.resource_group or own,
        in_group=config.azure.resource_group is not None,
    )


def rehearsal_k0sctl() -> list[str]:
    """The stand-in, for machines without k0sctl; it says that it is one."""
    from k0rdent_azure.rehearsal.isolated import python

    return python("k0rdent_azure.rehearsal.k0sctl")


def _k0sctl(stand_in: Callable[[], list[str]] | None) -> K0sctl | None:
    from k0rdent_azure.cluster.apply import K0sctl

    found = shutil.which("k0sctl")
    if found:
        return K0sctl([found])
    return K0sctl(stand_in()) if stand_in else None
