"""What holds for every test."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

from tests.conscience import conscience_file as conscience_file  # noqa: PLC0414  the fixtures of every test
from tests.conscience import no_harm_done as no_harm_done  # noqa: PLC0414

# A run of the suite judges the change, not the draw: the same commit, the same examples. `make test-all` draws anew.
# How long an example takes says something of the machine only.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", UNTIMED, derandomize=True)
settings.register_profile("anew", UNTIMED, print_blob=True)
settings.load_profile("anew" if os.environ.get("K0RDENT_AZURE_EXHAUSTIVE") == "1" else "same")

# In the background of a shell (`make test &`) Ctrl-C is ignored, and so it would be by the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
