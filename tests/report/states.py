"""Documents to report on: one deployment at several moments of its life, at a fixed time of day."""

from __future__ import annotations

import base64
import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from k0rdent_azure.state.codec import dump
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.lock import Holder
from k0rdent_azure.state.model import PHASE_NAMES, State

Data = dict[str, Any]

EXAMPLE = Path(__file__).parent.parent / "data" / "state-example.yaml"
NOW = datetime(2026, 3, 4, 10, 41, 30, tzinfo=UTC)
HOLDER = Holder(id="1", command="deploy", host="build-7", pid=4711, user="ann", since="2026-03-04T10:00:00Z")
SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"
SECONDS = (1.2, 12.0, 433.5, 25.0, 302.1, 500.4, 0.3)
COMPONENTS = (
    "capi",
    "kcm",
    "cert-manager",
    "cluster-api-provider-azure",
    "cluster-api-provider-k0sproject-k0smotron",
    "projectsveltos",
    "velero",
    "fluxcd",
)


def at(minutes: float) -> str:
    """The time `minutes` after ten o'clock."""
    return f"2026-03-04T10:{int(minutes):02}:{int(minutes % 1 * 60):02}Z"


def key(name: str) -> str:
    """A WireGuard key that is valid and says whose it is."""
    return base64.b64encode(name.encode().ljust(32, b"."))[:44].decode()


def vm_id(name: str, *, subscription: str = SUBSCRIPTION) -> str:
    """The id of a VM of this deployment."""
    group = f"{subscription}/resourceGroups/k0rdent-7k2p9xqa-resgrp"
    return f"{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def names() -> list[tuple[str, str]]:
    hosts = [("k0s-controller", "controller"), ("k0s-controller-2", "controller")]
    return [
        *hosts,
        ("k0s-controller-3", "controller"),
        ("k0s-worker-1", "worker"),
        ("k0s-worker-2", "worker"),
    ]


def complete() -> Data:
    """A finished deployment of three controllers and two workers on the rehearsal cloud."""
    group = f"{SUBSCRIPTION}/resourceGroups/k0rdent-7k2p9xqa-resgrp"
    return {
        "metadata": {
            "schema_version": "1.0",
            "deployment_id": "k0rdent-7k2p9xqa",
            "created_at": at(0),
            "last_updated": at(41),
            "deployment_phase": "complete",
            "deployment_status": "completed",
            "serial": 73,
            "lineage": "7f5b1b1e-0000-4000-8000-000000000001",
            "clock_speed": 60.0,
            "config_file": "k0rdent.yaml",
            "config_digest": "0" * 64,
            "run": {
                "id": "abc",
                "command": "resume",
                "host": "build-7",
                "pid": 4711,
                "user": "ann",
                "started_at": at(0.1),
                "ended_at": at(41),
                "outcome": "completed",
            },
        },
        "configuration": {
            "azure": {
                "cloud": "rehearsal",
                "location": "southeastasia",
                "resource_group": "k0rdent-7k2p9xqa-resgrp",
                "vm_image": "Debian:debian-12:12-arm64:latest",
            },
            "cluster": {"controller_count": 3, "worker_count": 2},
        },
        "azure_resources": {
            "resource_group": {
                "name": "k0rdent-7k2p9xqa-resgrp",
                "status": "created",
                "created_at": at(8),
                "id": group,
                "location": "southeastasia",
            },
            "network": {
                "vnet": {"name": "v", "status": "created", "address_prefix": "10.240.0.0/16"},
                "subnet": {"name": "s", "status": "created", "address_prefix": "10.240.1.0/24"},
                "nsg": {"name": "n", "status": "created", "rules_count": 2},
            },
            "ssh_key": {"name": "k", "status": "created", "local_path": "./azure-resources/k"},
            "virtual_machines": {name: _vm(index, role) for index, (name, role) in enumerate(names())},
            "deployment": {
                "name": "k0rdent-7k2p9xqa",
                "scope": "subscription",
                "id": f"{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/k0rdent-7k2p9xqa",
                "provisioning_state": "Succeeded",
                "last_checked": at(8),
            },
        },
        "wireguard": {
            "port": 51820,
            "network": "172.24.24.0/24",
            "peers": {
                "mylaptop": _peer("mylaptop", 1),
                **{name: _peer(name, 11 + index, seen=True) for index, (name, _) in enumerate(names())},
            },
            "laptop_config": {
                "file_path": "./wireguard/wgk07k2p9xqa.conf",
                "status": "connected",
                "setup_complete": True,
                "interface": "wgk07k2p9xqa",
                "last_checked": at(39),
            },
        },
        "k0s_cluster": {
            "status": "ready",
            "config_file": "./k0sctl-config/k0rdent-7k2p9xqa-k0sctl.yaml",
            "kubeconfig_file": "./k0sctl-config/k0rdent-7k2p9xqa-kubeconfig",
            "controllers": {name: _node(role) for name, role in names() if role == "controller"},
            "workers": {name: _node(role) for name, role in names() if role == "worker"},
            "version": "v1.33.2+k0s.0",
            "api_endpoint": "https://172.24.24.11:6443",
            "installed_by": "k0sctl v0.32.2",
            "last_checked": at(40),
        },
        "k0rdent": {
            "status": "ready",
            "version": "1.1.1",
            "registry": "oci://ghcr.io/k0rdent/kcm/charts/kcm",
            "namespace": "kcm-system",
            "helm_release": "kcm",
            "release": "kcm-1-1-1",
            "components": {name: {"success": True} for name in COMPONENTS},
            "last_checked": at(41),
        },
        "phases": {
            name: {"status": "completed", "seconds": seconds, "started_at": at(1), "ended_at": at(2)}
            for name, seconds in zip(PHASE_NAMES, SECONDS, strict=True)
        },
        "pending_operations": {},
        "api_calls": {
            "total": 4,
            "by_phase": {"azure_setup": 2, "vm_creation": 2},
            "by_command": {"deploy": 3, "resume": 1},
        },
        "events": _events(),
    }


