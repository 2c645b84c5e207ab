"""Numbers as the sentences of scores write them; those of the page are in `report.wording`."""

from __future__ import annotations

MINUS = "\u2212"


def show(value: float, *, sign: bool = False) -> str:
    """Write a number in a sentence.

    Args:
        value: finite.
        sign: whether a plus is written as a minus is.

    >>> show(-0.001), show(0.784), show(123.4), show(0.5, sign=True)
    ('0.00', '0.78', '123', '+0.50')
    >>> show(-0.5) == f"{MINUS}0.50"
    True
    """
    text = f"{value:.{0 if abs(value) >= 100 else 2}f}"
    if not float(text):
        return text.replace("-", "")
    plus = "+" if sign and value > 0 else ""
    return plus + text.replace("-", MINUS)


def bracketed(low: float | None, high: float | None, opening: str = ", ", closing: str = "") -> str:
    """Write the ends of an interval after a value, nothing where there is none.

    >>> bracketed(0.1, 0.25), bracketed(0.1, 0.2, " (", ")"), bracketed(None, None)
    (', 0.10 to 0.25', ' (0.10 to 0.20)', '')
    """
    if low is None or high is None:
        return ""
    return f"{opening}{show(low)} to {show(high)}{closing}"


def show_p(value: float) -> str:
    """Write a p value.

    >>> show_p(0.0004), show_p(0.0312), show_p(0.4), show_p(1.0)
    ('p < 0.001', 'p = 0.031', 'p = 0.40', 'p > 0.99')
    """
    if value < 0.001:
        return "p < 0.001"
    return "p > 0.99" if value > 0.99 else f"p = {value:.{3 if value < 0.1 else 2}f}"


def with_article(noun: str) -> str:
    """Put the indefinite article before a noun.

    >>> with_article("AUROC"), with_article("balanced accuracy"), with_article("age band")
    ('an AUROC', 'a balanced accuracy', 'an age band')
    >>> with_article("R²"), with_article("RMSE")
    ('an R²', 'an RMSE')
    """
    spoken = noun in ("R²", "RMSE") or noun[:1].lower() in "aeio"
    return f"{'an' if spoken else 'a'} {noun}"
