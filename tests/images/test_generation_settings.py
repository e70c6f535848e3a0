import time

import pytest

from auditor.images.generation_settings import find, in_pairs, in_row

SETTINGS = {
    "Steps: 18, Size: 96x80, Seed: 4712, CFG scale: 5, Model: flux-dev, App: SD.Next, Version: 0a1b2c3": "SD.Next",
    "Steps: 20, CFG scale: 7.000000, Guidance: 3.5, Seed: 4, Size: 64x64, Sampler: euler_a, Version: stable-diffusion.cpp":
        "stable-diffusion.cpp",
    "Steps: 20, CFG scale: 7, Seed: 4, Size: 64x64, Sampler: euler, Version: KoboldCpp": "KoboldCpp",
    "a\nSteps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 4": "AUTOMATIC1111",
    "a\nSteps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 4, Version: f2.0.1v1.10.1": "Forge",
    "Steps: 25 | Seed: 3 | CFG scale: 7 | Sampler: k_euler": "Stable Diffusion",
    "steps: 25; seed: 3; size: 512 x 512": "Stable Diffusion",
    "Seed: 3\nCFG scale: 7.5\nSteps: 20\n": "Stable Diffusion",
    "Seed: 3\r\nSampler name: Heun\r\nSteps: 20\r\n": "Stable Diffusion",
    "a cat Negative prompt: dog Steps: 20, Sampler: Euler a, CFG scale: 7": "AUTOMATIC1111",
    "Steps: 25 Seed: 1234 Size: 512x512": "Stable Diffusion",
    "**Steps:** 20, **CFG scale:** 7, **Seed:** 5": "Stable Diffusion",
    "Include in Image: a cube; Seed: 42; Steps: 8; Size: 32x32; Generator: Mochi Diffusion 6.0": "Mochi Diffusion",
    "a cat\n-bad\nSteps: 20, Sampler: DPM++ 2M Karras, Guidance Scale: 7.5, Seed: 1, Seed Mode: Scale Alike": "Draw Things",
    '{"num_inference_steps": 30, "guidance_scale": 7.5, "seed": 5}': "Stable Diffusion",
    '{"parameters": "a\\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"}': "AUTOMATIC1111",
    '{"made": {"steps": 20, "sampler_name": "euler", "cfg": 7}}': "Stable Diffusion",
    '{"prompt": {"3": {"class_type": "KSampler"}}, "workflow": {}}': "ComfyUI",
    '{"extra_pnginfo": {"workflow": {"nodes": [], "links": []}}}': "ComfyUI",
    'Workflow: {"nodes": [], "last_node_id": 1}': "ComfyUI",
    '{"c": "a", "uc": "b", "scale": 7, "seed": 1}': "Draw Things",
    '{"app_version": "4.2", "generation_mode": "txt2img"}': "InvokeAI",
}  # fmt: skip


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_are_known_in_any_order_and_form(text):
    found = find(text)
    assert found is not None
    assert found.generator == SETTINGS[text]


@pytest.mark.parametrize(
    "text",
    [
        "Steps: 3",
        "We took Steps: 20, Sampler: Euler a in this lesson",
        "Steps: 8, Sampler of folk dances, Seed: none",
        "How to sow\nSteps: 4, Size: two trays, Seed: pumpkin",
        "Steps: 20, then add milk; Sampler: none",
        "Steps: 12, Sampler: cross stitch, Size: 20x30",
        "Steps: 10, Guidance: 7 minutes, Seed: 12 oz",
        "Steps taken: 9300, Seed: 12, CFG scale: 3",
        "Steps: 9,300. Size: 42x30",
        '{"steps": 1000, "seed": 42, "model": "resnet", "width": 800}',
        '{"nodes": "none"}',
        "Sampler: Euler a, CFG scale: 7, Seed: 3",
        "Steps: 3. " + "The way goes on. " * 200 + "Seed: 3, CFG scale: 7, Size: 64x64",
    ],
)
def test_other_texts_are_no_settings(text):
    assert find(text) is None


def test_settings_behind_a_long_prompt_or_another_count_of_steps_are_found():
    assert find("x " * 50_000 + "\nSteps: 20, Seed: 3, CFG scale: 7")
    assert find("Steps: 3 to the door. " * 20 + "\nSteps: 20, Seed: 3, CFG scale: 7")


def test_fields_with_a_text_each_are_settings():
    assert in_pairs([("num_inference_steps", 25), ("guidance_scale", 7.5), ("seed", 3)])
    assert in_pairs([("Steps", "25"), ("Size", "large"), ("Seed", "pumpkin")]) is None


def test_settings_in_a_row_are_in_columns_or_one_text():
    assert in_row({"prompt": "a cat", "step": 30, "seed": 5, "cfg": 7.0})
    text = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 3"
    for column in ("parameters", "Generation_Parameters", "infotext"):
        assert in_row({column: text, "n": 1}).generator == "AUTOMATIC1111"
    assert in_row({"parameters": "two per day", "steps": "up the stairs", "seed": "pumpkin"}) is None
    assert in_row({"description": text}) is None


def test_hostile_texts_take_no_longer_than_their_length():
    started = time.process_time()
    for text in ("Steps: 1,", '{"a":', ", ", "*", " ", "Seed:", "steps=1 "):
        find(text * 500_000)
    assert time.process_time() - started < 10
