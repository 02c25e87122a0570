"""What would work in place of what Azure refuses, and how Azure's list of sizes is read."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.azure.alternatives import Use, for_quota, for_refused, nearest
from k0rdent_azure.azure.failures import quota_of
from k0rdent_azure.azure.skus import VmSize, _size
from k0rdent_azure.errors import Quota

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "value", "type", "zones", "locations", "location", "values", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def size(name: str, vcpus: int, memory: float, family: str = "F", **changes: object) -> VmSize:
    parts: dict[str, object] = {
        "architecture": "x64",
        "generations": ("V1", "V2"),
        "zones": ("1", "2", "3"),
        "offered": True,
        "spot": True,
        **changes,
    }
    return VmSize(name=name, family=family, vcpus=vcpus, memory=memory, **parts)  # type: ignore[arg-type]


D4 = size("D4", 4, 16, "dFamily")
SIZES = [
    D4,
    size("D2", 2, 8, "dFamily"),
    size("D8", 8, 32, "dFamily"),
    size("A4", 4, 16, "aFamily"),
    size("E4", 4, 32, "eFamily", zones=("1",)),
    size("P4", 4, 16, "pFamily", architecture="Arm64"),
    size("B4", 4, 16, "bFamily", spot=False),
    size("G4", 4, 16, "gFamily", generations=("V1",)),
    size("X4", 4, 16, "xFamily", offered=False),
]
USE = Use("workers", "D4", frozenset({"2"}), 3, spot=False)


def names(use: Use) -> list[str]:
    return [each.name for each in nearest(use, D4, SIZES)]


def test_the_nearest_sizes_would_do_for_the_same_vms() -> None:
    assert names(USE) == ["A4", "B4", "G4"]
    assert names(replace(USE, spot=True)) == ["A4", "G4", "D2"]
    assert names(replace(USE, generation="V2")) == ["A4", "B4", "D2"]
    assert "E4" in [each.name for each in nearest(replace(USE, zones=frozenset({"1"})), D4, SIZES[4:])]


def test_a_size_that_nobody_knows_is_told_as_such() -> None:
    assert for_refused([replace(USE, size="Z9")], SIZES, "") == ["workers: Z9 does not exist in this region"]


def test_a_family_quota_leaves_smaller_sizes_and_other_families() -> None:
    (told,) = for_quota([USE], SIZES, Quota("dFamily Cores", limit=10, in_use=2, required=12))
    assert told == (
        "workers: 3 of D4 need 12 cores, 8 are left; 2 of D4 fit; 3 of D2 fit; A4, B4, G4 count against other quotas"
    )


def test_a_regional_quota_leaves_only_fewer_cores() -> None:
    controllers = Use("controllers", "D2", frozenset(), 1, spot=False)
    told = for_quota(
        [controllers, USE], SIZES, Quota("Total Regional Cores", limit=10, in_use=0, required=14)
    )
    assert told == [
        "controllers: 1 of D2 need 2 cores, 0 are left",
        "workers: 3 of D4 need 12 cores, 8 are left; 2 of D4 fit; 3 of D2 fit",
    ]


def test_azures_restrictions_are_read() -> None:
    item = {
        "resourceType": "virtualMachines",
        "name": "Standard_D4s_v5",
        "family": "standardDSv5Family",
        "locationInfo": [{"location": "EastUS", "zones": ["3", "1", "2"]}],
        "capabilities": [
            {"name": "vCPUs", "value": "4"},
            {"name": "MemoryGB", "value": "16"},
            {"name": "CpuArchitectureType", "value": "x64"},
            {"name": "HyperVGenerations", "value": "V1,V2"},
        ],
        "restrictions": [
            {
                "type": "Zone",
                "values": ["EastUS"],
                "restrictionInfo": {"locations": ["EastUS"], "zones": ["2"]},
                "reasonCode": "NotAvailableForSubscription",
            }
        ],
    }
    read = _size(item, "eastus")
    assert read is not None
    assert (read.zones, read.offered, read.vcpus, read.memory, read.spot) == (
        ("1", "3"),
        True,
        4,
        16.0,
        False,
    )
    item["restrictions"] = [{"type": "Location", "values": ["eastus"], "reasonCode": "QuotaId"}]
    closed = _size(item, "eastus")
    assert closed is not None
    assert not closed.offered
    assert _size({**item, "resourceType": "disks"}, "eastus") is None


@given(item=st.dictionaries(st.sampled_from(["locationInfo", "capabilities", "restrictions", "name"]), JSON))
def test_whatever_stands_in_the_list_is_read_or_left_out(item: dict[str, object]) -> None:
    read = _size({"resourceType": "virtualMachines", "family": "f", **item}, "eastus")
    assert read is None or read.vcpus > 0


def test_both_wordings_of_a_quota() -> None:
    assert quota_of(
        "exceeding quota limits of Core. Maximum allowed: 10, Current in use: 2, Additional requested: 12."
    ) == (Quota("Core", 10, 2, 12))
    assert quota_of("no quota at all") is None


ANY_SIZE = st.builds(
    VmSize,
    name=st.from_regex(r"Standard_[A-F][1-9](ds|as|s|ps)?_v[1-6]", fullmatch=True),
    family=st.sampled_from(["aFamily", "bFamily", "cFamily"]),
    vcpus=st.integers(1, 16),
    memory=st.floats(1, 128),
    architecture=st.sampled_from(["x64", "Arm64"]),
    generations=st.sampled_from([("V1",), ("V2",), ("V1", "V2")]),
    zones=st.lists(st.sampled_from("123"), unique=True).map(tuple),
    offered=st.booleans(),
    spot=st.booleans(),
)
ANY_USE = st.builds(
    Use,
    role=st.sampled_from(["controllers", "workers"]),
    size=st.just(D4.name),
    zones=st.frozensets(st.sampled_from("123"), max_size=2),
    count=st.integers(1, 9),
    spot=st.booleans(),
    generation=st.sampled_from([None, "V1", "V2"]),
)


@given(use=ANY_USE, sizes=st.lists(ANY_SIZE, max_size=12))
def test_whatever_is_named_would_do(use: Use, sizes: list[VmSize]) -> None:
    named = nearest(use, D4, sizes)
    assert len(named) <= 3
    for each in named:
        assert each.offered
        assert each.architecture == D4.architecture
        assert use.zones <= set(each.zones)
        assert each.spot or not use.spot
        assert use.generation in (None, *each.generations)


@given(use=ANY_USE, limit=st.integers(0, 200), in_use=st.integers(0, 250))
def test_what_is_said_to_fit_into_a_quota_does(use: Use, limit: int, in_use: int) -> None:
    (told,) = for_quota([use], SIZES, Quota("dFamily Cores", limit, in_use, 4))
    left = max(0, limit - in_use)
    assert f", {left} are left" in told
    for count, names in re.findall(r"; (\d+) of ([^;]+) fit", told):
        for name in names.split(" or "):
            (size,) = [each for each in SIZES if each.name == name]
            assert int(count) * size.vcpus <= left
