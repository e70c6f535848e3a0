"""What names of columns say about who wrote the captions."""

import pytest

from auditor.captions.declared import BESIDE, CaptionColumns, declared_writers, machine_of
from auditor.types import Sample


@pytest.mark.parametrize(
    ("name", "others", "writer"),
    [("re_caption", (), "a caption that replaces another one"), ("vlm_caption", (), "a model"), ("blip_caption", (), "BLIP"),
     ("caption_llava", (), "LLaVA"), ("capsfusion", (), "CapsFusion"), ("laion_coco", (), "BLIP"),
     ("ai_description", (), "a model"), ("gpt4v_caption", (), "GPT4V"), ("Florence2Caption", (), "Florence2"),
     ("generated_text", (), "a model"), ("caption", ("org_caption",), "replaces org_caption"),
     ("caption", (), ""), ("org_caption", ("caption",), ""), ("alt_text", (), ""), ("title", (), ""), ("text", (), ""),
     ("recipe_description", (), ""), ("gitter_text", (), ""), ("email_text", (), "")],
)  # fmt: skip
def test_a_name_declares_a_machine_or_not(name, others, writer):
    assert machine_of(name, [name, *others]) == writer


def looked(*rows, caption=None):
    columns = CaptionColumns()
    columns.add(Sample("k", "s", "i", caption=row.get(caption) if caption else None, row=row) for row in rows)
    return columns.record()


def test_columns_of_captions_are_known_with_the_audited_one_and_the_model():
    rows = [{"vlm_caption": f"a dog {n}", "vlm_model": "gemini-pro", "url": "x", "alt_text": "d"} for n in range(9)]
    found = declared_writers(
        [(100, looked(*rows, caption="vlm_caption")), (300, looked({"text": "t"}, caption="text"))]
    )
    assert (found.rows, found.share) == (400, 0.25)
    by_name = {column.name: column for column in found.columns}
    assert set(by_name) == {"vlm_caption", "alt_text", "text"}
    audited = by_name["vlm_caption"]
    assert (audited.is_audited, audited.machine, audited.model, audited.share) == (True, "a model", "gemini-pro", 0.25)
    assert not by_name["alt_text"].is_audited


def test_a_model_column_that_varies_names_no_model():
    rows = [{"caption": "a", "vlm_caption": "b", "vlm_model": name} for name in ("x", "y")]
    found = declared_writers([(2, looked(*rows, caption="caption"))])
    assert {column.name: column.model for column in found.columns} == {"caption": "", "vlm_caption": ""}


def test_a_text_file_beside_the_image_has_a_name():
    found = declared_writers([(1, {"audited": BESIDE, "columns": [], "models": {}})])
    assert [(column.name, column.is_audited, column.machine) for column in found.columns] == [(BESIDE, True, "")]


def test_without_captions_there_is_nothing_to_say():
    assert declared_writers([]) is None
    assert declared_writers([(5, None), (0, looked())]) is None
    assert declared_writers([(5, looked({"url": "x", "width": 3}))]).columns == ()


@pytest.mark.parametrize("value", [None, 3, 2.5, float("nan"), b"x", [], {}, [1, 2], True, ["a", None], {"a": 1}])
def test_odd_cells_are_looked_at_without_harm(value):
    assert looked({"caption": value, "vlm_model": value, 5: value})["audited"] is None
