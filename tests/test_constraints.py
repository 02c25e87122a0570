"""What CI installs is written down, and is what `make` installs."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
_PIN = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.+!]+(?:; *(?:python_version|sys_platform)[^;]*)?")


def pins() -> dict[str, Requirement]:
    """What holds for this Python, by canonical name."""
    applying = [one for one in map(Requirement, LINES) if one.marker is None or one.marker.evaluate()]
    return {canonicalize_name(one.name): one for one in applying}


def named() -> list[Requirement]:
    project = PYPROJECT["project"]
    texts = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return [Requirement(text) for text in [*texts, *PYPROJECT["build-system"]["requires"]]]


def brought_along(wanted: Requirement, seen: set[str]) -> Iterator[str]:
    """The names of `wanted` and of everything that it requires here, as far as it is installed."""
    name = canonicalize_name(wanted.name)
    if name in seen:
        return
    seen.add(name)
    yield name
    try:
        needs = requires(name) or []
    except PackageNotFoundError:
        return
    for text in needs:
        need = Requirement(text)
        asked = ["", *wanted.extras]
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in asked):
            yield from brought_along(need, seen)


@pytest.mark.parametrize("line", LINES)
def test_a_pin_is_a_name_and_a_version(line: str) -> None:
    assert _PIN.fullmatch(line), "no hashes, no addresses"


def test_no_package_is_pinned_twice_for_one_python() -> None:
    applying = [one for one in map(Requirement, LINES) if one.marker is None or one.marker.evaluate()]
    assert len(applying) == len(pins())


@pytest.mark.parametrize("wanted", named(), ids=lambda one: one.name)
def test_every_dependency_is_pinned_with_all_that_it_brings_along(wanted: Requirement) -> None:
    pinned = pins()
    assert not [name for name in brought_along(wanted, set()) if name not in pinned], "run: make constraints"
    pin = pinned[canonicalize_name(wanted.name)]
    (exact,) = pin.specifier
    assert exact.version in wanted.specifier, f"pyproject.toml refuses {pin}"


@pytest.mark.skipif(
    "MAKELEVEL" not in os.environ, reason="needs the versions that make installs: run make test"
)
def test_what_make_installed_is_what_is_pinned() -> None:
    pinned = pins()
    names = {name for wanted in named() for name in brought_along(wanted, set())}
    installed: dict[str, str] = {}
    for name in names:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            # What builds the package lives in pip's own environment.
            continue
    assert "pyyaml" in installed
    assert not [
        f"{pinned[name]}, not {found}"
        for name, found in installed.items()
        if found not in pinned[name].specifier
    ]
