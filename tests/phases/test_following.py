"""What a rollback of what is outside refuses."""

from __future__ import annotations

import pytest

from k0rdent_azure.errors import StateError
from k0rdent_azure.phases.following import refuse_in_transit
from tests.report.states import complete, document


def test_nothing_is_rolled_back_while_something_is_being_removed() -> None:
    refuse_in_transit(document(complete()).state)

    destroying = complete()
    destroying["metadata"]["deployment_status"] = "destroying"
    with pytest.raises(StateError, match="destroying") as caught:
        refuse_in_transit(document(destroying).state)
    assert "destroy" in (caught.value.hint or "")

    replaced = complete()
    replaced["azure_resources"]["virtual_machines"]["k0s-worker-1"]["status"] = "deleting"
    with pytest.raises(StateError, match="k0s-worker-1 is being replaced") as caught:
        refuse_in_transit(document(replaced).state)
    assert "resume" in (caught.value.hint or "")

    rekeyed = complete()
    rekeyed["pending_operations"] = {
        "rekey": {"kind": "rekey", "target": "hosts", "started_at": "2025-01-07T15:30:00Z"}
    }
    with pytest.raises(StateError, match="WireGuard keys") as caught:
        refuse_in_transit(document(rekeyed).state)
    assert "--rekey" in (caught.value.hint or "")
