"""`secrets` and `--reveal` through the command line."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from docs.schema import JSON_SCHEMA

from k0rdent_azure.cli.main import main
from k0rdent_azure.errors import StateError
from k0rdent_azure.state.age_identities import VARIABLE
from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.secrets import is_encrypted, secret_values
from k0rdent_azure.state.secrets_standing import copies_in_clear
from k0rdent_azure.state.storage import FileStorage
from tests.cli.test_status import CONFIG
from tests.report.states import complete
from tests.state.test_secrets import age_key, ssh_key

PEER = "wireguard.peers.k0s-worker-1.private_key"
SECRETS = {value for _, value in secret_values(complete())}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with the SSH key ~/.ssh/id_ed25519."""
    folder = tmp_path / "home"
    ssh_key(folder / ".ssh/id_ed25519")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv(VARIABLE, raising=False)
    return folder


@pytest.fixture
def state(tmp_path: Path, home: Path) -> Path:
    """The state file of a workspace, its eleven keys in clear, with a backup."""
    path = tmp_path / "workspace" / "deployment-state.yaml"
    path.parent.mkdir()
    path.write_bytes(dump(complete()))
    path.chmod(0o600)
    path.with_name(path.name + ".backup").write_bytes(dump(complete()))
    return path


def run(state: Path, *words: str, expect: int = 0) -> None:
    assert main(["-C", str(state.parent), *words]) == expect


def read(state: Path) -> dict[str, Any]:
    return parse(state.read_bytes(), source="x")


def values(state: Path) -> list[str]:
    return [value for _, value in secret_values(read(state))]


def actions(state: Path) -> list[str]:
    return [event["action"] for event in read(state)["events"][9:]]


