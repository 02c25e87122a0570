"""`wg show` in its form for people."""

from __future__ import annotations

import pytest

from k0rdent_azure.hosts.wireguard_status import InterfaceStatus, parse

#: As wg(8) prints it.
SHOWN = """\
interface: wg0
  public key: HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=
  private key: (hidden)
  listening port: 51820

peer: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
  endpoint: 192.95.5.67:1234
  allowed ips: 172.24.24.1/32
  latest handshake: 1 minute, 26 seconds ago
  transfer: 3.48 MiB received, 33.46 MiB sent

peer: TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
  allowed ips: (none)
"""


def test_key_port_and_peers_are_read() -> None:
    assert parse(SHOWN) == InterfaceStatus(
        "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=",
        "51820",
        (
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
            "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=",
        ),
    )


@pytest.mark.parametrize(
    "text", ["", "Unable to access interface: No such device\n", "nonsense\x00", "peer: x\n"]
)
def test_what_is_not_wgs_is_no_interface(text: str) -> None:
    assert parse(text) is None
