"""The figures of the page are those that were counted, and the picture is there."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "rates"))

import power_curves

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def known():
    return power_curves.load()


def test_the_tables_of_the_page_are_the_counts(known):
    page = power_curves.PAGE.read_text(encoding="utf-8")
    assert power_curves.with_tables(page, known) == page


def test_every_source_was_counted_in_full(known):
    sources = (*power_curves.RECORDED, *power_curves.SYNTHETIC)
    assert set(known["sources"]) == {power_curves.label(source) for source in sources}
    for row in known["sources"].values():
        assert [float(slowdown) for slowdown in row["at"]] == list(power_curves.SLOWDOWNS)
        assert all(tally["trials"] >= 20_000 for tally in row["at"].values())
    for points in known["curves"].values():
        assert [point[0] for point in points] == list(power_curves.GRID)
        assert all(trials >= 2_000 for *_, trials in points)


def test_the_picture_is_small_and_shown_with_words():
    root = ET.parse(power_curves.PICTURE).getroot()
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"check: stored baseline", "ab: pairs in one sitting", "true slowdown"} <= words
    assert power_curves.PICTURE.stat().st_size < 100_000
    page = power_curves.PAGE.read_text(encoding="utf-8")
    assert "](images/power-curves.svg)" in page
    assert "![](" not in page


def test_a_page_without_a_place_for_the_tables_is_refused(known):
    with pytest.raises(ValueError, match="expected a line"):
        power_curves.with_tables("# A page\n", known)
