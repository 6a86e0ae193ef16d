"""Integer codes of the categorical fields. A code never changes its meaning: models are trained on it."""

from types import MappingProxyType
from typing import Final


def _table(names: str) -> MappingProxyType[str, int]:
    return MappingProxyType({name: code for code, name in enumerate(names.split(), start=1)})


CURRENCIES: Final = MappingProxyType({"USD": 840, "EUR": 978, "CNY": 156, "GBP": 826, "JPY": 392})
"""Alphabetic code to numeric code. Source: ISO 4217."""

PURPOSES: Final = _table(
    "car credit_card debt_consolidation educational home_improvement house major_purchase medical moving other "
    "renewable_energy small_business vacation wedding"
)
"""What the borrower wants the money for."""

HOME_OWNERSHIP: Final = _table("RENT OWN MORTGAGE OTHER NONE")
"""Where the borrower lives; MORTGAGE is owned and not paid off."""

INCOME_VERIFICATION: Final = _table("not_verified source_verified verified")
"""How far the originator checked the stated income: not at all, that its source exists, its amount."""

REGIONS: Final = _table(
    "AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR "
    "PA RI SC SD TN TX UT VA VT WA WI WV WY"
)
"""US states and the District of Columbia by postal code, in alphabetical order from 1."""
