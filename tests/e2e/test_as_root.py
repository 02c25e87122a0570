"""One run with `sudo` leaves the workspace its user's."""

from __future__ import annotations

import os

import pytest

from tests.e2e.conftest import Product

USER = 54321


@pytest.mark.e2e
@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_what_root_deploys_stays_its_users(product: Product) -> None:
    product.init("minimal")
    for path in (product.workspace, *product.workspace.iterdir()):
        os.chown(path, USER, USER)
    product.run("deploy", "--yes")
    product.run("snapshot", "create")
    # The rehearsal cloud's own folder is no part of the product's.
    made = [
        path
        for path in product.workspace.rglob("*")
        if not path.relative_to(product.workspace).parts[0].startswith(".rehearsal")
    ]
    assert len(made) > 12
    assert not [path for path in made if path.stat().st_uid != USER]
    product.run("destroy", "--yes")
    kept = list((product.workspace / "archive").rglob("*"))
    assert len(kept) > 4
    assert not [path for path in kept if path.stat().st_uid != USER]
