import shutil
import subprocess
import sys

import making
import pytest
import signing
from looking import look

from auditor.types import Claim, Tier

AI = making.SOURCE_TYPE + "trainedAlgorithmicMedia"
COMPOSITE = making.SOURCE_TYPE + "compositeWithTrainedAlgorithmicMedia"
CAMERA = making.SOURCE_TYPE + "digitalCapture"


@pytest.fixture(scope="module")
def generated():
    return signing.signed(making.encoded(), signing.manifest(("c2pa.created", AI)))


PICTURES = {"HEIC": making.heif, "JXL": making.jxl}  # others are encoded by Pillow


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "HEIC", "JXL"])
def test_a_generators_manifest_is_read_in_every_container(format):
    picture = PICTURES[format]() if format in PICTURES else making.encoded(format)
    data = signing.signed(picture, signing.manifest(("c2pa.created", AI)), format)
    reading = look("c2pa", data)
    assert (reading.claim, reading.tier) == (Claim.SYNTHETIC, Tier.B)
    assert "c2pa.created trainedalgorithmicmedia" in reading.reason


def test_an_edit_with_a_generator_is_an_edit():
    for action in (("c2pa.created", COMPOSITE), ("c2pa.placed", AI)):
        first = [] if action[0] == "c2pa.created" else [("c2pa.created", CAMERA)]
        content = signing.manifest(*first, action)
        data = signing.signed(making.encoded(), content, ingredients=(("componentOf", making.encoded(seed=3)),))
        assert look("c2pa", data).claim is Claim.EDITED


def test_the_origin_is_carried_over_from_a_parent(generated):
    data = signing.signed(
        making.encoded(seed=1), signing.manifest(("c2pa.opened", None)), ingredients=(("parentOf", generated),)
    )
    reading = look("c2pa", data)
    assert reading.claim is Claim.SYNTHETIC
    assert "its parent" in reading.reason


def test_a_generated_component_makes_a_composite(generated):
    content = signing.manifest(("c2pa.created", CAMERA), ("c2pa.placed", None))
    data = signing.signed(making.encoded(seed=1), content, ingredients=(("componentOf", generated),))
    assert look("c2pa", data).claim is Claim.EDITED


def test_a_camera_and_an_editor_are_not_ai():
    camera = signing.signed(making.encoded(), signing.manifest(("c2pa.created", CAMERA), generator="Camera"))
    edited = signing.signed(
        making.encoded(),
        signing.manifest(("c2pa.opened", None), ("c2pa.color_adjustments", None)),
        ingredients=(("parentOf", camera),),
    )
    for data in (camera, edited):
        reading = look("c2pa", data)
        assert reading.score == 0
        assert "without an AI claim" in reading.reason


def test_a_known_generator_that_names_itself_is_named():
    data = signing.signed(
        making.encoded(), signing.manifest(("c2pa.created", "http://example.org/other"), generator="OpenAI-API")
    )
    assert look("c2pa", data).generator == "OpenAI"


def test_what_ai_does_to_a_photograph_is_an_edit_whoever_signs_it():
    photo = signing.signed(making.encoded(), signing.manifest(("c2pa.created", CAMERA), generator="Not Midjourney"))
    assert look("c2pa", photo).score == 0
    for action in ("c2pa.color_adjustments", "c2pa.enhanced", "c2pa.resized"):
        made = signing.manifest(("c2pa.created", CAMERA), (action, AI), generator="Camera")
        assert look("c2pa", signing.signed(making.encoded(), made)).claim is Claim.EDITED
    opened = signing.manifest(("c2pa.opened", None), generator="Adobe Firefly")
    redrawn = signing.signed(making.encoded(), opened, ingredients=(("parentOf", photo),))
    assert look("c2pa", redrawn).claim is Claim.EDITED


def test_pixels_that_are_not_the_signed_ones_give_no_verdict(generated):
    broken = bytearray(generated)
    broken[-50] ^= 0xFF
    reading = look("c2pa", bytes(broken))
    assert reading.score is None
    assert "does not belong to this image" in reading.reason


def test_soft_bindings_are_listed():
    content = signing.manifest(("c2pa.created", AI))
    content["assertions"].append(
        {"label": "c2pa.soft-binding", "data": {"alg": "com.vendor.mark", "blocks": [], "pad": ""}}
    )
    reading = look("c2pa", signing.signed(making.encoded(), content))
    assert "soft binding com.vendor.mark" in reading.reason


def test_a_store_that_is_garbage_is_an_abstention():
    for data in (
        making.with_chunk(making.png(), b"caBX", b"jumb" * 9),
        making.with_segment(making.encoded(), 0xEB, b"JP\0\1jumb"),
    ):
        assert look("c2pa", data).score in (None, 0)


def test_a_file_without_manifest_has_nothing():
    assert look("c2pa", making.encoded()).score == 0


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_reading_manifests_asks_nobody_on_the_network(data, tmp_path):
    # These files carry identity assertions, whose issuers c2pa-rs looks up unless it is told not to.
    script = (
        "import sys; from looking import look; from pathlib import Path\n"
        "for path in Path(sys.argv[1]).glob('*'): look('c2pa', path.read_bytes())"
    )
    log = tmp_path / "strace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-e",
            "trace=socket,connect",
            "-o",
            str(log),
            sys.executable,
            "-c",
            script,
            str(data / "provenance/c2pa_without_ai"),
        ],
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert "AF_INET" not in log.read_text()


@pytest.mark.parametrize(
    "name", ["Imagenomic Portraiture 4", "Imagen AI photo editing", "Editor de imagenes", "Photoshop"]
)
def test_names_that_only_begin_like_a_generators_are_none(name):
    content = {
        **signing.manifest(("c2pa.created", CAMERA), ("c2pa.edited", None)),
        "claim_generator_info": [{"name": name}],
    }
    assert look("c2pa", signing.signed(making.encoded(), content)).score == 0


def test_an_edit_by_a_generators_agent_is_an_edit():
    content = signing.manifest(("c2pa.created", CAMERA), ("c2pa.edited", None))
    content["assertions"][0]["data"]["actions"][1]["softwareAgent"] = {"name": "Adobe Firefly"}
    content["claim_generator_info"] = [{"name": "Adobe Photoshop"}]
    assert look("c2pa", signing.signed(making.encoded(), content)).claim is Claim.EDITED
