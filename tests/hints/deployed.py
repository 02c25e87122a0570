"""Situations of a deployment: each begins with a copy of one that is finished, on a rehearsal cloud of its own."""

from __future__ import annotations

import functools
import os
import shutil

import yaml

from tests.e2e.conftest import Product
from tests.e2e.test_validate import on_host
from tests.hints.place import AWKWARD, Place
from tests.hints.private_keys import own_ssh_key
from tests.hints.situations import CONFIG, DEPLOYED, EMPTY, situation

deployed = functools.partial(situation, start=DEPLOYED)
YES = ["--yes"]


def fault(place: Place, *words: str) -> None:
    done = place.run("rehearse", "fault", *words)
    assert done.code == 0, done.err


def lose_the_state(place: Place, *more: str) -> None:
    for pattern in ("deployment-state.*", *more):
        for path in place.workspace.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@deployed("azure/drift_actions.py: validate --repair")
def drift(place: Place) -> None:
    fault(place, "rule-removed", "--rule", "AllowSSH")
    place.tell("validate", expect=11)
    place.follow("validate --repair", more=YES)
    place.cured("critical")


@deployed("azure/drift_actions.py: validate --sync", "azure/drift_actions.py: resume")
def a_recorded_address_is_wrong(place: Place) -> None:
    path = "azure_resources.virtual_machines.k0s-worker-1.public_ip"
    address = place.run("state", "get", path).out.strip().strip('"')
    text = place.state.read_text(encoding="utf-8")
    place.state.write_text(text.replace(address, "192.0.2.7"), encoding="utf-8")
    place.tell("validate", expect=11)
    place.follow("validate --sync", more=YES, expect=11)
    place.follow("resume", more=YES)
    assert place.run("state", "get", path).out.strip().strip('"') == address
    place.cured("192.0.2.7")


@deployed("cli/lost.py: destroy", long=True)
def archived_without_asking(place: Place) -> None:
    place.run("destroy", "--without-azure", "--yes")
    place.tell("destroy", "--yes", expect=4)
    place.follow("mv", more=YES)
    assert "archived without asking" not in place.run("destroy", "--yes").err


@deployed("cli/parting.py: destroy", "cli/parting.py: destroy --without-azure")
def azure_cannot_be_asked(place: Place) -> None:
    fault(place, "http", "--status", "503", "--always")
    place.tell("destroy", "--yes", expect=6)
    place.accepts("destroy --without-azure")
    fault(place, "clear")
    place.follow("destroy", more=YES)


@deployed(
    "cli/parting.py: {' '.join([words, *flags])}", "phases/removal_check.py: destroy", harm=("somebodys",)
)
def somebodys_resource_in_the_group(place: Place) -> None:
    fault(place, "foreign-resource")
    place.tell("destroy", "--yes", expect=6)
    place.follow("destroy --delete-foreign", more=YES)
    assert "no deployment" in place.run("status").err


@deployed("cli/recover.py: recover --from-azure", "cli/recover_report.py: resume")
def no_copy_is_left(place: Place) -> None:
    text = place.state.read_bytes()
    lose_the_state(place)
    place.state.touch(mode=0o600)
    place.state.write_bytes(text[:900])
    place.tell("recover", expect=2)
    place.follow("recover --from-azure", more=YES)
    place.tell("status", expect=0)
    lose_the_state(place)
    place.tell("recover", "--from-azure", "--yes", expect=0)
    place.follow("resume", more=YES)


@deployed("phases/preparation.py: recover --rekey", "phases/rekey.py: replace {}", long=True)
def the_workstations_key_is_lost(place: Place) -> None:
    key = place.run("state", "get", "wireguard.peers.mylaptop.private_key", "--reveal").out.strip().strip('"')
    lines = place.state.read_text(encoding="utf-8").splitlines(keepends=True)
    place.state.write_text("".join(line for line in lines if key not in line), encoding="utf-8")
    fault(place, "vm-stopped", "--vm", "k0s-worker-1")
    place.run("status", "--refresh")
    place.tell("resume", "--yes", expect=7)
    place.follow("recover --rekey", more=YES, expect=7)
    place.tell("recover", "--rekey", "--yes", expect=7)
    place.follow("replace vm/k0s-worker-1", more=YES, expect=7)
    place.cured("no SSH to k0s-worker-1")
    assert place.run("resume", "--yes").code == 0


