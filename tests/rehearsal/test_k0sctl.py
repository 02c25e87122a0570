"""k0sctl against the simulated hosts: the stand-in always, the real one where it is installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.rehearsal.machine_stage import ADMIN, Front, Stage, front, load

NAMES = ("k0s-controller", "k0s-controller-2", "k0s-controller-3", "k0s-worker-1", "k0s-worker-2")
VERSION = "v1.32.4+k0s.0"
STAND_IN = (sys.executable, "-m", "k0rdent_azure.rehearsal.k0sctl")
REAL = shutil.which("k0sctl")
real = pytest.param(
    (REAL or "k0sctl",),
    id="real",
    marks=[
        pytest.mark.needs_k0sctl,
        pytest.mark.skipif(REAL is None, reason="k0sctl is not on the PATH"),
    ],
)
either = pytest.mark.parametrize("tool", [pytest.param(STAND_IN, id="stand-in"), real])


@dataclass
class Bench:
    """Five booted machines behind the VPN, and the files that k0sctl is given."""

    cloud: Front
    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "k0sctl.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    def write(self, *manifests: dict[str, object], version: str = VERSION) -> None:
        endpoint = self.cloud.endpoint
        bastion = {"address": endpoint.host, "port": endpoint.port, "user": endpoint.username,
                   "keyPath": str(endpoint.key_path)}  # fmt: skip
        hosts = [
            {
                "role": "controller" if "controller" in machine.name else "worker",
                "hostname": machine.name,
                "privateAddress": machine.private_ip,
                "ssh": {"address": vpn(machine.private_ip), "user": ADMIN, "port": 22,
                        "keyPath": str(self.cloud.stage.client_path), "bastion": bastion},
            }
            for machine in self.cloud.stage.machines
        ]  # fmt: skip
        load_balancing = {"nodeLocalLoadBalancing": {"enabled": True, "type": "EnvoyProxy"}}
        cluster = {
            "apiVersion": "k0sctl.k0sproject.io/v1beta1",
            "kind": "Cluster",
            "metadata": {"name": "k0rdent-test"},
            "spec": {
                "hosts": hosts,
                "k0s": {"version": version, "config": {"spec": {"network": load_balancing}}},
            },
        }
        self.config.write_text(yaml.safe_dump_all([cluster, *manifests]))
        keys = self.cloud.stage.host_keys
        lines = [f"{vpn(machine.private_ip)} {keys[machine.name]}\n" for machine in self.cloud.stage.machines]
        self.known_hosts.write_text(
            f"[{endpoint.host}]:{endpoint.port} {endpoint.host_key}\n" + "".join(lines)
        )

    async def run(self, tool: tuple[str, ...], *words: str) -> tuple[int, str, str]:
        environment = {**os.environ, "SSH_KNOWN_HOSTS": str(self.known_hosts), "HOME": str(self.directory),
                       "XDG_CACHE_HOME": str(self.directory), "DISABLE_TELEMETRY": "true"}  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *tool, *words, "--config", str(self.config), env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        stdout, stderr = await process.communicate()
        return process.returncode or 0, stdout.decode(), stderr.decode()

    async def kubectl(self, words: str, *, stdin: str = "") -> tuple[int, str, str]:
        result = await self.cloud.on("k0s-controller", f"sudo -n k0s kubectl {words}", stdin=stdin)
        return result.exit_status or 0, str(result.stdout), str(result.stderr)


def vpn(private: str) -> str:
    return private.replace("10.240.1", "172.24.24")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    stage = Stage(tmp_path, speed=300)
    for name in NAMES:
        stage.add(name)
    async with front(stage, tmp_path) as cloud:
        assert (await cloud.vpn_up()).exit_status == 0
        opened = Bench(cloud, tmp_path)
        opened.write()
        yield opened


@either
async def test_apply_kubeconfig_apply_reset(bench: Bench, tool: tuple[str, ...]) -> None:
    status, log, errors = await bench.run(tool, "apply")
    assert status == 0, log + errors
    assert 'level=info msg="==> Running phase: Install workers"' in log
    assert 'level=info msg="172.24.24.12:22: installing k0s controller"' in log
    assert 'level=info msg="172.24.24.14:22: installing k0s worker"' in log

    status, table, _ = await bench.kubectl("get nodes -o json")
    names = [item["metadata"]["name"] for item in load(table)["items"]]  # type: ignore[attr-defined]
    assert names == ["k0s-worker-1", "k0s-worker-2"]
    members = load((await bench.cloud.on("k0s-controller-2", "sudo -n k0s etcd member-list")).stdout)[
        "members"
    ]
    assert members == {name: f"https://10.240.1.{11 + i}:2380" for i, name in enumerate(NAMES[:3])}

    status, text, errors = await bench.run(tool, "kubeconfig", "--cluster", "other", "--user", "me")
    assert status == 0, errors
    kubeconfig = yaml.safe_load(text)
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://172.24.24.11:6443"
    assert (kubeconfig["current-context"], kubeconfig["users"][0]["name"]) == ("other", "me")

    uid = (await bench.kubectl("get nodes -o jsonpath={.items[*].metadata.uid}"))[1]
    status, log, errors = await bench.run(tool, "apply")
    assert status == 0, log + errors
    assert "installing k0s controller" not in log
    assert "installing k0s worker" not in log
    bench.cloud.stage.later(
        30
    )  # k0sctl 0.32 cannot read k0s.yaml as the login user, so it restarts controllers
    assert (await bench.kubectl("get nodes -o jsonpath={.items[*].metadata.uid}"))[1] == uid

    status, log, errors = await bench.run(tool, "reset", "--force")
    assert status == 0, log + errors
    for name in NAMES:
        left = await bench.cloud.on(name, "ls /usr/local/bin; systemctl is-active k0scontroller k0sworker")
        assert left.stdout == "inactive\ninactive\n"


async def test_etcd_counts_who_is_listed_and_answers_while_most_of_them_live(bench: Bench) -> None:
    status, log, errors = await bench.run(STAND_IN, "apply")
    assert status == 0, log + errors
    first, second, third = NAMES[:3]

    async def etcd(name: str, words: str = "member-list") -> tuple[int, list[str]]:
        found = await bench.cloud.on(name, f"sudo -n timeout 20 k0s etcd {words}")
        members = load(found.stdout)["members"] if found.exit_status == 0 and found.stdout else {}
        return found.exit_status or 0, sorted(members)  # type: ignore[call-overload]

    await bench.cloud.on(third, "sudo -n systemctl stop k0scontroller")
    assert await etcd(first) == (0, [first, second, third])
    assert await etcd(third) == (1, [])
    # Without a majority etcd says nothing at all, and goes on waiting for it.
    await bench.cloud.on(second, "sudo -n systemctl stop k0scontroller")
    assert await etcd(first) == (124, [])
    assert (await bench.kubectl("get nodes"))[0] == 1
    for name in (second, third):
        await bench.cloud.on(name, "sudo -n systemctl start k0scontroller")
    bench.cloud.stage.later(30)
    assert await etcd(second) == (0, [first, second, third])
    # One that left serves nobody, though it runs.
    assert await etcd(first, "leave --peer-address 10.240.1.13") == (0, [])
    assert await etcd(first) == (0, [first, second])
    assert await etcd(third) == (1, [])


@either
async def test_a_changed_host_key_is_refused(bench: Bench, tool: tuple[str, ...]) -> None:
    keys = bench.cloud.stage.host_keys
    keys["k0s-worker-1"], keys["k0s-worker-2"] = keys["k0s-worker-2"], keys["k0s-worker-1"]
    bench.write()
    status, log, errors = await bench.run(tool, "apply")
    assert status == 1
    assert "host key" in (log + errors).lower()
    assert (await bench.cloud.on("k0s-controller", "ls /usr/local/bin")).stdout == ""


async def test_the_stand_in_says_that_it_is_one(bench: Bench) -> None:
    process = await asyncio.create_subprocess_exec(*STAND_IN, "version", stdout=asyncio.subprocess.PIPE)
    version = (await process.communicate())[0].decode()
    assert version.startswith("version: v0.32.2 (rehearsal stand-in)\n")
    assert "stand-in" in version
    _, log, _ = await bench.run(STAND_IN, "apply")
    assert "stand-in" in log.splitlines()[0]


async def test_the_stand_in_goes_on_where_an_earlier_run_ended(bench: Bench) -> None:
    stage = bench.cloud.stage
    everything, stage.machines = stage.machines, stage.machines[:1]
    bench.write()
    stage.later(60)
    assert (await bench.run(STAND_IN, "apply"))[0] == 0
    stage.machines = everything
    stage.later(60)
    bench.write()
    status, log, errors = await bench.run(STAND_IN, "apply")
    assert status == 0, log + errors
    assert "172.24.24.11:22: is running k0s controller" in log
    assert "172.24.24.11:22: installing" not in log
    assert (await bench.kubectl("get nodes --no-headers"))[1].count("Ready") == 2


async def test_an_install_takes_cloud_time(bench: Bench) -> None:
    before = bench.cloud.stage.clock.now()
    assert (await bench.run(STAND_IN, "apply"))[0] == 0
    assert bench.cloud.stage.clock.now() - before > 3 * 40


async def test_a_service_that_was_installed_but_not_started_is_an_error(bench: Bench) -> None:
    url = f"https://example.invalid/k0s-{VERSION}-arm64"
    for command in (
        f"curl -sSLf -o /usr/local/bin/k0s -- {url}",
        "chmod 0755 /usr/local/bin/k0s",
        "/usr/local/bin/k0s install controller",
    ):
        assert (await bench.cloud.on("k0s-controller", f"sudo -n {command}")).exit_status == 0
    status, log, _ = await bench.run(STAND_IN, "apply")
    assert status == 1
    assert "has been installed as a service" in log


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind: Cluster\n",
        "apiVersion: k0sctl.k0sproject.io/v1beta1\nkind: Cluster\nspec: {hosts: [], k0s: {version: 1.32.4+k0s.0}}\n",
        "apiVersion: k0sctl.k0sproject.io/v1beta1\nkind: Cluster\nspec: {hosts: [{role: king}], surprise: 1}\n",
        "a: [",
    ],
)
async def test_a_configuration_that_k0sctl_would_refuse(bench: Bench, text: str) -> None:
    bench.config.write_text(text)
    status, log, errors = await bench.run(STAND_IN, "apply")
    assert status == 1
    assert "level=fatal" in log
    assert "Traceback" not in log + errors


async def test_kcm_installs_and_becomes_ready(bench: Bench) -> None:
    chart = {
        "apiVersion": "helm.k0sproject.io/v1beta1",
        "kind": "Chart",
        "metadata": {"name": "kcm", "namespace": "kube-system"},
        "spec": {"chartName": "oci://ghcr.io/k0rdent/kcm/charts/kcm", "version": "1.0.0", "namespace": "kcm-system",
                 "releaseName": "kcm"},
    }  # fmt: skip
    assert (await bench.run(STAND_IN, "apply"))[0] == 0
    bench.cloud.stage.stand_still()
    assert (await bench.kubectl("apply -f -", stdin=yaml.safe_dump(chart)))[
        1
    ] == "chart.helm.k0sproject.io/kcm created\n"
    assert (await bench.kubectl("apply -f -", stdin=yaml.safe_dump(chart)))[1].endswith("unchanged\n")
    get = "get managements.k0rdent.mirantis.com kcm -o json"

    bench.cloud.stage.later(65)
    chart_status = load((await bench.kubectl("get chart kcm -n kube-system -o json"))[1])["status"]
    assert chart_status["releaseName"] == "kcm"  # type: ignore[index]
    assert (chart_status["version"], chart_status["revision"]) == ("1.0.0", 1)  # type: ignore[index]

    bench.cloud.stage.later(85)
    early = load((await bench.kubectl(get))[1])
    assert early["status"]["conditions"][0]["status"] == "False"  # type: ignore[index]

    bench.cloud.stage.later(600)
    late = load((await bench.kubectl(get))[1])
    assert all(component.get("success") for component in late["status"]["components"].values())  # type: ignore[index]
    assert late["status"]["conditions"][0]["reason"] == "AllComponentsHealthy"  # type: ignore[index]
    assert late["status"]["release"] == late["spec"]["release"] == "kcm-1-0-0"  # type: ignore[index]
    assert late["status"]["observedGeneration"] == late["metadata"]["generation"]  # type: ignore[index]

    assert (await bench.kubectl("delete management kcm"))[
        1
    ] == 'management.k0rdent.mirantis.com "kcm" deleted\n'
    status, _, errors = await bench.kubectl(get)
    assert (status, errors) == (
        1, 'Error from server (NotFound): managements.k0rdent.mirantis.com "kcm" not found\n'
    )  # fmt: skip
    assert (await bench.kubectl("delete chart kcm -n kube-system"))[0] == 0


async def test_manifests_of_the_configuration_are_applied(bench: Bench) -> None:
    bench.write({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"a": "b"}})
    assert (await bench.run(STAND_IN, "apply"))[0] == 0
    assert (await bench.kubectl("get cm extra -o jsonpath={.data.a}"))[1] == "b"
