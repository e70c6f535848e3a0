"""Captions in audits: images count once, odd captions lose nothing, and merged audits sum up."""

import json

import making
import pandas as pd
import pytest

import auditor
from auditor.config import Config, ReadOptions
from auditor.errors import DatasetError
from auditor.policy.policy import decide, parse

MACHINE = "The image features a dog on a lawn."
PROMPT = "a dog on a lawn --ar 16:9 --v 5"
HUMAN = "A dog on the lawn behind our house, number {}"


def manifest(path, captions, urls=None, **columns):
    urls = urls or [f"https://x{n % 3}.org/{n}.jpg" for n in range(len(captions))]
    pd.DataFrame({"url": urls, "caption": captions, **columns}).to_csv(making.write(path, ""), index=False)
    return path


def captions_of(scan, path, **config):
    return scan(path, **{"detectors": ("caption-prior",), **config}).captions


def test_captions_by_people_give_no_bound_no_prompt_and_no_word_about_diversity(tmp_path, scan):
    found = captions_of(scan, manifest(tmp_path / "a.csv", [HUMAN.format(n) for n in range(50)]))
    assert (found.images, found.empty, found.artefacts.hits, found.artefacts.lower, found.prompts.strong) == (
        50,
        0,
        0,
        0,
        0,
    )
    assert found.diversity is None


def test_machines_and_prompts_are_found_with_their_rows(tmp_path, scan):
    texts = [MACHINE] * 100 + [PROMPT] * 100 + [HUMAN.format(n) for n in range(800)]
    found = captions_of(scan, manifest(tmp_path / "a.csv", texts))
    assert (found.artefacts.hits, found.artefacts.by_kind) == (100, {"image-features": 100})
    assert 0.07 < found.artefacts.lower < 0.1
    assert (found.prompts.strong, found.prompts.share) == (100, 0.1)
    assert len(found.artefacts.examples) == len(found.prompts.examples) == 10
    rows = auditor.evidence(tmp_path / "audit").set_index("key")
    for example in found.artefacts.examples:
        assert rows.caption[example.key] == MACHINE
        assert rows.caption_marks[example.key] == "image-features"
    assert {group.value for group in found.artefacts.groups if group.by == "source"} == {"x0.org", "x1.org", "x2.org"}
    assert all(group.lower < found.artefacts.lower for group in found.artefacts.groups if group.by == "source")


def test_several_captions_of_an_image_count_as_one_image(tmp_path, scan):
    urls = [f"https://x.org/{n % 100}.jpg" for n in range(500)]
    texts = [HUMAN.format(n) for n in range(400)] + [MACHINE] * 100  # the fifth caption of each image
    found = captions_of(scan, manifest(tmp_path / "a.csv", texts, urls))
    assert (found.images, found.artefacts.n, found.artefacts.hits, found.artefacts.share) == (100, 100, 100, 1)
    assert found.artefacts.margin == 0.025
    assert found.artefacts.lower < 1 - 0.025


def test_the_same_rows_are_sampled_whatever_the_shards(tmp_path, scan):
    texts = [f"{HUMAN.format(n)} {n * n}" for n in range(1500)]
    whole = captions_of(scan, manifest(tmp_path / "one" / "a.csv", texts, id=range(1500)), out="one-audit")
    for start in range(0, 1500, 500):
        path = tmp_path / "many" / f"{3 - start // 500}.csv"
        urls = [f"https://x{n % 3}.org/{n}.jpg" for n in range(start, start + 500)]
        manifest(path, texts[start : start + 500], urls, id=range(start, start + 500))
    many = captions_of(scan, tmp_path / "many", out="many-audit")
    assert whole.diversity == many.diversity
    assert whole.diversity.sample_size == 1000


ODD = [
    "x" * 10_000_000, "The image shows \x00\x01\x1b[31m red", "   ", "", None, 5, "5.5", "nan", "['a dog', 'The image shows']",
    "كلب على العشب \u202e abc", "一只狗 dog 犬", "\ud83d\ude00", "{\"a\": 1}", "(" * 5000, "**" * 5000, "a\r\nb\r\n", "<" * 9000,
]  # fmt: skip


