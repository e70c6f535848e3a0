"""Trains one student: its embedding follows the teacher's, its logit the labels; the weights kept are an average."""

from __future__ import annotations

import copy
import csv
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.metrics import balanced_auroc
from training.recipes import Recipe
from training.store import Views
from training.student import Student

SIZE = 224
CHECKPOINT_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Material:
    """What a run reads: views, the table of those to train on and to watch, teacher vectors by row of the views."""

    views: Views
    train: pd.DataFrame
    watch: pd.DataFrame
    teacher: np.ndarray


@dataclass(frozen=True, slots=True)
class Watched:
    """A point of the validation curve, on packed views of held-out sources."""

    step: int
    seconds: float
    loss: float
    auroc_whole: float
    auroc_crop: float
    cosine: float


class Run:
    """The state of a training run: all that has to be kept for it to go on after a stop."""

    def __init__(self, student: Student, recipe: Recipe, total: int) -> None:
        self.student, self.average = student, copy.deepcopy(student).eval()
        self.optimizer = torch.optim.AdamW(_groups(student, recipe), betas=(0.9, 0.99))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: _rate(step, total))
        self.step, self.seconds, self.running = 0, 0.0, 0.0
        self.points: list[Watched] = []

    def save(self, path: Path) -> None:
        """Writes a checkpoint, whole or not at all."""
        parts = {name: getattr(self, name).state_dict() for name in ("student", "average", "optimizer", "schedule")}
        plain = {"step": self.step, "seconds": self.seconds, "running": self.running}
        fresh = path.with_suffix(".tmp")
        torch.save(parts | plain | {"points": [asdict(point) for point in self.points]}, fresh)
        fresh.rename(path)

    def load(self, path: Path) -> None:
        """Goes on from a checkpoint."""
        state = torch.load(path, weights_only=True)
        for name in ("student", "average", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds, self.running = state["step"], state["seconds"], state["running"]
        self.points = [Watched(**point) for point in state["points"]]

    def learn(self, batch: Batch, recipe: Recipe) -> None:
        """One step."""
        torch.manual_seed(self.step)
        self.student.train()
        loss = _loss(self.student, batch, recipe)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.parameters(), 2.0)
        self.optimizer.step()
        self.schedule.step()
        _follow(self.average, self.student, min(recipe.average, (1 + self.step) / (10 + self.step)))
        self.step += 1
        self.running += (float(loss.detach()) - self.running) * max(0.01, 1 / self.step)


def train(student: Student, material: Material, recipe: Recipe, log: Path, *, seed: int = 0) -> Student:
    """Runs the recipe's phases; returns the averaged weights. The validation curve goes to `log` as CSV.

    A checkpoint beside the log is kept up to date and gone on from.
    """
    total = len(_plan(material, recipe))
    run, checkpoint = Run(student, recipe, total), log.with_suffix(".ckpt")
    if checkpoint.exists():
        run.load(checkpoint)
    saved = time.monotonic()
    for batch in _prefetch(_batches(material, recipe, seed, run.step)):
        began = time.monotonic()
        run.learn(batch, recipe)
        run.seconds += time.monotonic() - began
        watched = run.step % recipe.watch_every == 0 or run.step == total
        if watched and len(material.watch):
            run.points.append(Watched(run.step, round(run.seconds), run.running, *watch(run.average, material)))
            _write(run.points, log)
            print(
                f"{log.stem} {run.step}/{total}",
                *(f"{value:.4f}" for value in asdict(run.points[-1]).values()),
                flush=True,
            )
        if watched or time.monotonic() - saved > CHECKPOINT_SECONDS:
            run.save(checkpoint)
            saved = time.monotonic()
    return run.average


def watch(student: Student, material: Material) -> tuple[float, float, float]:
    """Source-balanced AUROC on whole views and on crops, mean cosine to the teacher, of the watched views."""
    embeddings, logits = predict(student, material.views, material.watch["view"].to_numpy())
    frame = material.watch.assign(score=logits)
    whole, crop = (balanced_auroc(frame[frame["kind"] == kind]) for kind in (0, 1))
    target = material.teacher[frame["view"].to_numpy()].astype(np.float32)
    cosine = np.nanmean((embeddings * target).sum(1)) if np.isfinite(target).any() else float("nan")
    return whole, crop, float(cosine)


