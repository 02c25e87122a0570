"""Whose a resource is: by tags and lineage, or by the incarnation that was recorded. Never by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.azure.incarnations import incarnation, number
from k0rdent_azure.azure.ownership import Owner, Proof, judge
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, TAG_LINEAGE

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/k0s-worker-1"
GUID, OTHER = "33ea77e3-a38a-47cf-907a-6c0041d670f4", "ec79f27d-4b03-432c-bfbe-550be5d36bb9"
OURS = {TAG_DEPLOYMENT: "k0rdent-ours1234", TAG_LINEAGE: "lineage-1"}
OWNER = Owner("k0rdent-ours1234", "lineage-1", {ID.lower(): GUID})
#: A state that knows the id, but nothing of the incarnation; and one that knows nothing.
WITHOUT_GUID = Owner("k0rdent-ours1234", "lineage-1", {ID.lower(): ""})
STRANGE = Owner("k0rdent-ours1234", "lineage-1", {})
#: Made before lineages stood in tags.
OLD = Owner("k0rdent-ours1234", "lineage-1", {ID.lower(): ""}, unmarked=True)
OLD_TAGS = {TAG_DEPLOYMENT: "k0rdent-ours1234"}


@pytest.mark.parametrize(
    ("owner", "tags", "guid", "proof"),
    [
        (OWNER, OURS, None, Proof.TAGS),
        (OWNER, OURS, GUID, Proof.TAGS),
        (OWNER, {name.upper(): value for name, value in OURS.items()}, None, Proof.TAGS),
        (OWNER, {**OURS, "cost": "42"}, None, Proof.TAGS),
        (WITHOUT_GUID, OURS, OTHER, Proof.TAGS),
        (OWNER, {}, GUID, Proof.INCARNATION),
        (OWNER, {}, GUID.upper(), Proof.INCARNATION),
        (OWNER, {"cost": "42"}, GUID, Proof.INCARNATION),
        (OWNER, OLD_TAGS, GUID, Proof.INCARNATION),
        (OWNER, {}, None, Proof.DOUBTFUL),
        (OWNER, OLD_TAGS, None, Proof.DOUBTFUL),
        (OLD, OLD_TAGS, None, Proof.TAGS),
        (OLD, OLD_TAGS, OTHER, Proof.TAGS),
    ],
)
def test_what_proves_that_it_is_ours(
    owner: Owner, tags: dict[str, str], guid: str | None, proof: Proof
) -> None:
    assert judge(owner, ID, tags, guid) is proof


@pytest.mark.parametrize(
    ("owner", "tags", "guid", "why"),
    [
        (OWNER, {}, OTHER, "another one took its name"),
        (OWNER, OURS, OTHER, "another one took its name"),
        (OWNER, {TAG_DEPLOYMENT: "k0rdent-other123"}, None, "the tag of k0rdent-other123"),
        (OWNER, {**OURS, TAG_DEPLOYMENT: "k0rdent-other123"}, GUID, "the tag of k0rdent-other123"),
        (OWNER, {**OURS, TAG_LINEAGE: "lineage-2"}, None, "the lineage lineage-2"),
        (OWNER, {**OURS, TAG_LINEAGE: "lineage-2"}, GUID, "the lineage lineage-2"),
        (OWNER, {TAG_LINEAGE: "lineage-2"}, GUID, "the lineage lineage-2"),
        (OWNER, {}, "", "nothing proves whose it is"),
        (OWNER, OLD_TAGS, "", "nothing proves whose it is"),
        (STRANGE, {}, None, "no tag of this deployment"),
        (STRANGE, {}, GUID, "no tag of this deployment"),
        (WITHOUT_GUID, {}, GUID, "no tag of this deployment"),
        (STRANGE, {TAG_LINEAGE: "lineage-1"}, GUID, "no tag of this deployment"),
        (STRANGE, OLD_TAGS, GUID, "no lineage of this deployment"),
        (WITHOUT_GUID, OLD_TAGS, GUID, "no lineage of this deployment"),
        (Owner("k0rdent-ours1234", "lineage-1", {}, unmarked=True), OLD_TAGS, GUID, "no lineage"),
        (OLD, {}, GUID, "no tag of this deployment"),
    ],
)
def test_what_makes_it_a_strangers(owner: Owner, tags: dict[str, str], guid: str | None, why: str) -> None:
    verdict = judge(owner, ID, tags, guid)
    assert isinstance(verdict, str)
    assert why in verdict


TAGS = st.dictionaries(
    st.sampled_from([TAG_DEPLOYMENT, TAG_LINEAGE, TAG_LINEAGE.upper(), "cost"]),
    st.sampled_from(["k0rdent-ours1234", "k0rdent-other123", "lineage-1", "lineage-2", ""]),
)
GUIDS = st.sampled_from([None, "", GUID, OTHER])


@given(TAGS, GUIDS, st.sampled_from([OWNER, WITHOUT_GUID, STRANGE, OLD]))
def test_nothing_of_another_deployment_or_incarnation_is_ever_ours(
    tags: dict[str, str], guid: str | None, owner: Owner
) -> None:
    verdict = judge(owner, ID, tags, guid)
    if isinstance(verdict, str):
        return
    deployments = {value for name, value in tags.items() if name == TAG_DEPLOYMENT and value}
    lineages = {value for name, value in tags.items() if name.lower() == TAG_LINEAGE and value}
    assert deployments <= {"k0rdent-ours1234"}
    assert lineages != {"lineage-2"}
    recorded = owner.recorded.get(ID.lower())
    if guid and recorded:
        assert guid == recorded
    if not deployments:
        assert recorded
        assert guid in (recorded, None)


@given(TAGS)
def test_a_name_alone_proves_nothing(tags: dict[str, str]) -> None:
    verdict = judge(STRANGE, ID, {name: value for name, value in tags.items() if name == "cost"}, GUID)
    assert isinstance(verdict, str)


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4wQEwJu4oz9saRSc"


@pytest.mark.parametrize(
    ("type_", "properties", "told"),
    [
        ("Microsoft.Compute/virtualMachines", {"vmId": GUID, "resourceGuid": OTHER}, GUID),
        ("MICROSOFT.COMPUTE/disks", {"uniqueId": GUID, "vmId": OTHER}, GUID),
        ("Microsoft.Network/networkInterfaces", {"resourceGuid": GUID}, GUID),
        ("Microsoft.Compute/sshPublicKeys", {"publicKey": f"{KEY} somebody@desk\n"}, KEY),
        ("Microsoft.Compute/virtualMachines", {}, ""),
        ("Microsoft.Storage/storageAccounts", {"vmId": GUID}, ""),
    ],
)
def test_what_tells_incarnations_apart(type_: str, properties: dict[str, object], told: str) -> None:
    assert incarnation(type_, {"properties": properties}) == told


def test_another_ssh_key_is_no_other_incarnation_for_drift() -> None:
    body = {"properties": {"publicKey": KEY}}
    assert number("Microsoft.Compute/sshPublicKeys", body) == ""


@pytest.mark.parametrize(("tags", "is_ours"), [(OURS, True), ({}, False)])
def test_another_ssh_key_under_our_tags_is_drift_and_without_them_a_strangers(
    tags: dict[str, str], is_ours: bool
) -> None:
    resource = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/sshPublicKeys/k0rdent-ours1234-admin"
    )
    owner = Owner("k0rdent-ours1234", "lineage-1", {resource.lower(): KEY})
    assert (judge(owner, resource, tags, f"{KEY}x") is Proof.TAGS) == is_ours
    assert isinstance(judge(owner, resource, tags, KEY), Proof)
