"""`recover --from-azure`, first half: which deployment, in which cloud, with which files still in the workspace."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from k0rdent_azure.cli.lost import KEYS, SSH_KEY
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import K0rdentAzureError, StateError, StateNotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from k0rdent_azure.azure.discovery import Candidate, Discovery, Reader
    from k0rdent_azure.azure.ownership import Owner
    from k0rdent_azure.config.load import LoadedConfig
    from k0rdent_azure.config.model import Config
    from k0rdent_azure.phases.context import Outside
    from k0rdent_azure.state.model import State


def configuration_file(workspace: Workspace) -> LoadedConfig | None:
    """The workspace's configuration, None where there is none that can be used: it is a help here, not the truth."""
    from k0rdent_azure.config.load import load

    if not workspace.config_path.is_file():
        return None
    try:
        return load(workspace.config_path, environ=os.environ)
    except K0rdentAzureError:
        return None


def reach(
    workspace: Workspace, file: LoadedConfig | None, cloud: str | None, *, deployment: str = ""
) -> Outside:
    """The cloud to ask: `cloud`, else that of the configuration, else the rehearsal where one was made here.

    Requests carry the id of the `deployment`, once it is known.
    """
    from k0rdent_azure.cli.cloud import outside
    from k0rdent_azure.config.model import AzureSettings, ClusterSettings, Config, NodePool, VmSize, VmSizing

    found = "rehearsal" if workspace.rehearsal_dir.is_dir() else "AzureCloud"
    name = cloud or (file.config.azure.cloud if file else found)
    none, size = NodePool(count=0), VmSize(size="")
    asked = Config(
        azure=AzureSettings(
            location="",
            vm_image="",
            cloud=name,  # type: ignore[arg-type]
            subscription_id=file.config.azure.subscription_id if file else None,
        ),
        vm_sizing=VmSizing(controller=size, worker=size),
        cluster=ClusterSettings(controllers=none, workers=none),
    )
    return outside(asked, workspace, deployment=deployment, command="recover")


async def search(
    reader: Reader, args: argparse.Namespace, left: Sequence[str], known: Owner | None
) -> Discovery:
    """The deployment that is meant, with all that Azure has of it; `known` is what a state to be replaced knows.

    Raises StateNotFoundError where there is none, UsageError with the list where there are several.
    """
    from k0rdent_azure.azure.discovery import candidates, discover

    found = await candidates(reader, args.deployment_id)
    if args.resource_group:
        found = [each for each in found if each.group.lower() == args.resource_group.lower()]
    discovery = await discover(reader, _choose(found, args, left, reader), known)
    if not discovery.exists:
        raise StateNotFoundError(
            f"Azure has nothing of {discovery.candidate.deployment_id} in {reader.subscription}"
            + (f" that this login may see ({'; '.join(reader.unread)})" if reader.unread else ""),
            hint="is it another subscription (--subscription), or another id?"
            + ("" if known is None else " With the state that is here, go on with: k0rdent-azure resume"),
        )
    return discovery


def _choose(
    found: Sequence[Candidate], args: argparse.Namespace, left: Sequence[str], reader: Reader
) -> Candidate:
    from k0rdent_azure.azure.discovery import Candidate

    ours = [each for each in found if each.deployment_id in left]
    # What lies here is of another one: nobody but the user can say which is meant.
    strange = bool(found and left and not ours and not args.deployment_id)
    for choice in (ours, found):
        if len(choice) == 1 and not strange:
            return choice[0]
    named = args.deployment_id or (left[0] if len(left) == 1 and not found else None)
    if not found and named:
        # No tag is left, or none may be read; the record and the VMs go by the id all the same.
        own = f"{named}-resgrp"
        group = args.resource_group or own
        return Candidate(named, group, owned=group.lower() == own)
    if not found:
        raise StateNotFoundError(
            f"no deployment of k0rdent-azure carries its tag in {reader.subscription}"
            + (f" as far as this login may see ({'; '.join(reader.unread)})" if reader.unread else ""),
            hint="name its id, and --resource-group where it is in a group of yours; is it another --subscription?",
        )
    raise _several(found, left if strange else ())


def _several(found: Sequence[Candidate], left: Sequence[str]) -> UsageError:
    rows = "".join(
        f"\n  {each.deployment_id}  in {each.group} ({each.location or 'location unknown'})" for each in found
    )
    here = f", but the files here are of {', '.join(left)}" if left else ""
    return UsageError(
        f"there {'is 1 deployment' if len(found) == 1 else f'are {len(found)} deployments'}{here}:{rows}",
        hint=f"say which one: k0rdent-azure recover --from-azure {quote(found[0].deployment_id)}",
    )


def ssh_key(workspace: Workspace, deployment_id: str, public_key: str) -> tuple[str, bool]:
    """Where the deployment's SSH key belongs, and whether the file there is that key."""
    from k0rdent_azure.config.public_keys import plain
    from k0rdent_azure.errors import HostError
    from k0rdent_azure.hosts.key_files import read_private_key
    from k0rdent_azure.hosts.keys import ssh_public_from_private

    relative = f"./{KEYS}/{deployment_id}{SSH_KEY}"
    path = workspace.directory / relative
    try:
        own = ssh_public_from_private(read_private_key(path), comment="")
    except (OSError, HostError):
        return relative, False
    return relative, not public_key or plain(own) == plain(public_key)


def laptop_file_key(path: Path) -> str | None:
    """The private key in the workstation's WireGuard file, None where there is none."""
    from k0rdent_azure.hosts.wireguard import parse_config

    try:
        interface = parse_config(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return interface.private_key if interface else None


def same_settings(file: LoadedConfig | None, config: Config) -> bool:
    """Whether the file is what the deployment was made with, as far as anybody can tell."""
    from k0rdent_azure.config.snapshot import differs, to_snapshot

    return file is not None and not differs(file, to_snapshot(config, resource_group=""))


def refuse_healthy(workspace: Workspace, *, take_over: bool) -> None:
    """Raise StateError where the state can be read, unless with `take_over`."""
    from k0rdent_azure.state.recovery import damaged_text

    damaged_text(workspace.store().storage, take_over=take_over)


def state_here(workspace: Workspace) -> State | None:
    """The state that is here; None without one that can be read."""
    try:
        return workspace.store().read().state
    except StateError:
        return None
