"""What cannot begin writes nothing: no state, no key, no lock, no snapshot, not even an empty folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from k0rdent_azure.cli import doctor
from k0rdent_azure.cli.main import main
from k0rdent_azure.state.codec import dump
from tests.cli.test_doctor import machine as machine  # noqa: PLC0414  a fixture
from tests.cli.test_doctor import tool
from tests.cli.test_status import CONFIG
from tests.report.states import complete

AZURE = CONFIG.replace("rehearsal", "AzureCloud")
GUID = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "k0rdent.yaml").write_text(AZURE)
    return workspace


@pytest.fixture
def tools(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with everything that doctor asks for; returns the folder on its PATH."""
    tool(machine, "k0sctl", "version: v0.32.2")
    tool(machine, "wg", "wireguard-tools v1.0")
    tool(machine, "wg-quick")
    tool(machine, "sudo")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for name in ("HTTPS_PROXY", "https_proxy", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    tool(machine, "az", "not a token")
    home = machine.parent / "home" / ".azure"
    home.mkdir(parents=True)
    (home / "azureProfile.json").write_text(
        '{"subscriptions": [{"isDefault": true, "environmentName": "AzureCloud", "user": {"name": "ann"}}]}'
    )
    return machine


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int) -> str:
    """Run a command that is to be refused and to change nothing; returns what it says."""
    before = listing(folder)
    capsys.readouterr()
    assert main(["-C", str(folder), *words]) == code
    assert listing(folder) == before
    return capsys.readouterr().err


def state_on_azure(folder: Path) -> None:
    data = complete()
    data["configuration"]["azure"]["cloud"] = "AzureCloud"
    (folder / "deployment-state.yaml").write_bytes(dump(data))
    # As every command that ran here before has left it.
    for lock in (".deployment-state.yaml.run.lock", ".deployment-state.yaml.lock"):
        (folder / lock).touch(mode=0o600)


@pytest.mark.parametrize("name", ["k0sctl", "wg", "wg-quick", "sudo"])
def test_a_missing_tool_is_told_before_anything_is_written(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tools / name).unlink()
    said = refused(folder, capsys, "deploy", "--yes", code=9)
    assert name.partition("-")[0] in said
    assert "doctor" in said


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("version: v0.19.4", True),
        ("version: v0.30.9", True),
        ("version: v0.31.0", False),
        ("version: v1.0.0", False),
    ],
)
def test_a_k0sctl_that_is_too_old_is_none(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], version: str, is_old: bool
) -> None:
    """The login of this machine fails, which is what comes next."""
    tool(tools, "k0sctl", version)
    said = refused(folder, capsys, "deploy", "--yes", code=9)
    assert ("older than 0.31" in said, "no token" in said) == (is_old, not is_old)


def test_a_program_that_the_system_does_not_start_is_missing(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tools / "k0sctl").write_bytes(b"\x7fELF of another machine")
    assert "does not start" in refused(folder, capsys, "deploy", "--yes", code=9)


@pytest.mark.parametrize(("says", "code"), [("development build", 0), ("", 0), ("version: v0.32.2", 1)])
def test_what_cannot_be_determined_is_a_warning(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], says: str, code: int
) -> None:
    tool(tools, "k0sctl", says, code)
    assert "warning: k0sctl: its version cannot be determined" in refused(
        folder, capsys, "deploy", "--yes", code=9
    )


def test_no_login_is_told_before_anything_is_written(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tools / "az").unlink()
    assert "az login" in refused(folder, capsys, "deploy", "--yes", code=9)


def test_a_login_to_another_cloud_is_none(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "k0rdent.yaml").write_text(
        CONFIG.replace("rehearsal", "AzureUSGovernment").replace("southeastasia", "usgovvirginia")
    )
    said = refused(folder, capsys, "deploy", "--yes", code=9)
    assert "az is logged in to AzureCloud, not to AzureUSGovernment" in said
    assert "az cloud set --name AzureUSGovernment" in said


