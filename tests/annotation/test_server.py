"""The server of the annotation page: what it sends, to whom, and what it never sends."""

import http.client
import io
import json
import socket
import threading

import labelled
import pytest
from PIL import Image

from auditor.annotation import file
from auditor.annotation.app.server import SCRIPTS, LabelServer
from auditor.annotation.app.session import Session
from auditor.annotation.file import HumanLabel
from auditor.errors import DatasetError, LabelError


def said(number, label="real", how="looks"):
    """The body of a request that labels one image."""
    return {"answers": [{"number": number, "label": label, "how": how}]}


def ask(server, path, body=None, *, method=None, **headers):
    """Status, headers and body of the response to a request below the token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    where = path if path.startswith("/") else f"/{server.token}/{path}"
    connection.request(method or ("GET" if body is None else "POST"), where, data, sent)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def test_it_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/x/", "/x/progress", "/progress", "/%C3%A9/", "//", "/../", "/x/answer"])
@pytest.mark.parametrize("body", [None, said(0)])
def test_without_the_token_nothing_is_given_and_nothing_is_saved(server, path, body):
    status, _, content = ask(server, path, body)
    assert status == 403
    assert b"number" not in content
    assert not server.session.path.exists()


@pytest.mark.parametrize(("host", "status"), [("localhost", 308), ("example.org", 403)])
def test_the_address_may_lack_its_last_slash(server, host, status):
    found, headers, _ = ask(server, f"/{server.token}", host=f"{host}:{server.server_port}")
    assert (found, headers["Location"]) == (status, f"/{server.token}/" if status == 308 else None)


@pytest.mark.parametrize(
    "host", ["example.org", "evil.localhost", "127.0.0.1", "", "localhost:1", "127.0.0.1.evil:{port}"]
)
@pytest.mark.parametrize(("path", "body"), [("", None), ("answer", said(0))])
def test_a_name_that_is_pointed_here_is_refused(server, host, path, body):
    assert ask(server, path, body, Host=host.format(port=server.server_port))[0] == 403
    assert not server.session.path.exists()


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:1"])
def test_another_pages_request_is_refused(server, origin):
    assert ask(server, "answer", said(0), Origin=origin)[0] == 403
    assert not server.session.path.exists()


@pytest.fixture
def open_server(task, tmp_path):
    """One that other machines can reach."""
    with labelled.served(task, tmp_path / "labels.csv", host="0.0.0.0") as running:
        yield running


@pytest.mark.parametrize(("host", "status"), [
    ("10.1.2.3", 200), ("127.0.0.1", 200), ("[fe80::1]", 200), ("localhost", 200), (socket.gethostname().upper(), 200),
    ("example.org", 403), ("10.1.2.3.example.org", 403), ("1", 403), ("", 403),
])  # fmt: skip
def test_on_a_network_it_is_called_by_address_or_by_its_own_name(open_server, host, status):
    name = f"{host}:{open_server.server_port}"
    assert ask(open_server, "progress", Host=name, Origin=f"http://{name}")[0] == status
    assert ask(open_server, "progress", Host=host)[0] == 403  # another port


def test_on_a_network_the_token_is_needed_too_and_the_address_is_not_that_of_all_interfaces(open_server):
    assert ask(open_server, "/x/progress")[0] == 403
    assert not open_server.is_private
    assert "0.0.0.0" not in open_server.url
    assert open_server.url.endswith(f":{open_server.server_port}/{open_server.token}/")


@pytest.mark.parametrize(
    ("host", "url"), [("localhost", "http://localhost:"), ("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")]
)
def test_names_of_this_machine_alone_are_private(task, tmp_path, host, url):
    try:
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with labelled.served(task, tmp_path / "labels.csv", host=host) as server:
        assert server.is_private
        assert server.url.startswith(url)
        connection = http.client.HTTPConnection(host, server.server_port, timeout=10)
        connection.request("GET", f"/{server.token}/progress")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize("host", ["no such host.invalid", "x" * 300, "203.0.113.7"])
def test_a_host_that_is_not_this_machine_is_named(task, tmp_path, host):
    with pytest.raises(LabelError, match=host[:20]), task.served(tmp_path / "l.csv", "A", host=host):
        pass


def test_localhost_is_this_host_too(server):
    port = server.server_port
    assert ask(server, "progress", Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("answer", b"number=0", 400),
        ("answer", b"[1]", 400),
        ("answer", {"answers": []}, 400),
        ("answer", {"answers": [1]}, 400),
        ("answer", {"answers": said(0)}, 400),
        ("answer", {"answers": [{"number": n, "label": "real", "how": "looks"} for n in range(13)]}, 400),
        ("answer", said(False), 400),
        ("answer", said(0, "real", ""), 400),
        ("answer", b"[" * 9000, 400),
        ("answer", said(0, "fake"), 400),
        ("answer", said(0, how="guess"), 400),
        ("answer", said("0"), 400),
        ("answer", said(0, ["real"], {"a": 1}), 400),
        ("answer", said(3), 409),
        ("answer", said(-1), 409),
        ("answer", b" " * 20_000, 413),
        ("nothing", {}, 404),
        ("image/99", None, 404),
        ("image/-1", None, 404),
        ("image/%D9%A3", None, 404),
        ("image/" + "9" * 5000, None, 404),
        ("../../etc/passwd", None, 404),
        ("label.py", None, 404),
    ],
)
def test_what_makes_no_sense_is_refused(server, path, body, status):
    assert ask(server, path, body)[0] == status
    assert not server.session.path.exists()


def test_a_form_of_another_site_cannot_answer(server):
    assert ask(server, "undo", b"{}", Content_Type="text/plain")[0] == 415


@pytest.mark.parametrize("length", ["-1", "\xb2", "", "1e3", "+2"])
def test_a_length_that_is_no_number_is_refused(server, length):
    assert ask(server, "undo", b"{}", Content_Length=length)[0] == 415


def test_the_page_may_load_nothing_from_elsewhere(server):
    kinds = {"": "text/html", "label.css": "text/css", **dict.fromkeys(SCRIPTS, "text/javascript")}
    for path, kind in kinds.items():
        status, headers, body = ask(server, path)
        assert (status, headers.get_content_type()) == (200, kind)
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert b"http:" not in body
        assert b"https:" not in body


def test_images_are_upright_small_and_without_metadata(server, task):
    names = {row.key: number for number, row in enumerate(task.drawn)}
    sizes = {}
    for name, number in names.items():
        if name != labelled.BROKEN:
            status, headers, body = ask(server, f"image/{number}")
            assert (status, headers.get_content_type()) == (200, "image/jpeg")
            assert b"secret" not in body
            with Image.open(io.BytesIO(body)) as image:
                assert not image.getexif()
                assert not image.info.keys() - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
                sizes[name] = image.size
    assert sizes[labelled.TURNED] == (64, 96)
    assert sizes["long.png"] == (1024, 14)
    assert sizes["0.png"] == (96, 64)


def test_a_file_that_changed_since_the_audit_is_not_shown(server, task):
    number = [row.key for row in task.drawn].index(labelled.BROKEN)
    assert ask(server, f"image/{number}")[0] == 404
    assert json.loads(ask(server, f"reason/{number}")[2]) == {"reason": "the file changed since the audit"}


def test_labelling_is_blind(server, task):
    """Names are sent only on request, and verdicts never."""
    unasked = [ask(server, path) for path in ("", *SCRIPTS, "label.css", "progress", "image/0")]
    unasked.append(ask(server, "answer", said(0)))
    everything = b"".join(str(headers).encode() + body for _, headers, body in unasked)
    for row in task.drawn:
        assert row.key.encode() not in everything
    about = ask(server, "context/0")[2]
    assert json.loads(about)["file"].endswith(task.drawn[0].key)
    for word in (b"unknown", b"likely"):
        assert word not in everything + about


def test_answers_are_saved_one_by_one_and_taken_back(server, task):
    path = server.session.path
    for number, label in enumerate(HumanLabel):
        found = json.loads(ask(server, "answer", said(number, label, "page"))[2])
        assert (found["queue"][0], found["done"], found["total"]) == (number + 1, number + 1, 8)
        assert [a.label for a in file.read(path)] == list(HumanLabel)[: number + 1]
    assert json.loads(ask(server, "undo", {})[2])["queue"][0] == 2
    assert [(a.key, a.stratum, a.how, a.labeller) for a in file.read(path)] == [
        (row.key, "unknown", "page", "A") for row in task.drawn[:2]
    ]


def test_an_answer_that_comes_twice_is_saved_once(server):
    assert [ask(server, "answer", said(0))[0] for _ in range(2)] == [200, 409]
    assert len(file.read(server.session.path)) == 1


def test_a_page_of_labels_is_saved_at_once_or_not_at_all(server, task):
    def page(*numbers):
        return {
            "answers": [said(number)["answers"][0] for number in numbers[:-1]]
            + said(numbers[-1], "unsure", "")["answers"]
        }

    assert ask(server, "answer", page(0, 1, 3))[0] == 409
    assert not server.session.path.exists()
    progress = json.loads(ask(server, "answer", page(0, 1, 2))[2])
    assert (progress["queue"][:2], progress["waiting"], progress["done"]) == ([2, 3], 1, 2)
    assert [(a.key, a.label, a.how) for a in file.read(server.session.path)] == [
        (task.drawn[0].key, "real", "looks"), (task.drawn[1].key, "real", "looks"), (task.drawn[2].key, "unsure", ""),
    ]  # fmt: skip
    assert json.loads(ask(server, "undo", {})[2])["queue"][0] == 0
    assert file.read(server.session.path) == []


def test_undoing_nothing_does_nothing(server):
    assert json.loads(ask(server, "undo", {})[2])["done"] == 0


def test_a_session_goes_on_where_the_last_one_stopped_and_undoes_its_labels(task, tmp_path):
    path = tmp_path / "labels.csv"
    missing = [row.key for row in task.drawn].index(labelled.BROKEN)
    with labelled.served(task, path) as first:
        for number in range(3):
            ask(first, "answer", said(number))
    with labelled.served(task, path) as second:
        assert json.loads(ask(second, "progress")[2]) == {
            "queue": [3, 4, 5, 6, 7], "waiting": 0, "done": 3, "total": 8, "last": said(2)["answers"],
            "missing": [missing], "countsEdited": False,
        }  # fmt: skip
        assert json.loads(ask(second, "undo", {})[2])["queue"][0] == 2
        assert ask(second, "image/2")[0] in (200, 404)
    with labelled.served(task, path, "B") as other:
        assert json.loads(ask(other, "progress")[2])["queue"][0] == 0
        ask(other, "answer", said(0))
    assert [(a.key, a.labeller) for a in file.read(path)] == [
        (task.drawn[0].key, "A"), (task.drawn[1].key, "A"), (task.drawn[0].key, "B"),
    ]  # fmt: skip


def test_a_label_file_that_is_spoilt_meanwhile_is_told_and_left_alone(server):
    server.session.path.write_text("something else")
    status, _, body = ask(server, "answer", said(0))
    assert status == 500
    assert "no column 'key'" in json.loads(body)["error"]
    assert server.session.path.read_text() == "something else"


def test_a_spoilt_label_file_is_told_at_once(task, tmp_path):
    (tmp_path / "labels.csv").write_text("key,label\na,perhaps\n")
    with pytest.raises(LabelError, match="line 2: .*got 'perhaps'"), task.served(tmp_path / "labels.csv", "A"):
        pass


def test_a_port_that_is_taken_is_named(task, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabelError, match=f"port {port}"), task.served(tmp_path / "l.csv", "A", port=port):
            pass


def test_another_dataset_is_refused(task, tmp_path):
    from dataclasses import replace

    other = labelled.dataset(tmp_path / "set")
    lines = other.read_text().splitlines()
    other.write_text("\n".join([lines[0], *reversed(lines[1:])]))
    with pytest.raises(DatasetError, match="another dataset"), replace(task, inputs=other).served(tmp_path / "l", "A"):
        pass


@pytest.fixture
def ended(monkeypatch):
    """Set once a server has stopped serving."""
    event, shutdown = threading.Event(), LabelServer.shutdown

    def observed(server):
        shutdown(server)
        event.set()

    monkeypatch.setattr(LabelServer, "shutdown", observed)
    return event


def test_finishing_ends_the_server_after_its_answer(server, ended, monkeypatch):
    """The process may end as soon as the server stops serving."""
    answered, progress = [], Session.progress.fget

    def slow(session):
        answered.append(not ended.wait(0.3))
        return progress(session)

    monkeypatch.setattr(Session, "progress", property(slow))
    assert ask(server, "finish", {})[0] == 200
    assert ended.wait(10)
    assert answered == [True]


def test_finishing_ends_the_server_of_a_page_that_is_gone(server, ended, monkeypatch):
    def gone(handler, *_, **__):
        raise BrokenPipeError

    monkeypatch.setattr(server.RequestHandlerClass, "_send", gone)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, "finish", {})
    assert ended.wait(10)
