"""Configurations: options by name, conflicts between options, and the command line for a configuration."""

import click
import pytest
from cattrs.errors import ClassValidationError
from hypothesis import given
from hypothesis import strategies as st

import auditor
from auditor import registry
from auditor.cli import cli
from auditor.cli.scan import command, configured
from auditor.config import Config
from auditor.errors import ConfigError
from auditor.results import Audit
from auditor.types import Need
from auditor.values import converter, faults, plain

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
SAMPLES = st.one_of(
    st.just({}),
    st.just({"sample": None}),
    st.fixed_dictionaries({"sample": st.integers(1, 10**9)}, optional={"stratify": st.just("domain")}),
    st.fixed_dictionaries({"margin": st.floats(1e-6, 0.5)}, optional={"stratify": st.just("domain")}),
    st.fixed_dictionaries({"fetch": st.integers(1, 10**9)}, optional={"stratify": st.just("domain")}),
    st.fixed_dictionaries({"sample_shards": st.integers(2, 10**6)}, optional={"sample": st.integers(1, 99)}),
    st.fixed_dictionaries({"sample_shards": st.integers(2, 10**6), "fetch": st.integers(1, 99)}),
    st.fixed_dictionaries({"until_decided": st.just(True)}, optional={"sample": st.integers(1, 10**6)}),
    st.fixed_dictionaries({"sample": st.integers(1, 99), "sample_files": st.just(True)}),
)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "detectors": st.lists(st.sampled_from(list(registry.table("detectors"))), min_size=1).map(tuple),
        "max_bytes": st.integers(1, 2**40),
        "max_pixels": st.integers(1, 2**40),
        "max_seconds": st.floats(0.1, 1e6),
        "input_format": st.sampled_from(list(registry.table("readers"))),
        **{f"{name}_col": NAMES for name in ("image", "url", "caption", "id", "declared")},
        "follow_links": st.booleans(),
        "encoder": NAMES,
        "keep_vectors": st.booleans(),
        "count_edited": st.booleans(),
        "generators": st.sampled_from(["few", "many"]),
        "anchors": st.just("representative"),
        "reference": st.integers(1000, 9999).map("before:{}".format),
        "seed": st.integers(0, 2**32 - 1),
    },
)


def parsed(words):
    """The configuration of `auditor scan` with these arguments."""
    program = cli.make_context("auditor", ["scan"])  # without it click keeps the command's help option as it is alone
    return configured(command.make_context("scan", ["dataset", *words], parent=program).params)


@given(SAMPLES, OTHERS)
def test_the_command_that_repeats_an_audit_gives_its_configuration(sample, others):
    config = Config.of(**sample, **others)
    assert parsed(config.command_line) == config


@given(SAMPLES, OTHERS)
def test_a_configuration_comes_back_from_the_options_that_differ(sample, others):
    config = Config.of(**sample, **others)
    assert Config.of(**config.chosen) == config
    assert Config.of().chosen == {}


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, 5000),
        ({"sample": None}, None),
        ({"sample": 7}, 7),
        ({"stratify": "domain"}, 5000),
        ({"weight_col": "n"}, None),
        ({"indexes": ("refs",)}, None),
        ({"keep_vectors": True}, None),
        ({"depth": Need.FILE}, None),
        ({"detectors": ("c2pa", "dwt-dct")}, None),
        ({"sample_shards": 3}, None),
        ({"fetch": 3}, None),
        ({"until_decided": True}, None),
    ],
)
def test_a_sample_is_drawn_unless_every_row_is_wanted(options, rows):
    config = Config.of(**options)
    assert config.sampling.sample == rows
    assert any(word.startswith("--sample=") for word in config.command_line) == ("sample" in options)


def test_all_rows_are_asked_for_by_name():
    assert parsed(["--sample=all"]).sampling.sample is None
    assert parsed(["--model-rows=all"]) == parsed(["--sample=all"])
    assert parsed([]).sampling.sample == 5000


def test_files_and_folders_are_in_the_command_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("refs", "more", "images", "vectors"):
        (tmp_path / folder).mkdir()
    for file in ("own.json", "labels.csv"):
        (tmp_path / file).touch()
    config = Config.of(
        indexes=("refs", "more"), base_dir="images", embeddings="vectors", embeddings_model="x", reference="refs",
        calibration="own.json", labels="labels.csv", weight_col="n", depth=Need.FILE,
    )  # fmt: skip
    assert parsed(config.command_line) == config
    assert {"known-image", "known-file"} <= set(config.scan.detectors)


