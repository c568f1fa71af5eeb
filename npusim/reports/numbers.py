"""Numbers of one column: one unit for all of them, as many decimals as the largest needs, and no silent zero."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

NOTHING = "n/a"
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


class Scale(msgspec.Struct, frozen=True):
    """A column's unit: what it is called, how much of the base unit it is, and decimals."""

    unit: str
    factor: float
    decimals: int

    def show(self, value: float | None) -> str:
        """The value; ``n/a`` where there is none, and ``<0.01`` where a value that is not 0 would look like it."""
        if value is None:
            return NOTHING
        scaled = value / self.factor
        text = f"{scaled:,.{self.decimals}f}"
        if value > 0 and not float(text.replace(",", "")):
            return f"<{10**-self.decimals:.{self.decimals}f}"
        return "0" if value == 0 else text


def counts(values: Sequence[float], unit: str = "") -> Scale:
    """A decimal prefix for counts or bytes, by the largest: thousands at the least, unless all are below."""
    most = max(values, default=0)
    factor, prefix = next((pair for pair in _PREFIXES if most >= pair[0]), (1.0, ""))
    # Four digits before the point read as well as two with a prefix more, and small layers keep theirs.
    if factor > 1 and most / factor < 10:
        factor, prefix = _PREFIXES[min(len(_PREFIXES) - 1, [each[1] for each in _PREFIXES].index(prefix) + 1)]
    name = f"{prefix}{unit}" if prefix or unit else ""
    return Scale(name, factor, 0 if factor == 1 else _decimals(most / factor))


def seconds(values: Sequence[float]) -> Scale:
    """Milliseconds, unless all are below a tenth of one or some take very long."""
    most = max(values, default=0.0)
    unit, factor = ("s", 1.0) if most >= 100 else ("ms", 1e-3) if most >= 1e-4 or not most else ("us", 1e-6)
    return Scale(unit, factor, _decimals(most / factor))


PERCENT = Scale("%", 0.01, 1)


def _decimals(most: float) -> int:
    """Digits after the point, so that the largest has four or five in all."""
    return max(0, min(3, 4 - len(str(int(most)))))


def factor(value: float) -> str:
    """``44.2``, ``1,234``, ``0.0123``: three or four digits of a number without a prefix."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"
