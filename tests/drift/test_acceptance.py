"""Ignore rules: what they hide, for how long, and what is wrong with one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from k0rdent_azure.config.drift import ignore_rules
from k0rdent_azure.config.model import IgnoreRule
from k0rdent_azure.errors import ConfigError
from k0rdent_azure.phases.acceptance import accept
from k0rdent_azure.state.finding import Finding, Ignored

TODAY = date(2026, 11, 23)
VM = Finding(
    kind="changed",
    severity="info",
    resource="/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/k0s-worker-1",
    type="Microsoft.Compute/virtualMachines",
    name="k0s-worker-1",
    field="tags.team",
)


def rule(resource: str = "*", field: str = "*", until: str | None = None) -> IgnoreRule:
    return IgnoreRule(reason="because", resource=resource, field=field, until=until)


@pytest.mark.parametrize(
    "spoken_of",
    [
        rule(),
        rule("k0s-worker-1"),
        rule("K0S-WORKER-*"),
        rule("virtualMachines/k0s-worker-?"),
        rule("*/providers/Microsoft.Compute/*"),
        rule("*", "tags.*"),
        rule("*", "TAGS.Team"),
        rule(until="2026-11-23"),
    ],
)
def test_a_rule_hides_what_it_speaks_of(spoken_of: IgnoreRule) -> None:
    found = accept([VM], [spoken_of], today=TODAY)
    assert not found.findings
    (hidden,) = found.ignored
    assert hidden.ignored == Ignored(reason="because", until=spoken_of.until)
    assert not found.expired


@pytest.mark.parametrize(
    "other", [rule("k0s-worker-2"), rule("worker-1"), rule("*", "size"), rule("disks/*"), rule("*", "tags")]
)
def test_a_rule_hides_nothing_else(other: IgnoreRule) -> None:
    found = accept([VM], [other], today=TODAY)
    assert found.findings == [VM]
    assert not found.ignored


def test_a_rule_whose_day_is_over_hides_nothing_and_says_so() -> None:
    found = accept([VM], [rule(until="2026-11-22"), rule("k0s-worker-2")], today=TODAY)
    assert found.findings == [VM]
    (said,) = found.expired
    assert "2026-11-22" in said
    assert "because" in said


def test_the_first_rule_in_force_gives_the_reason() -> None:
    rules = [rule(until="2020-01-01"), IgnoreRule(reason="first"), IgnoreRule(reason="second")]
    (hidden,) = accept([VM], rules, today=TODAY).ignored
    assert hidden.ignored is not None
    assert hidden.ignored.reason == "first"


def test_rules_are_read_whatever_else_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "k0rdent.yaml"
    file.write_text(
        "azure:\n  location: 7\n  nonsense: true\n"
        "drift:\n  ignore:\n    - {resource: k0s-*, field: size, reason: tried out, until: 2027-01-31}\n"
    )
    assert ignore_rules(file) == (
        IgnoreRule(reason="tried out", resource="k0s-*", field="size", until="2027-01-31"),
    )
    file.write_text("azure: {}\n")
    assert ignore_rules(file) == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{resource: a}", "reason"),
        ("{resource: a, reason: ' '}", "reason"),
        ("{reason: a, until: tomorrow}", "not a day"),
        ("{reason: a, until: 2027-02-30}", "not a day"),
        ("{reason: a, ressource: b}", "no such key"),
        ("{reason: [a]}", "wrong type"),
        ("just text", "wrong type"),
    ],
)
def test_a_rule_that_is_wrong_is_told_with_its_line(tmp_path: Path, wrong: str, said: str) -> None:
    file = tmp_path / "k0rdent.yaml"
    file.write_text(f"drift:\n  ignore:\n    - {wrong}\n")
    with pytest.raises(ConfigError) as refused:
        ignore_rules(file)
    (fault,) = refused.value.faults
    assert fault.path == "drift.ignore"
    assert fault.line == 3
    assert said in fault.message
