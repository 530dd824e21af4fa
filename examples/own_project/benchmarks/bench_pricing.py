"""What may not become slower: quoting an order, reading the price list, asking for stock."""

from pricing import parse_price_list, quote, stock_of_all

from bench import benchmark

Order = tuple[dict[str, int], list[tuple[str, int]]]


def order(lines: int) -> Order:
    """Build a price list of 1000 articles and an order, before the timing starts."""
    prices = {f"SKU-{number:04}": 100 + number for number in range(1000)}
    return prices, [(f"SKU-{number * 37 % 1000:04}", number % 120 + 1) for number in range(lines)]


@benchmark(params={"lines": [2, 40]}, setup=order, items="lines", budgets=["throughput >= 500k/s"])
def quotes(prepared: Order) -> int:
    prices, lines = prepared
    return quote(prices, lines)


def price_list() -> str:
    """Write 300 articles as text."""
    return "".join(f"SKU-{number:04};{number % 90 + 1}.{number % 100:02}\n" for number in range(300))


@benchmark(setup=price_list, budgets=["peak <= 200KiB"])
def reads_price_list(text: str) -> dict[str, int]:
    return parse_price_list(text)


async def in_memory(sku: str) -> int:
    """Stand for a warehouse that answers at once; what is timed is the asking."""
    return len(sku)


@benchmark
async def stock_of_twenty() -> int:
    return await stock_of_all(in_memory, [f"SKU-{number:04}" for number in range(20)])
