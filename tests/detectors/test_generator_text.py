import json

import making
import pytest
from looking import look

COMFY = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})
WORKFLOW = json.dumps({"last_node_id": 4, "nodes": [{"id": 1}], "links": []})
NOVEL = json.dumps({"steps": 28, "sampler": "k_euler", "seed": 1, "uc": "bad"})
JOB = "a cat --v 5 Job ID: 0b4ebc16-83d2-4a7a-8a5f-0e6cf5f0ad5b"

PNG_TEXTS = {
    "AUTOMATIC1111": {"parameters": making.A1111},
    "Forge": {"parameters": making.A1111 + ", Version: f2.0.1v1.10.1"},
    "SD.Next": {"parameters": making.A1111 + ", App: SD.Next"},
    "ComfyUI": {"prompt": COMFY},
    "InvokeAI": {"invokeai_metadata": json.dumps({"app_version": "4"})},
    "NovelAI": {"Software": "NovelAI", "Source": "Stable Diffusion XL", "Comment": NOVEL},
    "Fooocus": {"parameters": json.dumps({"base_model_hash": "x"}), "fooocus_scheme": "fooocus"},
    "SwarmUI": {"parameters": json.dumps({"sui_image_params": {"prompt": "x"}})},
    "Easy Diffusion": {"negative_prompt": "", "use_stable_diffusion_model": "sd-v1-4"},
    "Midjourney": {"Description": JOB, "Author": "someone"},
    "Luma": {"Source": "Luma AI"},
    "DALL·E 2": {"Comment": "Made with OpenAI DALL-E"},
    "Stable Diffusion (diffusers or sdkit)": {"SD:mode": "txt2img"},
}


@pytest.mark.parametrize("generator", PNG_TEXTS)
def test_each_generator_is_known_by_the_text_it_writes(generator):
    reading = look("generator-text", making.png(PNG_TEXTS[generator]))
    assert (reading.generator, reading.score, reading.tier) == (generator, 1.0, "C")


def test_old_invokeai_is_known_by_its_command():
    reading = look("generator-text", making.png({"Dream": '"a cat" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms'}))
    assert reading.generator == "InvokeAI"


@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le", "utf-8"])
@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_settings_in_a_user_comment_are_read(format, order):
    exif = making.exif({}, {0x9286: making.user_comment(making.A1111, order=order)})
    assert look("generator-text", making.encoded(format, exif=exif)).generator == "AUTOMATIC1111"


@pytest.mark.parametrize("prefix", ["prompt:", "Prompt:", "workflow:", "Workflow:"])
@pytest.mark.parametrize("tag", [0x010F, 0x0110, 0x010E])
def test_comfyui_in_exif_is_read(prefix, tag):
    body = WORKFLOW if "flow" in prefix else COMFY
    data = making.encoded("WEBP", exif=making.exif({tag: prefix + body}))
    assert look("generator-text", data).generator == "ComfyUI"


def test_a_workflow_is_enough_for_comfyui():
    assert look("generator-text", making.png({"workflow": WORKFLOW})).generator == "ComfyUI"


def test_swarmui_and_fooocus_are_not_taken_for_the_generators_they_build_on():
    both = {"parameters": json.dumps({"sui_image_params": {}}), "prompt": COMFY}
    assert look("generator-text", making.png(both)).generator == "SwarmUI"
    log = {"parameters": making.A1111, "fooocus_scheme": "a1111"}
    assert look("generator-text", making.png(log)).generator == "Fooocus"


def test_draw_things_is_known_by_its_xmp():
    comment = json.dumps({"c": "a cat", "uc": "", "scale": 7, "seed": 1}).replace('"', "&quot;")
    packet = making.xmp(f"<exif:UserComment><rdf:Alt><rdf:li>{comment}</rdf:li></rdf:Alt></exif:UserComment>")
    data = making.png(itxt={"XML:com.adobe.xmp": packet.decode()})
    assert look("generator-text", data).generator == "Draw Things"


def test_openais_maker_note_is_read():
    data = making.encoded("JPEG", exif=making.exif({0x927C: b"OpenAI--ImageGeneration--generation-4olK"}))
    assert look("generator-text", data).generator == "DALL·E 2"


INNOCENT = [
    {"parameters": "aperture and shutter"},
    {"prompt": "write your name here"},
    {"prompt": "[1, 2]"},
    {"workflow": json.dumps({"nodes": "none"})},
    {"workflow": json.dumps({"steps": ["crop"]})},
    {"Software": "NovelAI"},
    {"Comment": json.dumps({"sampler": "k_euler", "seed": 1, "uc": "bad"})},
    {"Comment": json.dumps({"seed": 1})},
    {"Description": "Job ID: 12"},
    {"Source": "Luma AI Street Camera"},
    {"negative_prompt": "x"},
    {"Title": "Steps of the temple, Sampler record"},
    {"invokeai_metadata": "not json"},
    {"Dream": "I had a dream"},
    {"prompt": "{" * 100_000},
]


