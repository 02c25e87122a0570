"""Situations of which nobody but the workspace knows: a state file, its copies, locks and keys."""

from __future__ import annotations

import functools
import json
import re

from k0rdent_azure.config.templates import render
from k0rdent_azure.config.topology import LAPTOP
from k0rdent_azure.state.codec import dump
from tests.hints.place import Place
from tests.hints.private_keys import change, encrypt
from tests.hints.situations import CONFIG, EMPTY, situation
from tests.report.states import complete


def damage(place: Place) -> None:
    place.state.write_bytes(place.state.read_bytes()[:900])


@situation("config/document.py: init", start=EMPTY)
def no_config(place: Place) -> None:
    place.tell("config", "show", expect=3)
    place.follow("init", more=["--template", "minimal", "--cloud", "rehearsal", "--yes"])
    place.cured()


@situation("report/next_step.py: init", start=EMPTY)
def status_of_an_empty_folder(place: Place) -> None:
    place.tell("status", expect=4)
    place.follow("init", more=["--template", "minimal", "--cloud", "rehearsal", "--yes"])


@situation("report/next_step.py: deploy", "cli/init.py: plan", "cli/init.py: deploy", start=EMPTY)
def after_init(place: Place) -> None:
    place.tell("init", "--template", "minimal", "--cloud", "rehearsal", "--yes", expect=0)
    place.follow("plan")
    place.accepts("deploy")
    place.tell("status", expect=4)
    place.accepts("deploy")


@situation("config/load.py: config validate", start=CONFIG)
def faulty_config(place: Place) -> None:
    path = place.workspace / "k0rdent.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\nnonsense: 1\n", encoding="utf-8")
    place.tell("plan", expect=3)
    assert "nonsense" in place.follow("config validate", expect=3)
    path.write_text(text, encoding="utf-8")
    place.follow("config validate")
    place.cured()


@situation("cli/doctor.py: init", start=EMPTY)
def doctor_without_a_config(place: Place) -> None:
    place.tell("doctor", "--cloud", "rehearsal", expect=9)
    place.follow("init", more=["--template", "minimal", "--cloud", "rehearsal", "--yes"])
    place.cured("no k0rdent.yaml")


