"""Names, tags, rules and ports that a page or a screen tells are those of the template that is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

import pytest
from docs import sent
from docs.generate import DOCS, replaced

from k0rdent_azure.config.fit_vms import OLDEST_K0RDENT_ON_ARM
from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.config.model import NetworkSettings
from k0rdent_azure.config.settings import SETTINGS
from k0rdent_azure.config.templates import render
from k0rdent_azure.config.validate import MAX_TAGS
from k0rdent_azure.errors import ConfigError
from tests.documentation.pages import code_words, documents, page, table

#: ARM refuses a resource with more.
AZURE_TAGS = 50
#: What begins like a tag and is none: the bash scripts' repository, and the default of `ssh.key_comment`.
_NO_TAGS = {"k0rdent-azure-setup", "k0rdent-azure-key"}
#: Azure's own, and what a fault adds.
_THEIR_RULES = {"AllowVnetInBound", "AllowAll"}


def beyond(named: Callable[[str], Iterable[str]], known: Collection[str]) -> dict[str, list[str]]:
    """What each document names that is not known."""
    found = {where: sorted(set(named(text)) - set(known)) for where, text in documents().items()}
    return {where: words for where, words in found.items() if words}


def _tags_in(text: str) -> list[str]:
    words = [word for word in code_words(text) if re.fullmatch(r"k0rdent-azure(-[a-z]+)+", word)]
    return [*re.findall(r"\btags? `([\w./-]+)`", text), *words]


def test_the_page_of_what_is_sent_is_current() -> None:
    written = (DOCS / "resources.md").read_text(encoding="utf-8")
    assert replaced(written, "resources", sent.resources()) == written, (
        "run: python -m docs.generate resources"
    )


def test_in_a_group_of_the_users_the_names_are_the_same() -> None:
    own = [(each["type"], each["name"]) for each in sent.sent_resources()]
    assert [(each["type"], each["name"]) for each in sent.sent_resources("team-rg")] == own[1:]


def test_every_tag_that_is_named_is_sent() -> None:
    assert not beyond(_tags_in, {*sent.sent_tags(), *_NO_TAGS})


def test_the_users_tags_leave_room_for_ours() -> None:
    assert MAX_TAGS + sent.most_own_tags() == AZURE_TAGS
    assert f"at most {MAX_TAGS} names and values" in page("configuration.md")


def test_every_security_rule_that_is_named_is_sent() -> None:
    known = {str(rule["name"]) for rule in sent.sent_rules()}
    assert not beyond(lambda text: re.findall(r"\bAllow[A-Z]\w+", text), known | _THEIR_RULES)


def test_every_port_that_is_named_is_opened() -> None:
    opened = {str(rule["destinationPortRange"]) for rule in sent.sent_rules()}
    assert not beyond(lambda text: re.findall(r"\bport (\d+)\b", text), opened)


def test_every_name_with_an_id_is_sent() -> None:
    """`k0rdent-5b8hxhz5-resgrp`, `<id>-vnet` and their like; a deployment's files have such names, too."""
    names = {str(each["name"]).removeprefix(sent.ID) for each in sent.sent_resources()}
    names |= {name for each in sent.sent_resources() for name in _below(each)}
    files = {"-ssh-key", "-ssh-key.pub", "-k0sctl.yaml", "-k0sctl.log", "-kubeconfig", "-resources"}
    pattern = r"(?:<id>|<deployment id>|k0rdent-(?:[a-z0-9]{8}|…))(-[a-z][\w.-]*\w)"
    assert not beyond(lambda text: re.findall(pattern, text), names | files)


def _below(resource: dict[str, object]) -> list[str]:
    return [name.removeprefix(sent.ID) for name, _ in sent.parts(resource)]


def test_the_defaults_in_the_generated_file_are_the_settings_own() -> None:
    """A template says a value of its own only for what it is there for; all else is the default."""
    own = {"vm_creation_minutes", "description", "vm_priority"}
    loaded = load_bytes(render("large", cloud="AzureCloud").encode(), environ={})
    written = {path: setting for path, setting in SETTINGS.items() if path in loaded.values}
    for path, setting in written.items():
        if path == "software.k0rdent.version":
            # The default does not become ready on the template's Arm nodes.
            assert loaded.values[path] == OLDEST_K0RDENT_ON_ARM
        elif not setting.required and path.rpartition(".")[2] not in own | {"zones", "cloud"}:
            assert loaded.values[path] == setting.default, path


@pytest.mark.parametrize("path", [path for path, setting in SETTINGS.items() if setting.kind == "number"])
def test_the_range_of_a_number_is_the_documented_one(path: str) -> None:
    """Both ends are accepted, what is beyond is refused. Pools are counted together, so each is tried alone."""
    (row,) = [
        cells
        for header in ("| setting | default | allowed | variable |",)
        for text in [(DOCS / "configuration.md").read_text(encoding="utf-8")]
        for part in text.split(header)[1:]
        for cells in table(header + part, header)
        if cells[0] == f"`{path}`"
    ]
    told = re.match(r"(\d+) to (\d+)( less the controllers)?", row[2])
    assert told is not None, row[2]
    lowest, highest = int(told[1]), int(told[2]) - (1 if told[3] else 0)
    assert (_fits(path, lowest), _fits(path, highest)) == (True, True)
    assert (_fits(path, lowest - 1), _fits(path, highest + 1)) == (False, False)


def _fits(path: str, value: int) -> bool:
    wide = {"network.subnet_prefix": "10.240.0.0/20", "network.wireguard_network": "172.24.0.0/20"}
    text = render("minimal", cloud="AzureCloud").encode()
    try:
        load_bytes(text, environ={}, overrides={**wide, path: str(value)})
    except ConfigError as error:
        return {fault.path for fault in error.faults if fault.severity == "error"} != {path}
    return True


def test_the_networks_that_are_named_are_the_defaults() -> None:
    network = NetworkSettings()
    assert {network.vnet_prefix, network.subnet_prefix, network.wireguard_network} <= set(
        re.findall(r"\d+\.\d+\.\d+\.\d+/\d+", page("configuration.md"))
    )