@deployed(
    "phases/rebuild_losses.py: recover --from-hosts",
    "phases/preparation.py: recover --from-hosts",
    "phases/preparation.py: replace {}",
    "cli/recover_report.py: {first}",
    "cli/recover_report.py: (resume)",
    "cli/recover_hosts.py: resume",
    "phases/rekey.py: recover --from-hosts",
    long=True,
)
def the_hosts_keys_are_lost(place: Place) -> None:
    (place.workspace / "k0sctl-config" / "known_hosts").unlink()
    lose_the_state(place)
    place.tell("recover", "--from-azure", "--yes", expect=0)
    place.accepts("recover --from-hosts")
    place.tell("recover", "--rekey", "--yes", expect=4)
    place.accepts("recover --from-hosts")
    place.tell("resume", "--yes", expect=7)
    place.accepts("replace vm/k0s-controller")
    place.follow("recover --from-hosts", more=["--trust-hosts"])
    place.cured("rebuilt without them")
    assert place.run("resume", "--yes").code == 0


@deployed("phases/rebuild_losses.py: secrets encrypt --ssh-key", long=True)
def the_history_is_lost(place: Place) -> None:
    """Whether the keys in the state were encrypted is lost with it."""
    own_ssh_key(place)
    lose_the_state(place)
    place.tell("recover", "--from-azure", "--yes", expect=0)
    place.follow("secrets encrypt --ssh-key")
    assert "0 encrypted" not in place.run("secrets", "status").out


@deployed("cli/running.py: {words}")
def a_vm_that_cannot_be_allocated(place: Place) -> None:
    fault(place, "vm-deleted", "--vm", "k0s-worker-1")
    fault(place, "AllocationFailed", "--vm", "k0s-worker-1")
    place.tell("resume", "--yes", expect=6)
    place.follow("resume", more=[])
    place.tell("status", expect=0)


@deployed("phases/standing.py: recover --from-azure --take-over", long=True)
def another_copy_went_on(place: Place) -> None:
    other = Place(place.root / "other", {"K0RDENT_AZURE_REHEARSAL_DIR": str(place.workspace / ".rehearsal")})
    shutil.copytree(place.workspace, other.root / AWKWARD, ignore=shutil.ignore_patterns(".rehearsal"))
    assert other.run("replace", "vm/k0s-worker-1", "--yes").code == 0
    place.tell("replace", "vm/k0s-worker-1", "--yes", expect=4)
    place.follow("recover --from-azure --take-over", more=YES)
    place.cured("workspace is behind")


@deployed("phases/children.py: destroy")
def clusters_that_k0rdent_manages(place: Place) -> None:
    fault(place, "child-cluster", "--resource", "eu-1")
    place.tell("destroy", "--yes", expect=8)
    place.follow("destroy --abandon-children", more=YES)
    assert "no deployment" in place.run("status").err


@deployed("phases/removal_check.py: destroy --without-azure")
def the_groups_tags_are_gone(place: Place) -> None:
    fault(place, "tags-removed")
    place.tell("destroy", "--yes", expect=6)
    place.follow("destroy --without-azure", more=YES)
    assert "no deployment" in place.run("status").err


@deployed()
def a_damaged_state(place: Place) -> None:
    place.run("event", "add", "note", "so that there is a backup")
    place.state.write_bytes(place.state.read_bytes()[:900])
    place.tell("resume", "--yes", expect=4)
    place.follow("recover --from-backup", more=YES)
    place.cured("newest good copy")


@deployed("cli/recover_search.py: resume")
def another_deployment_is_asked_for(place: Place) -> None:
    place.tell("recover", "--from-azure", "k0rdent-zzzzzzzz", "--take-over", "--yes", expect=4)
    place.follow("resume", more=YES)


