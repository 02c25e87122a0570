"""How often ARM is asked, counted twice: by the product's ledger, and by the cloud that answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.errors import HostError
from k0rdent_azure.rehearsal.arm import compute
from k0rdent_azure.state.model import Durations
from tests.azure.conftest import make_config
from tests.phases.stage import Stage, stage


def _both(made: Stage) -> int:
    assert made.counted() == len(made.requests())
    return made.counted()


@pytest.mark.parametrize("speed", [1.0, 60.0])
@pytest.mark.parametrize(("vms", "most"), [(5, 5), (50, 6)])
async def test_a_deployment_and_its_end(tmp_path: Path, vms: int, most: int, speed: float) -> None:
    async with stage(tmp_path, make_config(workers=vms - 3), speed=speed) as made:
        await made.deploy()
        deployed = _both(made)
        assert deployed == 4
        assert deployed <= most

        await made.deploy("resume")
        assert _both(made) - deployed == 0

        await made.destroy()
        assert _both(made) - deployed == 5
        assert made.world.group(made.names.resource_group) is None


@pytest.mark.parametrize("seed", range(4))
async def test_each_deployment_learns_from_the_ones_before(tmp_path: Path, seed: int) -> None:
    known = None
    for number in range(3):
        config = make_config(controllers=1, workers=2)
        async with stage(tmp_path / str(number), config, seed=seed * 10 + number, durations=known) as made:
            await made.deploy()
            deployed = _both(made)
            await made.destroy()
            assert deployed <= 5
            assert _both(made) - deployed <= 6
            known = made.store.read().state.durations
            assert known is not None
    assert known is not None
    assert (len(known.creation), len(known.deletion), known.failure) == (3, 3, [])
    assert all(180 <= seconds <= 900 for seconds in known.creation)
    assert all(120 <= seconds <= 480 for seconds in known.deletion)


async def test_a_slow_deployment_is_asked_about_when_earlier_ones_were_done(tmp_path: Path) -> None:
    """Learned durations move the question: here to 300 s, before these VMs are up."""
    config = make_config(controllers=1, workers=2)
    async with stage(tmp_path, config, durations=Durations(creation=[100.0])) as made:
        await made.deploy()
        took = made.store.read().state.durations
        assert took is not None
        assert took.creation[-1] > 300
        assert _both(made) == 5


async def test_a_host_that_answers_is_not_asked_for_its_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cloud-init takes its time on VMs that Azure called made long ago: SSH says that they run."""
    monkeypatch.setattr(compute, "CLOUD_INIT", (350.0, 350.0))
    config = make_config(controllers=1, workers=2)
    async with stage(tmp_path, config, durations=Durations(creation=[100.0])) as made:
        await made.deploy()
        assert not [line for line in made.requests() if "virtualMachines" in line]
        assert _both(made) <= 5


async def test_a_cloud_init_without_an_end_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "CLOUD_INIT", (1e6, 1e6))
    async with stage(tmp_path, make_config(controllers=1, workers=0)) as made:
        with pytest.raises(HostError, match="cloud-init has not ended on k0s-controller within"):
            await made.deploy()


async def test_a_group_is_never_called_gone_without_asking(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=0)) as made:
        await made.deploy()
        before = len(made.requests())
        await made.destroy()
        asked = made.requests()[before:]
        group = made.world.subscription_id, made.names.resource_group
        # The list, which shows what other copies have announced, right before the act.
        assert asked[0] == "GET /subscriptions/{}/resourceGroups/{}".format(*group)
        assert asked[1] == "GET /subscriptions/{}/resourceGroups/{}/resources".format(*group)
        assert asked[2] == "DELETE /subscriptions/{}/resourceGroups/{}".format(*group)
        assert asked[-2] == "GET /subscriptions/{}/resourceGroups/{}".format(*group)
        assert asked[-1].startswith("DELETE")
        assert "/deployments/" in asked[-1]
        assert made.store.read().state.metadata.deployment_status == "destroyed"