def test_odd_captions_are_rows_and_lose_nothing(tmp_path, scan):
    rows = [{"url": f"https://x.org/{n}.jpg", "caption": value} for n, value in enumerate(ODD)]
    path = making.write(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    audit = scan(path, detectors=("caption-prior",))
    assert audit.counts.rows == audit.counts.no_bytes == len(ODD)
    assert audit.captions.images == len(ODD)
    assert audit.captions.empty == 3
    assert "\x1b" not in audit_text(audit)


def audit_text(audit):
    return "".join(auditor.render(audit, auditor.decide(audit), format) for format in ("terminal", "markdown", "html"))


def test_a_list_of_captions_is_one_caption(tmp_path, scan):
    frame = pd.DataFrame({"url": ["https://x.org/1.jpg"], "caption": [["a dog", "The image shows a dog"]]})
    frame.to_parquet(tmp_path / "a.parquet")
    found = captions_of(scan, tmp_path / "a.parquet")
    assert (found.artefacts.n, found.artefacts.hits) == (1, 0)  # openings are anchored at the start of the text


def test_a_caption_column_that_does_not_exist_is_refused(tmp_path, scan):
    with pytest.raises(DatasetError, match=r"no column 'captoin' \(--caption-col\)"):
        scan(manifest(tmp_path / "a.csv", ["a"]), detectors=(), read=ReadOptions(caption_col="captoin"))


def test_columns_say_who_wrote_and_the_audited_one_can_be_chosen(tmp_path, scan):
    path = manifest(tmp_path / "a.csv", ["a dog"] * 3, vlm_caption=[MACHINE] * 3, vlm_model=["gemini"] * 3)
    declared = captions_of(scan, path).declared
    assert declared.share == 0
    assert {c.name: (c.is_audited, c.machine, c.model) for c in declared.columns} == {
        "caption": (True, "", ""), "vlm_caption": (False, "a model", "gemini")
    }  # fmt: skip
    chosen = captions_of(scan, path, read=ReadOptions(caption_col="vlm_caption"), out="other")
    assert (chosen.declared.share, chosen.artefacts.hits) == (1, 3)


def test_captions_can_be_left_out(tmp_path, scan):
    path = manifest(tmp_path / "a.csv", [MACHINE] * 30)
    audit = scan(path, detectors=(), no_captions=True)
    assert audit.captions is None
    assert auditor.evidence(tmp_path / "audit").caption_marks.isna().all()
    decision = decide(audit, parse("[rules.captions-machine]\nmax = 0.1"))
    (result,) = [rule for rule in decision.rules if rule.id == "captions-machine"]
    assert (result.outcome, result.reason) == (
        "inconclusive", "writers of captions unknown: the scan left captions out (--no-captions)"
    )  # fmt: skip


def test_a_dataset_without_captions_says_nothing_of_them(tmp_path, scan):
    making.write(tmp_path / "set" / "a.png", making.png())
    audit = scan(tmp_path / "set", detectors=())
    assert (audit.captions.images, audit.captions.empty, audit.captions.artefacts) == (1, 1, None)
    assert "caption" not in auditor.render(audit, auditor.decide(audit), "terminal")


def test_merged_audits_have_the_captions_of_both(tmp_path):
    texts = [MACHINE] * 60 + [HUMAN.format(n) for n in range(540)]
    for name, part in (("a", texts[:300]), ("b", texts[300:])):
        path = manifest(
            tmp_path / f"{name}.csv",
            part,
            [f"https://{name}.org/{n}.jpg" for n in range(300)],
            id=[f"{name}{n}" for n in range(300)],
        )
        auditor.scan(path, out=tmp_path / name, config=Config.of(detectors=()), jobs=1)
    merged = auditor.merge([tmp_path / "a", tmp_path / "b"], out=tmp_path / "both").captions
    assert (merged.images, merged.artefacts.hits, merged.artefacts.n) == (600, 60, 600)
    assert merged.diversity.sample_size == 600
    assert merged.declared.rows == 600


def test_flags_are_compared_inside_and_outside_of_prompts(tmp_path):
    from dataclasses import replace

    from evidence import part, row

    from auditor.aggregate.captions import CaptionTally
    from auditor.aggregate.summary import summarise
    from auditor.types import VerdictKind as Verdict

    def rows(caption, flagged, n, first):
        kinds = [Verdict.LIKELY_SYNTHETIC] * flagged + [Verdict.UNKNOWN] * (n - flagged)
        return [replace(row(first + at, kind), caption=caption) for at, kind in enumerate(kinds)]

    path = part(tmp_path / "p.parquet", [*rows(PROMPT, 30, 100, 0), *rows("a dog", 20, 200, 100)])
    tally = CaptionTally(0)
    summarise([path], captions=tally)
    prompts = tally.result().prompts
    assert (prompts.inside.flagged, prompts.inside.n, prompts.outside.flagged, prompts.outside.n) == (30, 100, 20, 200)
    assert prompts.image_flag_ratio == pytest.approx(3)
    assert prompts.inside.low < 0.3 < prompts.inside.high


def test_audits_of_earlier_versions_are_read(tmp_path, scan):
    from auditor import audit_json

    audit = scan(manifest(tmp_path / "a.csv", [MACHINE]), detectors=())
    plain = json.loads(audit_json.dumps(audit, auditor.decide(audit)))
    assert audit_json.loads(json.dumps(plain)) == audit
    del plain["caption_similarity"]
    plain["captions"] = [{"name": "all", "n": 2, "mean": 0.3, "quantiles": [0.1, 0.2]}]
    earlier = audit_json.loads(json.dumps(plain))
    assert (earlier.captions, earlier.caption_similarity[0].n) == (None, 2)


@pytest.mark.parametrize(
    ("change", "fault"),
    [(("artefacts", "hits", 99), "hits: must be at most n"), (("artefacts", "lower", 0.9), "lower: must be at most low"),
     (("prompts", "strong", 99), "strong: must be at most n"), (("artefacts", "share", 1.5), "shares must be from 0 to 1")],
)  # fmt: skip
def test_impossible_numbers_are_refused(tmp_path, scan, change, fault):
    from auditor import audit_json
    from auditor.errors import AuditFileError

    audit = scan(manifest(tmp_path / "a.csv", [MACHINE] * 3), detectors=())
    plain = json.loads(audit_json.dumps(audit, auditor.decide(audit)))
    block, key, value = change
    plain["captions"][block][key] = value
    with pytest.raises(AuditFileError, match=fault):
        audit_json.loads(json.dumps(plain))