def test_every_option_of_the_configuration_is_one_of_the_command():
    options = {option for param in command.params for option in param.opts}
    for word in (*Config.of().options, "index"):
        assert f"--{word.replace('_', '-')}" in options or word == "indexes"


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("scan", "depth", "deep"), ("scan", "limits", "x"), ("scan", "read", None), ("sampling", None, [])],
)
def test_plain_values_that_are_no_configuration_are_refused_with_the_field(part, name, value):
    content = plain(Config.of())
    if name:
        content[part][name] = value
    else:
        content[part] = value
    with pytest.raises(ClassValidationError) as error:
        converter().structure(content, Config)
    (fault,) = faults(error.value)
    assert fault.startswith("must be ")
    assert fault.endswith(f"@ $.{part}" + (f".{name}" if name else ""))


@given(SAMPLES, OTHERS)
def test_a_configuration_comes_back_from_plain_values(sample, others):
    config = Config.of(**sample, **others)
    assert converter().structure(plain(config), Config) == config


def test_files_are_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = Config.of(indexes=("refs",), labels="../l.csv", reference="before:2021", encoder="ViT-B-16:w.pt").located
    assert found.scan.indexes == (str(tmp_path / "refs"),)
    assert found.estimate.labels == str(tmp_path.parent / "l.csv")
    assert (found.estimate.reference, found.estimate.calibration) == ("before:2021", None)
    assert found.scan.encoder == f"ViT-B-16:{tmp_path / 'w.pt'}"


def test_no_folder_of_ones_own_is_recorded():
    config = Config.of(
        indexes=("/home/me/refs",), base_dir="/home/me/images", embeddings="/home/me/vectors", calibration="/home/me/c.json",
        labels="/home/me/labels.csv", reference="/home/me/audit",
    ).portable  # fmt: skip
    assert "/home" not in str(config)
    assert Config.of(encoder="ViT-B-16:/home/me/w.safetensors").portable.scan.encoder == "ViT-B-16:w.safetensors"
    assert Config.of(encoder="open_clip:ViT-B-16/openai").portable.scan.encoder == "open_clip:ViT-B-16/openai"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sample_shards": 3, "until_decided": True}, "leave out `sample_shards`"),
        ({"stratify": "domain", "sample": None}, "`stratify`"),
        ({"margin": 0.1, "sample": 5}, "`margin`"),
        ({"until_decided": True, "labels": "labels.csv"}, "leave out `labels`"),
        ({"sample": 5, "depth": Need.FILE}, "add `sample_files`"),
        ({"weight_col": "n", "sample": 5}, "equal probabilities"),
        ({"generators": "some"}, "`generators` must be one of few, many"),
        ({"anchors": "all"}, "`anchors` must be representative"),
        ({"encoder": "a", "embeddings": "b"}, "give only one of them"),
        ({"samples": 5}, "did you mean `sample`"),
        ({"depht": Need.ROW}, "no option `depht`; did you mean `depth`"),
        ({"depth": "deep"}, "`depth` must be one of row, file, pixels"),
        ({"detectors": "c2pa"}, "`detectors` must be a list"),
        ({"indexes": "index"}, "`indexes` must be a list"),
    ],
)
def test_options_that_exclude_each_other_are_refused_by_the_library(options, told):
    with pytest.raises(ConfigError, match=told.replace("(", r"\(")):
        Config.of(**options)


def test_the_command_names_options_as_they_are_typed():
    with pytest.raises(click.UsageError, match="leave out --sample-shards"):
        parsed(["--sample-shards=3", "--until-decided"])


def test_python_takes_the_words_of_the_command_line():
    assert Config.of(depth="file") == Config.of(depth=Need.FILE)
    assert Config.of(sample="all") == Config.of(sample=None)


def test_an_audit_records_its_configuration_in_types():
    assert Audit.__dataclass_fields__["config"].type == "Config"


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"sample": 0}, "`sample` must be a whole number of at least 1"),
        ({"sample": -5}, "`sample` must be"),
        ({"sample": "5"}, "`sample` must be"),
        ({"sample": True}, "`sample` must be"),
        ({"sample_shards": 1}, "`sample_shards` must be a whole number of at least 2"),
        ({"fetch": 0}, "`fetch` must be"),
        ({"margin": 0.0}, "`margin` must be above 0 and at most 0.5"),
        ({"margin": 2.0}, "`margin` must be"),
        ({"stratify": "colour", "sample": 5}, "`stratify` must be domain"),
        ({"seed": -1}, "`seed` must be"),
        ({"sample": 5, "margin": 0.1}, "`margin` and `sample`"),
        ({"until_decided": True, "sample_shards": 2}, "leave out `sample_shards`"),
    ],
)
def test_samples_that_the_command_would_refuse_are_refused_from_python(options, fault):
    with pytest.raises(ConfigError, match=fault):
        Config.of(**options)


def test_a_sequential_sample_is_not_taken_in_one_scan(tmp_path):
    with pytest.raises(ConfigError, match="use scan_until_decided"):
        auditor.scan(tmp_path, config=Config.of(until_decided=True))
