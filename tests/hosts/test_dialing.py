"""Hosts that swallow every packet, as VMs do before they boot, must not keep the others waiting."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

from k0rdent_azure.hosts.keys import ssh_keypair
from k0rdent_azure.hosts.ssh import SshRunner, Target


async def test_silent_addresses_are_dialed_all_at_once(key_path: Path) -> None:
    """A listener whose queue is full is as silent as a firewall; loopback is all that a test may use."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        key = ssh_keypair("x").public
        targets = [Target(f"vm-{i}", "127.0.0.1", key, "admin", address[1]) for i in range(40)]
        async with SshRunner(key_path=key_path, gateway=None, connect_timeout=1.0) as runner:
            started = time.monotonic()
            answers = await asyncio.gather(*(runner.probe(target) for target in targets))
            took = time.monotonic() - started
        for filler in fillers:
            filler.close()
    assert not any(answers)
    assert 0.9 < took < 3
