"""digital-source-type and aigc-label: the two standard labels."""

import json

import making
import pytest
from looking import look

from auditor.types import Claim, Tier

AI = {
    "trainedAlgorithmicMedia": Claim.SYNTHETIC,
    "compositeWithTrainedAlgorithmicMedia": Claim.EDITED,
    "compositedWithTrainedAlgorithmicMedia": Claim.EDITED,
    "compositeSynthetic": Claim.EDITED,
}
NOT_AI = ["algorithmicMedia", "algorithmicallyEnhanced", "dataDrivenMedia", "screenCapture", "digitalCapture",
          "computationalCapture", "negativeFilm", "digitalCreation", "humanEdits", "compositeCapture"]  # fmt: skip


def spellings(term):
    for scheme in ("http", "https"):
        value = f"{scheme}://cv.iptc.org/newscodes/digitalsourcetype/{term}"
        yield making.xmp(f"<Iptc4xmpExt:DigitalSourceType>{value}</Iptc4xmpExt:DigitalSourceType>")
        yield making.xmp("", f'Iptc4xmpExt:DigitalSourceType="{value}"')
        yield making.xmp(f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{value}"/>')
        yield making.xmp("", f'xmlns:q="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" q:DigitalSourceType="{value}"')


@pytest.mark.parametrize("term", AI)
def test_ai_terms_declare_in_every_spelling(term):
    for packet in spellings(term):
        reading = look("digital-source-type", making.jpeg_xmp(packet))
        assert (reading.claim, reading.tier) == (AI[term], Tier.B)


@pytest.mark.parametrize("term", NOT_AI)
def test_other_terms_do_not(term):
    for packet in spellings(term):
        assert look("digital-source-type", making.jpeg_xmp(packet)).score == 0


@pytest.mark.parametrize("field", ["AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName"])
def test_the_fields_of_2025_declare_by_their_presence(field):
    reading = look("digital-source-type", making.jpeg_xmp(making.xmp(f"<Iptc4xmpExt:{field}>x</Iptc4xmpExt:{field}>")))
    assert (reading.claim, reading.tier) == (Claim.SYNTHETIC, Tier.B)


def test_the_system_is_named_beside_the_source_type():
    value = making.SOURCE_TYPE + "trainedAlgorithmicMedia"
    packet = making.xmp("", f'Iptc4xmpExt:DigitalSourceType="{value}" Iptc4xmpExt:AISystemUsed="Imagen 3"')
    assert look("digital-source-type", making.jpeg_xmp(packet)).generator == "Imagen 3"


def test_the_term_in_another_property_is_no_label():
    packet = making.xmp(f"<xmp:CreatorTool>{making.SOURCE_TYPE}trainedAlgorithmicMedia</xmp:CreatorTool>")
    assert look("digital-source-type", making.jpeg_xmp(packet)).score == 0


# ---- China's label

LABEL = json.dumps({"Label": "1", "ContentProducer": "Vendor", "ProduceID": "1"})


def aigc_files(label):
    escaped = label.replace("&", "&amp;").replace('"', "&quot;")
    yield making.jpeg_xmp(making.xmp(f"<TC260:AIGC>{escaped}</TC260:AIGC>"))
    yield making.jpeg_xmp(making.xmp("", f'TC260:AIGC="{escaped}"'))
    yield making.jpeg_xmp(making.xmp(f"<TC260:AIGC>{escaped.replace('&', '&amp;')}</TC260:AIGC>"))
    yield making.png({"AIGC": label})
    wrapped = '{"AIGC":' + label + "}"
    yield making.encoded("JPEG", exif=making.exif({0x010E: wrapped}))
    yield making.encoded("JPEG", exif=making.exif({}, {0x9286: b"ASCII\0\0\0" + wrapped.encode()}))
    yield making.with_segment(making.encoded(), 0xE9, b"AIGC" + label.encode())


def test_label_1_declares_wherever_it_stands():
    for data in aigc_files(LABEL):
        reading = look("aigc-label", data)
        assert (reading.claim, reading.tier, reading.generator) == (Claim.SYNTHETIC, Tier.B, "Vendor")


@pytest.mark.parametrize("value", ["2", "3"])
def test_suspicions_are_kept_and_decide_nothing(value):
    for data in aigc_files(LABEL.replace('"1"', f'"{value}"', 1)):
        reading = look("aigc-label", data)
        assert (reading.claim, reading.tier) == (Claim.SUSPECTED, Tier.D)


@pytest.mark.parametrize("label", ["AIGC", "{}", '{"Label": }', '{"other": "1"}', "[1]", '"1"', "{" * 50_000])
def test_what_does_not_parse_as_the_standard_says_is_no_label(label):
    assert look("aigc-label", making.png({"AIGC": label})).score == 0


def test_what_annotation_tools_write_is_no_label():
    for text in ('{"Label": 1, "x": "bottle"}', '{"Label": "1"}'):
        for tag in (0x010E, 0x9286):
            tags = ({tag: text}, {}) if tag == 0x010E else ({}, {tag: making.user_comment(text)})
            assert look("aigc-label", making.encoded("JPEG", exif=making.exif(*tags))).score == 0


def test_an_empty_field_declares_nothing():
    assert look("digital-source-type", making.jpeg_xmp(making.xmp("", 'Iptc4xmpExt:AISystemUsed=""'))).score == 0


def test_the_metadata_of_placed_parts_is_not_the_files_own():
    placed = (
        '<xmpMM:Pantry xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag><rdf:li rdf:parseType="Resource">'
        "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
        "</Iptc4xmpExt:DigitalSourceType></rdf:li></rdf:Bag></xmpMM:Pantry>"
    )
    assert look("digital-source-type", making.jpeg_xmp(making.xmp(placed))).score == 0


@pytest.mark.parametrize("value", ["None", "N/A", "no AI used", "-"])
def test_fields_that_say_that_no_ai_was_used_declare_nothing(value):
    packet = making.xmp("", f'Iptc4xmpExt:AISystemUsed="{value}" Iptc4xmpExt:AIPromptInformation="{value}"')
    assert look("digital-source-type", making.jpeg_xmp(packet)).tier is None


def test_ai_in_an_image_of_another_source_type_is_an_edit():
    value = making.SOURCE_TYPE + "algorithmicallyEnhanced"
    packet = making.xmp("", f'Iptc4xmpExt:DigitalSourceType="{value}" Iptc4xmpExt:AISystemUsed="Lightroom Denoise"')
    assert look("digital-source-type", making.jpeg_xmp(packet)).claim is Claim.EDITED
