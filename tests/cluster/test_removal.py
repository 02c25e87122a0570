"""kcm taken away: objects leave once their finalizers are done, however long that takes."""

from __future__ import annotations

import json

import pytest

from k0rdent_azure.cluster.removal import Leaving, uninstall
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.ssh import CommandResult
from k0rdent_azure.rehearsal.hosts.refusals import KUBECTL

GONE = CommandResult(0, "", "")


class Leaves:
    """An API in which each deleted object is seen `looks` times more; `says` are answers to be given first, by verb."""

    def __init__(self, looks: int = 0, says: dict[str, list[str]] | None = None) -> None:
        self.looks, self.says = looks, says or {}
        self.asked: list[list[str]] = []
        self.left: dict[str, int] = {}
        self.waits: list[Leaving] = []

    async def __call__(self, words: list[str], _stdin: str | None) -> CommandResult:
        self.asked.append(words)
        verb, kind = words[0], words[1]
        if self.says.get(verb) and "-A" not in words:
            return CommandResult(1, "", self.says[verb].pop(0))
        if verb == "delete":
            self.left.setdefault(kind, self.looks)
            return CommandResult(0, f"{kind} deleted", "")
        if "-A" in words or not self.left.get(kind):
            return GONE
        self.left[kind] -= 1
        document = {
            "metadata": {"finalizers": ["k0rdent.mirantis.com/management"], "deletionTimestamp": "x"},
            "status": {"conditions": [{"message": "removing capi\x1b[2J"}]},
        }
        return CommandResult(0, json.dumps(document), "")

    async def wait(self, leaving: Leaving) -> None:
        self.waits.append(leaving)

    async def uninstall(self) -> None:
        await uninstall(self, namespace="kcm-system", release="kcm", wait=self.wait)


async def test_no_command_waits_for_finalizers_by_itself() -> None:
    cluster = Leaves(looks=3)
    await cluster.uninstall()
    deletions = [words for words in cluster.asked if words[0] == "delete"]
    assert all("--wait=false" in words for words in deletions)
    assert [words[1].partition(".")[0] for words in deletions] == ["managements", "charts", "namespace"]
    assert len(cluster.waits) == 9
    assert cluster.waits[0].why == "its finalizers: k0rdent.mirantis.com/management; removing capi"


@pytest.mark.parametrize("name", ["unavailable", "leader-changed", "tls-timeout", "eof", "internal"])
@pytest.mark.parametrize("verb", ["delete", "get"])
async def test_an_api_server_that_stumbles_is_asked_again(name: str, verb: str) -> None:
    cluster = Leaves(says={verb: [KUBECTL[name]] * 2})
    await cluster.uninstall()
    assert len(cluster.waits) == 2


@pytest.mark.parametrize("verb", ["delete", "get"])
async def test_a_refusal_ends_it(verb: str) -> None:
    with pytest.raises(ClusterError, match="Forbidden"):
        await Leaves(says={verb: [KUBECTL["forbidden"]]}).uninstall()


async def test_what_kcm_manages_has_to_be_known() -> None:
    asked: list[list[str]] = []

    async def silent(words: list[str], _stdin: str | None) -> CommandResult:
        asked.append(words)
        return CommandResult(1, "", KUBECTL["unavailable"])

    with pytest.raises(ClusterError, match="currently unable"):
        await uninstall(silent, namespace="kcm-system", release="kcm", wait=Leaves().wait)
    assert len(asked) == 1
