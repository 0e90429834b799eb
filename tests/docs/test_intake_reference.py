"""The reference of what comes in is what the code says."""

from __future__ import annotations

from dibs.intake import mapping
from docs import write_intake_reference


def test_the_page_is_up_to_date() -> None:
    assert write_intake_reference.PAGE.read_text(encoding="utf-8") == write_intake_reference.render(), (
        "run: python docs/write_intake_reference.py"
    )


def test_every_field_of_a_mapping_is_described() -> None:
    for model in (mapping.Mapping, mapping.Column):
        assert all(field.description for field in model.model_fields.values())
