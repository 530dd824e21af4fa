"""Quotes from a price list."""

from pricing.quotes import parse_price_list, quote, stock_of_all

__all__ = ["parse_price_list", "quote", "stock_of_all"]
