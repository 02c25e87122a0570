"""No test passes in which a deployment harmed what it did not make, whatever else the test asserts.

The rehearsal clouds of all tests of this process, and of the processes that they start, write the harm that a deployer
did into one file. A test may say that the user allowed it: `@pytest.mark.harm_allowed("their-vm")` names the resources.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.rehearsal.arm import conscience
from k0rdent_azure.rehearsal.arm.conscience import Harm

#: `on` or `off`: whether harm fails the test.
SWITCH, DEFAULT = "K0RDENT_AZURE_CONSCIENCE", "on"


@pytest.fixture(scope="session", autouse=True)
def conscience_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the clouds write, those of fixtures that outlive a test included."""
    path = tmp_path_factory.getbasetemp() / conscience.FILE
    before = os.environ.get(conscience.VARIABLE)
    os.environ[conscience.VARIABLE] = str(path)
    yield path
    os.environ.pop(conscience.VARIABLE)
    if before is not None:
        os.environ[conscience.VARIABLE] = before


@pytest.fixture(autouse=True)
def no_harm_done(request: pytest.FixtureRequest, conscience_file: Path) -> Iterator[None]:
    """Fails the test, when all else of it is over, for harm that was done since it began."""
    known = len(conscience.read(conscience_file))
    yield
    done = conscience.read(conscience_file)[known:]
    allowed = {str(name) for mark in request.node.iter_markers("harm_allowed") for name in mark.args}
    found = [each for each in done if each.resource.rpartition("/")[2] not in allowed]
    if found and os.environ.get(SWITCH, DEFAULT) == "on":
        pytest.fail(
            "\n".join(["the deployer harmed what it did not make:", *map(_line, found)]), pytrace=False
        )


def _line(harm: Harm) -> str:
    made = f" (made by {harm.maker})" if harm.maker else ""
    return f"  {harm.kind}: {harm.request} by {harm.actor}: {harm.resource}{made}: {harm.what}"
