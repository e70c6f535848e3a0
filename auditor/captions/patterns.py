r"""What captions are searched for: artefacts of machine writers, prompt syntax, and file names. Data, no code.

Artefacts are leaks of chat models and captioning tools (refusals, follow-up offers, tokens, Facebook's and Office's
alternative text), Markdown, and openings that people hardly ever write. Each pattern was chosen on lists of captions by
people with 0 to 5 hits in 206,057; docs/captions.md names the popular patterns that were left out, and why.

Prompt syntax is *strong* (one pattern is enough) or a weak *cue*: two cues of different groups make a caption
prompt-like. Cues of one group occur together in texts by people: an artist's page says "concept art" and a name.

Every pattern is English or a program's form; captions in other languages are not found. The expressions are RE2's,
which needs no backtracking: its time is linear in the length of hostile text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a pattern shows."""

    LEAK = "leak"  # text that a chat model or a captioning tool adds to its captions
    FORM = "form"  # the form of a chat model's answer
    OPENING = "opening"  # an opening or connective that people hardly ever write
    STRONG = "prompt"  # syntax that only prompts of generators have
    CUE = "cue"  # a word that is frequent in prompts; alone it shows nothing
    FILE_NAME = "file-name"  # the caption is a file name


ARTEFACTS = (Kind.LEAK, Kind.FORM, Kind.OPENING)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern with its id, the text that reports show, and its expression.

    writer: the writer that the form names; '' if several leave it. group: of a cue.
    """

    id: str
    kind: Kind
    what: str
    expression: str
    writer: str = ""
    group: str = ""


def _artefact(id: str, kind: Kind, what: str, expression: str, writer: str = "") -> Pattern:
    return Pattern(id, kind, what, expression, writer)


_UNABLE = r"(?: (?:can['’]?t|cannot|am unable to|am not able to)|['’]m (?:unable|not able) to)"
_DETAILS = r"(?:people|persons?|individuals?|images?|photos?|pictures?|requests?|descriptions?|details|content|names?)"
_MOOD = (
    r"the overall (?:atmosphere|mood|composition|scene|tone|impression|effect|style|setting|lighting|image|"
    r"colou?r palette|aesthetic)|a (?:\w+ )?sense of \w+|(?:creat|add|giv|lend|evok|convey|contribut)\w* "
    r"(?:[\w-]+,? ){0,5}(?:atmosphere|ambian?ce|mood|backdrop)"
)
_FACEBOOK = (
    r"image|photo|illustration|cartoon|meme|graphic|selfie|close-?up|doodle|screenshot|anime|art|poster|map|tattoo|"
    r"drawing"
)
_RICH = r"(?:absurdres|highres|ultra[- ]?detailed|extremely detailed)"

PATTERNS = (
    # ---- leaks
    _artefact("refusal", Kind.LEAK, "a refusal", r"(?i)^\W*(?:(?:i['’]m|i am) (?:really |very |so )?)?sorry,? (?:but )?i"
              r"(?: (?:can['’]?t|cannot|am unable|am not able)|['’]m (?:unable|not able))\b"),
    _artefact("as-an-ai", Kind.LEAK, "“as an AI”", r"(?i)\bas an? (?:ai|artificial intelligence)(?: (?:language|vision))? "
              r"(?:model|assistant|chatbot)\b|\bas a (?:large )?language model\b|\bas an ai, i\b"),
    _artefact("cannot-identify", Kind.LEAK, "“I cannot identify”", rf"(?i)\bi{_UNABLE} (?:identify|recogni[sz]e|assist with|"
              r"help with|provide|analy[sz]e|process|describe|determine|see|view) (?:the |this |that |any |real |specific )*"
              rf"{_DETAILS}\b"),
    _artefact("agreement", Kind.LEAK, "“Sure. The image”", r"(?i)^\W*(?:certainly|sure|of course|absolutely)[!,.:] (?:here(?:"
              r"['’]s| is| are)|(?:the|this) (?:image|picture|photo)|i can (?:describe|help|see|provide)|i['’]d be "
              r"(?:happy|glad))\b"),
    _artefact("here-is-a-caption", Kind.LEAK, "“Here is a caption”", r"(?i)^\W*here(?:['’]s| is| are) (?:a|an|the|your|some)"
              r"(?: [\w-]+){0,4} (?:captions?|descriptions?|alt[- ]text)\b"),
    _artefact("follow-up", Kind.LEAK, "an offer to go on", r"(?i)\bwould you like me to\b|\blet me know if you(?:['’]d| would) "
              r"like (?:me to|more|any|to know)\b|\bis there anything else (?:you(?:['’]d| would) like|i can|about the image)"
              r"\b|\bi hope this (?:description|caption) helps\b"),
    _artefact("chat-token", Kind.LEAK, "a token of a chat model", r"<\|(?:im_start|im_end|eot_id|end|assistant|user|system|"
              r"begin_of_text|start_header_id|end_header_id)\|>|\[/?INST\]|<<SYS>>|<(?:start|end)_of_turn>"),
    _artefact("florence-token", Kind.LEAK, "a task token of Florence-2", r"<loc_\d+>|<(?:MORE_DETAILED_|DETAILED_)?CAPTION>",
              "Florence-2"),
    _artefact("role", Kind.LEAK, "a role marker", r"(?:^|\n|[.!?\"] ?)ASSISTANT: ?|"
              r"###+ ?(?:Human|Assistant|Response|Instruction|Input)\b"),
    _artefact("arafed", Kind.LEAK, "“arafed”", r"(?i)\baraf+(?:ed|e|es|y)\b", "BLIP (large)"),
    _artefact("facebook-alt", Kind.LEAK, "Facebook's automatic alt text", r"\b(?:Image|Photo) may contain: |(?:^|[.!?] )May be "
              rf"an? (?:[a-z-]+ )?(?:{_FACEBOOK})(?: of)?\b|^No photo description available\.?$", "Facebook, Instagram"),
    _artefact("office-alt", Kind.LEAK, "Office's automatic alt text", r"(?i)\bdescription (?:automatically generated|generated "
              r"with (?:very )?(?:high|medium|low) confidence)\b|\bai-generated content may be incorrect\b|"
              r"^graphical user interface, (?:text|application|diagram|website|chat)\b", "Microsoft Office"),
    # ---- form
    _artefact("markdown", Kind.FORM, "Markdown", r"(?m)^#{2,6} [A-Z]\w.*$|^[ \t]*(?:[*-] |\d+\. )?\*\*[^*\n]{2,80}\*\*:?[ \t]*"
              r"\n|^[ \t]*[*•-] +\*\*[^*\n]{2,80}\*\*|\*\*[^*\n]{2,60}:\*\*|\*\*[A-Z][^*\n]{1,60}\*\*: |^\s*```"),
    # ---- openings and connectives
    _artefact("image-features", Kind.OPENING, "“The image features”", r"(?i)^the image features\b"),
    _artefact("image-depicts", Kind.OPENING, "“The image depicts”", r"(?i)^the image depicts\b"),
    _artefact("image-shows", Kind.OPENING, "“The image shows”", r"(?i)^the image shows\b"),
    _artefact("image-captures", Kind.OPENING, "“The image captures”", r"(?i)^the image (?:captures|displays|presents|showcases|"
              r"portrays|contains|consists of|appears to|provides)\b"),
    _artefact("this-image-mood", Kind.OPENING, "“This image …” with its overall mood", r"(?is)^(?:this (?:image|picture|photo|"
              rf"photograph)|the image|in this image,)\b.*\b(?:{_MOOD})\b"),
    _artefact("overall", Kind.OPENING, "“Overall, the”", r"(?:\n|[.!?] )Overall, (?:the|it|this)\b"),
    # ---- strong prompt syntax
    Pattern("switches", Kind.STRONG, "Midjourney's switches", r"(?i)(?:^|\s)(?:--|—|–)(?:(?:ar|aspect) ?\d{1,4}:\d{1,4}|v ?\d(?:"
            r"\.\d)?\b|niji\b|(?:stylize|chaos|iw|weird) ?\d|s ?\d{2,4}\b|style raw\b)|\s--[sco]ref \S", "Midjourney"),
    Pattern("imagine", Kind.STRONG, "Midjourney's command", r"(?i)(?:^|\s)/imagine\b|\bimagine prompt ?:", "Midjourney"),
    Pattern("lora", Kind.STRONG, "a LoRA tag", r"(?i)<(?:lora|lyco|lycoris|hypernet):[^<>]+>"),
    Pattern("weights", Kind.STRONG, "weighted words", r"\([^()\n]+:[0-2]?\.\d{1,3}\)"),
    Pattern("negative-prompt", Kind.STRONG, "a negative prompt", r"(?i)\bnegative prompt ?:"),
    Pattern("settings", Kind.STRONG, "generation settings", r"(?i)\bsteps: ?\d{1,3}, ?sampler: |\bcfg scale: ?\d|"
            r"\bdenoising strength: ?\d"),
    Pattern("quality-tags", Kind.STRONG, "two quality tags", r"(?is)\b(?:best|amazing) quality\b.{0,40}\b(?:masterpiece|"
            rf"{_RICH})\b|\b(?:masterpiece|{_RICH})\b.{{0,40}}\b(?:best|amazing) quality\b|\bmasterpiece\b.{{0,40}}\b{_RICH}\b"),
    Pattern("score-tags", Kind.STRONG, "score tags", r"\bscore_\d(?:_up)?\b|\brating_(?:safe|explicit|questionable)\b|"
            r"\bsource_(?:anime|pony|furry|cartoon)\b", "Pony"),
    Pattern("choices", Kind.STRONG, "wildcards", r"\{[^{}|\n]{1,80}\|[^{}\n]{1,200}\}"),
    Pattern("embeddings", Kind.STRONG, "names of embeddings", r"(?i)\b(?:easynegative(?:v2)?|bad[-_]?hands?(?:v\d|[-_]\d)|"
            r"ng_deepnegative\w*|bad[-_]prompt\w*|verybadimagenegative\w*)\b|(?:^|[,(<] ?)embedding:[\w.-]+"),
    # ---- weak cues
    Pattern("trending", Kind.CUE, "“trending on ArtStation”", r"(?i)\btrending on (?:art ?station|cg ?society|pixiv|behance|"
            r"deviant ?art)\b|, ?art ?station\b", group="art"),
    Pattern("artist", Kind.CUE, "an artist whom prompts name", r"(?i)\b(?:greg rutkowski|artgerm|wlop|rossdraws|ruan jia|loish|"
            r"ilya kuvshinov|craig mullins|peter mohrbacher)\b", group="art"),
    Pattern("art-terms", Kind.CUE, "“concept art”", r"(?i)\bconcept art\b|\bdigital (?:painting|art|illustration)\b|"
            r"\bmatte painting\b|\bin the style of\b", group="art"),
    Pattern("detailed", Kind.CUE, "“highly detailed”", r"(?i)\b(?:highly|ultra|hyper|extremely|insanely|super|intricately)[- ]?"
            r"(?:detailed|realistic|real)\b|\bphoto-?realistic\b|\bhyper-?realis\w+|\b(?:4|8|16) ?k\b|\bmasterpiece\b|"
            r"\b(?:best|amazing) quality\b", group="quality"),
    Pattern("lighting", Kind.CUE, "“volumetric lighting”", r"(?i)\b(?:volumetric|cinematic|rim|global) (?:light(?:ing|s)?|"
            r"illumination)\b|\bsharp focus\b|\bgod ?rays\b", group="light"),
    Pattern("renderer", Kind.CUE, "a renderer", r"(?i)\boctane render\w*|\boctane,|\bunreal engine\b|\bredshift render|\bv-?ray\b|"
            r"\bray[- ]?tracing\b|\bcinema ?4d\b", group="renderer"),
    Pattern("negative-words", Kind.CUE, "words of negative prompts", r"(?i)\b(?:bad anatomy|extra (?:fingers|limbs|digits?|arms|"
            r"legs)|missing (?:fingers|limbs)|worst quality|low quality|poorly drawn|mutated hands|bad proportions|"
            r"jpeg artifacts|lowres)\b", group="negative"),
    Pattern("booru-count", Kind.CUE, "“1girl”", r"(?i)(?:^|, ?)[1-6]\+?(?:girl|boy)s?(?:,|$)", group="booru"),
    Pattern("wildcards", Kind.CUE, "names of wildcards", r"(?:^|[ ,(])__[a-z][\w/*-]{1,60}__(?:[ ,.)]|$)", group="wildcard"),
    Pattern("multi-prompt", Kind.CUE, "weighted parts", r"\w::-?\d+(?:\.\d+)?(?:\s|,|$)", group="multi-prompt"),
    # ---- no text of its own
    Pattern("file-name", Kind.FILE_NAME, "a file name", r"(?i)^\s*\S+\.(?:jpe?g|png|gif|webp|tiff?|bmp|heic|avif|svg)\s*$|"
            r"^\s*(?:img|dsc|dscn|dscf|pxl|image|photo|screenshot|picture)[-_ ]?\d[\d_-]*\s*$"),
)  # fmt: skip
BY_ID = {pattern.id: pattern for pattern in PATTERNS}
MIN_CUE_GROUPS = 2  # of cues that make a caption prompt-like