def standing(state: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    run(state, "secrets", "status", "--json")
    return json.loads(capsys.readouterr().out)


def holders(folder: Path, secrets: set[str]) -> list[str]:
    """The files in `folder` that hold one of `secrets` in clear."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
    ]


def test_encrypt_leaves_no_key_in_clear_and_decrypt_brings_them_back(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    told = capsys.readouterr()
    assert "11 of 11 private keys encrypted to ssh-ed25519 SHA256:" in told.out
    assert holders(state.parent, SECRETS) == []
    assert len(values(state)) == 11
    assert all(map(is_encrypted, values(state)))
    run(state, "state", "check")

    run(state, "secrets", "decrypt", "--yes")
    after, before = read(state), complete()
    assert {key: after[key] for key in ("wireguard", "azure_resources")} == {
        key: before[key] for key in ("wireguard", "azure_resources")
    }
    assert "secrets" not in after["metadata"]
    assert actions(state) == ["secrets_encrypted", "secrets_decrypted"]
    assert after["metadata"]["serial"] == 75


def test_encrypting_again_changes_nothing(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    before = state.read_bytes()
    for words in (["--ssh-key"], []):
        capsys.readouterr()
        run(state, "secrets", "encrypt", "--json", *words)
        assert json.loads(capsys.readouterr().out)["changed"] == 0
    assert state.read_bytes() == before


def test_the_event_says_how_many_and_to_whom(state: Path, home: Path) -> None:
    run(state, "secrets", "encrypt", "--ssh-key", "--recipient", age_key(home / "ben"))
    event = read(state)["events"][-1]
    assert event["action"] == "secrets_encrypted"
    assert event["message"].startswith("11 of 11 private keys encrypted to age1")
    assert event["message"].endswith("ann@laptop")
    assert (home / ".ssh/id_ed25519.pub").read_text().split()[1] not in event["message"]


def test_recipients_come_from_files_too_and_each_counts_once(
    state: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = (home / ".ssh/id_ed25519.pub").read_text().strip()
    team = home / "team.txt"
    team.write_text(f"# the team\n{age_key(home / 'ben')}\n{' '.join(own.split()[:2])} other comment\n")
    run(state, "secrets", "encrypt", "--recipient", own, "--recipient-file", str(team), "--ssh-key", "--json")
    assert json.loads(capsys.readouterr().out)["recipients"][0] == own
    assert len(read(state)["metadata"]["secrets"]["recipients"]) == 2


def test_who_would_be_locked_out_is_refused(
    state: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state.read_bytes()
    other = age_key(home / "other")
    locked = ssh_key(home / "locked", passphrase="hunter22")
    for recipient in (other, locked):
        run(state, "secrets", "encrypt", "--recipient", recipient, expect=9)
        assert "--force" in capsys.readouterr().err
    assert state.read_bytes() == before
    run(state, "secrets", "encrypt", "--recipient", other, "--force")
    assert all(map(is_encrypted, values(state)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["encrypt"], "to whom?"),
        (["rotate"], "to whom?"),
        (["rotate", "--ssh-key"], "stand in clear"),
        (["encrypt", "--recipient", "ann"], "is not a recipient"),
        (["encrypt", "--recipient", "AGE-SECRET-KEY-1QQQQQQ"], "is a private key"),
        (["encrypt", "--ssh-key", "~/.ssh/id_ed25519"], "is a private key"),
        (["encrypt", "--ssh-key", "~/.ssh/nothing.pub"], "cannot read ~/.ssh/nothing.pub"),
        (["encrypt", "--recipient-file", "/dev/null"], "holds no recipient"),
    ],
)
def test_what_the_command_line_cannot_mean(
    state: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state.read_bytes()
    run(state, "secrets", *words, expect=2)
    err = capsys.readouterr().err
    assert message in err
    assert "QQQ" not in err
    assert state.read_bytes() == before


def test_other_recipients_need_rotate(state: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    before = state.read_bytes()
    run(state, "secrets", "encrypt", "--recipient", age_key(home / "ben"), expect=2)
    assert "rotate" in capsys.readouterr().err
    assert state.read_bytes() == before


def test_after_rotate_only_the_new_recipients_read(
    state: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    before = values(state)
    new = age_key(home / "new")
    run(state, "secrets", "rotate", "--recipient", new, expect=9)
    assert values(state) == before
    run(state, "secrets", "rotate", "--recipient", new, "--force")
    assert not set(values(state)) & set(before)
    backup = state.with_name(state.name + ".backup")
    assert not any(value.encode() in backup.read_bytes() for value in before)

    run(state, "state", "get", PEER, "--reveal", expect=9)
    monkeypatch.setenv(VARIABLE, str(home / "new"))
    capsys.readouterr()
    run(state, "state", "get", PEER, "--reveal")
    assert capsys.readouterr().out.strip() in SECRETS
    assert actions(state) == ["secrets_encrypted", "secrets_rotated", "secret_revealed"]


def test_rotate_needs_an_identity(state: Path, home: Path) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    before = state.read_bytes()
    (home / ".ssh/id_ed25519").unlink()
    run(state, "secrets", "rotate", "--recipient", age_key(home / "new"), "--force", expect=9)
    run(state, "secrets", "decrypt", "--yes", expect=9)
    assert state.read_bytes() == before


def test_decrypt_asks(state: Path) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    before = state.read_bytes()
    run(state, "secrets", "decrypt", expect=10)
    assert state.read_bytes() == before


def test_status(state: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clear = {
        "secrets": 11,
        "encrypted": 0,
        "recipients": [],
        "opened_by": None,
        "trouble": None,
        "in_clear": [],
    }
    assert standing(state, capsys) == clear
    run(state, "secrets", "encrypt", "--ssh-key")
    found = standing(state, capsys)
    assert (found["encrypted"], found["trouble"]) == (11, None)
    assert found["opened_by"] == str(home / ".ssh/id_ed25519")
    assert found["recipients"][0]["short"].endswith("ann@laptop")

    (home / ".ssh/id_ed25519").unlink()
    found = standing(state, capsys)
    assert found["opened_by"] is None
    assert "there is none here" in found["trouble"]
    run(state, "secrets", "status")
    assert "not opened here" in capsys.readouterr().out


#: 32 bytes in base64.
WIREGUARD = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (f'private_key: "{WIREGUARD}"', True),
        (f"private_key: {WIREGUARD}", True),
        (f'{{"private_key":"{WIREGUARD}"}}', True),
        ('{"private_key" : "' + WIREGUARD.replace("j", "\\/") + '"}', True),
        (f"private_key:\n    '{WIREGUARD}'", True),
        (f"private_key: >-\n    {WIREGUARD}", True),
        (f"private_key: !!str {WIREGUARD}", True),
        (f"private_key: &laptop {WIREGUARD}", True),
        (f"host_private_key: |\n  {PEM}\n", True),
        (f'host_private_key: "{PEM}\\n', True),
        ('"private_key": {"type": "string"}', False),
        ('private_key: "base64-encoded-private-key"', False),
        ("private_key: <the key of the workstation>", False),
        ("private_key: null\npublic_key: " + WIREGUARD, False),
        ("private_key: ''\nhost_private_key: ~\npublic_key: " + WIREGUARD, False),
        ('private_key: "age:YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNzaC1lZDI1NTE5IA=="', False),
    ],
)
def test_what_is_taken_for_a_private_key(state: Path, text: str, holds: bool) -> None:
    copy = state.with_name("deployment-state.yaml.rejected")
    copy.write_text(text)
    run(state, "secrets", "encrypt", "--ssh-key")
    found = [str(path) for path in copies_in_clear(FileStorage(state))]
    assert found == ([str(copy)] if holds else [])


def test_the_products_own_schema_beside_the_state_holds_no_keys(state: Path) -> None:
    schema = state.with_name("deployment-state.schema.json")
    schema.write_text(JSON_SCHEMA.read_text(encoding="utf-8"))
    run(state, "secrets", "encrypt", "--ssh-key")
    assert list(copies_in_clear(FileStorage(state))) == []


def test_copies_that_still_hold_keys_are_named(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = state.with_name("deployment-state.yaml.rejected")
    copy.write_text(f"[broken\n  private_key: '{WIREGUARD}'\n")
    run(state, "secrets", "encrypt", "--ssh-key")
    assert f"{copy} still holds private keys in clear" in capsys.readouterr().err
    assert standing(state, capsys)["in_clear"] == [str(copy)]
    copy.write_text("private_key: null\nprivate_key: \"age:YWJj\"\nhost_private_key: ''\n")
    assert standing(state, capsys)["in_clear"] == []


def snapshot(state: Path, name: str, data: dict[str, Any]) -> Path:
    """A snapshot of `data`: a header that vouches for the document, and the document."""
    body = dump(data)
    header = f"# k0rdent-azure snapshot sha256 {hashlib.sha256(body).hexdigest()}\n"
    path = state.with_name("deployment-state.snapshots") / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(header.encode() + body))
    return path


def test_snapshots_are_rewritten_too(
    state: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = snapshot(state, "000001-first.yaml.gz", complete())
    run(state, "secrets", "encrypt", "--ssh-key")
    assert "and in 1 snapshot" in capsys.readouterr().out
    header, body = gzip.decompress(path.read_bytes()).split(b"\n", 1)
    assert header.decode() == f"# k0rdent-azure snapshot sha256 {hashlib.sha256(body).hexdigest()}"
    data: dict[str, Any] = parse(body, source="x")
    assert data["metadata"]["secrets"] == read(state)["metadata"]["secrets"]
    # The same keys have the same text, so that a comparison of the two finds no difference.
    assert [value for _, value in secret_values(data)] == values(state)

    recipient = age_key(home / ".config/k0rdent-azure/identity.txt")
    run(state, "secrets", "rotate", "--recipient", recipient)
    rotated: dict[str, Any] = parse(gzip.decompress(path.read_bytes()).split(b"\n", 1)[1], source="x")
    assert [value for _, value in secret_values(rotated)] == values(state)
    assert rotated["metadata"]["secrets"] == {"recipients": [recipient]}

    run(state, "secrets", "decrypt", "--yes")
    assert gzip.decompress(path.read_bytes()).split(b"\n", 1)[1] == dump(complete())


def test_a_snapshot_that_cannot_be_rewritten_is_named_and_left(
    state: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "secrets", "encrypt", "--recipient", age_key(home / "lost"), "--force")
    lost = snapshot(state, "000001-lost.yaml.gz", read(state))
    state.write_bytes(dump(complete()))
    broken = lost.with_name("000002-broken.yaml.gz")
    broken.write_bytes(lost.read_bytes()[:100])
    before = lost.read_bytes(), broken.read_bytes()
    run(state, "secrets", "encrypt", "--ssh-key")
    capsys.readouterr()
    run(state, "secrets", "rotate", "--ssh-key", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["left"] == ["snapshots/000001-lost.yaml.gz", "snapshots/000002-broken.yaml.gz"]
    assert (lost.read_bytes(), broken.read_bytes()) == before


def test_status_names_a_snapshot_with_keys_in_clear(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    snapshot(state, "000009-later.yaml.gz", complete())
    assert standing(state, capsys)["in_clear"] == ["snapshots/000009-later.yaml.gz"]
    run(state, "secrets", "encrypt")
    assert standing(state, capsys)["in_clear"] == []


def test_an_interrupted_encrypt_is_finished_by_the_next(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_storage: FileStorage) -> None:
        raise StateError("cannot write the backup: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FileStorage, "forget_previous", full)
        run(state, "secrets", "encrypt", "--ssh-key", expect=4)
    assert "run the same command again" in capsys.readouterr().err
    assert holders(state.parent, SECRETS) == ["deployment-state.yaml.backup"]
    run(state, "secrets", "encrypt")
    assert holders(state.parent, SECRETS) == []


def test_a_damaged_key_stops_rotate_and_changes_nothing(state: Path, home: Path) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    text = state.read_text()
    value = values(state)[0]
    # Still the shape of an age file, with another end.
    state.write_text(text.replace(value, value[:-24] + "A" * 22 + "=="))
    before = state.read_bytes()
    run(state, "secrets", "rotate", "--ssh-key", expect=4)
    assert state.read_bytes() == before


def test_the_event_of_a_reveal_comes_before_the_key(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    capsys.readouterr()
    run(state, "state", "get", PEER, "metadata.serial", "--reveal")
    out = capsys.readouterr().out.splitlines()
    assert out[0] == complete()["wireguard"]["peers"]["k0s-worker-1"]["private_key"]
    run(state, "state", "get", "wireguard", "--reveal", "--json")
    assert json.loads(capsys.readouterr().out)["peers"] == complete()["wireguard"]["peers"]
    first, second = (event["message"] for event in read(state)["events"][-2:])
    assert first.endswith(f"revealed {PEER} (1 private key)")
    assert second.endswith("revealed wireguard (6 private keys)")
    assert actions(state) == ["secrets_encrypted", "secret_revealed", "secret_revealed"]


def test_revealing_what_holds_no_key_is_no_event(state: Path) -> None:
    before = state.read_bytes()
    run(state, "state", "get", "metadata.serial", "k0rdent", "--reveal")
    assert state.read_bytes() == before


def test_nothing_is_revealed_without_its_event(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = complete()
    data["metadata"]["schema_version"] = "2.0"
    state.write_bytes(dump(data))
    run(state, "state", "get", PEER, "--reveal", expect=4)
    assert capsys.readouterr().out == ""


def test_what_cannot_be_opened_is_no_event(
    state: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "secrets", "encrypt", "--recipient", age_key(home / "other"), "--force")
    before = state.read_bytes()
    capsys.readouterr()
    run(state, "state", "get", PEER, "--reveal", expect=9)
    assert capsys.readouterr().out == ""
    assert state.read_bytes() == before


@pytest.mark.parametrize("path", [PEER, f"{PEER}.", f".{PEER}", "wireguard..peers.k0s-worker-1.private_key"])
@pytest.mark.parametrize("encrypt", [False, True])
def test_a_key_needs_reveal_however_its_path_is_written(
    state: Path, path: str, encrypt: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if encrypt:
        run(state, "secrets", "encrypt", "--ssh-key")
        capsys.readouterr()
    run(state, "state", "get", path, expect=2)
    assert capsys.readouterr().out == ""


def test_no_output_holds_key_material(state: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = home / ".config/k0rdent-azure/identity.txt"
    new = age_key(identity)
    run(state, "secrets", "encrypt", "--ssh-key")
    hidden = {*SECRETS, *values(state), *identity.read_text().splitlines()[2:]}
    hidden |= set((home / ".ssh/id_ed25519").read_text().splitlines()[1:-1])
    for words in (
        ["secrets", "status"],
        ["secrets", "status", "--json"],
        ["secrets", "rotate", "--ssh-key", "--recipient", new, "--json"],
        ["state", "get", "wireguard", "azure_resources", "metadata"],
        ["state", "check", "--json"],
        ["doctor", "--json"],
        ["events", "--json"],
        ["status"],
        ["status", "--json"],
        ["secrets", "decrypt", "--yes"],
        ["events"],
    ):
        main(["-C", str(state.parent), *words])
        hidden |= set(values(state))
    told = capsys.readouterr()
    assert told.out
    assert [secret for secret in hidden if secret in told.out + told.err] == []


def test_the_variable_of_the_identity_is_no_setting(
    state: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(home / "identity"))
    (state.parent / "k0rdent.yaml").write_text(CONFIG)
    run(state, "config", "validate")


@pytest.mark.parametrize(
    ("mode", "status", "found"), [(0o600, "ok", "in clear (0600)"), (0o644, "doubt", "in clear (0644)")]
)
def test_doctor_says_that_keys_stand_in_clear(
    state: Path, mode: int, status: str, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state.chmod(mode)
    check = doctor(state, capsys)
    assert check["status"] == status
    assert check["found"].startswith(f"11 private keys {found}")


def test_doctor_says_whether_encrypted_keys_open(
    state: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state, "secrets", "encrypt", "--ssh-key")
    check = doctor(state, capsys)
    assert check["status"] == "ok"
    assert str(home / ".ssh/id_ed25519") in check["found"]
    (home / ".ssh/id_ed25519").unlink()
    check = doctor(state, capsys)
    assert (check["status"], check["required"]) == ("missing", True)
    assert "there is none here" in check["found"]


def doctor(state: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    main(["-C", str(state.parent), "doctor", "--json"])
    (check,) = [c for c in json.loads(capsys.readouterr().out)["checks"] if c["name"] == "secrets"]
    assert isinstance(check, dict)
    return check
