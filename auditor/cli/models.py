"""auditor models"""

from __future__ import annotations

import hashlib

import click

from auditor.cli import layout


@layout.group("models")
def command() -> None:
    """List, download and verify optional models. Nothing is downloaded unless you ask."""


@command.command("list")
def list_all() -> int:
    """List the models: licence, size, digest, and where they are."""
    from auditor.embeddings import hub
    from auditor.embeddings.embedded_encoder import EMBEDDED

    what = "encoder of the detector `classifier`; see its card in the same folder"
    size = f"{(EMBEDDED / 'encoder.onnx').stat().st_size:,} bytes"
    with (EMBEDDED / "encoder.onnx").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    own = {"what": what, "licence": "MIT", "size": size, "sha256": digest}
    _show(f"{EMBEDDED.name} (built-in)", **own, here=str(EMBEDDED))
    for model in hub.CATALOGUE.values():
        here = str(model.path) if model.path.exists() else f"no: auditor models pull {model.id}"
        details = {"what": model.what, "licence": model.licence, "size": f"{model.size:,} bytes"}
        _show(model.id, **details, sha256=model.sha256, url=model.url, here=here)
    return 0


def _show(title: str, **details: str) -> None:
    click.echo(title)
    for name, text in details.items():
        click.echo(f"  {name:<8} {text}")


@command.command("pull")
@click.argument("id")
def pull(id: str) -> int:
    """Download the weights of model ID, and verify them."""
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    from auditor.embeddings import hub

    model = hub.find(id)
    click.echo(f"{model.id}: {model.licence}, {model.size:,} bytes from {model.url}")
    with Progress(*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), transient=True) as progress:
        task = progress.add_task(id, total=model.size)
        path = hub.pull(id, lambda size: progress.advance(task, size))
    click.echo(f"{path}\nsha256 {model.sha256}: verified")
    return 0


@command.command("verify")
@click.argument("ids", nargs=-1)
def verify(ids: tuple[str, ...]) -> int:
    """Verify models IDS, and the outputs of the built-in model.

    Without IDS: all models on this machine.
    """
    from auditor.embeddings import hub
    from auditor.embeddings.embedded_encoder import embedded

    click.echo(f"{embedded().fingerprint}: outputs match its reference outputs")
    for id in ids or [model.id for model in hub.CATALOGUE.values() if model.path.exists()]:
        click.echo(f"{hub.verified(id)}: sha256 verified")
    return 0
