import json

import pytest
from click.testing import CliRunner

import auditor
from auditor.cli import cli


def simulate(*args):
    return CliRunner().invoke(cli, ["simulate", *map(str, args)])


def test_a_table_has_a_line_a_generation_and_one_for_reality():
    lines = simulate("--fraction", 0.3, "--generations", 4).output.strip().partition("\n\n")[0].splitlines()
    assert len(lines) == 6
    assert lines[1].split()[:2] == ["0", "0.0"]
    assert lines[-1].split()[:2] == ["4", "30.0"]


def test_json_holds_what_the_function_gives():
    found = json.loads(simulate("--fraction", 0.1, "--growth", 0.1, "--generations", 3, "--json").output)
    assert [g["fraction"] for g in found] == pytest.approx([0, 0.1, 0.2, 0.3])
    expected = auditor.simulate([g["fraction"] for g in found[1:]])
    assert [g["diversity_lost"] for g in found] == pytest.approx([g.diversity_lost for g in expected])


def test_drawn_loops_agree_with_the_formulas():
    args = ("--fraction", 0.4, "--generations", 5, "--images", 2000, "--dimension", 10, "--json")
    closed, drawn = (json.loads(simulate(*args, *more).output) for more in ((), ("--runs", 40)))
    for one, two in zip(closed, drawn, strict=True):
        assert one["diversity_lost"] == pytest.approx(two["diversity_lost"], abs=0.02)


def test_a_fraction_that_grows_past_all_stays_at_all():
    found = json.loads(simulate("--fraction", 0.9, "--growth", 0.1, "--generations", 3, "--json").output)
    assert found[-1]["fraction"] == 1.0


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("--fraction", 1.5), "0<=x<=1"),
        ((), "--fraction"),
        (("--fraction", 0.1, "--loop", "eternal"), "eternal"),
        (("--fraction", 1, "--loop", "augmentation"), "fractions of the augmentation loop must be"),
        (("--fraction", 0.1, "--runs", 5), "--images 200000 or fewer"),
    ],
)
def test_what_cannot_be_simulated_is_a_usage_error(args, why):
    result = simulate(*args)
    assert result.exit_code == 2
    assert why in result.output


@pytest.mark.parametrize(
    ("options", "conclusion"),
    [
        ((0.3, 4), "After 4 generations, 11.4 % of the diversity is lost: above the budget of 5 %, first in generation 1."),
        ((0.05, 1), "After 1 generation, 1.5 % of the diversity is lost: within the budget of 5 %."),
        ((0.2, 3, -0.2), "After 3 generations, 0.0 % of the diversity is lost: within the budget of 5 %, which generation 1 exceeded."),
    ],
)  # fmt: skip
def test_the_last_line_is_what_the_table_comes_to(options, conclusion):
    words = zip(("--fraction", "--generations", "--growth"), options, strict=False)
    result = simulate(*(word for pair in words for word in pair))
    assert result.output.strip().splitlines()[-1] == conclusion