@situation("phases/quorum.py: resume", start=EMPTY)
def a_cluster_that_was_never_whole(place: Place) -> None:
    """As a run leaves it that is killed while k0sctl installs the first controller."""
    made = Product(place.workspace)
    made.deployed("production")
    for name in ("k0s-controller-2", "k0s-controller-3"):
        on_host(made, name, "sudo -n systemctl stop k0scontroller")
    data = yaml.safe_load(place.state.read_bytes())
    data["metadata"]["deployment_status"] = "in_progress"
    data["phases"]["cluster_setup"]["status"] = "in_progress"
    del data["phases"]["cluster_setup"]["ended_at"]
    place.state.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    place.tell("replace", "vm/k0s-controller-2", "--yes", expect=8)
    place.follow("resume", more=YES)
    assert "etcd has 3 members" in place.run("replace", "vm/k0s-controller-2", "--dry-run").out


@deployed()
def k0s_is_half_installed(place: Place) -> None:
    """As k0sctl tells of a host on which an earlier installation was cut off."""
    tools = place.root / "tools"
    tools.mkdir()
    words = "apply failed: 172.24.24.12:22: failed to install k0s service: Init already exists: /etc/systemd"
    tool = tools / "k0sctl"
    tool.write_text(
        f'#!/bin/sh\n[ $1 = version ] && echo "version: v0.32.2" && exit\necho \'level=fatal msg="{words}"\'\nexit 1\n',
        encoding="utf-8",
    )
    tool.chmod(0o755)
    fault(place, "vm-deleted", "--vm", "k0s-worker-1")
    place.environ["PATH"] = f"{tools}:{place.python}:{os.environ['PATH']}"
    place.tell("resume", "--yes", expect=8)
    del place.environ["PATH"]
    place.follow("replace vm/k0s-worker-1")
    assert place.run("resume", "--yes").code == 0


@deployed("phases/host_comparison.py: state set k0s_cluster.version {} --text --reason upgraded")
def somebody_upgraded_k0s(place: Place) -> None:
    runs = place.run("state", "get", "k0s_cluster.version").out.strip().strip('"')
    change = (
        "state",
        "set",
        "k0s_cluster.version",
        "v1.32.1+k0s.0",
        "--text",
        "--reason",
        "as it was before",
    )
    assert place.run(*change).code == 0
    place.tell("validate", "--hosts", expect=11)
    place.follow("state set k0s_cluster.version")
    assert place.run("state", "get", "k0s_cluster.version").out.strip().strip('"') == runs
    place.cured("v1.32.1")


@deployed("phases/record_check.py: validate --sync")
def a_private_address_is_recorded_wrong(place: Place) -> None:
    text = place.state.read_text(encoding="utf-8")
    place.state.write_text(
        text.replace('private_ip: "10.240.1.12"', 'private_ip: "10.240.1.99"'), encoding="utf-8"
    )
    place.tell("validate", expect=11)
    place.follow("validate --sync", more=YES)
    place.cured("10.240.1.99")


@deployed("cli/recover_hosts.py: replace vm/{} --new-keys", long=True)
def new_keys_for_every_host(place: Place) -> None:
    place.tell("recover", "--rekey", "hosts", "--yes", expect=0)
    place.follow("replace vm/k0s-worker-1 --new-keys", more=YES)
    assert place.run("validate", "--hosts").code == 0


@situation("cli/deploy.py: deploy", start=CONFIG)
def a_corrected_configuration_after_a_refusal(place: Place) -> None:
    fault(place, "QuotaExceeded", "--always")
    assert place.run("deploy", "--yes", "-q").code == 6
    path = place.workspace / "k0rdent.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n# corrected\n", encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Standard_B2s", "Standard_B2ms"), encoding="utf-8")
    place.tell("resume", "--yes", expect=6)
    fault(place, "clear")
    place.follow("deploy", more=YES)
    assert "Standard_B2ms" in place.run("status").out


@situation("cli/correcting.py: deploy", "cli/correcting.py: destroy", start=CONFIG)
def azure_has_accepted_what_nobody_heard_of(place: Place) -> None:
    fault(place, "disconnect", "--when", "after", "--method", "PUT", "--path", "/deployments/", "--always")
    assert place.run("deploy", "--yes", "-q").code == 6
    path = place.workspace / "k0rdent.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Standard_B2s", "Standard_B2ms"), encoding="utf-8"
    )
    fault(place, "clear")
    fault(place, "http", "--status", "503", "--method", "GET", "--always")
    place.tell("deploy", "--yes", expect=6)
    fault(place, "clear")
    place.follow("deploy", more=YES)
    place.said = place.heard
    place.cured(expect=0)
