import time

import making
import pytest

from auditor.images.xmp import properties

TYPE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
AI = making.SOURCE_TYPE + "trainedAlgorithmicMedia"
ATTRIBUTE = f'Iptc4xmpExt:DigitalSourceType="{AI}"'
ELEMENT = f"<Iptc4xmpExt:DigitalSourceType>{AI}</Iptc4xmpExt:DigitalSourceType>"
INTACT = making.xmp("", ATTRIBUTE)
EMBEDDED = (
    '<xmpMM:Pantry xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag><rdf:li>{}</rdf:li></rdf:Bag></xmpMM:Pantry>'
)


def source_types(packet: bytes) -> list[str]:
    return [entry.value for entry in properties(packet) if (entry.namespace, entry.name) == (TYPE, "DigitalSourceType")]


BROKEN = {
    "an undeclared prefix": f"<x:xmpmeta><rdf:RDF><rdf:Description {ATTRIBUTE}/></rdf:RDF></x:xmpmeta>".encode(),
    "another undeclared prefix": making.xmp("<foo:bar>1</foo:bar>", ATTRIBUTE),
    "remains behind the end": INTACT + b"tion></rdf:RDF></x:xmpmeta>",
    "junk before the beginning": b"junk & <more> " + INTACT,
    "a bare ampersand": making.xmp("", f'photoshop:Source="a?b=1&c=2" {ATTRIBUTE}'),
    "a bare less-than sign": making.xmp("", f'photoshop:Source="a < b" {ATTRIBUTE}'),
    "a control character": making.xmp("<photoshop:Source>a\x01b\x1fc</photoshop:Source>", ATTRIBUTE),
    "Latin-1": making.xmp("<photoshop:Source>café</photoshop:Source>", ATTRIBUTE).decode().encode("latin-1"),
    "UTF-16 without a mark": INTACT.decode().encode("utf-16-be"),
    "UTF-16, little-endian": INTACT.decode().encode("utf-16-le"),
    "UTF-16 with a mark": INTACT.decode().encode("utf-16"),
    "UTF-16 behind blanks": ("\n  " + INTACT.decode()).encode("utf-16-be"),
    "UTF-32": INTACT.decode().encode("utf-32-be"),
    "cut off behind the attributes": INTACT[: INTACT.index(AI.encode()) + len(AI) + 1],
    "an unknown entity": making.xmp("<photoshop:Source>a&nbsp;b</photoshop:Source>", ATTRIBUTE),
    "an element, and another that is not closed": making.xmp(f"<photoshop:Source>{ELEMENT}", ""),
    "an attribute given twice": making.xmp("", f'xmp:Label="a" xmp:Label="b" {ATTRIBUTE}'),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_packets_that_are_not_well_formed_are_read_all_the_same(fault):
    assert source_types(BROKEN[fault]) == [AI]


OTHERS = {
    "a text that speaks of it": making.xmp("", "photoshop:Source=\"a & DigitalSourceType='trainedAlgorithmicMedia'\""),
    "escaped quotes": making.xmp("", f'photoshop:Source="a & Iptc4xmpExt:DigitalSourceType=&quot;{AI}&quot;"'),
    "text of an element": making.xmp(f"<photoshop:Source>a & {ATTRIBUTE}</photoshop:Source>"),
    "a comment": making.xmp(f"<!-- {ELEMENT} --><photoshop:Source>a & b</photoshop:Source>"),
    "a CDATA section": making.xmp(f"<photoshop:Source>a & <![CDATA[{ELEMENT}]]></photoshop:Source>"),
    "an image placed in this one": making.xmp(EMBEDDED.format(ELEMENT) + "<photoshop:Source>a & b</photoshop:Source>"),
    "an older packet behind the end": making.xmp("<photoshop:Source>a & b</photoshop:Source>") + INTACT,
    "entities": b'<!DOCTYPE x [<!ENTITY a "b">]>'
    + making.xmp("<photoshop:Source>&a; & b</photoshop:Source>", ATTRIBUTE),
}


@pytest.mark.parametrize("place", OTHERS)
def test_a_broken_packet_declares_nothing_by_what_it_speaks_of(place):
    assert source_types(OTHERS[place]) == []


def test_values_of_arrays_belong_to_the_array_in_broken_packets_too():
    packet = making.xmp("<xmp:Title><rdf:Alt><rdf:li>a & b</rdf:li></rdf:Alt></xmp:Title>")
    assert [entry.value for entry in properties(packet) if entry.name == "Title"] == ["a & b"]


def test_hostile_packets_take_no_longer_than_their_length():
    started = time.process_time()
    for piece in (
        "<a",
        '<a b="',
        "<!--",
        "<![CDATA[",
        "<a b='c' ",
        "</a>",
        "<a>",
        "&#1;",
        "<a xmlns:b='c'>",
        "=",
        "<a b=\"c' ",
    ):
        properties(b"&<x:xmpmeta>" + piece.encode() * (500_000 // len(piece)))
    assert time.process_time() - started < 30
