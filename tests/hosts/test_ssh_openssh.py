"""The SSH runner against a real OpenSSH server."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from k0rdent_azure.errors import (
    CommandFailedError,
    HostError,
    HostKeyMismatchError,
    HostUnreachableError,
)
from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair
from k0rdent_azure.hosts.ssh import SshRunner
from tests.hosts.sshd import Sshd, free_port, needs_sshd

pytestmark = needs_sshd


@pytest.fixture
def runner(key_path: Path) -> SshRunner:
    return SshRunner(key_path=key_path, gateway=None, connect_timeout=5)


async def test_a_command_gives_its_output_and_status(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        result = await runner.run(sshd.target(), "echo out; echo err >&2; exit 3", check=False)
        assert (result.exit_status, result.stdout, result.stderr) == (3, "out\n", "err\n")


async def test_a_command_may_have_input_and_none_is_an_end_at_once(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        text = "zeile ü\n" * 20_000
        assert (await runner.run(sshd.target(), "cat", stdin=text)).stdout == text
        assert (await runner.run(sshd.target(), "cat", timeout=5)).stdout == ""
        assert (await runner.run(sshd.target(), "cat", stdin="", timeout=5)).stdout == ""


async def test_output_that_is_no_text_is_no_error(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        assert (await runner.run(sshd.target(), r"printf '\377ok'")).stdout == "\ufffdok"


async def test_a_failure_shows_the_command_and_its_last_words_but_no_input(
    runner: SshRunner, sshd: Sshd
) -> None:
    async with runner:
        with pytest.raises(CommandFailedError) as caught:
            await runner.run(
                sshd.target(), r"cat >/dev/null; printf 'no \033[31mway' >&2; exit 7", stdin="s3cret"
            )
    error = caught.value
    assert (error.exit_status, error.stderr) == (7, "no way")
    assert "on vm ended with 7: no way" in error.message
    assert "s3cret" not in repr(error) + error.message


async def test_a_command_that_a_signal_ended_failed(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        assert (await runner.run(sshd.target(), "kill -9 $$", check=False)).exit_status == -9


async def test_a_command_has_a_limit_and_the_connection_survives_it(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        started = time.monotonic()
        with pytest.raises(CommandFailedError, match=r"no end of `sleep 60` on vm within 0 s"):
            await runner.run(sshd.target(), "sleep 60", timeout=0.3)
        assert time.monotonic() - started < 3
        assert (await runner.run(sshd.target(), "echo on")).stdout == "on\n"
    assert sshd.logins() == 1


async def test_connections_are_reused(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        await asyncio.gather(*(runner.run(sshd.target(), "true") for _ in range(8)))
        assert await runner.probe(sshd.target())
    assert sshd.logins() == 1


async def test_another_host_key_is_refused_before_anything_is_sent(runner: SshRunner, sshd: Sshd) -> None:
    wrong = sshd.target(host_key=ssh_keypair("other").public)
    async with runner:
        for action in (runner.run(wrong, "true"), runner.probe(wrong)):
            with pytest.raises(HostKeyMismatchError, match=r"vm \(127\.0\.0\.1\)"):
                await action
    assert sshd.logins() == 0


async def test_a_host_key_that_changes_is_noticed_at_the_next_login(
    runner: SshRunner, sshd: Sshd, client: KeyPair, tmp_path: Path
) -> None:
    async with runner:
        await runner.run(sshd.target(), "true")
        sshd.cut()
        sshd.stop()
        other = Sshd(tmp_path / "other", client, port=sshd.port)
        other.start()
        try:
            with pytest.raises(HostKeyMismatchError):
                await runner.run(sshd.target(), "true")
        finally:
            other.stop()


async def test_a_connection_that_went_stale_is_made_anew(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        await runner.run(sshd.target(), "true")
        sshd.cut()
        assert (await runner.run(sshd.target(), "echo back")).stdout == "back\n"
    assert sshd.logins() == 2


async def test_nobody_there_is_unreachable(runner: SshRunner, sshd: Sshd) -> None:
    nowhere = sshd.target(port=free_port())
    async with runner:
        assert not await runner.probe(nowhere)
        with pytest.raises(HostUnreachableError, match="refused") as caught:
            await runner.run(nowhere, "true")
    assert caught.value.hint


async def test_a_refused_login_is_unreachable_and_says_so(sshd: Sshd, tmp_path: Path) -> None:
    other = tmp_path / "other_key"
    other.write_text(ssh_keypair("not allowed").private)
    async with SshRunner(key_path=other, gateway=None, connect_timeout=5) as runner:
        assert not await runner.probe(sshd.target())
        with pytest.raises(HostUnreachableError) as caught:
            await runner.run(sshd.target(), "true")
    assert "does not let" in (caught.value.hint or "")
    assert str(other) in (caught.value.hint or "")


@pytest.mark.parametrize("key", ["", "base64-encoded-public-key", "ssh-ed25519 AAAA"])
async def test_without_a_recorded_host_key_nobody_is_trusted(runner: SshRunner, sshd: Sshd, key: str) -> None:
    async with runner:
        with pytest.raises(HostError, match="no usable host key is recorded for vm"):
            await runner.probe(sshd.target(host_key=key))
    assert sshd.logins() == 0


async def test_an_unknown_address_is_not_this_machine(runner: SshRunner, sshd: Sshd) -> None:
    """An empty name means loopback to the resolver."""
    async with runner:
        with pytest.raises(HostUnreachableError, match="not known yet"):
            await runner.run(sshd.target(address=""), "true")


async def test_names_work_too(runner: SshRunner, sshd: Sshd) -> None:
    async with runner:
        assert await runner.probe(sshd.target(address="localhost"))
        assert not await runner.probe(sshd.target(address="no-such-name.invalid"))


@pytest.mark.parametrize("text", [None, "not a key\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"])
async def test_a_bad_key_file_is_told_as_such(sshd: Sshd, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "bad"
    if text is not None:
        path.write_text(text)
    async with SshRunner(key_path=path, gateway=None, connect_timeout=5) as runner:
        with pytest.raises(HostError, match="bad: ") as caught:
            await runner.run(sshd.target(), "true")
    assert not isinstance(caught.value, HostUnreachableError)


async def test_the_users_own_ssh_set_up_takes_no_part(
    sshd: Sshd, client: KeyPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home whose config, keys and known hosts would let us in, and whose agent would too."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(f"Host *\n  Port {sshd.port}\n  StrictHostKeyChecking no\n")
    (home / ".ssh" / "id_ed25519").write_text(client.private)
    (home / ".ssh" / "known_hosts").write_text(f"* {sshd.host_key.public}\n")
    (home / ".ssh" / "ca-bundle.crt").write_text("nonsense")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    other = tmp_path / "other_key"
    other.write_text(ssh_keypair("not allowed").private)
    async with SshRunner(key_path=other, gateway=None, connect_timeout=5) as runner:
        assert not await runner.probe(sshd.target())
        with pytest.raises(HostKeyMismatchError):
            await runner.probe(sshd.target(host_key=ssh_keypair("x").public))


async def test_cancelled_it_ends_at_once_and_closing_does_not_hang(runner: SshRunner, sshd: Sshd) -> None:
    task = asyncio.ensure_future(runner.run(sshd.target(), "sleep 60"))
    await asyncio.sleep(0)
    await runner.run(sshd.target(), "true")
    assert sshd.process is not None
    os.kill(sshd.process.pid, 19)  # SIGSTOP: the peer says nothing from now on
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await runner.close()
    await runner.close()
    os.kill(sshd.process.pid, 18)
    assert time.monotonic() - started < 2
