"""Exact numbers: amounts in JSON, rounding, currencies. Integers of minor units; fractions in between, never floats."""

from decimal import Decimal
from fractions import Fraction

HALF_EVEN, HALF_UP = "halfEven", "halfUp"

# Digits after the point, where they are not two (ISO 4217).
EXPONENTS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
    "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0, "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3,
    "OMR": 3, "TND": 3,
}


def minor_units(value, currency):
    """An amount as it stands in JSON (a number read as Decimal, or a string; major units) in minor units."""
    scaled = Decimal(value).scaleb(EXPONENTS.get(currency, 2))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{value} {currency} has too many decimals")
    return int(scaled)


def rounded(value, mode=HALF_EVEN):
    """A fraction as an integer; half-up means away from zero."""
    if mode == HALF_EVEN:
        return round(Fraction(value))
    magnitude = abs(Fraction(value))
    whole = int(magnitude + Fraction(1, 2))
    return whole if value >= 0 else -whole
