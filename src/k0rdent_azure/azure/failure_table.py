"""The families of Azure's refusals: the first rule that fits a refusal is the one that counts."""

from __future__ import annotations

from k0rdent_azure.azure import (
    advice_access,
    advice_compute,
    advice_network,
    advice_quotas,
    advice_requests,
)
from k0rdent_azure.azure.advice import Advice, Rule

#: Narrow ones come before wide ones.
RULES: tuple[Rule, ...] = (
    *advice_compute.RULES,
    *advice_quotas.RULES,
    *advice_access.RULES,
    *advice_network.RULES,
    *advice_requests.RULES,
)

#: Of a refusal that no rule knows: Azure's words are all that there is.
UNKNOWN = Advice("unknown", "", "fix what Azure names", "either", advice_requests.NAMED_BY_AZURE)


def advice_for(code: str, words: str) -> Advice | None:
    """The advice of the first rule that fits; None where none does."""
    return next((rule.advice for rule in RULES if rule.fits(code, words)), None)