@pytest.mark.parametrize("texts", INNOCENT)
def test_a_keyword_alone_is_no_declaration(texts):
    reading = look("generator-text", making.png(texts))
    assert reading.score == 0


def test_text_appended_to_a_photo_is_no_declaration():
    data = making.encoded("JPEG", exif=making.camera_exif())
    assert look("generator-text", data + b"parameters\0" + making.A1111.encode()).score == 0


def test_a_camera_writes_nothing_of_the_kind():
    assert look("generator-text", making.encoded("JPEG", exif=making.camera_exif())).score == 0


def test_without_a_file_it_could_not_look():
    assert look("generator-text", None, url="http://x.org/a.jpg").score is None


def test_a_hostile_command_takes_no_longer_than_its_length():
    import time

    started = time.process_time()
    look("generator-text", making.png({"Dream": " -s 1" * 200_000}))
    assert time.process_time() - started < 5  # quadratic search took minutes


def test_a_second_text_under_the_same_key_is_read_too():
    data = making.with_chunk(
        making.png({"parameters": "scientific run 3"}),
        b"tEXt",
        b"parameters\0" + making.A1111.encode("latin-1", "replace"),
    )
    assert look("generator-text", data).generator == "AUTOMATIC1111"


@pytest.mark.parametrize(
    ("comment", "tags"),
    [
        ('{"base_model_hash": "a", "metadata_scheme": "fooocus", "version": "Fooocus v2.5.5"}', {}),
        ('{"base_model_hash": "a"}', {0x0131: "Fooocus v2.5.5"}),
        (making.A1111, {0x0131: "Fooocus v2.5.5"}),
    ],
)
def test_fooocus_is_named_in_jpegs_too(comment, tags):
    data = making.encoded("JPEG", exif=making.exif(tags, {0x9286: making.user_comment(comment)}))
    assert look("generator-text", data).generator == "Fooocus"


def test_settings_without_a_name_are_settings_of_an_unnamed_program():
    assert look("generator-text", making.png({"Comment": NOVEL})).generator == "Stable Diffusion"


PLACES = {
    "PNG text of any name": making.png({"Notes": making.A1111}),
    "EXIF DocumentName": making.encoded(exif=making.exif({0x010D: making.A1111})),
    "EXIF XPSubject": making.encoded(exif=making.exif({0x9C9F: making.A1111.encode("utf-16-le") + b"\0\0"})),
    "EXIF XPTitle": making.encoded(exif=making.exif({0x9C9B: making.A1111.encode("utf-16-le") + b"\0\0"})),
    "XMP title": making.jpeg_xmp(
        making.xmp(f"<xmp:Title><rdf:Alt><rdf:li>{making.A1111}</rdf:li></rdf:Alt></xmp:Title>")
    ),
    "XMP attribute": making.encoded("WEBP", xmp=making.xmp("", f'exif:UserComment="{making.A1111}"')),
    "IPTC caption": making.with_segment(making.encoded(), 0xED, making.iim((2, 120, making.A1111))),
    "IPTC instructions": making.with_segment(making.encoded(), 0xED, making.iim((2, 40, making.A1111))),
    "TIFF": making.encoded("TIFF", tiffinfo={270: making.A1111}),
    "GIF comment": making.encoded("GIF", comment=making.A1111.encode()),
    "AVIF": making.encoded("AVIF", exif=making.exif({0x010E: making.A1111})),
    "private chunk": making.with_chunk(making.png(), b"meTa", b"settings\0" + making.A1111.encode()),
}


@pytest.mark.parametrize("place", PLACES)
def test_settings_are_known_wherever_they_are(place):
    assert look("generator-text", PLACES[place]).generator == "AUTOMATIC1111"


@pytest.mark.parametrize(
    ("generator", "texts"),
    [
        ("Easy Diffusion", {"Steps": "25", "Guidance Scale": "7.5", "Seed": "3", "Stable Diffusion model": "sd-v1-4"}),
        (
            "Easy Diffusion",
            {"use_stable_diffusion_model": "a", "num_inference_steps": "25", "seed": "3", "sampler_name": "ddim"},
        ),
        ("Stable Diffusion (diffusers or sdkit)", {"SD:seed": "3", "SD:prompt": "a cat"}),
        ("Stable Diffusion", {"Steps": "25", "Sampler": "k_lms", "Seed": "3"}),
    ],
)
def test_settings_with_a_text_each_are_known(generator, texts):
    assert look("generator-text", making.png(texts)).generator == generator


def test_settings_in_a_swarmui_json_are_known_in_any_tag():
    data = making.encoded(exif=making.exif({0x0131: json.dumps({"sui_image_params": {"prompt": "x"}})}))
    assert look("generator-text", data).generator == "SwarmUI"


