"""Architecture and generation, from names alone."""

from __future__ import annotations

import pytest

from k0rdent_azure.config.images import image_traits, mismatch, size_traits


@pytest.mark.parametrize(
    ("urn", "architecture", "generation"),
    [
        ("Debian:debian-12:12:latest", "x86-64", 1),
        ("Debian:debian-12:12-gen2:latest", "x86-64", 2),
        ("Debian:debian-12:12-arm64:latest", "arm64", 2),
        ("Debian:debian-12:12-backports-gen2:0.20240101.1", "x86-64", 2),
        ("Canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest", "x86-64", 1),
        ("Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest", "x86-64", 2),
        ("Canonical:0001-com-ubuntu-server-jammy:22_04-lts-arm64:latest", "arm64", 2),
        ("Canonical:ubuntu-24_04-lts:server:latest", "x86-64", 2),
        ("Canonical:ubuntu-24_04-lts:server-gen1:latest", "x86-64", 1),
        ("Canonical:ubuntu-24_04-lts:server-arm64:latest", "arm64", 2),
        ("RedHat:rhel-arm64:9_4-arm64:latest", "arm64", 2),
        ("RedHat:RHEL:9_4:latest", "x86-64", None),
        ("almalinux:almalinux-arm:9-arm-gen2:latest", "arm64", 2),
        ("almalinux:almalinux-x86_64:9-gen2:latest", "x86-64", 2),
        ("almalinux:almalinux:9-gen1:latest", "x86-64", 1),
        ("almalinux:almalinux:9-gen2:latest", None, 2),
        ("resf:rockylinux-aarch64:9-base:latest", "arm64", 2),
        ("resf:rockylinux-x86_64:9-base:latest", "x86-64", None),
        ("kinvolk:flatcar-container-linux-corevm-amd64:stable:latest", "x86-64", None),
        ("Acme:Alarm:9:latest", None, None),
        ("Acme:linux-cvm:9:latest", "x86-64", 2),
        ("SUSE:sles-15-sp5-ARM64:gen2:1.2.3", "arm64", 2),
        ("debian:debian-12-daily:12:latest", "x86-64", 1),
    ],
)
def test_images(urn: str, architecture: str | None, generation: int | None) -> None:
    image = image_traits(urn)
    assert image is not None
    assert (image.architecture, image.generation) == (architecture, generation)


@pytest.mark.parametrize(
    ("size", "architecture", "generations"),
    [
        ("Standard_D2pls_v6", "arm64", {2}),
        ("Standard_D2ps_v5", "arm64", {2}),
        ("Standard_E4pds_v5", "arm64", {2}),
        ("Standard_B2pts_v2", "arm64", {2}),
        ("standard_d2PLS_v6", "arm64", {2}),
        ("Standard_B2s", "x86-64", {1, 2}),
        ("Standard_B1ls", "x86-64", {1, 2}),
        ("Standard_B2as_v2", "x86-64", {1, 2}),
        ("Standard_D2_v2", "x86-64", {1}),
        ("Standard_D2_v2_Promo", "x86-64", {1}),
        ("Standard_D2_v3", "x86-64", {1}),
        ("Standard_E4_v3", "x86-64", {1}),
        ("Standard_A4_v2", "x86-64", {1}),
        ("Basic_A1", "x86-64", {1}),
        ("Standard_DS2_v2", "x86-64", {1, 2}),
        ("Standard_DS13-4_v2", "x86-64", {1, 2}),
        ("Standard_D2s_v3", "x86-64", {1, 2}),
        ("Standard_D4_v5", "x86-64", {1, 2}),
        ("Standard_D4as_v5", "x86-64", {1, 2}),
        ("Standard_DC4as_v5", "x86-64", {2}),
        ("Standard_D4s_v6", "x86-64", {2}),
        ("Standard_D8-4ads_v6", "x86-64", {2}),
        ("Standard_NC24ads_A100_v4", "x86-64", None),
        ("Standard_NP10s", "x86-64", None),
        ("Standard_ND128isr_NDR_GB200_v6", None, None),
        ("Standard_F4s_v2", "x86-64", None),
    ],
)
def test_sizes(size: str, architecture: str | None, generations: set[int] | None) -> None:
    traits = size_traits(size)
    assert traits is not None
    assert (traits.architecture, traits.generations) == (architecture, generations)


@pytest.mark.parametrize("size", ["", "B2s", "Standard_", "Standard B2s", "Standard_2s", "Standard_B2s\n"])
def test_what_is_no_size(size: str) -> None:
    assert size_traits(size) is None


@pytest.mark.parametrize("urn", ["", "a:b:c", "a:b:c:new", "a:b:c:1:2", "a b:c:d:latest", "a:b:c:latest\n"])
def test_what_is_no_urn(urn: str) -> None:
    assert image_traits(urn) is None


ARM, GEN1, GEN2 = (f"Debian:debian-12:12{kind}:latest" for kind in ("-arm64", "", "-gen2"))


@pytest.mark.parametrize(
    ("urn", "size", "part"),
    [
        (ARM, "Standard_B2s", "for arm64"),
        (GEN2, "Standard_D2pls_v6", "for x86-64"),
        (GEN2, "Standard_D2_v2", "runs generation 1 images only"),
        (GEN1, "Standard_D4s_v6", "runs generation 2 images only"),
    ],
)
def test_what_cannot_run_is_told_with_what_could(urn: str, size: str, part: str) -> None:
    problem = mismatch(urn, size)
    assert problem is not None
    assert part in problem[0]
    # Whatever the advice names must itself be right.
    suggested = next(
        word.strip("(),") for word in problem[1].split() if word.strip("(),").startswith("Debian:")
    )
    assert mismatch(suggested, size) is None


@pytest.mark.parametrize(
    ("urn", "size"),
    [
        (GEN1, "Standard_B2s"),
        (GEN2, "Standard_B2s"),
        (GEN2, "Standard_DS2_v2"),
        (GEN2, "Standard_F4s_v2"),
        (ARM, "Standard_D8pls_v6"),
        (ARM, "Standard_ND128isr_NDR_GB200_v6"),
        ("RedHat:RHEL:9_4:latest", "Standard_D4s_v6"),
        ("almalinux:almalinux-arm:9-arm-gen2:latest", "Standard_D2pls_v6"),
        ("Acme:linux:9:latest", "Standard_D2pls_v6"),
        ("Acme:linux:9:latest", "Standard_D2s_v5"),
        (GEN1, "Standard_D2_v2"),
    ],
)
def test_what_can_run_or_nobody_knows_is_no_fault(urn: str, size: str) -> None:
    assert mismatch(urn, size) is None
