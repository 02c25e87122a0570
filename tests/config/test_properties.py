"""No input ends in anything but a configuration or a ConfigError, and what loads survives its snapshot."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.config.settings import SETTINGS, VARIABLES
from k0rdent_azure.config.snapshot import differs, from_snapshot, to_snapshot
from k0rdent_azure.config.topology import hosts
from k0rdent_azure.errors import ConfigError

from .conftest import ANCESTOR

#: Text that reaches the corners: what YAML, numbers, networks and versions treat specially.
CORNER_WORDS = """
    ~ null true no 0 -1 3 010 0x10 1e9 .inf .nan 1_000 4:5 * & ! | > % @ ` " ' [ ] { } : ? - # --- ... <<
    10.0.0.0/8 10.0.0.1/8 0.0.0.0/0 1.2.3.4/99 fd00::/8 255.255.255.255/32 a/b v1.2.3+k0s.0 [1,2] [1,[2]] {a: b}
    {a: {b: c}} Spot REHEARSAL westeurope Standard_B2s Standard_D2ps_v5 a:b:c:latest root ٣ "\\0" "\\ud800" !!int
    """
CORNERS = st.sampled_from(CORNER_WORDS.split())
TEXT = st.one_of(CORNERS, st.text(max_size=12))


def endure(data: bytes | None, environ: dict[str, str], overrides: dict[str, str]) -> None:
    """Load it; fails on any other exception, and on faults that are unfit for a terminal."""
    try:
        loaded = load_bytes(data, label="k0rdent.yaml", environ=environ, overrides=overrides)
    except ConfigError as error:
        check_faults(error)
        return
    hosts(loaded.config)
    snapshot = to_snapshot(loaded.config, resource_group=loaded.config.azure.resource_group or "group")
    assert from_snapshot(snapshot) == loaded.config
    assert differs(loaded, snapshot) == []


def check_faults(error: ConfigError) -> None:
    assert error.faults
    for fault in error.faults:
        assert fault.severity == "error"
        assert not re.search("[\x00-\x1f\x7f\ud800-\udfff]", str(fault)), str(fault)


@given(st.binary(max_size=400))
@settings(max_examples=150)
def test_any_bytes(data: bytes) -> None:
    endure(data, {}, {})


@given(
    st.lists(
        st.one_of(TEXT, st.sampled_from(["\n", "  ", ": ", "- ", "azure", "cluster", "kof"])), max_size=30
    )
)
@settings(max_examples=150)
def test_any_yaml_like_text(parts: list[str]) -> None:
    endure("".join(parts).encode("utf-8", "surrogatepass"), {}, {})


@given(st.integers(0, ANCESTOR.count("\n")), st.integers(0, 40), st.integers(0, 8), TEXT)
@settings(max_examples=250)
def test_a_proper_file_with_one_place_overwritten(line: int, column: int, length: int, text: str) -> None:
    lines = ANCESTOR.splitlines()
    if line < len(lines):
        lines[line] = lines[line][:column] + text + lines[line][column + length :]
    endure("\n".join(lines).encode("utf-8", "surrogatepass"), {}, {})


@given(
    st.dictionaries(st.sampled_from(sorted(VARIABLES)), TEXT, max_size=4),
    st.dictionaries(
        st.one_of(
            st.sampled_from(sorted(SETTINGS)),
            st.builds(
                lambda head, tail: head + tail,
                st.sampled_from(["kof.", "azure.tags.", "kof.istio.", "", "ssh."]),
                TEXT,
            ),
        ),
        TEXT,
        max_size=4,
    ),
)
@settings(max_examples=250)
def test_any_variables_and_flags(environ: dict[str, str], overrides: dict[str, str]) -> None:
    endure(ANCESTOR.encode(), environ, overrides)


SNAPSHOT_KEYS = """
    location vm_image existing_group resource_group controller_count worker_count controller_zones controllers
    vnet_prefix wireguard_network controller tags k0s
    """
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**15), 10**15), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["azure", "cluster", "network", "vm_sizing", "kof", "ssh", "software"]),
        st.one_of(
            PLAIN,
            st.dictionaries(
                st.sampled_from(SNAPSHOT_KEYS.split()),
                st.one_of(PLAIN, st.sampled_from(["10.0.0.0/8", 3, [1]])),
            ),
        ),
    )
)
@settings(max_examples=150)
def test_any_snapshot_is_a_configuration_or_a_config_error(snapshot: dict[str, object]) -> None:
    try:
        config = from_snapshot(snapshot)
    except ConfigError:
        return
    hosts(config)
