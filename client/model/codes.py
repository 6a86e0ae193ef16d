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

_US_STATES: Final = (
    "AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR "
    "PA RI SC SD TN TX UT VA VT WA WI WV WY"
)
_CHINESE_PROVINCES: Final = (
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82"
)
_EUROPEAN_COUNTRIES: Final = (
    "AT BE BG CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
)

REGIONS: Final = _table(
    " ".join(
        (
            _US_STATES,
            *(f"CN-{number}" for number in _CHINESE_PROVINCES.split()),
            *(f"EU-{country}" for country in _EUROPEAN_COUNTRIES.split()),
        )
    )
)
"""US states and the District of Columbia by postal code, from 1; then Chinese provinces by their number; then the
countries of the European Economic Area and the United Kingdom. New ones go to the end; at most 255 in all.
Source: ISO 3166-2:CN (numbers of GB/T 2260), ISO 3166-1 alpha-2.
"""
