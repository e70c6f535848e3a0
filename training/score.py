"""Out-of-fold scores of exported models, by the reference preprocessing, on the panel under every condition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from training.launder import decode
from training.listing import File
from training.probes import frame
from training.reference import Model
from training.store import evaluation_files


def score_fold(model: Model, held: list[File], pack: Path, out: Path, conditions: tuple[str, ...]) -> None:
    """One parquet file of scores and one of embeddings (clean) a condition; what is there is not done again."""
    files = {file.path: file for file in held}
    out.mkdir(parents=True, exist_ok=True)
    for condition in conditions:
        done = out / f"{condition}.parquet"
        if done.exists():
            continue
        paths, logits, embeddings = [], [], []
        for path, data in evaluation_files(pack, condition, set(files)):
            embedding, logit = model(decode(data))
            paths.append(path)
            logits.append(logit)
            embeddings.append(embedding)
        table = frame(paths, files, np.array(logits), condition, model.digest)
        np.savez(out / f"{condition}-embeddings.npz", paths=np.array(paths), vectors=np.array(embeddings, np.float16))
        table.to_parquet(done)
        print(out.name, condition, len(table), flush=True)


def collect(folder: Path) -> pd.DataFrame:
    """The scores of all folds."""
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("fold-*/*.parquet"))], ignore_index=True)
