"""The real OpenSSH client through the jump host."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.rehearsal.machine_stage import ADMIN, Stage, front

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs the OpenSSH client (ssh)")


async def test_openssh_logs_in_through_the_jump_host(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.add("k0s-controller")
    async with front(stage, tmp_path) as cloud:
        known, config = tmp_path / "known_hosts", tmp_path / "ssh_config"
        known.write_text(
            f"[127.0.0.1]:{cloud.endpoint.port} {cloud.endpoint.host_key}\n"
            f"20.198.5.11 {stage.host_keys['k0s-controller']}\n"
        )
        common = f"UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n"
        common += "  IdentitiesOnly yes\n  BatchMode yes\n"
        config.write_text(
            f"Host jump\n  HostName 127.0.0.1\n  Port {cloud.endpoint.port}\n  User rehearsal\n"
            f"  IdentityFile {cloud.endpoint.key_path}\n  {common}"
            f"Host *\n  User {ADMIN}\n  IdentityFile {stage.client_path}\n  StrictHostKeyChecking yes\n  {common}"
        )
        process = await asyncio.create_subprocess_exec(
            "ssh", "-F", str(config), "-J", "jump", "20.198.5.11", "cat; hostname; exit 3",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        stdout, stderr = await process.communicate(b"typed\n")
        assert (stdout, process.returncode) == (b"typed\nk0s-controller\n", 3), stderr.decode()


async def test_a_command_that_reads_nothing_ends_while_its_input_is_open(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.add("vm")
    async with front(stage, tmp_path) as cloud, await cloud.login("20.198.5.11", "vm") as connection:
        process = await connection.create_process("cloud-init status")
        assert (await asyncio.wait_for(process.wait(), 10)).stdout == "status: done\n"
