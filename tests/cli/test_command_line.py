"""The command line takes options by their full names only, and a word that it does not know has an answer."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.cli.main import COMMANDS, main, parser
from k0rdent_azure.nearest import nearest


def parsers(root: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield root
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


ALL = {each.prog: each for each in parsers(parser())}


@pytest.mark.parametrize("prog", ALL)
def test_no_option_can_be_abbreviated(prog: str) -> None:
    """Each proper prefix of each long option is left over as an unknown option, however the parser was made."""
    one = ALL[prog]
    for action in one._actions:
        action.required = False
    for group in one._mutually_exclusive_groups:
        group.required = False
    known = set(one._option_string_actions)
    for option in known:
        for prefix in {option[:length] for length in range(3, len(option)) if option[:2] == "--"} - known:
            assert one.parse_known_args([prefix])[1] == [prefix], f"{prog} takes {prefix} for {option}"
            assert one.parse_known_args([f"{prefix}=1"])[1] == [f"{prefix}=1"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is not refused must find nothing."""
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert not told.out
    return told.err


@pytest.mark.parametrize(
    "words", ["destroy --ye", "deploy --y", "unlock --y 3f9c", "recover --from-backu", "rekey"]
)
def test_what_was_an_abbreviation_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, *words.split())


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        # Options: abbreviated, mistyped, other tools'.
        ("destroy --ye", "--yes"),
        ("replace --ye", "--yes"),
        ("deploy --s", "--set or --svg"),
        ("status --wacth", "--watch"),
        ("rehearse fault http --stat 5", "--status"),
        ("destroy --force", "--yes"),
        ("destroy --auto-approve", "--yes"),
        ("destroy -auto-approve", "--yes"),
        ("deploy --non-interactive", "--yes"),
        ("status --output=json", "--json"),
        ("deploy -ojson", "--json"),
        ("replace vm/x --check", "--dry-run"),
        ("deploy -var a=b", "--set"),
        ("events --tail 5", "--limit"),
        ("init --region westus", "--location"),
        ("status --set a=1", "k0rdent-azure deploy"),
        ("status --set=a=1", "k0rdent-azure deploy"),
        # Options in the wrong place.
        ("status -C /tmp", "k0rdent-azure -C DIR status"),
        ("status -C/tmp", "k0rdent-azure -C DIR status"),
        ("vm show x -C /tmp", "k0rdent-azure -C DIR vm show"),
        ("status --version", "k0rdent-azure --version"),
        ("--quiet deploy", "k0rdent-azure deploy --quiet"),
        ("--set a=b deploy", "k0rdent-azure deploy --set PATH=VALUE"),
        ("-C /tmp --yes destroy", "k0rdent-azure destroy --yes"),
        ("vm --refresh show x", "k0rdent-azure vm show --refresh"),
        ("snapshot --keep 5 prune", "k0rdent-azure snapshot prune --keep N"),
        ("deploy --chdir x", "k0rdent-azure -C DIR deploy"),
        # Commands: mistyped, abbreviated, other tools'.
        ("detsroy", "k0rdent-azure destroy"),
        ("Deploy", "k0rdent-azure deploy"),
        ("stat", "k0rdent-azure status or k0rdent-azure state"),
        ("up", "k0rdent-azure deploy"),
        ("apply --yes", "k0rdent-azure deploy"),
        ("delete", "k0rdent-azure destroy"),
        ("down", "k0rdent-azure destroy"),
        ("logs", "k0rdent-azure events"),
        ("output", "k0rdent-azure state get"),
        ("encrypt", "k0rdent-azure secrets encrypt"),
        ("version", "k0rdent-azure --version"),
        ("vm shwo x", "k0rdent-azure vm show"),
        ("vm k0s-worker-1", "k0rdent-azure vm show k0s-worker-1"),
        ("vm list", "k0rdent-azure status"),
        ("config chek", "k0rdent-azure config validate"),
        ("state rm a.b", "k0rdent-azure state unset"),
        ("snapshot restore 3", "k0rdent-azure rollback SNAPSHOT"),
        ("lock remove", "k0rdent-azure unlock ID"),
        ("rehearse fault vm-dealocated", "k0rdent-azure rehearse fault vm-deallocated"),
        # Choices.
        ("init --template prodution", "production"),
        ("doctor --cloud azure", "AzureCloud"),
        ("events --phase vm_creaton", "vm_creation"),
        ("completion bsh", "bash"),
    ],
)  # fmt: skip
def test_what_is_meant_is_said(words: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert hint in refused(capsys, *words.split()).partition("hint: ")[2].splitlines()[0]


@pytest.mark.parametrize(
    "words", ["qqqq", "status --qqqq", "status qqqq", "replace", "-q", "rehearse fault qqqq"]
)
def test_what_resembles_nothing_leads_to_the_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    hint = refused(capsys, *words.split()).partition("hint: ")[2]
    assert "did you mean" not in hint
    assert "see: k0rdent-azure" in hint
    assert "--help" in hint


@pytest.mark.parametrize("prog", ALL)
def test_each_command_that_a_hint_names_exists(prog: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also those that stand for other tools' words."""
    from k0rdent_azure.cli.advice import _COMMANDS

    for meant in _COMMANDS.get(prog.removeprefix("k0rdent-azure").strip(), {}).values():
        known = [word for word in meant.split() if not word.isupper() and word != "vm/NAME"]
        with pytest.raises(SystemExit) as ended:
            main([*known, "--help"])
        assert ended.value.code == 0
    assert set(_COMMANDS) - {""} <= set(COMMANDS)


def test_with_json_the_refusal_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(refused(capsys, "status", "--json", "--wath"))["error"]
    assert (told["type"], told["exit_code"]) == ("UsageError", 2)
    assert "--watch" in told["hint"]


def test_a_value_is_no_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is taken for a slip that argparse takes for a value."""
    assert main(["-C", str(tmp_path), "event", "add", "drained", "-v with blanks"]) == 4
    assert "deploy" in capsys.readouterr().err
    assert "--limit -5: expected a number" in _said(capsys, "-C", str(tmp_path), "events", "--limit", "-5")


def _said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    main(list(words))
    return capsys.readouterr().err


def test_the_nearest_name() -> None:
    assert nearest("KOS-Worker1", ["k0s-worker-1", "k0s-worker-2"]) == "k0s-worker-1"
    assert nearest("azurecloud", ["AzureCloud", "rehearsal"]) == "AzureCloud"
    assert nearest("x", ["production"]) is None
    assert nearest("a" * 100_000, ["production"]) is None
