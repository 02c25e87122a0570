"""Phase 1: keys and addresses, all generated once and never again."""

from __future__ import annotations

from pathlib import Path

from k0rdent_azure.config.model import Config
from k0rdent_azure.config.public_keys import plain
from k0rdent_azure.config.topology import LAPTOP, Host, Names, k0s_role, laptop_ip
from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.key_files import read_private_key
from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair, ssh_public_from_private, wireguard_keypair
from k0rdent_azure.hosts.login_errors import unusable_key
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.files import write_private, write_private_if_changed
from k0rdent_azure.state.model import PhaseName, State, VirtualMachine
from k0rdent_azure.state.transaction import Transaction

#: A VM in one of these conditions is still to be made, with keys of its own.
WITHOUT_KEYS = frozenset({"pending", "deleting", "deleted"})


class Preparation:
    """Observes which keys are there (in the state, or as the SSH key file) and makes only the missing ones."""

    name: PhaseName = "preparation"

    async def run(self, ctx: Context) -> None:
        public = _ssh_key(ctx)
        refuse_unknown_keys(ctx.state)
        missing = [host for host in ctx.hosts if not _is_prepared(ctx, host)]
        recorded = ctx.state.azure_resources.ssh_key
        if not missing and recorded is not None and recorded.public_key:
            return
        with ctx.commit() as tx:
            if recorded is None or recorded.public_key is None:
                tx.ssh_key.update(
                    name=ctx.names.ssh_key,
                    status="pending",
                    local_path=ctx.names.ssh_key_file,
                    public_key=public,
                )
                ctx.event(tx, "ssh_key_ready", "SSH key pair ready", resource=ctx.names.ssh_key)
            _prepare_laptop(ctx, tx)
            for host in missing:
                _prepare_host(ctx, tx, host)
            ctx.event(tx, "keys_generated", f"WireGuard and host keys generated for {len(missing)} hosts")


def keyless(state: State) -> list[str]:
    """The VMs that exist, or are being made, with keys that the state does not have."""
    vms = state.azure_resources.virtual_machines
    return [name for name, vm in vms.items() if vm.host_key is None and vm.status not in WITHOUT_KEYS]


def refuse_unknown_keys(state: State) -> None:
    """Raise where something that exists has keys that the state does not have: new ones would shut us out of it."""
    vms = state.azure_resources.virtual_machines
    closed = keyless(state)
    if closed:
        raise HostError(
            f"the keys of {', '.join(closed)} are not in the state, which was rebuilt without them",
            hint="read them from the hosts: k0rdent-azure recover --from-hosts; "
            f"or recreate those VMs: k0rdent-azure replace vm/{closed[0]}",
        )
    laptop = state.wireguard.peers.get(LAPTOP) if state.wireguard else None
    if any(vm.host_key and vm.id for vm in vms.values()) and (laptop is None or laptop.private_key is None):
        raise HostError(
            "the WireGuard key of this workstation is lost, and the VMs accept no other",
            hint="give them a new one: k0rdent-azure recover --rekey",
        )


def _is_prepared(ctx: Context, host: Host) -> bool:
    state = ctx.state
    vm = state.azure_resources.virtual_machines.get(host.name)
    return (
        vm is not None
        and vm.host_key is not None
        and state.wireguard is not None
        and host.name in state.wireguard.peers
    )


def refuse_without_ssh_key(ctx: Context) -> None:
    """Raise HostError if VMs exist that accept a key which is not there, cannot be read, or is another one.

    Nothing is written.
    """
    recorded = ctx.state.azure_resources.ssh_key
    if recorded is None or not recorded.public_key:
        return
    path = ctx.path(ctx.names.ssh_key_file)
    if not path.exists():
        raise _gone(path)
    _refuse_other(path, ssh_public_from_private(_key_text(path), comment="", path=path), recorded.public_key)


