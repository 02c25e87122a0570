"""Whether etcd keeps its majority when controllers go: the decision alone, from facts that `etcd_health` brings.

Unknown counts as down. A member is up only if its own etcd answers now with a list that names it, and Azure says now
that its VM runs. The majority is that of the members that etcd lists, not of those that were configured.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from k0rdent_azure.errors import QuorumError

RUNNING = "VM running"
#: What an address of a member may look like on a screen; etcd's answers are data of a host.
_ADDRESS = re.compile(r"[0-9A-Za-z.:\-]{1,60}")


@dataclass(frozen=True, slots=True)
class Controller:
    """What is known now of one controller of ours.

    `power` is Azure's word: None if Azure does not have the VM, "" if that is not known. `listed` are the peer
    addresses that its own etcd told, one for each member; None if it told nothing, and `silence` says why. `holds` says
    that it may hold etcd's data: only a machine that is gone, or is known to be new, does not.
    """

    name: str
    address: str
    power: str | None
    listed: tuple[str, ...] | None = None
    silence: str = ""
    holds: bool = True
    is_leaving: bool = False

    @property
    def is_up(self) -> bool:
        return self.power == RUNNING and self.listed is not None and self.address in self.listed

    @property
    def trouble(self) -> str:
        """Why it does not count as up."""
        if self.power is None:
            return "Azure does not have it"
        if self.power not in ("", RUNNING):
            return self.power
        if self.listed is None:
            return self.silence or "not asked"
        return "etcd does not list it" if self.power else "its power state is not known"


@dataclass(frozen=True, slots=True)
class Members:
    """Every controller of ours, joined with the members that etcd lists; `unasked` says why Azure was not asked.

    `is_new` says that the cluster was never whole: it is being set up for the first time.
    """

    controllers: tuple[Controller, ...]
    unasked: str = ""
    is_new: bool = False

    @property
    def listed(self) -> tuple[str, ...]:
        """The address of every member: learners, members without a VM, and two at one address count, each of them."""
        lists = [each.listed for each in self.controllers if each.listed is not None]
        addresses = {address for listed in lists for address in listed}
        # Lists differ while a member comes or goes: then the larger cluster counts.
        return tuple(
            address
            for address in sorted(addresses)
            for _ in range(max(listed.count(address) for listed in lists))
        )

    @property
    def up(self) -> frozenset[str]:
        return frozenset(each.name for each in self.controllers if each.is_up)

    @property
    def still_there(self) -> frozenset[str]:
        """Those that Azure has, or may have, and is not taking away already: the others go whatever we do."""
        there = (each for each in self.controllers if each.power is not None and not each.is_leaving)
        return frozenset(each.name for each in there)

    @property
    def has_nothing_to_lose(self) -> bool:
        """No controller may hold etcd's data: the cluster never was, or every one of its machines is gone."""
        return not any(each.holds or each.listed for each in self.controllers)

    def keeps_majority(self, going: Collection[str], *, leaving: bool = False) -> bool:
        """Whether more than half of the listed members stay up without `going`, of whom at most one may be up now.

        With `leaving` they leave etcd in order, each while the others agree: then the cluster is one member smaller.
        """
        size = len(self.listed)
        staying = self.up - {*going}
        if len(self.up & {*going}) > 1:
            return False
        if leaving:
            gone = {each.address for each in self.controllers if each.name in going} & {*self.listed}
            return 2 * len(self.up) > size and 2 * len(staying) > size - len(gone)
        return 2 * len(staying) > size

    def refusal(self, going: Collection[str], *, act: str, leaving: bool = False) -> QuorumError | None:
        """Why `going` must not be `act` ("deleted"); None if nothing speaks against it."""
        if self.has_nothing_to_lose or self.keeps_majority(going, leaving=leaving):
            return None
        names = ", ".join(sorted(going))
        hint = self._under_way(going) or self._hint(going)
        # What etcd has lost, or can never spare, no further run changes.
        return QuorumError(
            f"{names} must not be {act}: {self._why(going)}",
            hint=hint,
            way="destroy" if "k0rdent-azure destroy" in hint else "again",
        )

    def told(self) -> str:
        """How etcd is, in one line, for a preview."""
        if self.has_nothing_to_lose:
            return "no controller holds data of etcd"
        if not self.listed:
            return f"not checked: {self._silent()}"
        return f"etcd has {_members(len(self.listed))}: {self._standing()}"

    def _why(self, going: Collection[str]) -> str:
        size, staying = len(self.listed), self.up - {*going}
        if not size:
            return f"no controller's etcd could be asked, so nobody knows what that would cost ({self._silent()})"
        if len(self.up & {*going}) > 1:
            return f"controllers go one at a time ({self._standing()})"
        needed = size // 2 + 1
        return f"of etcd's {_members(size)} {len(staying)} would be up, and it needs {needed} ({self._standing()})"

    def _standing(self) -> str:
        known = {each.address for each in self.controllers}
        up = [each.name for each in self.controllers if each.is_up]
        down = [f"{each.name} ({each.trouble})" for each in self.controllers if not each.is_up]
        down += [
            f"{_shown(address)} (no VM of this deployment)" for address in self.listed if address not in known
        ]
        azure = [f"Azure could not be asked: {self.unasked}"] if self.unasked else []
        return "; ".join([f"up: {', '.join(up) or 'none'}", f"down: {', '.join(down) or 'none'}", *azure])

    def _silent(self) -> str:
        azure = [f"Azure could not be asked: {self.unasked}"] if self.unasked else []
        return "; ".join([*(f"{each.name}: {each.trouble}" for each in self.controllers), *azure])

    def _under_way(self, going: Collection[str]) -> str:
        """What a run that ended before its time has still to do; "" if nothing is known of that."""
        if self.is_new and all(each.power == RUNNING for each in self.controllers):
            return "the cluster was never whole; finish setting it up first: k0rdent-azure resume"
        new = [each.name for each in self.controllers if each.power == RUNNING and not each.holds]
        if self.listed and {*new} - {*going}:
            return f"{', '.join(new)} is new and has to join etcd first: k0rdent-azure resume"
        return ""

    def _hint(self, going: Collection[str]) -> str:
        """A command that works now."""
        others = [each for each in self.controllers if each.name not in going]
        if self.unasked:
            return "see that Azure can be asked: k0rdent-azure doctor"
        if len(self.controllers) < 3:
            return "destroy and deploy, with three controllers or more: k0rdent-azure destroy"
        if not self.listed and self._is_lost():
            return "etcd lost its majority for good: k0rdent-azure destroy, then deploy again"
        if any(each.power is None or each.power not in ("", RUNNING) for each in others):
            return "bring the others back first: k0rdent-azure validate --repair"
        if any(each.power == "" for each in others):
            return "this login needs to read the VMs' power states: k0rdent-azure doctor"
        return "bring the VPN up, and see which controllers answer: k0rdent-azure validate --hosts"

    def _is_lost(self) -> bool:
        """Whether too few machines are left that could ever be a majority of the configured ones."""
        return 2 * sum(each.holds for each in self.controllers) <= len(self.controllers)


def _shown(address: str) -> str:
    return address if _ADDRESS.fullmatch(address) else "a member of another kind of address"


def _members(count: int) -> str:
    return f"{count} member{'' if count == 1 else 's'}"
