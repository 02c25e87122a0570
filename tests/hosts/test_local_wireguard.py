"""The VPN on this machine, with stand-ins for sudo, wg, wg-quick and ip on the PATH."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from k0rdent_azure.errors import CommandFailedError, PrerequisiteError
from k0rdent_azure.hosts import local_wireguard
from k0rdent_azure.hosts.keys import wireguard_keypair
from k0rdent_azure.hosts.local_wireguard import LocalWorkstation

PEER = wireguard_keypair().public
INTERFACE = "wgk0test"
DUMP = f"private\tpublic\t4000\toff\n{PEER}\t(none)\t20.1.2.3:51820\t172.24.24.11/32\t1767225600\t1\t2\t25\n"
ASKS = "sudo: a password is required"


class Machine:
    """A folder of stand-ins: what they were asked is in `asked`; `up` is a file, as is a running interface."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.bin, self.patch = folder, folder / "bin", patch
        self.bin.mkdir()
        self.config = folder / "a folder" / f"{INTERFACE}.conf"
        self.names = folder / "names"
        patch.setattr(local_wireguard, "NAMES", self.names)
        patch.setattr(LocalWorkstation, "_may_be_up", lambda _self, _name: True)
        patch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        self.user(0)
        self.tool(
            "wg",
            f"[ -e {self.flag} ] && printf %s {shlex.quote(DUMP)} || {{ echo 'No such device' >&2; exit 1; }}",
        )
        self.tool("wg-quick", f"touch {self.flag}")
        self.tool("ip", f"rm {self.flag}")
        self.tool("sudo", 'shift; echo "sudo" >> ' + str(self.log) + '; exec "$@"')

    @property
    def flag(self) -> Path:
        return self.folder / "up"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def user(self, uid: int) -> None:
        self.patch.setattr(os, "geteuid", lambda: uid)

    def tool(self, name: str, script: str) -> None:
        path = self.bin / name
        note = "" if name == "sudo" else f'echo "{name} $*" >> {self.log}\n'
        path.write_text(f"#!/bin/sh\n{note}{script}\n")
        path.chmod(0o755)

    def sudo_refuses(self, words: str = ASKS) -> None:
        self.user(1000)
        self.tool("sudo", f"echo {shlex.quote(words)} >&2; exit 1")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


async def test_up_looks_first_and_then_brings_it_up(machine: Machine) -> None:
    workstation = LocalWorkstation(platform="linux")
    assert await workstation.peers(INTERFACE) is None
    await workstation.up(machine.config, INTERFACE)
    assert machine.asked[-1] == f"wg-quick up {machine.config}"
    peers = await workstation.peers(INTERFACE)
    assert peers is not None
    assert peers[PEER].latest_handshake == 1767225600


async def test_an_interface_that_is_up_stays_as_it_is(machine: Machine) -> None:
    machine.flag.touch()
    await LocalWorkstation(platform="linux").up(machine.config, INTERFACE)
    assert machine.asked == [f"wg show {INTERFACE} dump"]


async def test_down_needs_no_configuration_file(machine: Machine) -> None:
    """`wg-quick down NAME` would look for one in /etc/wireguard, where ours never was."""
    machine.flag.touch()
    workstation = LocalWorkstation(platform="linux")
    await workstation.down(INTERFACE)
    assert machine.asked[-1] == f"ip link delete dev {INTERFACE}"
    await workstation.down(INTERFACE)
    assert sum(line.startswith("ip ") for line in machine.asked) == 1


async def test_a_user_goes_through_a_sudo_that_does_not_ask(machine: Machine) -> None:
    machine.user(1000)
    await LocalWorkstation(platform="linux").up(machine.config, INTERFACE)
    assert machine.asked == [
        "sudo", f"wg show {INTERFACE} dump", "sudo", f"wg-quick up {machine.config}"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ASKS,
        "sudo: a terminal is required to read the password",
        "sudo: interactive authentication is required",
        "Sorry, user jane is not allowed to execute '/usr/bin/wg' as root on host.",
        "jane is not in the sudoers file.",
    ],
)
async def test_a_sudo_that_would_ask_names_the_command(machine: Machine, words: str) -> None:
    machine.sudo_refuses(words)
    machine.patch.setattr(LocalWorkstation, "_may_be_up", lambda _self, _name: False)
    with pytest.raises(PrerequisiteError) as caught:
        await LocalWorkstation(platform="linux").up(machine.config, INTERFACE)
    command = f"sudo {machine.bin}/wg-quick up '{machine.config}'"
    assert caught.value.hint == f"run: {command}    and then: k0rdent-azure resume"


async def test_after_that_command_the_next_run_does_not_ask_for_it_again(machine: Machine) -> None:
    """The interface is up then, but only root may look: "it is down" would be a lie, and a circle."""
    machine.sudo_refuses()
    machine.flag.touch()
    for action in (
        LocalWorkstation(platform="linux").peers(INTERFACE),
        LocalWorkstation(platform="linux").up(machine.config, INTERFACE),
    ):
        with pytest.raises(PrerequisiteError) as caught:
            await action
        assert caught.value.hint == "run: sudo -v    and then: k0rdent-azure resume"


