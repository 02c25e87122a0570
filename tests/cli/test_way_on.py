"""The last words of a run that failed: the command that helps in this workspace, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.cli import validate
from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.running import next_command_hint
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import AzureRequestError, HostError, TerminatedRunError, Way
from tests.report import states


def refusal(way: Way, about: str | None = None) -> AzureRequestError:
    return AzureRequestError(
        "no", status=400, code="X", hint="fix it", way=way, places=("azure.location",), about=about
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "a b"
    folder.mkdir()
    made = Workspace(folder)
    made.state_path.write_bytes(states.document(states.failed()).text)
    return made


def last_words(workspace: Workspace, error: AzureRequestError | HostError, words: str) -> str:
    next_command_hint(error, workspace, words)
    return error.hint or ""


def test_each_way_ends_with_a_command_of_this_workspace(workspace: Workspace) -> None:
    told = last_words(workspace, refusal("change"), "resume --yes")
    assert told == (
        f"fix it; go on with: {workspace.command('destroy --yes')}, correct k0rdent.yaml (azure.location), then: "
        f"{workspace.command('deploy --yes')}"
    )
    told = last_words(workspace, refusal("replace", "k0s-worker-2"), "resume")
    assert f"go on with: {workspace.command('replace vm/k0s-worker-2')}; or" in told
    assert last_words(workspace, HostError("no"), "resume").endswith(
        f"go on with: {workspace.command('resume')}"
    )


def test_what_was_set_on_the_command_line_is_set_again(workspace: Workspace) -> None:
    error = refusal("change")
    next_command_hint(error, workspace, "resume", overrides=["azure.tags.a=b c"])
    assert (error.hint or "").endswith(f"then: {workspace.command('deploy')} --set 'azure.tags.a=b c'")


def test_a_destroy_that_is_refused_is_repeated_whatever_a_deployment_would_need(workspace: Workspace) -> None:
    for way in ("change", "either", "replace", "again"):
        told = last_words(workspace, refusal(way), "destroy --yes")
        assert told == f"fix it; go on with: {workspace.command('destroy --yes')}"


def test_an_interruption_changes_nothing_of_the_way(workspace: Workspace) -> None:
    error = TerminatedRunError("stopped")
    next_command_hint(error, workspace, "resume")
    assert error.hint == f"go on with: {workspace.command('resume')}"


def test_a_look_that_is_refused_names_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_args: object) -> int:
        raise refusal("either")

    monkeypatch.setattr(validate, "run", refuse)
    assert main(["-C", str(tmp_path), "validate", "--hosts"]) == 6
    assert f"hint: fix it; then: k0rdent-azure -C {tmp_path} validate --hosts" in capsys.readouterr().err
