"""`python -m benchmarks.beside_az [VMS…]`: ARM requests and cloud time until all VMs are there, ours and `az`'s.

`az` is the real one. It is asked for what the bash scripts that this project follows ask it for, in their order
(`setup-azure-network.sh` and `create-azure-vms.sh` of randybias/k0rdent-azure-setup, commit 249e962): each VM made
with `--no-wait`, all looked at one by one every 30 seconds.

Its time is counted without waiting for it. The cloud's clock stands still while `az` computes, goes on by what it
sleeps between looks at an operation, and afterwards by the processor time that it took: what else runs on the machine
plays no part, and neither does the way to Azure. Then the scripts look every 30 seconds over SSH whether cloud-init is
done; only these waits are counted, not the looks. Ours is the product's own measure of its first three phases, which
end there, too, on a cloud of the same seed, so the VMs take as long; all that it computes counts tenfold.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from k0rdent_azure.rehearsal import az, requests
from k0rdent_azure.rehearsal.endpoint import Endpoint
from k0rdent_azure.rehearsal.server import describe, serve_arm
from k0rdent_azure.rehearsal.world import SshEndpoint, World

SIZES = (1, 5, 20, 50)
SEED = 7
#: Cloud seconds in a real one, for our side.
SPEED = 10
#: Seconds between two looks of the scripts at all VMs (their `VM_WAIT_CHECK_INTERVAL` and `CLOUD_INIT_CHECK_INTERVAL`).
INTERVAL = 30.0
IMAGE, SIZE = "Debian:debian-12:12-arm64:latest", "Standard_D4pls_v6"
_PHASES = ("preparation", "azure_setup", "vm_creation")
#: A poller sleeps in a thread of its own; the main thread only waits for it, which takes no time of its own.
_SLEEPS = """import os, socket, threading, time
_sleep = time.sleep
def sleep(seconds):
    if threading.current_thread() is threading.main_thread():
        return _sleep(min(seconds, 0.01))
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(os.environ["BESIDE_AZ_CLOCK"])
        line.sendall(b"%r\\n" % seconds)
        line.recv(1)
time.sleep = sleep
"""


@dataclass
class Moment:
    """A real clock that goes on only when it is told to."""

    value: float = field(default_factory=time.time)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> float:
        return self.value

    def add(self, seconds: float) -> None:
        with self.lock:
            self.value += seconds


@dataclass(frozen=True)
class Measured:
    """`runs` of `az`, ARM requests, and cloud seconds."""

    runs: int
    requests: int
    seconds: float


def hosts(vms: int) -> list[str]:
    """Three controllers where there are that many VMs; the same names on both sides."""
    controllers = 3 if vms > 3 else 1
    names = ["k0s-controller", *(f"k0s-controller-{number}" for number in range(2, controllers + 1))]
    return [*names, *(f"k0s-worker-{number}" for number in range(1, vms - controllers + 1))]


@dataclass
class Scripts:
    """What the scripts ask of `az`."""

    environ: dict[str, str]
    moment: Moment
    folder: Path
    runs: int = 0

    def az(self, words: str, *more: str) -> str:
        """Run it; its processor time passes on the cloud's clock."""
        self.runs += 1
        command = ["az", *words.split(), *more, "--output", "tsv"]
        process = subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        out, errors = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.moment.add(usage.ru_utime + usage.ru_stime)
        if process.returncode not in (0, 3):  # 3: not found, which the scripts ask for
            raise RuntimeError(f"az {words} ended with {process.returncode}: {errors}")
        return out.strip()

    def network(self, key: str) -> None:
        self.az("group create --name rg --location southeastasia")
        self.az("sshkey create --name admin --resource-group rg --location southeastasia --public-key", key)
        self.az(
            "network vnet create --resource-group rg --name vnet --address-prefix 10.240.0.0/16"
            " --subnet-name subnet --subnet-prefix 10.240.1.0/24"
        )
        self.az("network nsg create --resource-group rg --name nsg")
        for name, priority, protocol, port in (
            ("AllowWireGuard", 1000, "Udp", 51820),
            ("AllowSSH", 1010, "Tcp", 22),
        ):
            self.az(
                f"network nsg rule create --resource-group rg --nsg-name nsg --name {name} --protocol {protocol}"
                f" --direction Inbound --priority {priority} --source-address-prefixes * --source-port-ranges *"
                f" --destination-address-prefixes * --destination-port-ranges {port} --access Allow"
            )
        self.az(
            "network vnet subnet update --vnet-name vnet --name subnet --resource-group rg --network-security-group nsg"
        )

    def machines(self, names: Sequence[str]) -> None:
        self.az("group show --name rg")
        self.az("sshkey show --name admin --resource-group rg")
        user_data = self.folder / "user-data.yaml"
        user_data.write_text("#cloud-config\npackages: [wireguard]\n", encoding="utf-8")
        for name in names:
            self.az(f"vm show --resource-group rg --name {name}")
        for number, name in enumerate(names):
            self.az(
                f"vm create --resource-group rg --name {name} --image {IMAGE} --size {SIZE} --priority Regular"
                f" --zone {number % 3 + 1} --admin-username k0rdent --ssh-key-name admin --vnet-name vnet"
                f" --subnet subnet --nsg nsg --public-ip-sku Standard --custom-data {user_data}"
                " --os-disk-size-gb 64 --no-wait"
            )
        while not self._all_are_ready(names):
            self.moment.add(INTERVAL)
        for name in names:
            self.az(f"vm show --resource-group rg --name {name} --show-details --query publicIps")

    def _all_are_ready(self, names: Sequence[str]) -> bool:
        """Asks for every VM, as the scripts do, also after one that is not."""
        states = [
            self.az(f"vm show --resource-group rg --name {name} --query provisioningState") for name in names
        ]
        return set(states) == {"Succeeded"}


