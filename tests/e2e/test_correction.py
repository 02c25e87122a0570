"""While Azure has accepted nothing, a corrected k0rdent.yaml is simply taken by `deploy`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.cli import correcting, deploy
from k0rdent_azure.cli.main import main
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import AzureRequestError, AzureUnreachableError
from k0rdent_azure.phases import correction
from k0rdent_azure.rehearsal import faults, service
from k0rdent_azure.state.intents import SUBMISSION, SubmissionDetails
from k0rdent_azure.state.model import State
from k0rdent_azure.state.store import FileStore
from tests.e2e.conftest import SPEED

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cloud for all workspaces of this module."""
    directory = tmp_path_factory.mktemp("cloud")
    yield directory
    service.stop(directory)


@pytest.fixture
def folder(tmp_path: Path, clouds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose deployment Azure has just refused for its sizes, and will again."""
    monkeypatch.setenv("K0RDENT_AZURE_REHEARSAL_DIR", str(clouds))
    monkeypatch.setenv("K0RDENT_AZURE_REHEARSAL_SPEED", SPEED)
    faults.add(clouds, faults.Fault(kind="SkuNotAvailable", times=None))
    assert main(["-C", str(tmp_path), "init", "--template", "small", "--cloud", "rehearsal", "--yes"]) == 0
    assert run(tmp_path, 6).phases["preparation"].status == "completed"
    return tmp_path


def run(folder: Path, code: int, *words: str) -> State:
    assert main(["-C", str(folder), "deploy", "--yes", "--quiet", *words]) == code
    return state(folder)


def store(folder: Path) -> FileStore:
    return FileStore(folder / "deployment-state.yaml", clock=SystemClock())


def state(folder: Path) -> State:
    return store(folder).read().state


def correct(folder: Path, pattern: str, text: str) -> None:
    path = folder / "k0rdent.yaml"
    corrected, count = re.subn(pattern, text, path.read_text(), count=1, flags=re.MULTILINE | re.DOTALL)
    assert count == 1
    path.write_text(corrected)


def keys(found: State) -> dict[str, str | None]:
    """All that is made once."""
    assert found.wireguard is not None
    assert found.azure_resources.ssh_key is not None
    vms = found.azure_resources.virtual_machines
    return {
        "ssh": found.azure_resources.ssh_key.public_key,
        **{f"{name} host": vm.host_private_key for name, vm in vms.items()},
        **{f"{name} peer": peer.private_key for name, peer in found.wireguard.peers.items()},
    }


def names(found: State) -> set[str]:
    return {*found.azure_resources.virtual_machines}


SMALL = {"k0s-controller", "k0s-worker-1", "k0s-worker-2"}


@pytest.mark.parametrize(
    ("pattern", "text", "path", "check"),
    [
        (
            r"(controllers:.*?count: )1",
            r"\g<1>3",
            "cluster.controllers.count",
            lambda s: names(s) == SMALL | {"k0s-controller-2", "k0s-controller-3"},
        ),
        (r"(workers:.*?count: )2", r"\g<1>1", "cluster.workers.count", lambda s: len(names(s)) == 2),
        (
            r"(worker:.*?size: )\S+",
            r"\g<1>Standard_D8s_v5",
            "vm_sizing.worker.size",
            lambda s: s.azure_resources.virtual_machines["k0s-worker-1"].vm_size == "Standard_D8s_v5",
        ),
        (
            r"(location: )\S+",
            r"\g<1>northeurope",
            "azure.location",
            lambda s: (
                s.azure_resources.resource_group.location == "northeurope"
                and ".northeurope." in s.azure_resources.virtual_machines["k0s-worker-1"].fqdn
            ),
        ),
        (
            r"(wireguard_network: )\S+",
            r"\g<1>10.99.0.0/24",
            "network.wireguard_network",
            lambda s: {peer.ip.rpartition(".")[0] for peer in s.wireguard.peers.values()} == {"10.99.0"},
        ),
        (
            r"(wireguard_port: )\S+",
            r"\g<1>40404",
            "network.wireguard_port",
            lambda s: s.wireguard.port == 40404,
        ),
        (
            r"(username: )\S+",
            r"\g<1>ann",
            "ssh.username",
            lambda s: s.configuration["ssh"]["username"] == "ann",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.islower() and "." in value else "",
)
def test_what_was_corrected_is_taken(
    folder: Path, pattern: str, text: str, path: str, check: Callable[[Any], bool]
) -> None:
    before = state(folder)
    correct(folder, pattern, text)
    after = run(folder, 6)
    assert check(after)
    assert after.metadata.deployment_id == before.metadata.deployment_id
    assert after.metadata.lineage == before.metadata.lineage
    assert after.metadata.config_digest != before.metadata.config_digest
    same = {*keys(before)} & {*keys(after)}
    assert {name: keys(after)[name] for name in same} == {name: keys(before)[name] for name in same}
    assert {"ssh", "k0s-controller host", "k0s-worker-1 peer", "mylaptop peer"} <= same
    told = [event for event in after.events if event.action == "configuration_changed"]
    assert len(told) == 1
    assert path in (told[0].message or "")
    assert " -> " in (told[0].details or "")
    assert main(["-C", str(folder), "state", "check"]) == 0


def test_the_corrected_deployment_is_made(
    folder: Path, clouds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And from then on the configuration stays, also where the file of a copy says that nothing was accepted."""
    correct(folder, r"(workers:.*?count: )2", r"\g<1>1")
    faults.clear(clouds)
    old = (folder / "deployment-state.yaml").read_bytes()
    assert run(folder, 0).metadata.deployment_status == "completed"
    assert names(state(folder)) == {"k0s-controller", "k0s-worker-1"}

    correct(folder, r"(wireguard_port: )\S+", r"\g<1>40404")
    assert run(folder, 0).wireguard.port != 40404  # type: ignore[union-attr]
    assert "the snapshot in the state counts" in capsys.readouterr().err

    (folder / "deployment-state.yaml").write_bytes(old)
    assert main(["-C", str(folder), "deploy", "--yes"]) == 4
    assert "Azure has the deployment record" in capsys.readouterr().err
    assert (folder / "deployment-state.yaml").read_bytes() == old


def test_an_outcome_that_is_unknown_is_asked_of_azure(folder: Path) -> None:
    """The connection was lost after the PUT; Azure has no such deployment, and says so."""
    with store(folder).transaction() as tx:
        SUBMISSION.begin(tx, "x", SubmissionDetails(generation=1), phase="azure_setup")
    correct(folder, r"(wireguard_port: )\S+", r"\g<1>40404")
    assert run(folder, 6).wireguard.port == 40404  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("error", "sent", "code"),
    [
        (AzureUnreachableError("no answer"), False, 6),
        (AzureRequestError("no", status=404, code="SubscriptionNotFound"), True, 6),
        (AzureRequestError("no", status=404, code="SubscriptionNotFound"), False, 10),
        (AzureRequestError("no", status=403, code="AuthorizationFailed"), False, 10),
    ],
)
def test_a_place_that_cannot_be_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, *, sent: bool, code: int
) -> None:
    """Only what was never sent anywhere needs no answer: a slip in the subscription's id is the usual cause."""

    async def ask(*_: object) -> str | None:
        raise error

    monkeypatch.setattr(correction, "found_in_azure", ask)
    if not sent:
        with store(folder).transaction() as tx:
            tx.api_calls.update(by_phase={"look": 1})
    path = folder / "k0rdent.yaml"
    path.write_text(
        path.read_text().replace(
            "\nazure:", "\nazure:\n  subscription_id: 00000000-0000-0000-0000-000000000002", 1
        )
    )
    before = (folder / "deployment-state.yaml").read_bytes()
    # Without --yes the question is as far as it comes.
    assert main(["-C", str(folder), "deploy"]) == code
    assert (folder / "deployment-state.yaml").read_bytes() == before


