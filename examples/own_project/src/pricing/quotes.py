"""A price list, quotes over it, and the stock of many warehouses asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

_TIERS = ((100, 85), (20, 90), (5, 97))
"""From this quantity on, so many per cent of the price."""


def parse_price_list(text: str) -> dict[str, int]:
    """Read ``SKU;12.50`` lines into cents by SKU; blank lines and ``#`` comments do not count."""
    prices = {}
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            sku, _, price = line.partition(";")
            whole, _, cents = price.partition(".")
            prices[sku.strip()] = int(whole) * 100 + int(cents or 0)
    return prices


def quote(prices: Mapping[str, int], lines: Iterable[tuple[str, int]]) -> int:
    """Cents of an order of (SKU, quantity) lines, large quantities at a discount."""
    total = 0
    for sku, quantity in lines:
        cents = prices[sku]
        share = next((percent for least, percent in _TIERS if quantity >= least), 100)
        total += cents * quantity * share // 100
    return total


async def stock_of_all(ask: Callable[[str], Awaitable[int]], skus: Iterable[str]) -> int:
    """Pieces in stock of all SKUs together, every one asked for at the same time."""
    return sum(await asyncio.gather(*(ask(sku) for sku in skus)))
