"""What a simulated machine answers over SSH."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rehearsal.machine_stage import ADMIN, Front, Stage, front, load


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Front]:
    stage = Stage(tmp_path, speed=600)
    stage.add("vm")
    stage.add("intel", size="Standard_D4s_v5")
    async with front(stage, tmp_path) as opened:
        yield opened


async def test_cloud_init_runs_and_then_is_done(tmp_path: Path) -> None:
    stage = Stage(tmp_path, speed=1.0)
    stage.add("vm", booted=0, done=60)
    async with front(stage, tmp_path) as cloud:
        running = await cloud.on("vm", "cloud-init status --format json")
        assert (load(running.stdout)["status"], running.exit_status) == ("running", 0)
        assert (await cloud.on("vm", "systemctl is-active wg-quick@wg0")).stdout == "inactive\n"
        stage.later(61)
        done = await cloud.on("vm", "cloud-init status --format=json")
        assert (load(done.stdout)["status"], done.exit_status) == ("done", 0)
        assert load(done.stdout)["errors"] == []
        assert (await cloud.on("vm", "systemctl is-active wg-quick@wg0")).stdout == "active\n"


async def test_waiting_for_cloud_init_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path, speed=600)
    stage.add("vm", booted=0, done=300)
    async with front(stage, tmp_path) as cloud:
        assert (await cloud.on("vm", "cloud-init status --wait")).stdout == "status: done\n"


@pytest.mark.parametrize("data", ["#cloud-config\na: [", "not cloud-config"])
async def test_custom_data_that_cloud_init_does_not_understand_is_an_error(cloud: Front, data: str) -> None:
    cloud.stage.change("vm", custom_data=data, vm_id="new")
    cloud.stage.later(600)
    connection = await cloud.jump.connect_ssh(
        "20.198.5.11", username=ADMIN, client_keys=[cloud.stage.client], known_hosts=None
    )
    async with connection:
        result = await connection.run("cloud-init status --format json")
    assert (load(result.stdout)["status"], result.exit_status) == ("error", 1)


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("hostname", 0, "vm\n"),
        ("uname | grep -q Linux && uname -m", 0, "aarch64\n"),
        ("whoami; sudo -n whoami", 0, f"{ADMIN}\nroot\n"),
        ("sudo -n -- \"${SHELL-sh}\" -c 'id -u; whoami'", 0, "0\nroot\n"),
        ("false || echo second", 0, "second\n"),
        ("false && echo second", 1, ""),
        ("! false", 0, ""),
        ("(exit 3); echo $?", 0, "3\n"),
        ("A=1 env | grep ^A=", 0, "A=1\n"),
        ("B='two  words'; echo \"$B\" $B ${C:-none}", 0, "two  words two words none\n"),
        ("echo $(hostname)-$(whoami)", 0, f"vm-{ADMIN}\n"),
        ("echo one > /tmp/f; echo two >> /tmp/f; cat < /tmp/f | wc -l", 0, "2\n"),
        ("ls /nowhere 2>/dev/null; echo $?", 0, "2\n"),
        ("cat /nowhere 2>&1 | grep -q 'No such'", 0, ""),
        ("cat /nowhere 2>&1", 1, "cat: /nowhere: No such file or directory\n"),
        ('sh -c \'printf "%s-%s" "$1" "$0"\' zero one', 0, "one-zero"),
        ("echo 'a(b' | grep -q '(b)' || echo plain", 0, "plain\n"),
        ("command -v curl && ! command -v nothing", 0, "/usr/bin/curl\n"),
        ("test -f /etc/os-release && [ ! -e /nowhere ]", 0, ""),
        ("echo FragmentPath=/a/b | cut -d= -f2", 0, "/a/b\n"),
        ("stat -c '%s %a %F' /tmp", 0, "4096 755 directory\n"),
        ("systemctl is-active ssh nothing", 3, "active\ninactive\n"),
        ("nonsense", 127, ""),
        ("sleep", 2, ""),
        ("head -n many /etc/hostname", 2, ""),
        ("echo 'open", 2, ""),
        ("for i in 1 2; do echo $i; done", 2, ""),
        ("sleep 1 &", 2, ""),
    ],
)
async def test_the_shell(cloud: Front, command: str, status: int, output: str) -> None:
    result = await cloud.on("vm", command)
    assert (result.exit_status, result.stdout) == (status, output), result.stderr


async def test_nothing_reaches_this_machine(cloud: Front, tmp_path: Path) -> None:
    await cloud.on("vm", f"sudo -n sh -c 'mkdir -p {tmp_path}; echo x > {tmp_path}/escaped'")
    await cloud.on("vm", f"sudo -n rm -rf {tmp_path}")
    left = os.listdir(tmp_path)  # noqa: PTH208  (what there is, without asking pathlib in a coroutine)
    assert "escaped" not in left
    assert "hosts" in left


async def test_files_have_owners_and_modes(cloud: Front) -> None:
    config = await cloud.on("vm", "cat /etc/wireguard/wg0.conf")
    assert (config.exit_status, config.stderr) == (1, "cat: /etc/wireguard/wg0.conf: Permission denied\n")
    assert "PrivateKey" in str((await cloud.on("vm", "sudo -n cat /etc/wireguard/wg0.conf")).stdout)
    assert (await cloud.on("vm", "echo x > /etc/motd")).exit_status == 2
    await cloud.on("vm", "sudo -n install -D -m 0640 /dev/stdin /etc/a/b", stdin="text")
    assert (await cloud.on("vm", "stat -c '%a %U %s' /etc/a/b")).stdout == "640 root 4\n"


async def test_the_date_is_true(cloud: Front) -> None:
    assert abs(int(str((await cloud.on("vm", "date -u +%s")).stdout)) - time.time()) < 5


async def test_the_architecture_is_that_of_the_vm_size(cloud: Front) -> None:
    assert (await cloud.on("intel", "uname -m")).stdout == "x86_64\n"
    download = "curl -sSLf -o /usr/local/bin/k0s -- https://github.com/k0sproject/k0s/releases/download/v/k0s-v1.32.4-arm64"
    assert (
        await cloud.on("intel", f"sudo -n {download}; sudo -n chmod 0755 /usr/local/bin/k0s")
    ).exit_status == 0
    assert (await cloud.on("intel", "sudo -n k0s version")).exit_status == 126


def chart(**spec: str) -> str:
    facts = {"name": "kcm", "namespace": "kube-system"}
    return json.dumps(
        {"apiVersion": "helm.k0sproject.io/v1beta1", "kind": "Chart", "metadata": facts, "spec": spec}
    )


async def controller(cloud: Front, flags: str = "--single=true") -> None:
    url = "https://github.com/k0sproject/k0s/releases/download/v1.32.4%2Bk0s.0/k0s-v1.32.4%2Bk0s.0-arm64"
    for command in (
        f"curl -sSLf -o /usr/local/bin/k0s -- {url}", "chmod 0755 /usr/local/bin/k0s",
        f"k0s install controller {flags}", "k0s start",
    ):  # fmt: skip
        result = await cloud.on("vm", f"sudo -n {command}")
        assert result.exit_status == 0, result.stderr


async def test_k0s_from_install_to_reset(cloud: Front) -> None:
    assert (await cloud.on("vm", "sudo -n k0s status")).exit_status == 1
    await controller(cloud)
    assert (await cloud.on("vm", "k0s version")).stdout == "v1.32.4+k0s.0\n"
    assert (await cloud.on("vm", "k0s status")).exit_status == 1  # not root
    cloud.stage.later(95)
    facts = load((await cloud.on("vm", "sudo -n k0s status -o json")).stdout)
    assert (facts["Version"], facts["Role"], facts["SingleNode"]) == ("v1.32.4+k0s.0", "controller", True)
    assert (await cloud.on("vm", "sudo -n k0s kubectl get --raw=/readyz")).stdout == "ok"
    twice = await cloud.on("vm", "sudo -n k0s install controller --single=true")
    assert "Init already exists" in str(twice.stderr)
    assert "please stop k0s" in str((await cloud.on("vm", "sudo -n k0s reset")).stderr)
    assert (await cloud.on("vm", "sudo -n k0s stop && sudo -n k0s reset")).exit_status == 0
    assert (await cloud.on("vm", "sudo -n k0s status")).exit_status == 1


async def test_a_join_token_that_is_not_known_does_not_join(cloud: Front) -> None:
    await controller(cloud)
    cloud.stage.later(95)
    token = str((await cloud.on("vm", "sudo -n k0s token create --role worker --expiry 10m0s")).stdout)
    listed = str((await cloud.on("vm", "sudo -n k0s token list")).stdout)
    identifier = listed.splitlines()[1].split()[0]
    assert (await cloud.on("vm", f"sudo -n k0s token invalidate {identifier}")).exit_status == 0
    url = "https://github.com/k0sproject/k0s/releases/download/v1/k0s-v1.32.4%2Bk0s.0-amd64"
    await cloud.on(
        "intel", f"sudo -n curl -sSLf -o /usr/local/bin/k0s -- {url}; sudo -n chmod 755 /usr/local/bin/k0s"
    )
    await cloud.on("intel", "sudo -n install -D -m 0600 /dev/stdin /etc/k0s/t", stdin=token)
    await cloud.on(
        "intel", "sudo -n k0s install worker --token-file=/etc/k0s/t && sudo -n systemctl start k0sworker"
    )
    assert (await cloud.on("intel", "systemctl is-active k0sworker")).stdout == "inactive\n"


@pytest.mark.parametrize(
    ("words", "status", "output", "error"),
    [
        ("get node vm -o name", 0, "node/vm\n", ""),
        ("get nodes -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'", 0, "vm\n", ""),
        ("get -n kube-system namespace kube-system -o template={{.metadata.name}}", 0, "kube-system", ""),
        ("get node other", 1, "", 'Error from server (NotFound): nodes "other" not found\n'),
        ("get node other --ignore-not-found", 0, "", ""),
        (
            "get managements.k0rdent.mirantis.com kcm",
            1,
            "",
            'error: the server doesn\'t have a resource type "managements"\n',
        ),
        ("get pods", 0, "", "No resources found in default namespace.\n"),
        (
            "get nodes -o strange",
            1,
            "",
            'error: unable to match a printer suitable for the output format "strange"\n',
        ),
        ("create namespace kcm-system", 0, "namespace/kcm-system created\n", ""),
        ("frobnicate", 1, "", 'error: unknown command "frobnicate" for "kubectl"\n'),
    ],
)
async def test_kubectl(cloud: Front, words: str, status: int, output: str, error: str) -> None:
    await controller(cloud)
    cloud.stage.later(95)
    result = await cloud.on("vm", f"sudo -n k0s kubectl {words}")
    assert (result.exit_status, result.stdout, result.stderr) == (status, output, error)


async def test_the_api_answers_only_when_k0s_is_ready(tmp_path: Path) -> None:
    stage = Stage(tmp_path, speed=1.0)
    stage.add("vm")
    async with front(stage, tmp_path) as cloud:
        await controller(cloud)
        result = await cloud.on("vm", "sudo -n k0s kubectl get nodes")
        assert (result.exit_status, "was refused" in str(result.stderr)) == (1, True)
        stage.later(39 - 5)
        assert (await cloud.on("vm", "sudo -n k0s kubectl get nodes")).exit_status == 1
        stage.later(60)
        assert (await cloud.on("vm", "sudo -n k0s kubectl get nodes")).exit_status == 0


async def test_manifests_that_are_wrong_are_refused(cloud: Front) -> None:
    await controller(cloud)
    cloud.stage.later(95)
    apply = "sudo -n k0s kubectl apply -f -"
    await cloud.on("vm", apply, stdin=chart(version="1.0.0", namespace="kcm-system"))
    cloud.stage.later(60)
    broken = load((await cloud.on("vm", "sudo -n k0s kubectl get chart kcm -n kube-system -o json")).stdout)
    assert "chartName" in broken["status"]["error"]  # type: ignore[index]
    for text in (
        "a: [",
        "[]",
        "{}",
        '{"kind":"Chart"}',
        '{"apiVersion":"v9","kind":"Nothing","metadata":{"name":"x"}}',
    ):
        refused = await cloud.on("vm", apply, stdin=text)
        assert refused.exit_status == 1
        assert str(refused.stderr).startswith("error: ")


async def test_kcm_waits_for_a_node_that_can_run_it(cloud: Front) -> None:
    await controller(cloud, "")
    cloud.stage.later(95)
    text = chart(chartName="oci://ghcr.io/k0rdent/kcm/charts/kcm", version="1.0.0", namespace="kcm-system")
    assert (await cloud.on("vm", "sudo -n k0s kubectl apply -f -", stdin=text)).exit_status == 0
    cloud.stage.later(1000)
    got = load((await cloud.on("vm", "sudo -n k0s kubectl get chart kcm -n kube-system -o json")).stdout)
    assert got["status"] == {}
    assert (await cloud.on("vm", "sudo -n k0s kubectl get management kcm")).exit_status == 1
