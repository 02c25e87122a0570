"""One row for each thing that can be wrong: the text that is changed, and the fault that must come of it."""

from __future__ import annotations

import json

import pytest
import yaml

from k0rdent_azure.config.load import load_bytes, parse_overrides
from k0rdent_azure.errors import ConfigError, Fault, UsageError

from .conftest import ANCESTOR

X64 = {
    "Debian:debian-12:12-arm64:latest": "Debian:debian-12:12-gen2:latest",
    "Standard_D4pls_v6": "Standard_B2s",
    "Standard_D16pls_v6": "Standard_D4s_v5",
    "spot": "Regular",
}


def changed(*changes: tuple[str, str]) -> bytes:
    text = ANCESTOR
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text.encode()


def faults_of(data: bytes, **overrides: str) -> tuple[Fault, ...]:
    with pytest.raises(ConfigError) as raised:
        load_bytes(data, label="k0rdent.yaml", environ={}, overrides=overrides)
    assert raised.value.faults
    return raised.value.faults


def line_of(data: bytes, part: str) -> int:
    return next(number for number, line in enumerate(data.decode().splitlines(), 1) if part in line)


#: (old text, new text, path, part of the message and of what is expected)
ERRORS = [
    ("  vm_priority", "  vm_prioritty", "azure.vm_prioritty", "did you mean azure.vm_priority?"),
    ("cluster:", "clutser:", "clutser", "did you mean cluster?"),
    ("metadata:", "location: x\nmetadata:", "location", "did you mean azure.location?"),
    ("  key_comment", "  passwd: x\n  key_comment", "ssh.passwd", "one of username, key_comment below ssh"),
    ("10.240.0.0/16", "10.240.0.0/33", "network.vnet_prefix", "'/33' is not a prefix length"),
    ("10.240.0.0/16", "10.240.0.0", "network.vnet_prefix", "has no prefix length"),
    ("10.240.0.0/16", "10.240.0/16", "network.vnet_prefix", "is not a network"),
    ("10.240.0.0/16", "fd00::/64", "network.vnet_prefix", "an IPv4 network"),
    ("10.240.0.0/16", "10.240.3.1/16", "network.vnet_prefix", "the network itself, 10.240.0.0/16"),
    ("10.240.1.0/24", "10.240.1.9/24", "network.subnet_prefix", "the network itself, 10.240.1.0/24"),
    ("10.240.1.0/24", "10.241.1.0/24", "network.subnet_prefix", "is not inside vnet 10.240.0.0/16"),
    ("10.240.1.0/24", "10.240.1.0/28", "network.subnet_prefix", "too small for 6 hosts"),
    ("10.240.1.0/24", "224.1.1.0/24", "network.subnet_prefix", "multicast"),
    ("172.24.24.0/24", "10.240.7.0/24", "network.wireguard_network", "overlaps vnet 10.240.0.0/16"),
    ("172.24.24.0/24", "172.24.24.0/28", "network.wireguard_network", "expected /27 or larger"),
    ("172.24.24.0/24", "127.0.0.0/24", "network.wireguard_network", "loopback"),
    ("zones: [2, 3]", "zones: [2, 4]", "cluster.controllers.zones", "different zones out of 1, 2, 3"),
    ("zones: [2, 3]", "zones: [2, 2]", "cluster.controllers.zones", "names a zone twice"),
    ("zones: [2, 3]", "zones: 2", "cluster.controllers.zones", "expected a list of whole numbers"),
    ("zones: [2, 3]", "zones: [a]", "cluster.controllers.zones", "found 'a'"),
    ("zones: [2, 3]", "zones: [[1]]", "cluster.controllers.zones", "found a list"),
    ("count: 3", "count: 0", "cluster.controllers.count", "expected 1 to 9"),
    ("count: 3", "count: -1", "cluster.controllers.count", "expected 1 to 9"),
    ("count: 3", "count: 11", "cluster.controllers.count", "expected 1 to 9"),
    ("count: 3", "count: 3.0", "cluster.controllers.count", "found '3.0'"),
    ("count: 3", "count: three", "cluster.controllers.count", "a whole number"),
    ("count: 3", "count:", "cluster.controllers.count", "has no value"),
    ("count: 3", "count: true", "cluster.controllers.count", "a whole number"),
    ("count: 3", "count: 99999999999999999999", "cluster.controllers.count", "a whole number"),
    ("count: 3\n    zones: [3", "count: 261\n    zones: [3", "cluster.workers.count", "expected 0 to 260"),
    ("count: 3\n    zones: [3", "count: 258\n    zones: [3", "cluster.workers.count", "one ARM template"),
    ("12-arm64:latest", "12-gen2:latest", "vm_sizing.controller.size", "has arm64 processors"),
    ("Standard_D16pls_v6", "Standard_D16s_v5", "vm_sizing.worker.size", "has x86-64 processors"),
    ("Debian:debian-12:12-arm64:latest", "debian12", "azure.vm_image", "Publisher:Offer:Sku:Version"),
    ("Standard_D16pls_v6", "D16pls_v6", "vm_sizing.worker.size", "a name such as Standard_D2s_v5"),
    ('"spot"', '"Sport"', "azure.vm_priority", "one of Regular, Spot"),
    ('"Delete"', '"Destroy"', "azure.eviction_policy", "one of Deallocate, Delete"),
    ("azure:", "azure:\n  cloud: AWS", "azure.cloud", "AzureUSGovernment"),
    ("southeastasia", "South East", "azure.location", "such as southeast"),
    ("southeastasia", "usgovvirginia", "azure.location", "a region of AzureUSGovernment, not of AzureCloud"),
    ("azure:", "azure:\n  cloud: AzureChinaCloud", "azure.location", "one of chinaeast"),
    ('"k0rdent"\n', '"admin"\n', "ssh.username", "reserved, Azure refuses it"),
    ('"k0rdent"\n', '"root"\n', "ssh.username", "reserved, Azure refuses it"),
    ('"k0rdent"\n', '"www-data"\n', "ssh.username", "system account"),
    ('"k0rdent"\n', '"Alice B"\n', "ssh.username", "not a Linux user name"),
    ('"k0rdent"\n', '""\n', "ssh.username", "not a Linux user name"),
    ("azure:", "azure:\n  resource_group: my-group.", "azure.resource_group", "not ending in a period"),
    ("azure:", "azure:\n  resource_group: 'a b'", "azure.resource_group", "1 to 90"),
    ("azure:", "azure:\n  subscription_id: mine", "azure.subscription_id", "a UUID"),
    ("azure:", "azure:\n  tags: {'a<b': x}", "azure.tags", "is not a tag name"),
    ("azure:", "azure:\n  tags: {Team: x, team: y}", "azure.tags", "ignores case"),
    ("azure:", "azure:\n  tags: {microsoft-x: y}", "azure.tags", "reserved"),
    ("azure:", f"azure:\n  tags: {{team: {'x' * 257}}}", "azure.tags", "at most 256"),
    ("azure:", "azure:\n  tags: [a]", "azure.tags", "a mapping of names to texts"),
    ("azure:", "azure:\n  tags: {team: [a]}", "azure.tags", "expected text"),
    ("network:", "network:\n  wireguard_port: 65536", "network.wireguard_port", "1 to 65535"),
    ("network:", "network:\n  wireguard_port: 0", "network.wireguard_port", "1 to 65535"),
    ("network:", "network:\n  allowed_ssh_sources: []", "network.allowed_ssh_sources", "lets nobody in"),
    ("network:", "network:\n  allowed_ssh_sources: [1.2.3.4]", "network.allowed_ssh_sources", "1.2.3.4/32"),
    ("v1.33.2+k0s.0", "1.33.2", "software.k0s.version", "a k0s release such as v1.33.2+k0s.0"),
    ("v1.33.2+k0s.0", "v1.33+k0s.0", "software.k0s.version", "a k0s release such as v1.33.2+k0s.0"),
    ('"1.4.0"', '"v1.4.0"', "software.k0rdent.version", "without v"),
    ("oci://ghcr.io", "https://ghcr.io", "software.k0rdent.registry", "an OCI chart"),
    ("kcm-system", "KCM_System", "software.k0rdent.namespace", "1 to 63 of a-z"),
    ("ssh_connect: 30", "ssh_connect: 0", "timeouts.ssh_connect", "1 to 3600 seconds"),
    (
        "vm_creation_minutes: 15",
        "vm_creation_minutes: 900",
        "timeouts.vm_creation_minutes",
        "1 to 240 minutes",
    ),
    ('owner: "alice@example.com"', 'owner: "a\\nb"', "metadata.owner", "one line"),
    ('owner: "alice@example.com"', 'owner: "a\\0b"', "metadata.owner", "control characters"),
    ("enabled: false", 'enabled: "a\\eb"', "kof.enabled", "control characters"),
    (
        "  workers:\n    count: 3\n    zones: [3, 2]",
        "  workers: 3",
        "cluster.workers",
        "cluster.workers.count",
    ),
    ("  location:", "  #", "azure.location", "is missing (or set K0RDENT_AZURE_AZURE_LOCATION"),
    ("    count: 3", "    #", "cluster.controllers.count", "is missing"),
]