def _vm(index: int, role: str) -> Data:
    return {
        "status": "running",
        "vm_size": "Standard_D2pls_v6" if role == "controller" else "Standard_D8pls_v6",
        "public_ip": f"20.205.113.{140 + index}",
        "private_ip": f"10.240.1.{11 + index}",
        "availability_zone": str(2 + index % 2),
        "provisioning_state": "Succeeded",
        "power_state": "VM running",
        "role": role,
        "fqdn": f"k0rdent-7k2p9xqa-{index}.southeastasia.cloudapp.azure.com",
        "cloud_init": "done",
        "created_at": at(6),
        "last_checked": at(8 + index / 4),
        "host_private_key": "HOST-SECRET",
    }


def _peer(name: str, last: int, *, seen: bool = False) -> Data:
    handshake = {"last_handshake": at(39), "endpoint": "20.205.113.140:51820"} if seen else {}
    return {
        "ip": f"172.24.24.{last}",
        "public_key": key(name),
        "private_key": key(f"{name} secret"),
        "config_status": "deployed",
        **handshake,
    }


def _node(role: str) -> Data:
    return {"role": role, "ssh_status": "verified", "k0s_status": "ready", "last_checked": at(40)}


def _events() -> list[Data]:
    rows: list[tuple[float, str, str, str | None, str | None]] = [
        (0, "preparation", "config_validated", None, "Configuration validated and recorded"),
        (0.1, "preparation", "deployment_started", None, "deploy of k0rdent-7k2p9xqa"),
        (0.5, "azure_setup", "deployment_submitted", None, "template deployment for 5 VMs"),
        (6, "vm_creation", "vm_created", "k0s-worker-1", "answers over SSH (zone 2)"),
        (8, "vm_creation", "deployment_succeeded", "k0rdent-7k2p9xqa", "Azure made 5 VMs"),
        (9, "vpn_setup", "vpn_connected", None, "WireGuard handshakes with all 5 hosts"),
        (20, "cluster_setup", "cluster_ready", "k0rdent-7k2p9xqa", "k0s runs on 5 nodes"),
        (41, "k0rdent_install", "k0rdent_ready", "management/kcm", "the Management object is Ready"),
        (41, "complete", "deployment_completed", None, "k0rdent is ready"),
    ]
    found = []
    for minutes, phase, action, resource, message in rows:
        event = {"timestamp": at(minutes), "phase": phase, "action": action, "message": message}
        found.append(event | ({"resource": resource} if resource else {}))
    return found


def creating(*, status: str = "in_progress") -> Data:
    """The same deployment while its VMs boot: two answer, one of them through cloud-init."""
    data = copy.deepcopy(complete())
    metadata = data["metadata"]
    metadata |= {"deployment_phase": "vm_creation", "deployment_status": status, "last_updated": at(38.5)}
    metadata["run"] |= {"command": "deploy", "ended_at": None, "outcome": None}
    states = ["done", "running", None, "done", None]
    for (_, vm), state in zip(data["azure_resources"]["virtual_machines"].items(), states, strict=True):
        vm["cloud_init"] = state
        vm["last_checked"] = at(38) if state else None
        if state is None:
            vm |= {"status": "creating", "public_ip": None, "power_state": None, "provisioning_state": None}
    for peer in data["wireguard"]["peers"].values():
        peer["last_handshake"] = None
    data["wireguard"]["laptop_config"] |= {
        "status": "pending",
        "setup_complete": False,
        "last_checked": None,
    }
    cluster = data["k0s_cluster"]
    for node in (*cluster["controllers"].values(), *cluster["workers"].values()):
        node |= {"ssh_status": "pending", "k0s_status": "not_installed", "last_checked": None}
    cluster |= {"status": "not_deployed", "api_endpoint": None, "installed_by": None, "last_checked": None}
    data["k0rdent"] |= {"status": "not_deployed", "components": {}, "last_checked": None}
    done = {name: data["phases"][name] for name in PHASE_NAMES[:2]}
    step = "waiting for 3 VMs to answer"
    open_phase = {"status": status, "started_at": at(1), "seconds": 130.0, "step": step}
    data["phases"] = {**done, "vm_creation": open_phase}
    data["pending_operations"] = {
        "arm-deployment": {
            "kind": "arm_deployment",
            "target": data["azure_resources"]["deployment"]["id"],
            "phase": "azure_setup",
            "started_at": at(1),
        }
    }
    data["events"] = data["events"][:4]
    return data


def failed() -> Data:
    """Azure had no room for one worker."""
    data = creating(status="failed")
    data["metadata"]["failure"] = {
        "phase": "vm_creation",
        "message": "Azure has no capacity for Standard_D8pls_v6 in zone 2 of southeastasia",
        "at": at(38.5),
        "code": "ZonalAllocationFailed",
        "resource": f"{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/k0s-worker-2",
        "hint": "choose other zones or another size, destroy, and deploy again; or resume later",
    }
    data["metadata"]["run"] |= {"ended_at": at(38.5), "outcome": "DeploymentFailedError"}
    vm = data["azure_resources"]["virtual_machines"]["k0s-worker-2"]
    vm |= {"status": "failed", "provisioning_state": "Failed", "detail": "ZonalAllocationFailed: no capacity"}
    data["pending_operations"] = {}
    return data


def state(data: Data) -> State:
    return msgspec.convert(data, State)


def document(data: Data) -> Document:
    return Document(data, text=dump(data), source="x")