@situation("cli/doctor.py: config validate", "cli/doctor.py: state check", "cli/doctor.py: secrets status")
def doctor_of_what_is_broken(place: Place) -> None:
    """Of each it names the command that tells more."""
    (place.workspace / "k0rdent.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    place.tell("doctor", expect=0)
    assert "nonsense" in place.follow("config validate", expect=3)
    change(place, 'status: "running"', 'status: "walking"')
    place.tell("doctor", expect=9)
    assert "walking" in place.follow("state check", expect=4)
    change(place, 'status: "walking"', 'status: "running"')
    encrypt(place)
    (place.root / "home" / ".ssh" / "id_ed25519").unlink()
    place.tell("doctor", expect=9)
    assert "not opened here" in place.follow("secrets status")


@situation("state/codec.py: state check", "state/codec.py: recover")
def damaged_without_a_copy(place: Place) -> None:
    damage(place)
    place.tell("status", expect=4)
    place.follow("state check", expect=4)
    assert "no copy can be used" in place.follow("recover", expect=2)


@situation("state/recovery.py: {self.command}", "cli/recover.py: {copy.command}", "cli/recover.py: resume")
def damaged_with_copies(place: Place) -> None:
    place.run("snapshot", "create", "--reason", "before")
    place.run("event", "add", "note", "so that there is a backup")
    damage(place)
    place.tell("status", expect=4)
    place.follow("recover --from-backup", more=["--yes"])
    place.cured("unexpected end")
    damage(place)
    place.tell("recover", expect=2)
    place.follow("recover --from-snapshot", more=["--yes"])
    damage(place)
    place.tell("recover", "--from-backup", "--yes", expect=0)
    place.accepts("resume")


@situation("state/recovery.py: recover")
def no_such_copy(place: Place) -> None:
    damage(place)
    place.tell("recover", "--from-backup", "--yes", expect=4)
    place.follow("recover", expect=2)


@situation("state/recovery.py: rollback SNAPSHOT", "state/recovery.py: recover --from-azure --take-over")
def nothing_to_recover(place: Place) -> None:
    place.run("snapshot", "create", "--reason", "before")
    place.run("event", "add", "note", "later")
    place.tell("recover", "--from-backup", "--yes", expect=4)
    place.follow("rollback SNAPSHOT", fills={"SNAPSHOT": "latest"}, more=["--yes"])
    place.accepts("recover --from-azure --take-over")


@situation("state/storage.py: init", "state/storage.py: (deploy)", start=EMPTY)
def no_state(place: Place) -> None:
    place.tell("state", "check", expect=4)
    place.follow("init", more=["--template", "minimal", "--cloud", "rehearsal", "--yes"])
    place.short("deploy", more=["--help"])


@situation("state/snapshots.py: snapshot create")
def no_snapshot_yet(place: Place) -> None:
    place.tell("snapshot", "show", "latest", expect=4)
    place.follow("snapshot create")
    place.cured()


@situation("state/snapshots.py: snapshot list")
def another_snapshot(place: Place) -> None:
    place.run("snapshot", "create", "--reason", "before")
    place.tell("snapshot", "show", "zzz", expect=4)
    name = place.follow("snapshot list").split()
    assert any("before" in word for word in name)


@situation("state/snapshot_file.py: snapshot list")
def damaged_snapshot(place: Place) -> None:
    place.run("snapshot", "create", "--reason", "good")
    place.run("event", "add", "note", "later")
    place.run("snapshot", "create", "--reason", "bad")
    path = next(place.workspace.glob("deployment-state.snapshots/*bad*"))
    path.write_bytes(path.read_bytes()[:100])
    place.tell("snapshot", "show", "latest", expect=4)
    assert "good" in place.follow("snapshot list")


@situation("cli/snapshot.py: (snapshot create)")
def list_without_snapshots(place: Place) -> None:
    place.tell("snapshot", "list", expect=0)
    place.short("snapshot create")
    place.cured("there are no snapshots")


@situation("state/identity.py: state set --help")
def a_value_that_never_changes(place: Place) -> None:
    place.tell("state", "set", "azure_resources.subscription_id", "x", "--reason", "x", expect=2)
    assert "PATH" in place.follow("state set --help")


@situation("cli/state_export.py: (state export --json)")
def two_names_that_become_one(place: Place) -> None:
    data = complete()
    data["Own"], data["own"] = "1", "2"
    place.state.write_bytes(dump(data))
    place.tell("state", "export", "--shell", expect=4)
    json.loads(place.short("state export --json"))


@situation("state/intents.py: destroy", "report/next_step.py: {words}")
def destroying(place: Place) -> None:
    data = complete()
    data["metadata"]["deployment_status"] = "destroyed"
    place.state.write_bytes(dump(data))
    place.tell("resume", "--yes", expect=4)
    place.accepts("destroy")
    place.tell("status", expect=0)
    place.accepts("destroy")


@situation("report/next_step.py: resume")
def failed(place: Place) -> None:
    data = complete()
    data["metadata"]["deployment_status"] = "failed"
    place.state.write_bytes(dump(data))
    place.tell("status", expect=0)
    place.accepts("resume")


@situation("cli/main.py: mkdir -p {}")
def no_such_folder(place: Place) -> None:
    missing = place.root / "it isn't there"
    place.hear(f'k0rdent-azure -C "{missing}" status', expect=2)
    place.follow("mkdir -p")
    assert missing.is_dir()


@situation("cli/resume.py: deploy", start=EMPTY)
def nothing_to_resume(place: Place) -> None:
    place.tell("resume", "--yes", expect=4)
    place.accepts("deploy")


@situation("phases/validation.py: deploy")
def nothing_to_validate(place: Place) -> None:
    data = complete()
    data["metadata"]["deployment_status"] = "pending"
    data["azure_resources"]["deployment"] = None
    place.state.write_bytes(dump(data))
    place.tell("validate", expect=4)
    place.accepts("deploy")


@situation("cli/destroy.py: recover --from-azure --dry-run", start=CONFIG)
def nothing_to_destroy(place: Place) -> None:
    place.tell("destroy", "--yes", expect=4)
    assert re.search("no deployment", place.follow("recover --from-azure --dry-run", expect=4))


@situation("cli/lost.py: recover --from-azure{}", start=CONFIG)
def state_is_gone_and_files_are_there(place: Place) -> None:
    keys = place.workspace / "azure-resources"
    keys.mkdir()
    (keys / "k0rdent-abcd1234-ssh-key").write_text("", encoding="utf-8")
    place.tell("deploy", "--yes", expect=4)
    place.follow("recover --from-azure", more=["--dry-run"], expect=4)


@situation("cli/config.py: (config validate)", "cli/status.py: (config validate)")
def config_is_broken_after_the_deployment(place: Place) -> None:
    (place.workspace / "k0rdent.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    place.tell("config", "show", expect=0)
    assert "nonsense" in place.short("config validate", expect=3)
    place.tell("status", expect=0)
    place.short("config validate", expect=3)


@situation("cli/state_change.py: (state get)")
def changed_since_it_was_read(place: Place) -> None:
    words = ("state", "set", "labels.team", "blue", "--reason", "x", "--if-serial")
    place.tell(*words, "1", expect=4)
    serial = place.run("state", "get", "metadata.serial").out.strip()
    assert place.run(*words, serial, "--new").code == 0


@situation("cli/rehearse_fault.py: rehearse fault {} --help")
def an_option_of_another_fault(place: Place) -> None:
    place.tell(
        "rehearse",
        "fault",
        "property-changed",
        "--resource",
        "x",
        "--property",
        "y",
        "--value",
        "{",
        expect=2,
    )
    place.follow("rehearse fault property-changed --help")


@situation("cli/comparing.py: destroy")
def nothing_is_left_to_compare(place: Place) -> None:
    data = complete()
    data["metadata"]["deployment_status"] = "destroyed"
    place.state.write_bytes(dump(data))
    place.tell("validate", expect=4)
    place.accepts("destroy")


@situation(
    "state/identity.py: replace {}",
    "state/identity.py: recover --rekey laptop",
    "state/identity.py: recover --from-azure",
    "state/identity.py: (event add)",
    "state/identity.py: (resume)",
    "state/identity.py: (destroy)",
    "state/identity.py: (secrets)",
)
def values_that_are_not_set_by_hand(place: Place) -> None:
    """Each names what does it instead."""
    vm = "azure_resources.virtual_machines.k0s-worker-1"
    refuse = functools.partial(place.tell, "state", "set", "--reason", "x", expect=2)
    refuse(f"{vm}.host_key", "x")
    place.accepts("replace vm/k0s-worker-1")
    refuse(f"wireguard.peers.{LAPTOP}.private_key", "x")
    place.accepts("recover --rekey laptop")
    refuse("azure_resources.resource_group.id", "x")
    place.accepts("recover --from-azure")
    refuse("events", "[]")
    place.short("event add", more=["note", "by hand"])
    refuse("pending_operations", "{}")
    refuse("azure_resources.resource_group.owned", "false")
    refuse("metadata.secrets", "{}")


@situation("state/intents.py: {intent.finish}")
def something_is_pending(place: Place) -> None:
    place.run("snapshot", "create")
    place.run("event", "add", "note", "later")
    data = complete()
    data["pending_operations"] = {
        "vm-removal": {"kind": "vm_removal", "target": "k0s-worker-1", "started_at": "2026-03-04T10:00:00Z"}
    }
    place.state.write_bytes(dump(data))
    place.tell("rollback", "latest", "--yes", expect=4)
    place.accepts("resume")


@situation("state/rollback.py: snapshot list")
def a_snapshot_of_another_deployment(place: Place) -> None:
    place.run("snapshot", "create", "--reason", "theirs")
    data = complete()
    data["metadata"]["lineage"] = "00000000-0000-4000-8000-000000000002"
    place.state.write_bytes(dump(data))
    place.run("snapshot", "create", "--reason", "ours")
    place.tell("rollback", _snapshot(place, "theirs"), "--yes", expect=4)
    assert "ours" in place.follow("snapshot list")


def _snapshot(place: Place, reason: str) -> str:
    path = next(place.workspace.glob(f"deployment-state.snapshots/*{reason}*"))
    return path.name.partition(".")[0]


@situation("cli/main.py: {args.command}")
def too_much_on_the_command_line(place: Place) -> None:
    place.tell("status", "x", "y", expect=2)
    assert "--json" in place.follow("status --help")


@situation("cli/preflight.py: doctor", start=CONFIG)
def a_machine_without_tools(place: Place) -> None:
    path = place.workspace / "k0rdent.yaml"
    path.write_text(render("minimal", cloud="AzureCloud"), encoding="utf-8")
    tools = place.root / "tools"
    tools.mkdir()
    for name in ("sh", "env"):
        (tools / name).symlink_to(f"/bin/{name}")
    place.environ["PATH"] = f"{place.python}:{tools}"
    place.tell("deploy", "--yes", expect=9)
    assert not place.state.exists()
    assert "k0sctl" in place.follow("doctor", expect=9)


@situation("phases/freshness.py: resume", "phases/replace.py: resume")
def no_vm_is_made_yet(place: Place) -> None:
    data = complete()
    data["metadata"]["deployment_status"] = "interrupted"
    data["azure_resources"]["virtual_machines"] = {}
    place.state.write_bytes(dump(data))
    place.tell("vm", "show", "k0s-worker-1", expect=2)
    place.accepts("resume")
    place.tell("replace", "vm/k0s-worker-1", "--yes", expect=2)
    place.accepts("resume")