@pytest.mark.parametrize(
    ("old", "new", "path", "part"), ERRORS, ids=[f"{row[2]}-{row[1]}"[:60] for row in ERRORS]
)
def test_each_fault_is_told_once_with_its_line(old: str, new: str, path: str, part: str) -> None:
    data = changed((old, new))
    found = [fault for fault in faults_of(data) if fault.path.startswith(path)]
    assert len(found) == 1
    assert part in str(found[0])
    assert found[0].file == "k0rdent.yaml"
    assert found[0].line is not None
    assert found[0].severity == "error"


#: (the file's bytes, the line, part of the message)
NOT_YAML = [
    (b"", None, "the file is empty"),
    (b"# only a comment\n", None, "the file is empty"),
    (b"just text\n", None, "does not hold settings"),
    (b"- a\n- b\n", None, "does not hold settings"),
    (b"a: [1\n", None, "not YAML"),
    (b"azure:\n\tlocation: x\n", 2, "a tab in the indentation"),
    (b"azure: 'x\n", None, "not YAML"),
    (b"azure: {}\nazure: {}\n", 2, "given twice, first on line 1"),
    (b"azure:\n  location: a\n  location: b\n", 3, "key 'location' is given twice, first on line 2"),
    (b"azure: &a {}\nssh: *a\n", 2, "alias '*a'"),
    (b"azure: !!python/object/apply:os.system [ls]\n", 1, "tags are not supported"),
    (b"azure: {location: !!binary aGk=}\n", 1, "tags are not supported"),
    (b"azure: {}\n---\nssh: {}\n", 2, "a second YAML document"),
    (b"? [a, b]\n: c\n", 1, "used as a key"),
    (b"azure:\n  location: a\0b\n", 2, "NUL"),
    (b"azure:\n  location: a\x1bb\n", 2, "control character U+001B"),
    (b"ssh:\n  username: caf\xe9\n", 2, "not UTF-8"),
    ("azure: {}".encode("utf-16"), 1, "not UTF-8"),
    (b"[" * 100_000, 1, "nested more than"),
    (b"{a: " * 10_000, 1, "nested more than"),
    (b"azure:\n  location: " + b"[" * 1_100, 2, "nested more than"),
    (b"azure: [" + b" [" * 1_500 + b"]" * 1_501, 1, "nested more than"),
    (b"azure: x\n" + b"[{" * 2_000, 2, "nested more than"),
    (b"azure: [\n" + b"[" * 39 + b"@\n", 2, "not YAML"),
    (b"azure: @\n" + b"[" * 2_000, 1, "not YAML"),
    (b"azure: @x\n", 1, "not YAML"),
    (b"%YAML 9.9\n---\na: b\n", None, "not YAML"),
]


