"""One command from the images to the shipped folder. Finished stages are not done again; see README.md."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import torch

from training import baselines, likeness, score, ship
from training.bystander import bystander
from training.conditions import CONDITIONS
from training.config import Places
from training.duplicates import mark_twins
from training.embed import Encoder, FrozenFeatures, FrozenTrunk, Int8Teacher, embed_condition, embed_views
from training.export import export
from training.folds import FOLDS, assign_folds
from training.handmade import Handmade
from training.listing import File, list_files, read_files, write_files
from training.material import gather, seen_files
from training.pack import pack
from training.panel import CAP, CORE, panel
from training.rebuild import rebuild
from training.recipes import RECIPES, SHIPPED
from training.reference import Model
from training.student import Pair, new_student
from training.train import train

FIRST = ("img2dataset256", "jpeg75", "clean")  # conditions of the baselines and of the embedding's measures
TURNS = 1
INPUTS = ("index", "images", "hard", "rendered", "weights", "teacher", "cache")
STAGES: dict[str, Callable[[argparse.Namespace, Places], None]] = {}


def stage(run: Callable[[argparse.Namespace, Places], None]) -> Callable[[argparse.Namespace, Places], None]:
    """Adds a stage to the table, under its function's name."""
    STAGES[run.__name__] = run
    return run


@stage
def table(options: argparse.Namespace, places: Places) -> None:
    """The table of images with folds and reasons for what is left out."""
    path = places.cache / "files.csv"
    if not path.exists():
        write_files(assign_folds(list_files(places.index, places.hard, places.rendered)), path)


@stage
def packs(options: argparse.Namespace, places: Places) -> None:
    """Laundered views for training, encoded files for evaluation."""
    pack(_files(places), places, workers=options.workers)


@stage
def vectors(options: argparse.Namespace, places: Places) -> None:
    """The teacher's vectors and the untrained trunk's; twins across folds."""
    files = _files(places)
    shown, core = ({file.path for file in panel(files, cap)} for cap in (CAP, CORE))
    rest = {file.path for file in files if not file.dropped} - core
    encoders: list[tuple[str, Encoder, int]] = [
        ("teacher", Int8Teacher(places.teacher, threads=options.workers), TURNS),
        ("lite0", FrozenTrunk(places.weights), 1),
        ("handmade", Handmade(), 1),
        ("frozen", FrozenFeatures(places.weights), 1),
    ]
    for name, encoder, turns in encoders:
        parts = (("core", core), ("rest", rest)) if name == "teacher" else (("core", core),)
        for turn, (part, paths) in itertools.product(range(turns), parts):
            embed_views(places.cache / "pack", places.cache / name, encoder, turn=turn, paths=paths, name=part)
        for condition in FIRST if name != "frozen" else ():
            embed_condition(places.cache / "pack", places.cache / name, condition, shown, encoder)
    write_files(mark_twins(files, places.cache), places.cache / "files.csv")


@stage
def rebuilt(options: argparse.Namespace, places: Places) -> None:
    """Reconstructions of real images, for the recipes that learn from them; nothing without a decoder."""
    if places.decoder:
        rebuild(_files(places), places, places.decoder)


@stage
def null(options: argparse.Namespace, places: Places) -> None:
    """Out-of-fold scores of every baseline."""
    baselines.run(_files(places), places, options.only or list(baselines.JOBS), options.out / "training" / "baselines")


@stage
def folds(options: argparse.Namespace, places: Places) -> None:
    """One model a fold: trained, exported, scored on what it has not seen, under the first conditions."""
    for fold in options.folds:
        _score(places, options.recipe, fold, FIRST)


@stage
def scores(options: argparse.Namespace, places: Places) -> None:
    """The folds' scores under all other conditions."""
    for fold in options.folds:
        _score(places, options.recipe, fold, tuple(CONDITIONS))


@stage
def shipped(options: argparse.Namespace, places: Places) -> None:
    """The model that sees everything."""
    _model(places, options.recipe, None)


@stage
def folder(options: argparse.Namespace, places: Places) -> None:
    """The model's folder: weights, calibration, parity, card; and the scores it was made from."""
    runs, kept = places.cache / "runs" / options.recipe, _files(places)
    shown = panel(kept)
    held = {fold: {file.path for file in shown if file.fold == fold} for fold in range(FOLDS)}
    embedding = likeness.table(runs, places.cache / "teacher", places.cache / "pack", held)
    ship.ship(kept, score.collect(runs), runs / "all.onnx", places.out, options.out / "training", embedding)


def _score(places: Places, recipe: str, fold: int, conditions: tuple[str, ...]) -> None:
    model = _model(places, recipe, fold)
    held = [file for file in panel(_files(places)) if file.fold == fold]
    out = places.cache / "runs" / recipe / f"fold-{fold}"
    score.score_fold(model, held, places.cache / "pack", out, conditions)


def _model(places: Places, name: str, fold: int | None) -> Model:
    run = "all" if fold is None else f"fold-{fold}"
    path = places.cache / "runs" / name / f"{run}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        export(_trained(places, name, fold, path.with_suffix(".csv")), path)
    return Model(path)


def _trained(places: Places, name: str, fold: int | None, log: Path) -> Pair:
    recipe = RECIPES[name]
    student = new_student(places.weights, recipe.trunk, traces=recipe.traces, dropout=recipe.dropout)
    student.trunk.frozen = recipe.frozen
    material = gather(_files(places), places, recipe, fold)
    print(f"{name} {log.stem}: {len(material.train)} views", flush=True)
    trained = train(student, material, recipe, log)
    beside = bystander(seen_files(_files(places), recipe, fold), places, recipe) if recipe.bystander else None
    return Pair(trained, beside)


def _files(places: Places) -> list[File]:
    return read_files(places.cache / "files.csv")


def main() -> None:
    """Parses, then runs the stages in order."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stages", nargs="*", default=list(STAGES), help=f"some of: {' '.join(STAGES)} (default: all)")
    for name in INPUTS:
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--decoder", type=Path, help="x2, x3, x4 of a decoder for reconstructions (decoder.py)")
    parser.add_argument("--out", type=Path, default=Path(), help="the repository (default: here)")
    parser.add_argument("--recipe", default=SHIPPED, choices=RECIPES)
    parser.add_argument("--folds", type=int, nargs="*", default=range(FOLDS))
    parser.add_argument("--only", nargs="*", default=(), choices=baselines.JOBS, help="baselines to run")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.workers)
    places = Places(
        **{name: getattr(options, name) for name in (*INPUTS, "decoder")},
        out=options.out / "detectors" / "models" / "ouro-v1",
    )
    places.cache.mkdir(parents=True, exist_ok=True)
    for name in options.stages:
        STAGES[name](options, places)


if __name__ == "__main__":
    main()
