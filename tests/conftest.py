"""What holds for every test."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.conscience import conscience_file as conscience_file  # noqa: PLC0414  the fixtures of every test
from tests.conscience import no_harm_done as no_harm_done  # noqa: PLC0414
from tests.e2e.prepared import SHELF

# A run of the suite judges the change, not the draw: the same commit, the same examples. `make test-all` draws anew.
# How long an example takes says something of the machine only.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", UNTIMED, derandomize=True)
settings.register_profile("anew", UNTIMED, print_blob=True)
settings.load_profile("anew" if os.environ.get("K0RDENT_AZURE_EXHAUSTIVE") == "1" else "same")

# In the background of a shell (`make test &`) Ctrl-C is ignored, and so it would be by the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _shelf(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One folder for all workers of a run, which goes with pytest's other folders."""
    own = tmp_path_factory.getbasetemp()
    SHELF.folder = (own.parent if own.name.startswith("popen-") else own) / "prepared"


#: What this process tried to reach beyond loopback since the test began. What its children reach, and what names are
#: looked up, a namespace shows (`tests/safety/test_network.py`).
_BEYOND: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook: it stays for the life of the process, below every library that opens a connection."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not is_loopback(str(address[0])):
            _BEYOND.append(str(address[0]))
            raise ConnectionRefusedError(f"a test speaks to loopback only, not to {address[0]}")


def is_loopback(text: str) -> bool:
    """Of an address; a name that reaches `connect` is looked up there, and may be anybody's."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text in ("", "localhost")
    return address.is_loopback or address.is_unspecified


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def _nothing_beyond_loopback() -> Iterator[None]:
    """Also a refused attempt fails the test: elsewhere the product would have sent something."""
    _BEYOND.clear()
    yield
    reached, _BEYOND[:] = list(_BEYOND), []
    assert not reached, f"beyond loopback: {reached}"