@pytest.mark.parametrize(("data", "line", "part"), NOT_YAML, ids=range(len(NOT_YAML)))
def test_what_is_no_proper_yaml(data: bytes, line: int | None, part: str) -> None:
    found = [fault for fault in faults_of(data) if part in str(fault)]
    assert len(found) == 1, [str(fault) for fault in faults_of(data)]
    if line is not None:
        assert found[0].line == line


def test_what_nests_too_deeply_is_our_word_with_any_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """libyaml gives up by itself since 0.2.6, at a depth and in words of its own; a build without it never does."""
    deep = b"azure: " + b"[" * 100_000
    with_libyaml = [str(fault) for fault in faults_of(deep)]
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert [str(fault) for fault in faults_of(deep)] == with_libyaml


def test_a_thousand_aliases_of_aliases_stay_cheap() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    assert any("alias" in str(fault) for fault in faults_of(bomb.encode()))


def test_all_faults_are_listed_at_once_from_top_to_bottom() -> None:
    data = changed(
        ("southeastasia", "South East"),
        ("count: 3", "count: 0"),
        ('"k0rdent"\n', '"admin"\n'),
        ("10.240.1.0/24", "10.1.0.0/24"),
        ("  ssh_connect: 30", "  ssh_conect: 30"),
    )
    found = faults_of(data)
    assert [fault.path for fault in found] == [
        "azure.location",
        "cluster.controllers.count",
        "ssh.username",
        "network.subnet_prefix",
        "timeouts.ssh_conect",
    ]
    lines = [fault.line for fault in found]
    assert lines == sorted(lines, key=lambda line: line or 0)
    assert lines[3] == line_of(data, "10.1.0.0/24")


