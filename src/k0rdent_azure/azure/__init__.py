"""Azure Resource Manager: ask little, count every request, and say what failed in words a user can act on."""

from __future__ import annotations

import logging

# What these libraries warn about reaches the user as one of our errors; without a handler of its own,
# Python would print it into the middle of the live progress as well.
for _library in ("azure", "msal"):
    logging.getLogger(_library).addHandler(logging.NullHandler())