def test_killed_right_after_it_was_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    correct(folder, r"(wireguard_port: )\S+", r"\g<1>40404")
    with monkeypatch.context() as patch:
        patch.setattr(deploy, "drive", killed)
        taken = run(folder, 130)
    assert taken.wireguard.port == 40404  # type: ignore[union-attr]
    assert main(["-C", str(folder), "resume", "--quiet"]) == 6
    assert keys(state(folder)) == keys(taken)


def test_killed_right_before_it_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = (folder / "deployment-state.yaml").read_bytes()
    correct(folder, r"(wireguard_port: )\S+", r"\g<1>40404")
    with monkeypatch.context() as patch:
        patch.setattr(correcting, "_commit", killed)
        run(folder, 130)
    assert (folder / "deployment-state.yaml").read_bytes() == before
    assert run(folder, 6).wireguard.port == 40404  # type: ignore[union-attr]


def test_a_correction_that_is_wrong_itself_changes_nothing(folder: Path) -> None:
    before = (folder / "deployment-state.yaml").read_bytes()
    correct(folder, r"(wireguard_port: )\S+", r"\g<1>none")
    run(folder, 3)
    assert (folder / "deployment-state.yaml").read_bytes() == before


def test_a_flag_is_taken_and_stays(folder: Path) -> None:
    assert run(folder, 6, "--set", "network.wireguard_port=40404").wireguard.port == 40404  # type: ignore[union-attr]
    after = run(folder, 6)
    assert after.wireguard.port == 40404  # type: ignore[union-attr]
    assert len([event for event in after.events if event.action == "configuration_changed"]) == 1


def test_resume_says_which_command_takes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    correct(folder, r"(wireguard_port: )\S+", r"\g<1>40404")
    assert main(["-C", str(folder), "resume", "--quiet"]) == 6
    assert "to take it: k0rdent-azure" in capsys.readouterr().err
    assert state(folder).wireguard.port != 40404  # type: ignore[union-attr]
