import pytest

from auditor.images.text_encoding import decoded, user_comment

TEXTS = {
    "Chinese": "宁静的湖边小屋，清晨的薄雾笼罩着山谷，远处传来鸟鸣",
    "traditional Chinese": "寧靜的湖邊小屋，清晨的薄霧籠罩著山谷，遠處傳來鳥鳴",
    "Japanese": "夕暮れの港に浮かぶ小さな舟、柔らかい光",
    "Korean": "안개 낀 아침의 호수와 작은 오두막",
    "Russian": "Туманное утро у озера",
    "Chinese and settings": "宁静的湖边小屋\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1",
    "German": "Ein Häuschen am See, früh am Morgen",
    "English": "a hut by the lake",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "utf-16-le", "utf-16"])
@pytest.mark.parametrize("language", TEXTS)
def test_a_user_comment_is_read_in_every_language_and_order(language, encoding):
    assert user_comment(b"UNICODE\0" + TEXTS[language].encode(encoding)) == TEXTS[language]


@pytest.mark.parametrize("code", [b"ASCII\0\0\0", bytes(8), b"Unicode\0", b""])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_code_that_is_wrong_or_missing_does_not_matter(code, encoding):
    text = TEXTS["Chinese and settings"]
    assert user_comment(code + text.encode(encoding)) == text


def test_marks_of_the_order_and_zero_bytes_around_the_text_are_no_text():
    assert user_comment(b"UNICODE\0" + "\ufeffa cat\0\0".encode("utf-16-be")) == "a cat"
    assert user_comment(b"ASCII\0\0\0a cat\0\0") == "a cat"
    assert decoded("a cat".encode("utf-16-le") + b"\0", orders=("utf-16-le",)) == "a cat"


def test_japanese_in_its_own_code_is_read():
    text = TEXTS["Japanese"]
    assert user_comment(b"JIS\0\0\0\0\0" + text.encode("iso2022_jp")) == text


def test_latin_1_is_read_where_it_is_no_utf_8():
    assert decoded(b"caf\xe9 au lait") == "café au lait"