def test_too_many_tags_and_a_vnet_too_small() -> None:
    tags = ", ".join(f"t{number}: x" for number in range(46))
    (fault,) = faults_of(changed(("azure:", f"azure:\n  tags: {{{tags}}}")))
    assert (fault.path, fault.expected) == ("azure.tags", "at most 43")
    found = faults_of(changed(("10.240.0.0/16", "10.240.1.0/30"), ("10.240.1.0/24", "10.240.1.0/30")))
    assert [fault.expected for fault in found if fault.path == "network.vnet_prefix"] == ["/29 or larger"]


def test_without_libyaml_the_same_faults_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    load_bytes(ANCESTOR.encode(), environ={})
    for data, line, part in NOT_YAML:
        found = [fault for fault in faults_of(data) if part in str(fault)]
        assert [fault.line for fault in found] == [line] if line else found


def test_host_bits_hide_no_other_fault_of_the_network() -> None:
    found = faults_of(changed(("10.240.1.0/24", "10.240.1.7/28")))
    assert [fault.expected for fault in found] == ["the network itself, 10.240.1.0/28", "/27 or larger"]


def test_the_message_counts_the_faults() -> None:
    with pytest.raises(ConfigError, match=r"k0rdent\.yaml cannot be used: 2 faults") as raised:
        load_bytes(changed(("count: 3", "count: 0"), ("[3, 2]", "[7]")), label="k0rdent.yaml", environ={})
    assert raised.value.exit_code == 3
    assert "config validate" in (raised.value.hint or "")


#: (changes, path, part): doubts that do not stop anybody
WARNINGS = [
    ([("count: 3", "count: 4")], "cluster.controllers.count", "survive no more failures than 3"),
    ([("172.24.24.0", "172.32.32.0")], "network.wireguard_network", "public address space"),
    ([("172.24.24.0", "10.100.0.0")], "network.wireguard_network", "which k0s gives to services"),
    ([("southeastasia", "southeastasi")], "azure.location", "did you mean southeastasia?"),
    ([("v1.33.2", "v1.31.2")], "software.k0s.version", "Kubernetes 1.31 is older"),
    ([("  ssh_connect", "  ssh_command: 3\n  ssh_connect")], "timeouts.ssh_command", "no longer used"),
    ([*list(X64.items())[:3]], "vm_sizing.controller.size", "not as Spot"),
]


@pytest.mark.parametrize(("changes", "path", "part"), WARNINGS, ids=[row[1] + row[2][:9] for row in WARNINGS])
def test_doubts_are_warnings(changes: list[tuple[str, str]], path: str, part: str) -> None:
    loaded = load_bytes(changed(*changes), label="k0rdent.yaml", environ={})
    (warning,) = loaded.warnings
    assert (warning.path, warning.severity, warning.line is not None) == (path, "warning", True)
    assert part in str(warning)


@pytest.mark.parametrize(
    ("hosts", "prefix"), [(1, 28), (4, 28), (5, 27), (20, 27), (21, 26), (52, 26), (53, 25)]
)
@pytest.mark.parametrize("path", ["network.wireguard_network", "network.subnet_prefix"])
def test_a_network_just_large_enough_is_accepted_and_a_smaller_one_told_its_size(
    path: str, hosts: int, prefix: int
) -> None:
    """Hosts have numbers 11 to 10+N, and the network's last address is its broadcast."""
    base = "172.24.24.0" if "wireguard" in path else "10.240.1.0"
    counts = {"cluster.controllers.count": "1", "cluster.workers.count": str(hosts - 1)}
    data = ANCESTOR.encode()
    load_bytes(data, environ={}, overrides={**counts, path: f"{base}/{prefix}"})
    (fault,) = faults_of(data, **counts, **{path: f"{base}/{prefix + 1}"})
    assert fault.expected == f"/{prefix} or larger"
    assert fault.origin == f"--set {path}"