def test_a_login_that_gives_no_token_leaves_nothing(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(folder, capsys, "deploy", "--yes", code=9)
    assert "no token for AzureCloud" in said
    assert "nothing was written" in said


@pytest.mark.parametrize("cloud", ["AzureCloud", "rehearsal"])
def test_a_full_disk_is_told_before_anything_is_written(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cloud: str
) -> None:
    (folder / "k0rdent.yaml").write_text(CONFIG.replace("rehearsal", cloud))
    nearly_full = shutil.disk_usage(folder)._replace(free=5 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: nearly_full)
    assert "disk: 5 MB free" in refused(folder, capsys, "deploy", "--yes", code=9)


def test_free_space_that_cannot_be_determined_refuses_nothing(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_path: Path) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(shutil, "disk_usage", fails)
    said = refused(folder, capsys, "deploy", "--yes", code=9)
    assert "warning: disk: free space cannot be determined" in said


@pytest.mark.parametrize("cloud", ["AzureCloud", "rehearsal"])
def test_a_clock_that_is_wrong_is_told_before_anything_is_written(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cloud: str
) -> None:
    (folder / "k0rdent.yaml").write_text(CONFIG.replace("rehearsal", cloud))
    monkeypatch.setattr(doctor, "_EARLIEST", doctor._EARLIEST.replace(year=2999))
    assert "clock:" in refused(folder, capsys, "deploy", "--yes", code=9)


def test_a_folder_that_cannot_be_written_to_is_told_as_doctor_tells_it(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    def fails(**_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", fails)
    assert "workspace:" in refused(folder, capsys, "deploy", "--yes", code=9)


def test_the_question_comes_after_the_checks(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(folder, capsys, "deploy", code=10)
    (tools / "wg").unlink()
    refused(folder, capsys, "deploy", code=9)


@pytest.mark.parametrize(
    ("words", "lacking", "code"),
    [
        (("deploy", "--yes"), "k0sctl", 9),
        (("deploy", "--yes"), None, 6),
        (("replace", "vm/k0s-worker-1", "--yes"), "wg", 9),
        (("recover", "--rekey", "--yes"), "wg-quick", 9),
        (("recover", "--rekey", "--yes"), None, 6),
        (("destroy", "--yes"), None, 6),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_deployment_that_exists_is_left_as_it_is(  # noqa: PLR0917
    tools: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    lacking: str | None,
    code: int,
) -> None:
    state_on_azure(folder)
    if lacking is not None:
        (tools / lacking).unlink()
    refused(folder, capsys, *words, code=code)


def test_a_rollback_that_is_applied_needs_a_login(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state_on_azure(folder)
    assert main(["-C", str(folder), "snapshot", "create"]) == 0
    assert (
        main(["-C", str(folder), "state", "set", "k0rdent.version", "1.1.0", "--text", "--reason", "x"]) == 0
    )
    (tools / "az").unlink()
    refused(folder, capsys, "rollback", "latest", "--apply", "--yes", code=9)


@pytest.mark.parametrize("words", [("resume",), ("destroy", "--yes"), ("recover", "--from-azure", "--yes")])
def test_a_folder_without_a_deployment_gets_no_lock(
    tools: Path, folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    refused(folder, capsys, *words, code=6 if words[0] == "recover" else 4)


def test_init_makes_no_folder_for_a_configuration_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ("init", "--template", "minimal", "--location", "no where", "--yes")
    assert main(["-C", str(tmp_path / "a" / "b"), *wanted]) == 3
    assert listing(tmp_path) == {}
    assert main(["-C", str(tmp_path / "a" / "b"), *wanted[:3], "--yes"]) == 0
    assert [*listing(tmp_path)] == ["a", "a/b", "a/b/k0rdent.yaml"]


def test_init_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert main(["-C", str(tmp_path / "file"), "init", "--yes"]) == 2
    assert listing(tmp_path) == {"file": b"mine"}
