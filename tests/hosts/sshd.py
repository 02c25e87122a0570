"""A real OpenSSH server on loopback, run by the user who runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair
from k0rdent_azure.hosts.ssh import Target

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_sshd = pytest.mark.skipif(SSHD is None, reason="needs OpenSSH's sshd (Debian: openssh-server)")


#: Where sshd, started by root, wants an empty folder to lock itself in.
PRIVILEGE_SEPARATION = Path("/run/sshd")
#: Gives it one that only the server itself sees: a mount namespace of its own, gone with it.
OWN_FOLDER = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && mkdir /run/sshd && exec "$@"', "sh")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


class Sshd:
    """One server with a host key of its own, which lets `client_path` in."""

    def __init__(
        self, folder: Path, client: KeyPair, *, host_key: KeyPair | None = None, port: int = 0
    ) -> None:
        self.folder, self.client = folder, client
        self.host_key = host_key or ssh_keypair("host")
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def target(self, **changes: object) -> Target:
        values: dict[str, object] = {
            "name": "vm", "address": "127.0.0.1", "host_key": self.host_key.public,
            "username": getpass.getuser(), "port": self.port,
        }  # fmt: skip
        return Target(**(values | changes))  # type: ignore[arg-type]

    def start(self) -> None:
        assert SSHD is not None
        self.folder.mkdir(exist_ok=True)
        private, authorized = self.folder / "host", self.folder / "authorized"
        private.write_text(self.host_key.private)
        private.chmod(0o600)
        authorized.write_text(self.client.public + "\n")
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {private}\nPidFile none\n"
            f"AuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\nMaxStartups 200\nAllowTcpForwarding yes\n"
        )
        alone = os.geteuid() == 0 and not PRIVILEGE_SEPARATION.is_dir() and shutil.which("unshare")
        prefix = OWN_FOLDER if alone else ()
        self.process = subprocess.Popen(
            [*prefix, SSHD, "-D", "-e", "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
        )
        self._wait()

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.skip(f"sshd does not run here: {(self.folder / 'log').read_text()[-200:].strip()}")
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        pytest.fail("sshd did not listen")

    def logins(self) -> int:
        return (self.folder / "log").read_text().count("Accepted publickey")

    def cut(self) -> None:
        """End every session as a reboot would; the server itself goes on."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            subprocess.run(["kill", "-KILL", child], check=False)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
