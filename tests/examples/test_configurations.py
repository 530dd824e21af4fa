"""The three example configurations: how many keys, some of them by hand, the small ones as a whole."""

import io
from collections import Counter
from pathlib import Path

import pytest

from strataregula import ConfigCompiler
from strataregula.emit import FORMATS, write

EXAMPLES = Path(__file__).parents[2] / "examples"


def compiled(*names):
    return ConfigCompiler().compile(*(EXAMPLES / name for name in names))


LATENCY = ("service_latency/base.yaml", "service_latency/production.yaml")
LIMITS = ("resource_limits/base.yaml", "resource_limits/black_friday.json")
FLAGS = ("feature_flags/base.yaml", "feature_flags/rollout.yaml")


def test_latency_covers_47_prefectures_and_eight_regions():
    times = compiled(LATENCY[0]).section("service_times")
    assert len(times) == 47 * 3 + 8
    assert Counter(key.split(".")[0] for key in times) == {"edge": 141, "hub": 8}
    assert len({key.split(".")[1] for key in times if key.startswith("edge.")}) == 47


@pytest.mark.parametrize(
    ("key", "base", "production"),
    [
        ("edge.tokyo.gateway", 3, 3),
        ("edge.osaka.gateway", 5, 5),
        ("edge.tokyo.api", 9, 9),
        ("edge.fukuoka.api", 28, 28),
        ("edge.fukuoka.gateway", 5, 5),
        ("edge.aomori.web", 20, 20),
        ("edge.okinawa.web", 35, 35),
        ("edge.okinawa.gateway", 35, 12),
        ("edge.osaka.web", 20, 11),
        ("edge.kyoto.web", 20, 20),
        ("hub.kanto.sync", 30, 30),
        ("hub.shikoku.sync", 50, 50),
        ("hub.hokkaido.sync", 50, None),
    ],
)
def test_latency_of(key, base, production):
    assert compiled(LATENCY[0])[key] == base
    assert compiled(*LATENCY).get(key) == production


def test_limits_are_four_sections_of_thirty():
    limits = compiled(LIMITS[0])
    assert {name: len(entries) for name, entries in limits.sections.items()} == {
        "cpu": 30,
        "memory": 30,
        "replicas": 30,
        "probes": 30,
    }
    assert limits.section("cpu").keys() == limits.section("probes").keys()


@pytest.mark.parametrize(
    ("section", "key", "base", "friday"),
    [
        ("cpu", "payments.ledger.dev", 0.5, 0.5),
        ("cpu", "payments.checkout.prod", 2, 4),
        ("cpu", "search.indexer.prod", 8, 8),
        ("memory", "search.query.prod", "6Gi", "6Gi"),
        ("memory", "search.indexer.prod", "24Gi", "24Gi"),
        ("memory", "platform.gateway.prod", "1Gi", "1Gi"),
        ("replicas", "payments.refunds.prod", 3, 12),
        ("replicas", "search.indexer.prod", 1, 1),
        ("replicas", "platform.scheduler.prod", 1, 1),
        ("replicas", "platform.gateway.prod", 6, 10),
        ("replicas", "search.suggest.prod", 3, 3),
        ("probes", "platform.mail.dev", *[{"path": None, "period": 30, "on": ["tcp", "smtp"]}] * 2),
        ("probes", "platform.auth.dev", *[{"path": "/healthz", "period": 10, "on": ["http"]}] * 2),
    ],
)
def test_limit_of(section, key, base, friday):
    try:
        assert compiled(LIMITS[0]).section(section)[key] == base
        assert compiled(*LIMITS).section(section)[key] == friday
    except KeyError:
        pytest.fail(f"{key} is not in {section}")


def test_flags_are_a_full_matrix():
    flags = compiled(FLAGS[0]).section("flags")
    assert len(flags) == 60 * 3 * 60
    tenants, environments, names = (
        set(part) for part in zip(*(key.split(".") for key in flags), strict=True)
    )
    assert (len(tenants), len(environments), len(names)) == (60, 3, 60)


def test_a_removed_tenant_is_gone_and_nobody_else():
    before, after = (compiled(*names).section("flags") for names in (FLAGS[:1], FLAGS))
    gone = before.keys() - after.keys()
    assert len(gone) == 180
    assert {key.split(".")[0] for key in gone} == {"fennel"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("acorn.dev.sso", True),
        ("acorn.live.sso", False),
        ("acorn.live.invoices", True),
        ("acorn.live.dark_mode", True),
        ("zinnia.live.dark_mode", False),
        ("robin.live.refunds", True),
        ("robin.live.multi_currency", False),
        ("robin.live.webhooks", False),
        ("java.live.webhooks", True),
        ("java.live.canary", False),
        ("java.staging.canary", True),
        ("java.live.data_residency", {"region": "eu-north"}),
        ("delos.live.ranking_v2", False),
        ("delos.staging.ranking_v2", True),
        ("elba.live.voice", True),
        ("delos.live.voice", False),
        ("heron.staging.scim", True),
        ("ibis.staging.scim", False),
    ],
)
def test_flag_of(key, value):
    assert compiled(*FLAGS)[key] == value


ENDPOINTS = "endpoints/production.yaml"


def test_endpoints_are_merged_over_three_layers():
    endpoints = compiled(ENDPOINTS).section("endpoints")
    assert len(endpoints) == 12
    assert endpoints["rome.api"] == {
        "url": "https://api.rome.eu.example.org:443/",
        "timeout": 10,
        "tags": ["eu", "gdpr", "production"],
        "headers": {"x-consent": "required"},
        "retries": 3,
    }
    assert endpoints["austin.search"] == {
        "url": "https://search.austin.us.example.com:9200/",
        "timeout": 20,
        "tags": ["us", "production"],
        "headers": {"x-index": "main-us"},
        "retries": 3,
    }


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("names", [LATENCY, LIMITS], ids=["service_latency", "resource_limits"])
def test_the_whole_output(golden, names, form):
    file = io.StringIO(newline="\n")
    write(compiled(*names), file, form)
    golden(f"examples/{names[0].split('/')[0]}.{form}", file.getvalue())