@torch.inference_mode()
def predict(student: Student, views: Views, rows: np.ndarray, *, batch: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and logits of packed views."""
    student.eval()
    parts = [student(torch.from_numpy(views[rows[at : at + batch]])) for at in range(0, len(rows), batch)]
    return tuple(torch.cat(part).numpy() for part in zip(*parts, strict=True))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's tensors; `target` has rows of NaN where the teacher was not asked."""

    images: Tensor
    label: Tensor
    weight: Tensor
    target: Tensor


def _plan(material: Material, recipe: Recipe) -> list[int]:
    """The size of the squares of each step."""
    count = len(material.train)
    return [phase.size for phase in recipe.phases for _ in range(round(phase.passes * count) // recipe.batch)]


def _batches(material: Material, recipe: Recipe, seed: int, start: int) -> Iterator[Batch]:
    """The steps from `start` on; each depends on the seed and its number alone."""
    table = material.train
    view, label = table["view"].to_numpy(), table["label"].to_numpy(dtype=np.float32)
    weight = table["weight"].to_numpy(dtype=np.float32)
    plan = _plan(material, recipe)
    shuffles = int(np.ceil(len(plan) * recipe.batch / len(table)))
    rng = np.random.default_rng([seed, 5])
    order = np.concatenate([_shuffled(table, rng) for _ in range(shuffles)])
    for step, size in list(enumerate(plan))[start:]:
        rows = np.sort(order[step * recipe.batch : (step + 1) * recipe.batch])
        images = _augment(material.views[view[rows]], size, np.random.default_rng([seed, 6, step]))
        tensors = (label[rows], weight[rows], material.teacher[view[rows]].astype(np.float32))
        yield Batch(torch.from_numpy(images), *(torch.from_numpy(np.ascontiguousarray(part)) for part in tensors))


def _shuffled(table: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """All rows; those of one `unit`, if there are such, stay side by side."""
    if "unit" not in table:
        return rng.permutation(len(table))
    rows = table.groupby("unit").indices
    return np.concatenate([rows[unit] for unit in rng.permutation(list(rows))])


def _augment(images: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random square of each, at its own scale, mirrored half of the time."""
    out = np.empty((len(images), size, size, 3), np.uint8)
    for index, image in enumerate(images):
        top, left = rng.integers(SIZE - size + 1, size=2)
        square = image[top : top + size, left : left + size]
        out[index] = square[:, ::-1] if rng.random() < 0.5 else square
    return out


def _prefetch(batches: Iterator[Batch], *, depth: int = 6) -> Iterator[Batch]:
    """The same batches, read by a thread of their own."""
    waiting: queue.Queue[Batch | None] = queue.Queue(depth)

    def fill() -> None:
        for batch in batches:
            waiting.put(batch)
        waiting.put(None)

    threading.Thread(target=fill, daemon=True).start()
    while (batch := waiting.get()) is not None:
        yield batch


def _loss(student: Student, batch: Batch, recipe: Recipe) -> Tensor:
    embedding, logit = student(batch.images)
    label = batch.label * (1 - recipe.smoothing) + recipe.smoothing / 2
    judged = functional.binary_cross_entropy_with_logits(logit, label, reduction="none")
    loss = (judged * batch.weight).sum() / batch.weight.sum()
    known = batch.target.isfinite().all(1)
    if recipe.distil and known.any():
        distance = 1 - (embedding[known] * batch.target[known]).sum(1)
        loss = loss + recipe.distil * distance.mean()
    return loss


def _groups(student: Student, recipe: Recipe) -> list[dict[str, object]]:
    """The trunk learns more slowly than the fresh heads; norms and biases do not decay."""
    trunk = {id(parameter) for parameter in student.trunk.parameters()}
    groups = []
    for inside in (True, False):
        for decays in (True, False):
            parameters = [p for p in student.parameters() if (id(p) in trunk) == inside and (p.ndim > 1) == decays]
            rate = recipe.rate * (recipe.trunk_rate if inside else 1.0)
            groups.append({"params": parameters, "lr": rate, "weight_decay": recipe.decay if decays else 0.0})
    return groups


def _rate(step: int, total: int, *, warm: int = 200) -> float:
    """Warm-up, then a cosine down to a hundredth."""
    if step < warm:
        return (step + 1) / warm
    return 0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * (step - warm) / max(1, total - warm))))


@torch.no_grad()
def _follow(average: Student, student: Student, keep: float) -> None:
    """Moves the average a little towards the student, its norms' statistics included."""
    for mine, theirs in zip(average.state_dict().values(), student.state_dict().values(), strict=True):
        if mine.dtype.is_floating_point:
            mine.lerp_(theirs, 1 - keep)


def _write(points: list[Watched], log: Path) -> None:
    with log.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(Watched.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in points)
