"""Every field of the training config has a test of its effect, and the docs match the schema."""

import importlib.util
from pathlib import Path

from alignn_ff.train.config.reference import field_names, field_reference, json_schema, markdown_reference
from tests.support.field_coverage import covered_fields

DOCS = Path(__file__).parents[2] / "docs"


def test_every_field_has_a_test_in_which_changing_it_changes_the_outcome() -> None:
    missing = [name for name in field_names() if name not in covered_fields()]
    assert not missing, f"mark a test of each with @pytest.mark.config_field(…): {', '.join(missing)}"


def test_markers_name_fields_that_exist() -> None:
    assert covered_fields().keys() <= set(field_names())


def schema_fields() -> list[str]:
    """Every field of the JSON schema that pydantic makes, sections as "section.field"."""
    schema = json_schema()
    families = tuple(family["$ref"] for family in schema["properties"]["model"]["oneOf"])
    sections = {"cross_validation": ("CrossValidation",), "model": families}
    names = list(schema["properties"])
    for section, owners in sections.items():
        for owner in owners:
            names += [f"{section}.{name}" for name in schema["$defs"][owner.rpartition("/")[2]]["properties"]]
    return list(dict.fromkeys(names))


def test_every_field_of_the_schema_is_explained_and_stands_in_the_reference() -> None:
    assert set(field_names()) == set(schema_fields())
    page = markdown_reference()
    for name in schema_fields():
        assert field_reference(name), f"alignn-ff config reference {name} finds nothing"
        assert f"| `{name.rpartition('.')[2]}` |" in page, name


def test_the_written_reference_is_that_of_the_schema_and_its_tests() -> None:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path, content in module.pages().items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name}: run `python docs/make_reference.py`"
