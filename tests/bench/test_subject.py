import sys

import pytest

from bench import subject
from bench.errors import SubjectError


@pytest.fixture
def clean_imports(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def package(folder, name, text=""):
    place = folder / name
    place.mkdir(parents=True)
    (place / "__init__.py").write_text(text)
    return place


def test_a_bound_name_comes_from_its_root_even_if_another_copy_is_first_on_the_path(tmp_path, clean_imports):
    package(tmp_path / "theirs", "shop", "WHO = 'theirs'")
    package(tmp_path / "ours", "shop", "WHO = 'ours'")
    sys.path.insert(0, str(tmp_path / "theirs"))

    subject.bind({"shop": str(tmp_path / "ours")})
    import shop

    assert shop.WHO == "ours"
    assert subject.prove({"shop": str(tmp_path / "ours")}) == (
        ("shop", str(tmp_path / "ours/shop/__init__.py")),
    )


def test_submodules_follow_the_package(tmp_path, clean_imports):
    (package(tmp_path, "shop") / "cart.py").write_text("ITEMS = 3")
    subject.bind({"shop": str(tmp_path)})

    from shop import cart

    assert cart.ITEMS == 3


def test_a_root_without_the_subject_is_an_import_error_and_no_fallback(tmp_path, clean_imports):
    package(tmp_path / "theirs", "shop")
    sys.path.insert(0, str(tmp_path / "theirs"))
    subject.bind({"shop": str(tmp_path / "empty")})

    with pytest.raises(ModuleNotFoundError, match=r"shop.*empty"):
        import shop  # noqa: F401


def test_binding_after_the_import_is_refused(tmp_path, clean_imports):
    package(tmp_path, "shop")
    sys.path.insert(0, str(tmp_path))
    import shop  # noqa: F401

    with pytest.raises(SubjectError, match="imported before"):
        subject.bind({"shop": str(tmp_path)})


def test_a_submodule_from_another_root_is_never_measured_in_silence(tmp_path, clean_imports):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "cart.py").write_text("")
    package(tmp_path / "ours", "shop", f"__path__.append({str(elsewhere)!r})")
    subject.bind({"shop": str(tmp_path / "ours")})
    from shop import cart  # noqa: F401

    with pytest.raises(SubjectError, match=r"shop\.cart was imported from .*elsewhere"):
        subject.prove({"shop": str(tmp_path / "ours")})


def test_an_unimported_subject_is_not_claimed(tmp_path):
    assert subject.prove({"never_imported_here": str(tmp_path)}) == ()
    assert subject.whereabouts(["never_imported_here", "json"])[0][0] == "json"


@pytest.mark.parametrize("layout", ["", "src"])
def test_flat_and_src_layouts_are_found(tmp_path, layout):
    package(tmp_path / layout, "shop")

    assert subject.locate("shop", tmp_path) == tmp_path / layout


def test_a_single_module_is_a_subject_too(tmp_path):
    (tmp_path / "shop.py").write_text("")

    assert subject.locate("shop", tmp_path) == tmp_path


def test_what_is_left_in_the_root_of_a_package_that_moved_to_src_is_not_the_subject(tmp_path):
    (tmp_path / "shop" / "__pycache__").mkdir(parents=True)
    package(tmp_path / "src", "shop")

    assert subject.locate("shop", tmp_path) == tmp_path / "src"


def test_a_missing_subject_names_both_places_and_what_to_type(tmp_path):
    with pytest.raises(SubjectError) as caught:
        subject.locate("shop", tmp_path)

    assert str(tmp_path / "shop") in str(caught.value)
    assert str(tmp_path / "src" / "shop") in str(caught.value)
    assert "[tool.bench-guard] subject" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_project_with_the_harness_own_name_gets_one_error_with_both_paths(tmp_path):
    package(tmp_path, "bench")

    with pytest.raises(SubjectError) as caught:
        subject.locate("bench", tmp_path)

    assert str(tmp_path / "bench") in str(caught.value)
    assert str(subject.Path(subject.__file__).parent) in str(caught.value)
