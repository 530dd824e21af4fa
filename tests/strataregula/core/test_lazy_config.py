"""What a lazy configuration answers where the product would have a single row."""

import pytest

from strataregula import ConfigCompiler

DOMAINS = {"city": {"by": "zone", "values": {"n": ["a", "b"], "s": ["b", "c"]}}}


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("{city:*b}{zone}", "bs"),
        ("{city:b*}{zone}", "bs"),
        ("{zone}{city:*b}", "sb"),
        ("x{city:*b}{zone}y", "xbsy"),
    ],
)
def test_captures_of_one_hierarchy_in_one_segment_with_a_single_row_left(pattern, key):
    rule = {"value": 7, "where": {"zone": ["s"]}}
    document = {"domains": DOMAINS, "rules": {pattern: rule}}

    lazy = ConfigCompiler().compile(document, lazy=True)

    assert dict(ConfigCompiler().compile(document).section("rules")) == {key: 7}
    assert lazy[key] == 7
    assert list(lazy.section("rules")) == [key]
