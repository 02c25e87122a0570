"""`python -m tests.safety.beyond FOLDER`, in a network namespace of its own: a whole rehearsal, and what leaves it.

The default routes lead into a tun device that this process reads: whatever is sent beyond loopback, name lookups
included, comes out here with its destination. A control shows first that it would.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from tests.e2e.conftest import Product

DEVICE = "beyond0"
NAME_SERVER = "203.0.113.53"
#: linux/if_tun.h
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

#: A VM is replaced and a state recovered in the middle of it, as in a long life.
LIFE = (
    "doctor",
    "plan",
    "deploy --yes",
    "status --refresh",
    "validate --hosts",
    "resume --yes",
    "replace vm/k0s-worker-1 --yes",
    "snapshot create",
    "rollback {snapshot} --yes",
    "resume --yes",
    "recover --from-azure --yes",
    "destroy --yes",
)


class Beyond:
    """The device, and where the packets went that came out of it."""

    def __init__(self) -> None:
        self._tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._tun, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
        for words in (
            "link set lo up",
            f"addr add 198.51.100.2/24 dev {DEVICE}",
            f"link set {DEVICE} up",
            f"route add default dev {DEVICE}",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        for words in (f"-6 addr add 2001:db8::2/64 dev {DEVICE} nodad", f"-6 route add default dev {DEVICE}"):
            subprocess.run(["ip", *words.split()], check=False, stderr=subprocess.DEVNULL)
        self.destinations: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            select.select([self._tun], [], [])
            with contextlib.suppress(BlockingIOError):
                packet = os.read(self._tun, 65535)
                address = ipaddress.ip_address(packet[16:20] if packet[0] >> 4 == 4 else packet[24:40])
                # The kernel's own, when an interface comes up (RFC 3810, RFC 4861).
                if not (address.version == 6 and address.is_multicast):
                    self.destinations.append(str(address))


def control(beyond: Beyond) -> list[str]:
    """Where the packets of a few programs went that do send some."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"x", ("192.0.2.1", 9))
    with socket.socket() as tcp:
        tcp.setblocking(False)
        tcp.connect_ex(("169.254.169.254", 80))
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp6:
        udp6.sendto(b"x", ("2001:db8:1::1", 9))
    name = "import socket; socket.getaddrinfo('vm.southeastasia.cloudapp.azure.com', 22)"
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", name], stderr=subprocess.DEVNULL, check=False, timeout=2)
    seen, beyond.destinations = beyond.destinations, []
    return seen


def live(product: Product, beyond: Beyond) -> dict[str, list[str]]:
    """Of each command, where its packets went."""
    sent: dict[str, list[str]] = {}
    product.init("minimal")
    snapshot = ""
    for line in LIFE:
        words = line.format(snapshot=snapshot).split()
        if words[0] == "recover":
            (product.workspace / "deployment-state.yaml").rename(product.workspace / "lost")
            for part in product.workspace.glob("deployment-state.*"):
                part.rename(product.workspace / f"lost-{part.name}")
        product.run(*words)
        if line == "snapshot create":
            snapshot = product.run("snapshot", "list", "--json").json["snapshots"][-1]["name"]
        sent[line], beyond.destinations = beyond.destinations, []
    return sent


def main() -> None:
    folder = Path(sys.argv[1])
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(resolver), os.path.realpath("/etc/resolv.conf")], check=True)
    beyond = Beyond()
    seen = control(beyond)
    workspace = folder / "workspace"
    workspace.mkdir()
    product = Product(workspace)
    try:
        sent = live(product, beyond)
    finally:
        product.run("rehearse", "stop", expect=None)
    sys.stdout.write(json.dumps({"control": seen, "sent": sent}))


if __name__ == "__main__":
    main()
