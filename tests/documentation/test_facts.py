"""Numbers, defaults, exit codes, variables and lists that pages and `--help` tell are those of the code."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import k0rdent_azure
from k0rdent_azure import errors
from k0rdent_azure.azure import policies, sku_cache
from k0rdent_azure.cli import cloud, output, running
from k0rdent_azure.cli.main import COMMANDS
from k0rdent_azure.config.fit_networks import CLUSTER_NETWORKS
from k0rdent_azure.config.rules import MAX_CONTROLLERS, MAX_HOSTS
from k0rdent_azure.config.templates import TEMPLATES
from k0rdent_azure.config.topology import FIRST_HOST
from k0rdent_azure.phases import (
    children,
    context,
    destroy,
    freshness,
    schedule,
    vm_creation,
    vm_mending,
)
from k0rdent_azure.phases.engine import PHASES
from k0rdent_azure.rehearsal import server
from k0rdent_azure.rehearsal.fault_kinds import KINDS
from k0rdent_azure.state import age_identities
from k0rdent_azure.state.model import PHASE_NAMES
from tests.documentation.pages import code_words, documents, options, page, parsers, table

SOURCE = Path(k0rdent_azure.__file__).parent
_WORDS = {1: "one", 2: "two", 3: "three", 6: "six", 8: "eight", 10: "ten", 20: "twenty"}


def word(number: float) -> str:
    return _WORDS[int(number)]


#: A page, a sentence of it, and the number in it as the code has it.
FACTS = [
    ("arm-calls.md", "{:.0f} minutes after it was accepted", schedule.EARLY / 60),
    ("arm-calls.md", "from {:.0f} minutes on every", schedule.LATE / 60),
    ("arm-calls.md", "on every {:.0f} minutes, while hosts are missing", schedule.EVERY / 60),
    ("arm-calls.md", "without history after {:.0f} s", schedule.DELETION),
    ("configuration.md", "1 to {}; an even number", MAX_CONTROLLERS),
    ("configuration.md", "0 to {} less the controllers", MAX_HOSTS),
    ("configuration.md", "the VMs .{} and up", FIRST_HOST),
    ("configuration.md", "which have its addresses from .{} on", FIRST_HOST),
    ("configuration.md", "a verdict also needs {} fresh looks", word(context.LOOKS_BEFORE_GIVING_UP)),
    ("destroy.md", "does not delete the group within {} hour", {1: "an"}[int(destroy.PATIENCE / 3600)]),
    ("destroy.md", "it reaches within {:.0f} seconds", children.LIMIT),
    ("refresh.md", "| `vm show` | {:.0f} minutes, or `--max-age` |", freshness.MAX_AGE / 60),
    ("rehearsal.md", "nobody asked it for {} hours", word(server.IDLE / 3600)),
    ("rehearsal.md", "| `K0RDENT_AZURE_REHEARSAL_SPEED` | {:.0f} |", cloud.DEFAULT_SPEED),
    (
        "rehearsal.md",
        "({} cloud seconds, as Azure's load balancers wait)",
        KINDS["timeout"].defaults["seconds"],
    ),
    ("replace.md", "up to {} times in one run", word(vm_mending.REVIVALS)),
    ("replace.md", "asks Azure after {} minutes", word(vm_creation.SILENCE / 60)),
    ("resume.md", "after {:.0f} seconds the second by itself", running.TERM_GRACE),
    ("resume.md", "kept for {} hours", word(sku_cache.EXPIRY.total_seconds() / 3600)),
    ("scripting.md", "no colours and {} columns", output._WIDTH_OFF_TERMINAL),
]


@pytest.mark.parametrize(("name", "sentence", "value"), FACTS)
def test_a_number_is_the_code_s(name: str, sentence: str, value: object) -> None:
    assert sentence.format(value) in page(name)


def test_azure_is_waited_for_no_longer_than_a_refresh_says() -> None:
    """`status --refresh` and its like give up after so many attempts in all."""
    attempts = cloud.A_LOOK + 1
    assert f"no answer after {word(attempts)} attempts" in page("refresh.md")
    assert policies.FIRST_BACKOFF < policies.MAX_BACKOFF


def test_the_ages_of_a_refresh_are_the_phases() -> None:
    rows = table(page_lines("refresh.md"), "| | asks Azure where what is known is older than |")
    told: dict[str, str] = {}
    for what, age in rows:
        told |= {name: age for name in code_words(what) if name in freshness.BY_PHASE}
    shown = {None: "never", 0.0: "always", 900.0: "15 minutes"}
    assert told == {phase: shown[age] for phase, age in freshness.BY_PHASE.items()}


def test_the_phases_are_those_of_the_engine_in_order() -> None:
    told = [
        code_words(row[0])[0] for row in table(page_lines("first-deployment.md"), "| phase | what it does |")
    ]
    assert told == list(PHASE_NAMES) == [phase.name for phase in PHASES]
    measured = [code_words(row[0]) for row in table(page_lines("arm-calls.md"), "| phase | 5 VMs | 50 VMs |")]
    assert [names[0] for names in measured if names and names[0] in PHASE_NAMES] == list(PHASE_NAMES)


def test_the_cluster_s_own_networks_are_named_right() -> None:
    known = {f"{kind} {network}" for network, kind in CLUSTER_NETWORKS.items()}
    for where, text in documents().items():
        assert (
            set(re.findall(r"\b(?:pods|services) \d+\.\d+\.\d+\.\d+/\d+", text.replace("`", ""))) <= known
        ), where


# exit codes


def codes() -> dict[int, str]:
    """Each code with its row in docs/scripting.md."""
    rows = table(page_lines("scripting.md"), "| code | meaning | errors |")
    return {int(code): f"{meaning} {names}" for code, meaning, names in rows}


def test_no_document_tells_of_an_exit_code_that_is_not_listed() -> None:
    for where, text in documents().items():
        told = re.findall(
            r"\bexit codes? (\d+)(?: and (\d+))?|\(exit (\d+)\)|\bends with (\d+) ", text, re.IGNORECASE
        )
        assert {int(code) for found in told for code in found if code} <= set(codes()), where


def test_the_help_lists_the_exit_codes_of_the_page() -> None:
    (root,) = (text for where, text in documents().items() if where == "k0rdent-azure --help")
    _, _, epilog = root.partition("exit codes:")
    assert {int(code) for code in re.findall(r"\b\d+\b", epilog)} == set(codes())


def test_the_tree_of_errors_tells_the_codes_that_they_have() -> None:
    tree = dict(re.findall(r"(\w+Error) +(\d+)", errors.__doc__ or ""))
    real = {
        name: str(each.exit_code)
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.K0rdentAzureError)
    }
    assert tree == real


def test_every_error_with_an_exit_code_in_the_pages_has_it() -> None:
    """`docs/scripting.md` names errors beside their codes: those, and no others."""
    for code, row in codes().items():
        for name in re.findall(r"`(\w+Error)`", row):
            assert getattr(errors, name).exit_code == code, name


# defaults and choices


def test_a_default_in_the_help_is_the_option_s() -> None:
    for each in parsers():
        for option in options(each):
            told = re.search(r"\(default: ([^)]*)\)|\(([\w.]+)\)$", option.help or "")
            if (
                told is None
                or not isinstance(option.default, str | int | float)
                or option.default is argparse.SUPPRESS
            ):
                continue
            shown = told[1] or told[2]
            # `(repeatable)` is no default, and neither is what a file or the present folder decides.
            if shown not in {"repeatable", "here"}:
                assert str(option.default) == shown, f"{each.prog} {option.option_strings}"


def test_a_flag_that_a_page_names_exists() -> None:
    known = {flag for each in parsers() for option in options(each) for flag in option.option_strings}
    # `--ye` is the example of what is no option.
    theirs = {"--kubeconfig", "--query", "--no-wait", "--ye"}
    for where, text in documents().items():
        ours = "\n".join(
            line
            for line in text.splitlines()
            if not re.search(r"\b(az|pip|apt|kubectl|go|pytest|kill_matrix) ", line)
        )
        assert set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", ours)) <= known | theirs, where


# variables


def variables_read() -> set[str]:
    """Names of variables that a module of the product looks for: texts in capitals, wherever they stand."""
    found = set()
    for file in sorted(SOURCE.rglob("*.py")):
        if "rehearsal" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$", node.value))
    return found


def test_every_variable_that_is_documented_is_read() -> None:
    """azure-identity and the proxies' variables are read by libraries; the settings' follow from their paths."""
    libraries = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "HTTPS_PROXY", "NO_PROXY"}
    libraries |= {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "REQUESTS_CA_BUNDLE", "HOME"}
    rows = table(page_lines("scripting.md"), "| variable | what it does |")
    told = {name for row in rows for name in code_words(row[0]) if "<" not in name}
    assert told - libraries - {"…"} <= variables_read()


def test_every_variable_of_ours_that_is_read_is_documented() -> None:
    told = "\n".join(text for where, text in documents().items() if where.startswith("docs/"))
    ours = {name for name in variables_read() if name.startswith("K0RDENT_AZURE_") and not name.endswith("_")}
    assert {name for name in ours if name not in told} <= {"K0RDENT_AZURE_STATE"}


# lists


def test_every_fault_is_documented_and_every_documented_fault_exists() -> None:
    text = page_lines("rehearsal.md")
    _, _, part = text.partition("## Faults on purpose")
    part, _, _ = part.partition("\n## ")
    told = {
        word for row in part.splitlines() if row.startswith("| `") for word in code_words(row.split("|")[1])
    }
    assert told == set(KINDS)


def test_the_tables_of_commands_list_commands() -> None:
    for command in commands_in("scripting.md", "| command | what `--json` prints |"):
        assert command.split()[0] in COMMANDS


def commands_in(name: str, header: str) -> Iterator[str]:
    for row in table(page_lines(name), header):
        yield from code_words(row[0])


def page_lines(name: str) -> str:
    from docs.generate import DOCS

    return (DOCS / name).read_text(encoding="utf-8")


def commands_that_hold_the_lock() -> set[str]:
    """Each word that a command gives to the run lock, as its name."""
    found = set()
    for file in sorted((SOURCE / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "acquire"
            ):
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return {str(each) for each in found}


def test_the_pages_name_every_command_that_runs() -> None:
    runs = commands_that_hold_the_lock()
    assert len(runs) > 5
    (row,) = [cells for cells in rows_of("state-schema.md") if cells[-1].startswith("`deploy`, `resume`")]
    assert set(code_words(row[-1])) == runs
    for name, begins in (
        ("resume.md", "A second `deploy`"),
        ("snapshots.md", "(`deploy` on an existing deployment"),
        ("copies.md", "`deploy`, `resume`, `replace`"),
    ):
        sentence = re.search(rf"{re.escape(begins)}.*?(?:\.|\)|:) ", page(name))
        assert sentence is not None
        assert {words.split()[0] for words in code_words(sentence[0]) if not words.startswith("-")} >= runs, (
            name
        )


def rows_of(name: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page_lines(name).splitlines()
        if line.startswith("| `command`")
    ]


def test_the_help_describes_the_templates_as_they_are() -> None:
    text = documents()["k0rdent-azure init --help"]
    for name, template in TEMPLATES.items():
        told = re.search(rf"^ +{name} +(\d) controllers?, (\d+) workers?", text, re.MULTILINE)
        if told is not None:
            assert (int(told[1]), int(told[2])) == (template.controllers, template.workers), name


def test_identities_are_tried_in_the_order_that_is_told() -> None:
    text = page("secrets.md")
    positions = [
        text.index(f"`~/{name}`", text.index("Keys are opened with")) for name in age_identities.FILES
    ]
    assert positions == sorted(positions)
