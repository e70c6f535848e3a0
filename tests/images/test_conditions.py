import io

import making
import numpy as np
import pytest
from PIL import Image

from auditor.images import decode
from auditor.images.conditions import NAMES, conditions, quality


@pytest.mark.parametrize("number", [5, 30, 50, 60, 75, 85, 90, 95, 98, 100])
def test_a_jpegs_quality_is_read_from_its_tables(number):
    out = io.BytesIO()
    Image.fromarray(making.pixels(64, 64)).save(out, "JPEG", quality=number)
    assert decode.header(out.getvalue(), decode.Limits()).quality == pytest.approx(number, abs=1)


def test_other_formats_have_no_quality():
    for format in ("PNG", "WEBP", "GIF", "BMP"):
        assert decode.header(making.encoded(format), decode.Limits()).quality is None


@pytest.mark.parametrize(
    ("format", "longest", "number", "name"),
    [
        ("JPEG", 256, 95, "img2dataset256"),
        ("PNG", 200, 0, "img2dataset256"),
        ("JPEG", 257, 100, "jpeg95"),
        ("JPEG", 512, 90, "jpeg95"),
        ("JPEG", 512, 89, "jpeg85"),
        ("JPEG", 512, 75, "jpeg75"),
        ("JPEG", 512, 10, "jpeg60"),
        ("JPEG", 512, 0, "clean"),
        ("WEBP", 512, 0, "webp80"),
        ("PNG", 512, 0, "clean"),
        ("", 0, 0, "img2dataset256"),
    ],
)
def test_each_image_is_in_one_known_condition(format, longest, number, name):
    (found,) = conditions(np.array([format], object), np.array([longest]), np.array([number]))
    assert found == name
    assert found in NAMES


def test_qualities_round_trip():
    from auditor.images.conditions import _LUMA

    assert quality(_LUMA) == 50
