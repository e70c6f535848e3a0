import making
import pytest
from looking import look

from auditor.types import Claim

SOFTWARE = {
    "NovelAI": "NovelAI",
    "Stable Diffusion XL 1.0": "Stable Diffusion",
    "ComfyUI": "ComfyUI",
    "InvokeAI 3.1": "InvokeAI",
    "Midjourney v6": "Midjourney",
    "DALL·E 3": "DALL·E",
    "DALL-E": "DALL·E",
    "Adobe Firefly 2.0": "Adobe Firefly",
    "fal-ai": "fal.ai",
    "Leonardo.Ai": "Leonardo.Ai",
    "reve.com": "Reve",
}


@pytest.mark.parametrize("software", SOFTWARE)
def test_generators_that_sign_as_software_are_named(software):
    for data in (
        making.encoded("JPEG", exif=making.exif({0x0131: software})) if software.isascii() else None,
        making.png({"Software": software}),
        making.jpeg_xmp(making.xmp(f"<xmp:CreatorTool>{software}</xmp:CreatorTool>")),
    ):
        if data:
            reading = look("creator-tags", data)
            assert (reading.generator, reading.tier, reading.claim) == (SOFTWARE[software], "D", Claim.SYNTHETIC)


@pytest.mark.parametrize(
    "software",
    ["Firefly DE", "f.lux", "Imagen", "Gemini", "Sora", "Aurora HDR 2019", "Runway", "Leonardo", "Adobe Photoshop 25.0",
     "MidjourneyMan", "unStable Diffusionist", "GIMP 2.10", "Leica FLUX", "deformal-ai"],
)  # fmt: skip
def test_names_that_others_bear_prove_nothing(software):
    assert look("creator-tags", making.encoded("JPEG", exif=making.exif({0x0131: software}))).score == 0


def test_ideogram_signs_as_make():
    assert (
        look("creator-tags", making.encoded("JPEG", exif=making.exif({0x010F: "Ideogram AI"}))).generator == "Ideogram"
    )


@pytest.mark.parametrize("made", [{0x010F: "Black Forest Labs"}, {0x0131: "AI generated;img2img;flux"}])
def test_flux_signs_as_maker_and_program(made):
    tags = {0x010F: "Canon", 0x0131: "Photoshop", 0x0110: "flux-schnell", **made}
    assert look("creator-tags", making.encoded("JPEG", exif=making.exif(tags))).tier == "C"
    assert look("creator-tags", making.encoded("JPEG", exif=making.exif({0x0131: "not AI generated; flux"}))).score == 0


def test_grok_needs_its_signature_and_its_identifier():
    signature, identifier = "Signature: " + "Ab1+" * 20, "0b4ebc16-83d2-4a7a-8a5f-0e6cf5f0ad5b"
    both = making.exif({0x010E: signature, 0x013B: identifier})
    assert look("creator-tags", making.encoded("JPEG", exif=both)).generator == "Grok"
    for one in ({0x010E: signature}, {0x013B: identifier}, {0x010E: signature, 0x013B: "Jane Doe"}):
        assert look("creator-tags", making.encoded("JPEG", exif=making.exif(one))).score == 0


def test_credits_are_read_in_xmp_and_in_iptc():
    for data in (
        making.with_segment(making.encoded(), 0xED, making.iim((2, 110, "Made with Google AI"))),
        making.jpeg_xmp(making.xmp("", 'photoshop:Credit="Made with Google AI"')),
    ):
        reading = look("creator-tags", data)
        assert (reading.generator, reading.claim) == ("Google AI", Claim.SYNTHETIC)


@pytest.mark.parametrize("credit", ["Edited with Google AI", "Apple Photos Clean Up"])
def test_edits_are_claims_of_an_edit(credit):
    data = making.with_segment(making.encoded(), 0xED, making.iim((2, 110, credit)))
    assert look("creator-tags", data).claim is Claim.EDITED


def test_samsungs_generative_edit_is_read_behind_the_image():
    record = b'PhotoEditor_Re_Edit_Data{"originalPath":"x","genAIType":%d}SEFT'
    assert look("creator-tags", making.encoded() + record % 1).claim is Claim.EDITED
    assert look("creator-tags", making.encoded() + record % 0).score == 0
    assert look("creator-tags", making.encoded() + b"PhotoEditor_Re_Edit_Data{").score == 0


def test_of_several_the_strongest_is_told():
    exif = making.exif({0x010F: "Ideogram AI", 0x0131: "Midjourney"})
    assert look("creator-tags", making.encoded("JPEG", exif=exif)).tier == "C"


def test_the_manifests_copy_of_the_exif_stands_in_for_a_stripped_file():
    row = {"exif": '{"Image Software": "Midjourney"}'}
    assert look("creator-tags", making.encoded(), row=row, stripped_by="img2dataset").generator == "Midjourney"
    assert look("creator-tags", making.encoded(), stripped_by="img2dataset").score is None


@pytest.mark.parametrize(
    ("generator", "data"),
    [
        (
            "Mochi Diffusion",
            making.with_segment(making.encoded(), 0xED, making.iim((2, 65, "Mochi Diffusion"), (2, 70, "4"))),
        ),
        ("Stable Diffusion", making.png({"Created with": "stable_diffusion.openvino"})),
        ("Stable Diffusion", making.png({"Comment": "Created with: stable_diffusion.openvino"})),
        ("DiffusionBee", making.png({"Generator": "DiffusionBee 2.5"})),
        ("Draw Things", making.encoded(exif=making.exif({0x0131: "Draw Things 1.2"}))),
    ],
)
def test_programs_are_known_in_every_field_for_a_creator(generator, data):
    assert look("creator-tags", data).generator == generator


def test_other_programs_in_those_fields_are_none():
    for text in ({"Created with": "GIMP"}, {"Software": "Ducks Draw Thingsome"}, {"Title": "stable_diffusion course"}):
        assert look("creator-tags", making.png(text)).score == 0


@pytest.mark.parametrize(
    ("value", "is_hit"),
    [
        ("Created with Stable Diffusion", True),
        ("Created with the help of Midjourney", True),
        ("Created with: DALL-E 3", True),
        ("Created with love during a workshop where the others used Midjourney", False),
        ("Created with a pinhole camera as a protest against DALL-E and Midjourney", False),
    ],
)
def test_the_generator_follows_created_with(value, is_hit):
    assert (look("creator-tags", making.png({"Comment": value})).tier is not None) is is_hit


@pytest.mark.parametrize("name", ["Stable Diffusion Detector 1.2", "Adobe Photoshop 26.0 (Adobe Firefly disabled)"])
def test_programs_that_only_name_a_generator_made_nothing(name):
    assert look("creator-tags", making.png({"Software": name})).tier is None
