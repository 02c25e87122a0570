"""A configuration with the ancestor's keys, to be bent in every direction."""

from __future__ import annotations

import pytest

#: The keys, order and style of the ancestor's files, with `kof` and lower-case `spot` as users have them.
ANCESTOR = """\
# Comment
metadata:
  version: "1.0"
  schema: "k0rdent-config"
  description: "Team cluster"
  owner: "alice@example.com"

azure:
  location: "southeastasia"
  vm_image: "Debian:debian-12:12-arm64:latest"
  vm_priority: "spot"  # Regular | Spot
  eviction_policy: "Delete"

vm_sizing:
  controller:
    size: "Standard_D4pls_v6"
  worker:
    size: "Standard_D16pls_v6"

cluster:
  controllers:
    count: 3
    zones: [2, 3]
  workers:
    count: 3
    zones: [3, 2]

ssh:
  username: "k0rdent"
  key_comment: "k0rdent-azure-key"

software:
  k0s:
    version: "v1.33.2+k0s.0"
  k0rdent:
    version: "1.4.0"
    registry: "oci://ghcr.io/k0rdent/kcm/charts/kcm"
    namespace: "kcm-system"

network:
  vnet_prefix: "10.240.0.0/16"
  subnet_prefix: "10.240.1.0/24"
  wireguard_network: "172.24.24.0/24"

timeouts:
  ssh_connect: 30
  k0s_install_wait: 60
  k0rdent_install_wait: 1500
  wireguard_connect_wait: 5
  vm_creation_minutes: 15
  vm_wait_check_interval: 30
  verification_retries: 3
  verification_retry_delay: 10

kof:
  enabled: false
  version: "1.1.0"
  istio:
    version: "1.1.0"
    namespace: "istio-system"
  mothership:
    storage_class: "default"
    install_retries: 3
    collectors:
      global: {}
  regional:
    cluster_name: ""
    root_volume_size: "32"
    anything: ~
    list: [1, 2.5, yes, "yes"]
"""


@pytest.fixture
def ancestor() -> str:
    return ANCESTOR