@pytest.mark.parametrize("kind", [b"comf", b"prVt"])
def test_comfyuis_graph_in_a_chunk_of_its_own_kind_is_known(kind):
    data = making.with_chunk(making.png(), kind, b"prompt\0" + COMFY.encode())
    assert look("generator-text", data).generator == "ComfyUI"


def test_a_workflow_that_holds_a_picture_is_read_and_one_beyond_the_limit_is_an_abstention():
    def workflow(size):
        return making.with_chunk(
            making.png(), b"tEXt", b"workflow\0" + WORKFLOW[:-1].encode() + b', "image": "' + b"A" * size + b'"}'
        )

    assert look("generator-text", workflow(12 << 20)).generator == "ComfyUI"
    beyond = look("generator-text", workflow(33 << 20))
    assert beyond.score is None
    assert "larger than 32 MB" in beyond.reason


def test_json_that_is_too_long_to_be_parsed_is_an_abstention():
    objects = "[" + '{"a": 1},' * 1_200_000 + "1]"
    data = making.with_chunk(making.png(), b"tEXt", b"workflow\0" + f'{{"x": {objects}}}'.encode())
    reading = look("generator-text", data)
    assert reading.score is None
    assert "too long to be parsed" in reading.reason


def test_xmp_that_is_too_long_to_be_parsed_is_an_abstention():
    long = making.xmp(f"<xmp:Title>{'a' * (17 << 20)}</xmp:Title>")
    data = making.with_chunk(making.png(), b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + long)
    for detector in ("generator-text", "digital-source-type", "creator-tags"):
        reading = look(detector, data)
        assert reading.score is None
        assert "XMP is larger than 16 MB" in reading.reason


def test_a_compressed_text_that_is_cut_off_is_an_abstention_and_others_still_count():
    import zlib

    long = b"workflow\0\0" + zlib.compress(WORKFLOW[:-1].encode() + b', "image": "' + b"A" * (40 << 20) + b'"}', 1)
    data = making.with_chunk(making.png(), b"zTXt", long)
    assert "not read to its end" in look("generator-text", data).reason
    assert look("generator-text", making.with_chunk(data, b"tEXt", b"x\0" + making.A1111.encode())).score == 1


def test_settings_in_the_text_file_beside_an_image_count_and_a_caption_does_not():
    reading = look("generator-text", making.encoded(), text_beside=making.A1111)
    assert (reading.generator, reading.tier) == ("AUTOMATIC1111", "C")
    assert "in the text file beside it" in reading.reason
    assert look("generator-text", making.encoded(), text_beside="20 steps lead to the harbour").score == 0
    assert look("generator-text", making.encoded(), caption=making.A1111).score == 0


def test_a_caption_that_img2dataset_took_from_a_page_is_no_text_of_the_generator():
    data = making.encoded(exif=making.camera_exif())
    assert look("generator-text", data, text_beside=making.A1111, stripped_by="img2dataset").score == 0


@pytest.mark.parametrize(
    "texts",
    [
        {"Description": '{"directed": false, "nodes": [{"id": 0}, {"id": 1}], "links": [{"source": 0, "target": 1}]}'},
        {"Comment": '{"nodes": [{"name": "a", "type": "flow"}], "links": []}'},
        {"Comment": '{"object_1": {"class_type": "car"}, "object_2": {"class_type": "tree"}}'},
        {"Model hash": "0123456789abcdef"},
        {"Description": "Monte Carlo run. Steps: 5000, Seed: 17, Size: 256x256"},
        {"Description": '{"seed": 1, "steps": 500, "guidance": 1.0}'},
        {"Description": "rendered by the farm, Job ID: 01234567-89ab-cdef-0123-456789abcdef"},
        {"Description": "pictures Made with OpenAI DALL-E at the exhibition, Photo: Jane Doe"},
        {"prompt": '{"1": {"class_type": "LoadImage", "inputs": {}}, "2": {"class_type": "ImageUpscaleWithModel", '
                   '"inputs": {}}, "3": {"class_type": "SaveImage", "inputs": {}}}'},
    ],
)  # fmt: skip
def test_texts_of_other_programs_are_no_settings(texts):
    assert look("generator-text", making.png(texts)).tier is None


@pytest.mark.parametrize(
    "texts",
    [
        {"workflow": '{"nodes": [{"id": 1, "type": "KSampler", "pos": [0, 0]}], "links": []}'},
        {"prompt": '{"12:3": {"class_type": "KSampler"}, "2": {"class_type": "LoadImage"}}'},
        {"Description": "a cat --ar 3:2 --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef"},
        {"Description": "a cat Job ID: 01234567-89ab-cdef-0123-456789abcdef", "Author": "somebody"},
        {"Comment": "Steps: 1000, Sampler: DDIM, Seed: 17, Size: 256x256"},
    ],
)
def test_what_only_generators_write_is_known(texts):
    assert look("generator-text", making.png(texts)).tier