def _gone(path: Path) -> HostError:
    return HostError(
        f"the deployment's SSH key {path} is gone",
        hint="put the key file back from a copy, then run resume; the VMs accept no other key. Without a copy: "
        "k0rdent-azure destroy, and deploy again",
    )


def _refuse_other(path: Path, public: str, recorded: str) -> None:
    if plain(recorded) != plain(public):
        raise HostError(
            f"{path} is not the key that this deployment was made with",
            hint="put the original key file back, then run resume",
        )


def _ssh_key(ctx: Context) -> str:
    """The public half of the deployment's SSH key: of the file that is there, or of a new one.

    A new one is written before it is recorded.
    """
    path = ctx.path(ctx.names.ssh_key_file)
    recorded = ctx.state.azure_resources.ssh_key
    if path.exists():
        text = _key_text(path)
        public = ssh_public_from_private(text, comment=ctx.config.ssh.key_comment, path=path)
        _write_public_key(ctx, path, public)
        if recorded and recorded.public_key:
            _refuse_other(path, public, recorded.public_key)
        # A copy that came over Windows has line ends that `ssh` and k0sctl do not take.
        write_private_if_changed(path, text, root=ctx.workspace)
    elif recorded is not None and recorded.public_key:
        raise _gone(path)
    else:
        public = _new_ssh_key(ctx, path).public
    return public


def _key_text(path: Path) -> str:
    try:
        return read_private_key(path)
    except OSError as error:
        raise unusable_key(path, error) from error


def _new_ssh_key(ctx: Context, path: Path) -> KeyPair:
    pair = ssh_keypair(ctx.config.ssh.key_comment)
    write_private(path, pair.private, root=ctx.workspace)
    _write_public_key(ctx, path, pair.public)
    return pair


def _write_public_key(ctx: Context, private: Path, public: str) -> None:
    """Beside the private one, for its user's `ssh`; also where a run died between the two."""
    path = private.with_name(private.name + ".pub")
    if not path.exists():
        write_private(path, public + "\n", root=ctx.workspace, mode=0o644)


def _prepare_laptop(ctx: Context, tx: Transaction) -> None:
    if tx.peer(LAPTOP).exists:
        return
    pair = wireguard_keypair()
    tx.peer(LAPTOP).update(
        ip=laptop_ip(ctx.config), private_key=pair.private, public_key=pair.public, config_status="pending"
    )


def _prepare_host(ctx: Context, tx: Transaction, host: Host) -> None:
    pair = wireguard_keypair()
    host_key = ssh_keypair(host.name)
    tx.peer(host.name).update(
        ip=host.wireguard_ip, private_key=pair.private, public_key=pair.public, config_status="generated"
    )
    # A rebuilt state knows VMs that are to be created, or recreated, and where.
    if not tx.vm(host.name).exists:
        tx.vm(host.name).put(new_vm(ctx.config, ctx.names, host, dns_suffix=ctx.outside.dns_suffix))
    tx.vm(host.name).update(host_key=host_key.public, host_private_key=host_key.private)
    tx.node(host.role, host.name).update(
        role=k0s_role(ctx.config, host), ssh_status="pending", k0s_status="not_installed"
    )


def renew_keys(tx: Transaction, name: str) -> None:
    """New keys for a VM that does not exist now: its cloud-init brings them."""
    host_key = ssh_keypair(name)
    tx.vm(name).update(host_key=host_key.public, host_private_key=host_key.private)
    if tx.peer(name).exists:
        pair = wireguard_keypair()
        tx.peer(name).update(private_key=pair.private, public_key=pair.public)


def new_vm(config: Config, names: Names, host: Host, *, dns_suffix: str) -> VirtualMachine:
    """A VM that is still to be made, without keys; `dns_suffix` is the cloud's."""
    return VirtualMachine(
        status="pending",
        vm_size=host.size,
        private_ip=host.private_ip,
        availability_zone=host.zone or None,
        role=host.role,
        fqdn=f"{names.dns_label(host.name)}.{config.azure.location}.{dns_suffix}",
    )
