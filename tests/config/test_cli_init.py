"""`init` through the command line's own entry."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.config.load import load

from .test_templates import OFFERED


class Terminal(io.StringIO):
    """Standard input or error as a terminal, with the answers that a user types."""

    def isatty(self) -> bool:
        return True


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> Terminal:
    """A user at a terminal types `text`; returns what is shown on standard error."""
    errors = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(text))
    monkeypatch.setattr(sys, "stderr", errors)
    return errors


@pytest.mark.parametrize(("template", "cloud"), OFFERED)
def test_it_writes_what_validates(template: str, cloud: str, tmp_path: Path) -> None:
    assert main(["-C", str(tmp_path), "init", "--template", template, "--cloud", cloud, "--yes"]) == 0
    assert main(["-C", str(tmp_path), "config", "validate"]) == 0


def test_without_a_terminal_it_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["-C", str(tmp_path), "init"]) == 0
    out = capsys.readouterr().out
    assert str(tmp_path / "k0rdent.yaml") in out
    assert "template minimal" in out
    assert f"k0rdent-azure -C {tmp_path} plan" in out


def test_on_a_terminal_it_asks_until_the_answer_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = type_in(monkeypatch, "huge\nproduction\n\n")
    assert main(["-C", str(tmp_path), "init"]) == 0
    config = load(tmp_path / "k0rdent.yaml", environ={}).config
    assert (config.cluster.controllers.count, config.azure.cloud) == (3, "AzureCloud")
    assert terminal.getvalue().count("template (") == 2


def test_the_end_of_input_at_a_question_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "")
    assert main(["-C", str(tmp_path), "init"]) == 10
    assert not (tmp_path / "k0rdent.yaml").exists()


@pytest.mark.parametrize("flags", [["--yes"], ["--template", "small"], ["--json"]])
def test_flags_that_answer_ask_nothing_on_a_terminal(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = type_in(monkeypatch, "production\n")
    assert main(["-C", str(tmp_path), "init", *flags]) == 0
    assert "template (" not in terminal.getvalue()
    assert load(tmp_path / "k0rdent.yaml", environ={}).config.cluster.controllers.count == 1


def test_it_overwrites_only_with_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "k0rdent.yaml"
    path.write_text("mine", encoding="utf-8")
    assert main(["-C", str(tmp_path), "init", "--yes"]) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "mine"
    assert main(["-C", str(tmp_path), "init", "--yes", "--force"]) == 0
    assert load(path, environ={}).warnings == ()
    assert [entry.name for entry in tmp_path.iterdir()] == ["k0rdent.yaml"]


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "k0rdent.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert main(["-C", str(tmp_path), "init", "--yes"]) == 2
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_an_ancestors_config_is_not_shadowed(tmp_path: Path, ancestor: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "k0rdent.yaml").write_text(ancestor, encoding="utf-8")
    assert main(["-C", str(tmp_path), "init", "--yes"]) == 2
    assert not (tmp_path / "k0rdent.yaml").exists()


def test_the_result_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["init", "--template", "large", "--cloud", "AzureUSGovernment", "--json"]
    assert main(["-C", str(tmp_path), *words]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(tmp_path / "k0rdent.yaml"),
        "template": "large",
        "cloud": "AzureUSGovernment",
        "location": "usgovvirginia",
    }


def test_a_location_of_another_cloud_is_refused_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(tmp_path), "init", "--location", "usgovvirginia", "--yes"]) == 3
    assert "a region of AzureUSGovernment" in capsys.readouterr().err
    assert not (tmp_path / "k0rdent.yaml").exists()


def test_an_unknown_region_is_a_doubt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(tmp_path), "init", "--location", "westeurop", "--yes"]) == 0
    assert "did you mean westeurope?" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "k0rdent.yaml").mkdir()
    assert main(["-C", str(tmp_path), "init", "--yes", "--force"]) == 3
    assert "cannot be written" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["k0rdent.yaml"]
