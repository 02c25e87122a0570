"""No packet leaves the machine but where a user asked for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conftest
from tests.safety.beyond import LIFE, NAME_SERVER

REASON = "needs root, unshare, ip and /dev/net/tun, to look at a network of its own"


def can_look() -> bool:
    tools = all(shutil.which(tool) for tool in ("unshare", "ip", "mount"))
    if os.geteuid() != 0 or not tools or not Path("/dev/net/tun").exists():
        return False
    words = ["unshare", "--net", "--mount", "ip", "tuntap", "add", "dev", "t0", "mode", "tun"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.e2e
@pytest.mark.needs_root
def test_a_whole_rehearsal_sends_no_packet_beyond_loopback(tmp_path: Path) -> None:
    if not can_look():
        pytest.skip(REASON)
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-m", "tests.safety.beyond", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # It would have been seen.
    assert {"192.0.2.1", "169.254.169.254", NAME_SERVER} <= set(found["control"])
    assert found["sent"] == {line: [] for line in LIFE}


def test_a_test_cannot_reach_beyond_loopback() -> None:
    """The guard of `tests/conftest.py` refuses, and would fail this test for the attempt."""
    with socket.socket() as tcp, pytest.raises(ConnectionRefusedError, match="loopback only"):
        tcp.connect(("192.0.2.1", 80))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, pytest.raises(ConnectionRefusedError):
        udp.sendto(b"x", ("169.254.169.254", 80))
    assert conftest._BEYOND == ["192.0.2.1", "169.254.169.254"]
    conftest._BEYOND.clear()
