"""Killed, interrupted, terminated: the state says so, and `resume` ends where an undisturbed run would."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

from tests.e2e.conftest import EXHAUSTIVE, Product, end
from tests.e2e.test_deployment import identity, load

pytestmark = pytest.mark.e2e

#: Real seconds that a deployment takes about, from the first commit to the last, at the tests' speed.
LENGTH = 9.0


def recorded(now: dict[str, object], before: dict[str, object]) -> bool:
    """Whether everything that `before` recorded still holds in `now`."""
    for key, value in before.items():
        if isinstance(value, dict):
            inner = now.get(key)
            if not isinstance(inner, dict) or not recorded(inner, value):
                return False
        elif value is not None and now.get(key) != value:
            return False
    return True


def creations(product: Product) -> list[str]:
    """The cloud's own record of what it made, every resource that ever came into being."""
    world = json.loads((product.workspace / ".rehearsal" / "world.json").read_text())
    return [creation["id"].lower() for creation in world["creations"]]


#: The kill matrix has every point by name; these fall where nobody put one.
@pytest.mark.parametrize("seed", range(20 if EXHAUSTIVE else 6))
def test_sigkill_at_a_random_moment(product: Product, seed: int) -> None:
    moment = random.Random(seed).uniform(0.0, LENGTH)
    product.environ["K0RDENT_AZURE_REHEARSAL_SEED"] = str(seed)
    product.init()
    process = product.start("deploy", "--yes")
    product.wait_for(lambda: bool(product.state_text()) or process.poll() is not None, "the first commit")
    time.sleep(moment)
    end(process, signal.SIGKILL)

    product.run("state", "check")
    before = load(product)
    status = product.status()
    if before["metadata"]["deployment_status"] == "in_progress":
        assert status["run"]["died"] is True
        assert status["next"]["command"].endswith("resume")
        killed = product.run("status").out
        assert "died" in killed

    product.run("resume", "--yes")
    after = load(product)
    assert after["metadata"]["deployment_status"] == "completed"
    if before["wireguard"]["peers"]:
        assert recorded(identity(after), identity(before))
    made = creations(product)
    assert len(made) == len(set(made)), "something was created twice"
    assert sum(1 for r in product.requests() if r["method"] == "PUT" and r["status"] == 201) == 1


def test_ctrl_c_ends_at_a_safe_point(product: Product) -> None:
    product.init("minimal")
    process = product.start("deploy", "--yes")
    product.wait_for_phase("vm_creation")
    result = end(process, signal.SIGINT)
    assert result.code == 130
    assert f"k0rdent-azure -C {product.workspace} resume --yes" in result.err
    assert product.status()["status"] == "interrupted"
    assert product.state("phases.vm_creation.status") == "interrupted"
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"


def test_ctrl_c_twice_ends_within_two_seconds(product: Product) -> None:
    product.init("minimal")
    process = product.start("deploy", "--yes")
    # k0sctl must not be disturbed, so the first Ctrl-C alone waits for it.
    product.wait_for_phase("cluster_setup")
    product.wait_for(lambda: "k0sctl-apply" in product.state_text(), "k0sctl to start")
    process.send_signal(signal.SIGINT)
    product.wait_for(lambda: process.poll() is None, "the first Ctrl-C")
    asked = time.monotonic()
    result = end(process, signal.SIGINT)
    assert result.code == 130
    # Two seconds on a quiet machine; what it would have waited for takes minutes.
    assert time.monotonic() - asked < 6.0
    assert product.status()["status"] == "interrupted"
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"


def test_sigterm_exits_143(product: Product) -> None:
    product.init("minimal")
    process = product.start("deploy", "--yes")
    product.wait_for_phase("vm_creation")
    result = end(process, signal.SIGTERM)
    assert result.code == 143
    assert product.status()["status"] == "interrupted"


def test_a_second_run_is_refused_and_told_who_holds_it(product: Product) -> None:
    product.init("minimal")
    process = product.start("deploy", "--yes")
    product.wait_for_phase("vm_creation")
    try:
        for command in ("deploy", "resume", "destroy"):
            refused = product.run(command, "--yes", expect=5)
            assert str(process.pid) in refused.err
            assert "deploy" in refused.err
        assert product.status()["run"]["live"] is True
        assert product.status()["run"]["holder"]["pid"] == process.pid
    finally:
        end(process, signal.SIGKILL)


def test_kill_says_when_and_where(product: Product) -> None:
    product.init("minimal")
    process = product.start("deploy", "--yes")
    product.wait_for_phase("vm_creation")
    end(process, signal.SIGKILL)
    status = product.status()
    assert status["run"]["died"] is True
    assert status["run"]["last_sign_of_life"]
    assert status["phase"] == "vm_creation"


@pytest.mark.parametrize("moment", [0.3, 2.0, 6.0])
def test_destroy_from_the_middle_leaves_nothing(product: Product, moment: float) -> None:
    product.init("minimal")
    process = product.start("deploy", "--yes")
    product.wait_for(lambda: bool(product.state_text()), "the first commit")
    time.sleep(moment)
    end(process, signal.SIGKILL)
    product.run("destroy", "--yes")
    assert product.state_text() == ""
    last = product.requests()
    assert not last or last[-1]["method"] in ("DELETE", "GET", "HEAD")


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_destroy_goes_on_as_destroy_only(product: Product, times: int) -> None:
    product.deployed("single-node")
    process = product.start("destroy", "--yes")
    product.wait_for(lambda: "deletion_started" in product.state_text(), "the deletion to start")
    if times == 2:
        process.send_signal(signal.SIGINT)
    result = end(process, signal.SIGINT)
    assert result.code == 130
    assert f"k0rdent-azure -C {product.workspace} destroy --yes" in result.err
    assert "Traceback" not in result.err
    refused = product.run("resume", "--yes", expect=4)
    assert "destroy" in refused.err
    product.run("destroy", "--yes")
    assert product.state_text() == ""
