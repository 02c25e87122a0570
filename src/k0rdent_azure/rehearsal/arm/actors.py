"""On whose behalf a request is sent: that of one deployment, or somebody's who is not the deployer."""

from __future__ import annotations

import re

#: A colleague, a policy, the user with another tool.
SOMEBODY = "somebody"
_DEPLOYER = "deployer"
_AGENT = re.compile(r"\bk0rdent-azure/\S+ \(([^();\s]+)(?:; ([^()]+))?\)")


def deployer(agent: str) -> str:
    """The deployer, for the deployment that its user agent names: `deployer k0rdent-abcd1234`."""
    found = _AGENT.search(agent)
    return f"{_DEPLOYER} {found.group(1)}" if found else _DEPLOYER


def command(agent: str) -> str:
    """The command that the user agent names; "" if it names none."""
    found = _AGENT.search(agent)
    return (found.group(2) or "") if found else ""


def is_deployer(actor: str) -> bool:
    return actor.split(" ", maxsplit=1)[0] == _DEPLOYER