def test_a_fault_between_two_settings_is_placed_where_the_user_wrote_one() -> None:
    data = changed(("  subnet_prefix:", "  #"), ("10.240.0.0/16", "10.9.0.0/16"))
    (fault,) = faults_of(data)
    assert fault.path == "network.vnet_prefix"
    assert fault.line == line_of(data, "10.9.0.0/16")


def test_faults_of_variables_and_flags_name_them() -> None:
    with pytest.raises(ConfigError) as raised:
        load_bytes(
            ANCESTOR.encode(),
            label="k0rdent.yaml",
            environ={"K0RDENT_AZURE_CLUSTER_WORKERS_COUNT": "lots"},
            overrides={"ssh.username": "root", "ssh.usernam": "x", "cluster": "3"},
        )
    origins = {fault.origin: str(fault) for fault in raised.value.faults}
    assert set(origins) == {
        "K0RDENT_AZURE_CLUSTER_WORKERS_COUNT",
        "--set ssh.username",
        "--set ssh.usernam",
        "--set cluster",
    }
    assert "did you mean ssh.username?" in origins["--set ssh.usernam"]
    assert "cluster.controllers" in origins["--set cluster"]


def test_foreign_text_in_a_fault_is_short_and_has_no_control_characters() -> None:
    nasty = "\x1b]0;owned\x07" + "A" * 5000
    data = changed(
        ("southeastasia", json.dumps(nasty)[1:-1].replace('"', "")), ("count: 3", "count: " + "9" * 900)
    )
    for fault in faults_of(data, **{nasty: "x", "azure.tags." + nasty: "x", "kof.a": nasty}):
        assert str(fault).isprintable()
        assert len(str(fault)) < 400


@pytest.mark.parametrize("word", ["cluster.workers.count", "=3", " = 3"])
def test_a_set_that_is_no_path_and_value_is_a_usage_error(word: str) -> None:
    with pytest.raises(UsageError):
        parse_overrides([word])


def test_a_refused_alias_is_one_fault_and_hides_no_other() -> None:
    data = changed(("count: 3", "count: *three"), ("zones: [3, 2]", "zones: [7]"))
    assert [fault.line for fault in faults_of(data)] == [line_of(data, "*three"), line_of(data, "[7]")]


def test_half_a_file_allows_no_conclusions() -> None:
    """The subnet stands below the broken line; nothing may be said about how the vnet goes with the default."""
    data = changed(("10.240.0.0/16", "10.9.0.0/16"), ("  subnet_prefix", "  : [\n  subnet_prefix"))
    (fault,) = faults_of(data)
    assert "not YAML" in str(fault)


@pytest.mark.parametrize(
    "data",
    [
        "".join(f"key{n}:\n" for n in range(60_000)).encode(),
        b"a:\n" * 200_000,
        b"kof:\n" + b"".join(b" k%d: &a 1\n" % n for n in range(60_000)),
        b"kof: [" + b"*a, " * 200_000 + b"]",
        b"? " + b"a." * 400_000 + b"\n: 1\n",
        b"azure: {location: " + b"x" * 900_000 + b"}",
        b"cluster: {workers: {zones: [" + b"9," * 400_000 + b"]}}",
    ],
    ids=range(7),
)
def test_a_large_file_that_is_none_ends_soon_with_few_faults(data: bytes) -> None:
    """One second is the usual time; each would take minutes if anything were quadratic."""
    found = faults_of(data)
    assert len(found) <= 110
    assert all(len(str(fault)) < 500 for fault in found)


@pytest.mark.parametrize("value", ["[1]", "text"])
def test_kof_must_be_a_mapping(value: str) -> None:
    (fault,) = faults_of(ANCESTOR[: ANCESTOR.index("kof:")].encode() + f"kof: {value}\n".encode())
    assert (fault.path, fault.expected) == ("kof", "a mapping")