async def test_without_sudo_it_is_the_same(machine: Machine) -> None:
    machine.user(1000)
    (machine.bin / "sudo").unlink()
    machine.patch.setenv("PATH", str(machine.bin))
    with pytest.raises(PrerequisiteError, match=r"needs root|only root"):
        await LocalWorkstation(platform="linux").up(machine.config, INTERFACE)


@pytest.mark.skipif(not Path("/sys/class/net").is_dir(), reason="needs Linux' /sys/class/net")
async def test_linux_tells_everybody_that_an_interface_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("wg", "sudo"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 99\n")
        (tmp_path / name).chmod(0o755)
    assert await LocalWorkstation(platform="linux").peers("wgk0nothere") is None
    await LocalWorkstation(platform="linux").down("wgk0nothere")


async def test_a_failure_of_wg_quick_is_told_and_cleaned(machine: Machine) -> None:
    machine.tool("wg-quick", r"printf 'RTNETLINK: \033[31mno\033[0m module\n' >&2; exit 4")
    with pytest.raises(CommandFailedError, match="ended with 4: RTNETLINK: no module") as caught:
        await LocalWorkstation(platform="linux").up(machine.config, INTERFACE)
    assert caught.value.exit_status == 4


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (f"wg-quick: `{INTERFACE}' already exists", f"sudo ip link delete dev {INTERFACE}"),
        ("[#] ip link add wg0 type wireguard\nRTNETLINK answers: File exists", "ip -4 route"),
        ("Error: ipv4: Address already assigned.", "ip -4 route"),
        ("Error: Unknown device type.\nUnable to access interface: Protocol not supported", "wireguard-go"),
        ("RTNETLINK answers: Operation not supported", "wireguard-go"),
        ("RTNETLINK answers: Operation not permitted", "NET_ADMIN"),
        ("something new", None),
    ],
)
async def test_what_ends_a_failure_is_said(machine: Machine, words: str, hint: str | None) -> None:
    machine.tool("wg-quick", f"echo {shlex.quote(words)} >&2; exit 1")
    with pytest.raises(CommandFailedError) as caught:
        await LocalWorkstation().up(machine.config, INTERFACE)
    assert (hint in (caught.value.hint or "")) if hint else caught.value.hint is None


@pytest.mark.parametrize("name", ["wg", "wg-quick"])
async def test_missing_tools_are_a_prerequisite(machine: Machine, name: str) -> None:
    (machine.bin / name).unlink()
    machine.patch.setenv("PATH", str(machine.bin))
    with pytest.raises(PrerequisiteError, match=f"{name} is not on the PATH") as caught:
        await LocalWorkstation(platform="linux").up(machine.config, INTERFACE)
    assert "wireguard-tools" in (caught.value.hint or "")


async def test_macos_gives_the_interface_another_name(machine: Machine) -> None:
    workstation = LocalWorkstation(platform="darwin")
    assert await workstation.peers(INTERFACE) is None
    machine.names.mkdir()
    machine.flag.touch()
    (machine.names / f"{INTERFACE}.name").write_text("utun7\n")
    (machine.names / "utun7.sock").touch()
    assert await workstation.peers(INTERFACE) is not None
    assert machine.asked == ["wg show utun7 dump"]
    await workstation.down(INTERFACE)
    assert list(machine.names.iterdir()) == []


@pytest.mark.parametrize("text", ["", "../../etc/passwd\n", "utun7; rm -rf /\n"])
async def test_on_macos_only_a_utun_is_believed(machine: Machine, text: str) -> None:
    machine.names.mkdir()
    (machine.names / f"{INTERFACE}.name").write_text(text)
    assert await LocalWorkstation(platform="darwin").peers(INTERFACE) is None
    assert machine.asked == []


async def test_a_look_that_hangs_has_a_limit(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_wireguard, "LOOK_LIMIT", 0.3)
    machine.tool("wg", "exec sleep 5")
    started = time.monotonic()
    with pytest.raises(CommandFailedError, match="no end of"):
        await LocalWorkstation(platform="linux").peers(INTERFACE)
    assert time.monotonic() - started < 3


async def test_ctrl_c_stops_us_but_not_wg_quick(machine: Machine) -> None:
    """Half a `wg-quick up` is an interface without routes. The terminal signals the whole process group."""
    done = machine.folder / "done"
    machine.tool("wg-quick", f"while [ ! -e {machine.folder}/go ]; do sleep 0.05; done; touch {done}")
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from k0rdent_azure.hosts.local_command import execute\n"
        "asyncio.run(execute(sys.argv[1:], 60))"
    )
    ours = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(machine.bin / "wg-quick"), "up", "x",
        start_new_session=True, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await until_file(machine.log)
    os.killpg(ours.pid, signal.SIGINT)
    await asyncio.wait_for(ours.wait(), 5)
    (machine.folder / "go").touch()
    await until_file(done)


async def until_file(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():  # noqa: ASYNC240 - a look at a file, on a real process
        assert time.monotonic() < deadline, f"waited in vain for {path.name}"
        await asyncio.sleep(0.02)
