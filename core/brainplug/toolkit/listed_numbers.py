"""Numbers of fixed decimals, listed: each, or where they are many those that begin alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MOST = 2000, 20_000
"""Numbers that are listed one by one, and the most that are listed at all."""


def list_numbers(
    bounds: tuple[float, float], *, precision: int, fine: float
) -> tuple[tuple[float, float], ...]:
    """Return the numbers between bounds, ascending, as the ends of stretches that begin alike.

    None where there would still be too many to list.

    Args:
        bounds: lowest and highest number.
        precision: decimals that are said.
        fine: longest stretch of numbers told as one, where there are many.

    >>> list_numbers((18.2, 21.0), precision=0, fine=1.0)
    ((19.0, 19.0), (20.0, 20.0), (21.0, 21.0))
    >>> list_numbers((-0.5, 2.0), precision=4, fine=0.02)[-2:]
    ((1.99, 1.9999), (2.0, 2.0))
    """
    # Counted in units of the last decimal, which are whole numbers and so exact.
    low, high = (round(bound * 10**precision) for bound in bounds)
    low += (low / 10**precision) < bounds[0]
    high -= (high / 10**precision) > bounds[1]
    dropped = choose_dropped(low, high, precision=precision, fine=fine)
    if (high - low) // 10**dropped >= MOST:
        return ()
    return tuple(
        (float(f"{first}e-{precision}"), float(f"{last}e-{precision}"))
        for first, last in stretches(low, high, 10**dropped)
    )


def choose_dropped(low: int, high: int, *, precision: int, fine: float) -> int:
    """Return how many last digits of the numbers from `low` to `high` need not be told apart.

    Args:
        low: in units of the last decimal.
        high: likewise.
        precision: decimals that are said.
        fine: longest stretch of numbers told as one.

    >>> choose_dropped(200, 800, precision=1, fine=0.4)
    0
    >>> choose_dropped(-30_000, 30_000, precision=4, fine=0.02)
    2
    >>> choose_dropped(900_000, 1_700_000, precision=0, fine=2_000)
    3
    """
    dropped = 0
    while (high - low) // 10**dropped >= FEW:
        dropped += 1
    while dropped and 10**dropped > fine * 10**precision:
        dropped -= 1
    # Behind the point the digits before tell the place. Before it, "12" begins 12 and 1200 alike,
    # unless none of the numbers is ten times another.
    begun = low // 10**dropped
    apart = begun > 0 and 10 * begun > high // 10**dropped
    return dropped if apart else min(dropped, precision)


def stretches(low: int, high: int, length: int) -> Iterator[tuple[int, int]]:
    """Give the ends of the stretches of whole numbers whose last digits alone differ, ascending.

    >>> list(stretches(-12, 11, 10))
    [(-12, -10), (-9, -1), (0, 9), (10, 11)]
    """
    first = low
    while first <= high:
        # Towards zero, as digits are dropped: -12 and -19 begin alike, -9 and 9 do not.
        last = -(-first // length * length) if first < 0 else first // length * length + length - 1
        last = min(last, -1) if first < 0 else last
        yield first, min(last, high)
        first = last + 1
