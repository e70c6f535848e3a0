"""auditor models"""

from __future__ import annotations

import click


@click.group("models")
def command() -> None:
    """Optional models: list them, fetch one, check what is here. Nothing is fetched unasked."""


@command.command("list")
def list_all() -> int:
    """Each model with its licence, size, digest, and whether it is on this machine."""
    from auditor.embeddings import hub
    from auditor.embeddings.embedded_encoder import EMBEDDED

    what = "encoder, and detector classifier; its card lies beside it"
    _show(f"{EMBEDDED.name} (embedded)", what=what, here=str(EMBEDDED))
    for model in hub.CATALOGUE.values():
        here = str(model.path) if model.path.exists() else f"no: auditor models pull {model.id}"
        facts = {"what": model.what, "licence": model.licence, "size": f"{model.size:,} bytes"}
        _show(model.id, **facts, sha256=model.sha256, url=model.url, here=here)
    return 0


def _show(title: str, **facts: str) -> None:
    click.echo(title)
    for name, text in facts.items():
        click.echo(f"  {name:<8} {text}")


@command.command("pull")
@click.argument("id")
def pull(id: str) -> int:
    """Fetch the weights of model ID, show its licence, check its digest."""
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    from auditor.embeddings import hub

    model = hub.find(id)
    click.echo(f"{model.id}: {model.licence}, {model.size:,} bytes from {model.url}")
    with Progress(*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), transient=True) as progress:
        task = progress.add_task(id, total=model.size)
        path = hub.pull(id, lambda size: progress.advance(task, size))
    click.echo(f"{path}\nsha256 {model.sha256}: as pinned")
    return 0


@command.command("verify")
@click.argument("ids", nargs=-1)
def verify(ids: tuple[str, ...]) -> int:
    """Check the digests of models IDS (default: those that are here), and the embedded one's answers."""
    from auditor.embeddings import hub
    from auditor.embeddings.embedded_encoder import embedded

    click.echo(f"{embedded().fingerprint}: answers as its parity vectors say")
    for id in ids or [model.id for model in hub.CATALOGUE.values() if model.path.exists()]:
        click.echo(f"{hub.verified(id)}: sha256 as pinned")
    return 0
