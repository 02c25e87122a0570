"""Private keys at rest: encrypted to age recipients, opened with the identities of a machine."""

from __future__ import annotations

import base64
import pwd
import subprocess
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.errors import PrerequisiteError, StateInvalidError
from k0rdent_azure.state.age_identities import VARIABLE, Identities
from k0rdent_azure.state.age_recipients import read_recipient, read_recipients, short
from k0rdent_azure.state.checks import check
from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.secrets import Vault, is_encrypted, is_well_formed, secret_values
from k0rdent_azure.state.store import FileStore
from tests.report.states import complete, key
from tests.state.conftest import StillClock

PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
PEER = "wireguard.peers.k0s-worker-1.private_key"


def ssh_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> str:
    """Make an OpenSSH key pair at `path`; returns the public line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = ["-b", "2048"] if kind == "rsa" else []
    words = ["ssh-keygen", "-q", "-t", kind, *size, "-N", passphrase, "-C", "ann@laptop", "-f", str(path)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return path.with_name(f"{path.name}.pub").read_text().strip()


def age_key(path: Path) -> str:
    """Make an age identity file at `path`; returns the recipient."""
    identity = pyrage.x25519.Identity.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# public key: {identity.to_public()}\n\n{identity}\n")
    return str(identity.to_public())


def here(home: Path, **environ: str) -> Identities:
    return Identities(environ=environ, home=home)


@pytest.mark.parametrize("value", ["", "kA+/=", PEM, "ключ"])
@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (".config/k0rdent-azure/identity.txt", "age"),
        (".config/k0rdent-azure/identity.txt", "ed25519"),
        (".ssh/id_ed25519", "ed25519"),
        (".ssh/id_rsa", "rsa"),
    ],
)
def test_what_was_encrypted_opens_with_the_users_keys(
    tmp_path: Path, file: str, kind: str, value: str
) -> None:
    recipient = age_key(tmp_path / file) if kind == "age" else ssh_key(tmp_path / file, kind=kind)
    sealed = Vault([recipient]).encrypt(value)
    assert is_encrypted(sealed)
    assert is_well_formed(sealed)
    assert not value or value not in sealed
    opened = Vault([recipient], identities=here(tmp_path))
    assert opened.decrypt(sealed) == value
    assert opened.opener() == tmp_path / file


def test_each_of_several_recipients_opens_it_alone(tmp_path: Path) -> None:
    homes = [tmp_path / "ann", tmp_path / "ben"]
    recipients = [
        ssh_key(homes[0] / ".ssh/id_ed25519"),
        age_key(homes[1] / ".config/k0rdent-azure/identity.txt"),
    ]
    sealed = Vault(recipients).encrypt("value")
    assert [Vault(recipients, identities=here(home)).decrypt(sealed) for home in homes] == ["value", "value"]


def test_text_in_clear_needs_no_identity(tmp_path: Path) -> None:
    assert Vault([], identities=here(tmp_path)).decrypt("value") == "value"
    assert Vault([]).encrypt("value") == "value"


def test_what_is_encrypted_keeps_its_text(tmp_path: Path) -> None:
    vault = Vault([age_key(tmp_path / "i")])
    sealed = vault.encrypt("value")
    assert vault.encrypt(sealed) == sealed


def test_no_identity_fits(tmp_path: Path) -> None:
    recipient = ssh_key(tmp_path / "key")
    other = ssh_key(tmp_path / ".ssh/id_ed25519")
    vault = Vault([recipient], identities=here(tmp_path))
    with pytest.raises(PrerequisiteError) as refused:
        vault.decrypt(vault.encrypt("value"))
    error = refused.value
    assert f"{tmp_path / '.ssh/id_ed25519'} (another key)" in error.message
    assert short(recipient) in error.message
    assert short(other) not in error.message
    assert error.hint is not None
    assert VARIABLE in error.hint
    assert vault.opener() is None


def test_no_identity_is_there(tmp_path: Path) -> None:
    vault = Vault([age_key(tmp_path / "key")], identities=here(tmp_path))
    with pytest.raises(PrerequisiteError, match=r"identity\.txt.*id_ed25519.*id_rsa"):
        vault.decrypt(vault.encrypt("value"))


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_ssh_key_with_a_passphrase_is_told(tmp_path: Path, kind: str) -> None:
    vault = Vault(
        [ssh_key(tmp_path / f".ssh/id_{kind}", kind=kind, passphrase="hunter22")], identities=here(tmp_path)
    )
    with pytest.raises(PrerequisiteError, match="needs its passphrase") as refused:
        vault.decrypt(vault.encrypt("value"))
    assert "ssh-keygen -p" in (refused.value.hint or "")


def test_another_key_is_used_where_one_has_a_passphrase(tmp_path: Path) -> None:
    recipient = ssh_key(tmp_path / ".ssh/id_rsa", kind="rsa")
    ssh_key(tmp_path / ".ssh/id_ed25519", passphrase="hunter22")
    vault = Vault([recipient], identities=here(tmp_path))
    assert vault.decrypt(vault.encrypt("value")) == "value"


def test_the_variable_names_the_only_identity(tmp_path: Path) -> None:
    recipient = ssh_key(tmp_path / ".ssh/id_ed25519")
    sealed = Vault([recipient]).encrypt("value")
    named = tmp_path / "named"
    for trouble in ("no such file", "another key"):
        vault = Vault([recipient], identities=here(tmp_path, **{VARIABLE: str(named)}))
        with pytest.raises(PrerequisiteError, match=trouble) as refused:
            vault.decrypt(sealed)
        assert "id_ed25519" not in refused.value.message
        age_key(named)


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"", "holds no identity"),
        (b"# only a comment\n", "holds no identity"),
        (b"AGE-SECRET-KEY-1QQQQQQ\n", "line 1 is not an age identity"),
        (b"\xff\xfe\x00", "line 1 is not an age identity"),
        (b"\nAGE-PLUGIN-YUBIKEY-1QQQQ\n", "line 2 is a plugin's identity"),
        (b"age-encryption.org/v1\n-> scrypt", "encrypted itself"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "encrypted itself"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nQQQQQQ\n", "not an SSH key that age can use"),
        (b"x" * 2_000_000, "too large"),
    ],
)
def test_an_identity_file_that_gives_nothing_is_told_without_its_content(
    tmp_path: Path, content: bytes, trouble: str
) -> None:
    path = tmp_path / "identity"
    path.write_bytes(content)
    (found,) = here(tmp_path, **{VARIABLE: str(path)}).files
    assert found.trouble is not None
    assert found.trouble.startswith(trouble)
    assert "QQQ" not in str(found)


def test_a_folder_is_no_identity_file(tmp_path: Path) -> None:
    (found,) = here(tmp_path, **{VARIABLE: str(tmp_path)}).files
    assert found.trouble == "not a regular file"


def test_a_user_without_a_home_has_no_identities(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> object:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    identities = Identities(environ={})
    assert identities.files == []
    assert "no home folder" in identities.refusal("x").message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "age1",
        "age1qqqqqq",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAA",
        "ecdsa-sha2-nistp256 AAAA",
        "AGE-SECRET-KEY-1QQQQQQ",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_recipient_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(StateInvalidError) as refused:
        read_recipient(text, where="team.txt:3")
    assert "team.txt:3" in refused.value.message
    assert "QQQ" not in f"{refused.value.message} {refused.value.hint}"


def test_a_file_of_recipients(tmp_path: Path) -> None:
    first, second = age_key(tmp_path / "a"), ssh_key(tmp_path / "b")
    assert read_recipients(["# team", "", f"  {first} \r", f"{second}\n"], where="x") == [first, second]
    with pytest.raises(StateInvalidError, match="x:2"):
        read_recipients([first, "nonsense"], where="x")
    with pytest.raises(StateInvalidError, match="no recipient"):
        read_recipients(["# nobody"], where="x")


def test_the_short_form_is_what_ssh_keygen_shows(tmp_path: Path) -> None:
    recipient = ssh_key(tmp_path / "key")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "key")], check=True, capture_output=True, text=True
    ).stdout
    kind, fingerprint, comment = short(recipient).split()
    assert (kind, comment) == ("ssh-ed25519", "ann@laptop")
    assert fingerprint.rstrip("…") in shown
    assert [short(text) for text in ("ssh-rsa", "ssh-rsa A", "ssh-rsa ключ")] == ["ssh-rsa"] * 3
    assert "QQQ" not in short("AGE-SECRET-KEY-1QQQQQQ")


@given(cut=st.booleans(), place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_damaged_value_is_told_and_never_opened(
    tmp_path_factory: pytest.TempPathFactory, cut: bool, place: int, flip: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    vault = Vault([age_key(home / ".config/k0rdent-azure/identity.txt")], identities=here(home))
    content = bytearray(base64.b64decode(vault.encrypt("value").removeprefix("age:")))
    if cut:
        del content[place % len(content) :]
    else:
        content[place % len(content)] ^= flip
    with pytest.raises((StateInvalidError, PrerequisiteError)):
        vault.decrypt("age:" + base64.b64encode(bytes(content)).decode())


@pytest.mark.parametrize("value", ["age:", "age:!", "age:YWJj", "age:" + "A" * 100])
def test_what_only_says_that_it_is_encrypted_is_a_fault(value: str) -> None:
    assert not is_well_formed(value)
    data = complete()
    data["wireguard"]["peers"]["k0s-worker-1"]["private_key"] = value
    (fault,) = (fault for fault in check(data) if fault.severity == "error")
    assert fault.path == PEER
    with pytest.raises(StateInvalidError, match="damaged"):
        Vault([]).decrypt(value)


def sealed_document(recipient: str) -> dict[str, object]:
    """A finished deployment whose keys are all encrypted to `recipient`."""
    vault = Vault([recipient])
    data = complete()
    data["metadata"]["secrets"] = {"recipients": [recipient]}
    for peer in data["wireguard"]["peers"].values():
        peer["private_key"] = vault.encrypt(peer["private_key"])
    for vm in data["azure_resources"]["virtual_machines"].values():
        vm["host_private_key"] = vault.encrypt(vm["host_private_key"])
    return data


def test_encrypted_keys_are_valid_without_a_doubt(tmp_path: Path) -> None:
    data = sealed_document(age_key(tmp_path / "i"))
    assert len(list(secret_values(data))) == 11
    assert check(data) == []


def test_what_is_no_recipient_is_a_doubt(tmp_path: Path) -> None:
    data = complete()
    data["metadata"]["secrets"] = {"recipients": [age_key(tmp_path / "i"), "AGE-SECRET-KEY-1QQQQQQ"]}
    (fault,) = (fault for fault in check(data) if "recipients." in fault.path)
    assert (fault.path, fault.severity) == ("metadata.secrets.recipients.1", "warning")
    assert "QQQ" not in str(fault)


def test_a_key_in_clear_beside_recipients_is_a_doubt(tmp_path: Path) -> None:
    data = sealed_document(age_key(tmp_path / "i"))
    data["wireguard"] = complete()["wireguard"]
    faults = check(data)
    assert len(faults) == 6
    assert {(fault.severity, fault.message) for fault in faults} == {
        ("warning", "stands in clear although there are recipients")
    }


@pytest.fixture
def encrypted(path: Path, tmp_path: Path) -> FileStore:
    """A store whose document is encrypted to the identity in the folder `home`."""
    path.write_bytes(dump(sealed_document(age_key(tmp_path / "home/.config/k0rdent-azure/identity.txt"))))
    return FileStore(path, clock=StillClock())


def test_a_commit_encrypts_new_keys_and_leaves_the_others_alone(encrypted: FileStore, tmp_path: Path) -> None:
    before = dict(secret_values(encrypted.read().data))
    with encrypted.transaction() as tx:
        tx.by_path.merge(
            ("wireguard", "peers", "k0s.new"),
            {"ip": "172.24.24.99", "public_key": key("x"), "private_key": key("NEW")},
        )
        tx.by_path.set("azure_resources.virtual_machines.k0s-worker-1.host_private_key", PEM)
        tx.by_path.set("azure_resources.virtual_machines.k0s.new", None)
        tx.by_path.delete("azure_resources.virtual_machines.k0s")
        tx.by_path.set(
            ("azure_resources", "virtual_machines", "k0s.new"), {"status": "running", "vm_size": "x"}
        )
    text = encrypted.path.read_text()
    assert key("NEW") not in text
    assert "OPENSSH" not in text
    after = dict(secret_values(encrypted.read().data))
    changed = {key for key, value in after.items() if before.get(key) != value}
    assert changed == {
        ("wireguard", "peers", "k0s.new", "private_key"),
        ("azure_resources", "virtual_machines", "k0s-worker-1", "host_private_key"),
    }
    vault = Vault([], identities=here(tmp_path / "home"))
    assert {vault.decrypt(after[key]) for key in changed} == {key("NEW"), PEM}


def test_an_event_alone_changes_no_key(encrypted: FileStore) -> None:
    before = dict(secret_values(encrypted.read().data))
    with encrypted.transaction() as tx:
        tx.event("complete", "looked")
    assert dict(secret_values(encrypted.read().data)) == before


def test_without_recipients_keys_stand_in_clear(path: Path) -> None:
    path.write_bytes(dump(complete()))
    with FileStore(path, clock=StillClock()).transaction() as tx:
        tx.by_path.set(PEER, key("new"))
    assert f'private_key: "{key("new")}"' in path.read_text()


def test_a_broken_recipient_refuses_new_keys_and_changes_nothing(encrypted: FileStore) -> None:
    with encrypted.transaction() as tx:
        tx.by_path.set("metadata.secrets.recipients", ["age1broken"])
    before = encrypted.path.read_bytes()
    with (
        pytest.raises(StateInvalidError, match=r"metadata\.secrets\.recipients\.0"),
        encrypted.transaction() as tx,
    ):
        tx.by_path.set(PEER, key("new"))
    assert encrypted.path.read_bytes() == before


def test_a_restored_document_keeps_the_recipients_and_is_encrypted(encrypted: FileStore) -> None:
    recipients = encrypted.read().get("metadata.secrets.recipients")
    with encrypted.transaction() as tx:
        tx.restore(complete())
    document = encrypted.read()
    assert document.get("metadata.secrets.recipients") == recipients
    values = [value for _, value in secret_values(document.data)]
    assert len(values) == 11
    assert all(map(is_encrypted, values))


def test_the_previous_version_is_forgotten(encrypted: FileStore) -> None:
    with encrypted.transaction() as tx:
        tx.event("complete", "looked")
    backup = encrypted.path.with_name(encrypted.path.name + ".backup")
    assert backup.read_bytes() != encrypted.path.read_bytes()
    with encrypted.storage.writing():
        encrypted.storage.forget_previous()
    assert backup.read_bytes() == encrypted.path.read_bytes()
    assert backup.stat().st_ino != encrypted.path.stat().st_ino
    assert backup.stat().st_mode & 0o777 == 0o600