def theirs(vms: int) -> Measured:
    """`az` on a cloud whose clock is ours to move."""
    moment = Moment()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _cloud(folder / "cloud", moment) as (endpoint, world), _clock(folder / "clock", moment):
            (folder / "python").mkdir()
            (folder / "python" / "sitecustomize.py").write_text(_SLEEPS, encoding="utf-8")
            az.log_in(folder / "cloud", endpoint)
            environ = {
                **az.environment(folder / "cloud", endpoint),
                "PYTHONPATH": str(folder / "python"),
                "BESIDE_AZ_CLOCK": str(folder / "clock"),
            }
            before, started = _requests(folder / "cloud"), moment()
            scripts = Scripts(environ, moment, folder)
            scripts.network(_public_key(folder))
            scripts.machines(hosts(vms))
            while any(vm.cloud_init_done_at > world.clock.now() for vm in world.vms()):
                moment.add(INTERVAL)
            return Measured(scripts.runs, _requests(folder / "cloud") - before, moment() - started)


def ours(vms: int) -> Measured:
    """The command line on a rehearsal cloud; only what it takes until the VMs are ready counts."""
    controllers = sum("controller" in name for name in hosts(vms))
    counts = {"cluster.controllers.count": controllers, "cluster.workers.count": vms - controllers}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("K0RDENT_", "AZURE_"))}
    own = {"K0RDENT_AZURE_REHEARSAL_SPEED": str(SPEED), "K0RDENT_AZURE_REHEARSAL_SEED": str(SEED)}
    with tempfile.TemporaryDirectory() as folder:

        def run(*words: str) -> str:
            command = [sys.executable, "-m", "k0rdent_azure", "-C", folder, *words]
            return subprocess.run(
                command, env=inherited | own, check=True, stdout=subprocess.PIPE, text=True
            ).stdout

        run("init", "--template", "production", "--cloud", "rehearsal", "--yes")
        try:
            sets = [word for path, count in counts.items() for word in ("--set", f"{path}={count}")]
            command = [
                sys.executable,
                "-m",
                "k0rdent_azure",
                "-C",
                folder,
                "deploy",
                "--yes",
                "--quiet",
                *sets,
            ]
            with subprocess.Popen(command, env=inherited | own) as deployment:
                _wait_for_vms(Path(folder), deployment)
                deployment.send_signal(signal.SIGINT)
            calls = json.loads(run("state", "get", "api_calls.by_phase", "--json"))
            return Measured(
                0,
                sum(calls[phase] for phase in _PHASES if phase in calls),
                sum(_phases(Path(folder))[phase]["seconds"] for phase in _PHASES),
            )
        finally:
            run("rehearse", "stop")


def _phases(workspace: Path) -> dict[str, Any]:
    path = workspace / "deployment-state.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    found: dict[str, Any] = document.get("phases", {})
    return found


def _wait_for_vms(workspace: Path, process: subprocess.Popen[bytes]) -> None:
    while _phases(workspace).get(_PHASES[-1], {}).get("status") != "completed":
        if process.poll() is not None:
            raise RuntimeError("the deployment ended too early")
        time.sleep(1)


@contextmanager
def _cloud(directory: Path, moment: Moment) -> Iterator[tuple[Endpoint, World]]:
    """ARM at the speed of `moment`, in a thread of this process."""
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop, found = asyncio.Event(), []
    world = World(directory, seed=SEED, speed=1.0, real=moment)

    async def serve() -> None:
        async with serve_arm(world) as (_, authority):
            found.append(describe(world, authority, SshEndpoint("", 0, "", directory, "")))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield found[0], world
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextmanager
def _clock(path: Path, moment: Moment) -> Iterator[None]:
    """What a sleeping `az` tells its seconds to."""

    class Sleep(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            moment.add(float(self.rfile.readline()))
            self.wfile.write(b".")

    with socketserver.ThreadingUnixStreamServer(str(path), Sleep) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def _requests(directory: Path) -> int:
    return sum(1 for _ in requests.read(directory))


def _public_key(folder: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    return (folder / "key.pub").read_text(encoding="utf-8").strip()


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def main() -> None:
    if shutil.which("az") is None:
        sys.exit("az is not on the PATH")
    sys.stdout.write(
        "| VMs | runs of `az` | ARM requests, `az` | ours | until the VMs are there, `az` | ours |\n"
    )
    sys.stdout.write("| ---: | ---: | ---: | ---: | ---: | ---: |\n")
    for vms in [int(word) for word in sys.argv[1:]] or SIZES:
        mine, other = ours(vms), theirs(vms)
        sys.stdout.write(
            f"| {vms} | {other.runs} | {other.requests} | {mine.requests} | {_time(other.seconds)} |"
            f" {_time(mine.seconds)} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
