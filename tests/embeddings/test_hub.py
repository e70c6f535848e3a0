"""Optional models: fetched when asked, from a server of our own here, and never another file than the pinned one."""

import http.server
import socketserver
import threading
from typing import ClassVar

import models as made
import pytest
from click.testing import CliRunner

pytest.importorskip("onnx", reason="small models are made with onnx")

from auditor.cli import cli
from auditor.embeddings import hub as catalogue
from auditor.errors import ModelError

ID = "community-forensics"


@pytest.fixture
def weights(tmp_path):
    return made.classifier(tmp_path / "hub.onnx")


@pytest.fixture
def pinned(tmp_path, weights, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "AUDITOR_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return made.pin(monkeypatch, tmp_path / "cache", weights)


@pytest.fixture
def hub(weights, monkeypatch):
    """A server that answers every request with `body`; the paths that were asked for."""

    class Hub(http.server.BaseHTTPRequestHandler):
        asked: ClassVar[list[str]] = []
        body = weights.read_bytes()
        redirect = ""

        def do_GET(self):
            self.asked.append(self.path)
            self.send_response(302 if self.redirect else 200)
            if self.redirect:
                self.send_header("Location", self.redirect)
            self.end_headers()
            self.wfile.write(self.body)

        def log_message(self, *_):
            pass

    with socketserver.TCPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        yield Hub
        server.shutdown()


def test_a_model_is_fetched_once_and_verified(pinned, hub):
    told = []
    path = catalogue.pull(ID, told.append)
    assert path == pinned.path == catalogue.verified(ID)
    assert sum(told) == pinned.size
    assert catalogue.pull(ID) == path
    assert hub.asked == [f"/{pinned.repo}/resolve/{pinned.revision}/{pinned.file}"]


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"x" * 100, "not kept"), (b"x" * 10**6, "larger than the expected"), (b"", "not kept"), (None, "its sha256 is")],
)
def test_what_is_not_the_pinned_file_is_not_kept(pinned, hub, body, message):
    hub.body = b"x" * pinned.size if body is None else body
    with pytest.raises(ModelError, match=message):
        catalogue.pull(ID)
    assert list(pinned.path.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "AUDITOR_OFFLINE"])
def test_offline_is_honoured(pinned, hub, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(ModelError, match=f"{name} is set"):
        catalogue.pull(ID)
    assert hub.asked == []


def test_only_https_is_fetched_from(pinned, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://example.org")
    with pytest.raises(ModelError, match="https"):
        catalogue.pull(ID)


@pytest.mark.parametrize("endpoint", ["file://localhost/etc", "http://[bad", "ftp://example.org"])
def test_other_schemes_are_refused(pinned, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(ModelError):
        catalogue.pull(ID)


def test_a_redirect_off_https_is_refused(pinned, hub):
    hub.redirect = "http://example.org/model.onnx"
    with pytest.raises(ModelError, match="over https"):
        catalogue.pull(ID)


def test_a_server_that_is_not_there_is_an_error(pinned, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be downloaded"):
        catalogue.pull(ID)


def test_weights_that_changed_on_disk_are_refused(pinned, weights):
    pinned.path.parent.mkdir()
    pinned.path.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelError, match="delete it and pull it again"):
        catalogue.verified(ID)


def test_pickles_are_in_no_catalogue():
    assert {model.path.suffix for model in catalogue.CATALOGUE.values()} <= {".onnx", ".safetensors"}


# ---- the command


def run(*args):
    return CliRunner().invoke(cli, ["models", *args], standalone_mode=False)


def test_the_list_shows_licence_size_and_digest(pinned):
    text = run("list").output
    for shown in ("ouro-v2", ID, "MIT", f"{pinned.size:,} bytes", pinned.sha256, "no: auditor models pull"):
        assert shown in text


def test_pull_then_verify(pinned, hub):
    assert "verified" in run("pull", ID).output
    assert str(pinned.path) in run("verify").output
    assert str(pinned.path) in run("list").output


def test_verify_names_what_is_missing(pinned):
    assert "is not on this machine" in str(run("verify", ID).exception)


def test_an_unknown_model_is_named_with_those_there_are():
    assert f"there are: {ID}" in str(run("pull", "other").exception)
