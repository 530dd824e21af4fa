"""Ready-made domains that a document asks for by name; none is ever there by itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from strataregula.model import Domain, Place

__all__ = ["PACKS"]

_JP_REGIONS: Final = {
    "hokkaido": "hokkaido",
    "tohoku": "aomori iwate miyagi akita yamagata fukushima",
    "kanto": "ibaraki tochigi gunma saitama chiba tokyo kanagawa",
    "chubu": "niigata toyama ishikawa fukui yamanashi nagano gifu shizuoka aichi",
    "kansai": "mie shiga kyoto osaka hyogo nara wakayama",
    "chugoku": "tottori shimane okayama hiroshima yamaguchi",
    "shikoku": "tokushima kagawa ehime kochi",
    "kyushu": "fukuoka saga nagasaki kumamoto oita miyazaki kagoshima okinawa",
}


def _hierarchy(name: str, parent: str, groups: Mapping[str, str], pack: str) -> Domain:
    pairs = [(child, above) for above, children in groups.items() for child in children.split()]
    return Domain(
        name,
        tuple(child for child, _ in pairs),
        parent,
        tuple(above for _, above in pairs),
        Place(f"<{pack}>"),
    )


PACKS: Final[Mapping[str, tuple[Domain, ...]]] = MappingProxyType(
    {"jp-prefectures": (_hierarchy("prefecture", "region", _JP_REGIONS, "jp-prefectures"),)}
)
"""``jp-prefectures``: the 47 of Japan as ``{prefecture}``, the eight regions as ``{prefecture.region}``."""
