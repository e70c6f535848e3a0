"""One URL: from public addresses alone, bounded, and with the reason where nothing comes of it."""

import datetime
import io
import ssl
import threading

import hosting
import pytest
from hosting import IMAGE, LOCAL, refusal

from auditor.fetching import download
from auditor.fetching.download import USER_AGENT, Bounds, opts_out
from auditor.fetching.fetcher import Fetcher


@pytest.mark.parametrize("path", ["/image.png", "/chunked", "/gzip", "/deflate", "/untyped", "/a b/ü.png?q=ä#x"])
def test_an_image_is_fetched(fetcher, host, path):
    assert fetcher().fetch(host.url(path)).read_bytes() == IMAGE
    assert host.agents == {USER_AGENT}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/404", "HTTP 404"),
        ("/410", "HTTP 410"),
        ("/500", "HTTP 500"),
        ("/204", "HTTP 204"),
        ("/html", "text/html is not an image"),
        ("/noai", "the host opts out"),
        ("/endless", "larger than 1,048,576 bytes"),
        ("/announced", "larger than 1,048,576 bytes"),
        ("/bomb", "larger than 1,048,576 bytes"),
        ("/short", "the response ends early"),
        ("/unending-chunk", "the response ends early"),
        ("/short-gzip", "the response ends early"),
        ("/not-gzip", "its compressed data are damaged"),
        ("/brotli", "compressed as 'br', which was not requested"),
        ("/empty", "an empty response"),
        ("/redirect?/redirect?/redirect?/image.png", None),
        ("/redirect?/redirect?/redirect?/redirect?/image.png", "more than 3 redirects"),
        ("/redirect?redirect?redirect?image.png", None),
        ("/redirect-nowhere", "HTTP 302"),
        ("/redirect?ftp://a.test/x.png", "only http and https are fetched"),
        ("/redirect?file:///etc/passwd", "only http and https are fetched"),
        ("/redirect-astray", "redirected to an invalid URL"),
    ],
)
def test_what_is_no_image_is_refused_with_the_reason(fetcher, host, path, reason, tmp_path):
    made = fetcher()
    if reason is None:
        assert made.fetch(host.url(path)).read_bytes() == IMAGE
        return
    assert refusal(made, host.url(path)) == reason
    assert not any(found.suffix != ".json" for found in (tmp_path / "cache").rglob("*") if found.is_file())


def test_a_loop_of_redirects_ends(fetcher, host):
    path = "/redirect?" * 50 + "/image.png"
    assert refusal(fetcher(), host.url(path)) == "more than 3 redirects"
    assert len(host.asked) == 4


@pytest.mark.parametrize("path", ["/drip", "/drip-with-length"])
def test_a_body_that_only_drips_is_not_waited_for(fetcher, host, path):
    assert refusal(fetcher(Bounds(seconds=0.5, read_timeout=20)), host.url(path)) == "not received within 0.5 s"


def test_a_host_that_falls_silent_is_not_waited_for(fetcher, host):
    assert refusal(fetcher(Bounds(seconds=20, read_timeout=0.3)), host.url("/silent")) == "no data for 0.3 s"


def _drips(connected, ending):
    connected.sendall(b"\x16\x03\x03\x40\x00\x02")
    while not ending.wait(0.02):
        connected.sendall(b"\0")


def _drips_headers(connected, ending):
    connected.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not ending.wait(0.02):
        connected.sendall(b"a")


@pytest.mark.parametrize(("scheme", "talk"), [("https", _drips), ("http", _drips_headers)])
def test_handshakes_and_headers_that_only_drip_are_not_waited_for(fetcher, scheme, talk):
    with hosting.raw(talk) as port:
        url = f"{scheme}://a.test:{port}/x.png"
        assert refusal(fetcher(Bounds(seconds=0.5, read_timeout=20)), url) == "not received within 0.5 s"


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n", b"\0" * 100, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000])
def test_what_is_not_http_is_refused(fetcher, said):
    with hosting.raw(lambda connected, _: connected.sendall(said)) as port:
        assert refusal(fetcher(), f"http://a.test:{port}/x.png") in ("the connection was interrupted", "not HTTP")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://a.test/x.png", "only http and https are fetched"),
        ("data:image/png;base64,aaaa", "only http and https are fetched"),
        ("/x.png", "only http and https are fetched"),
        ("", "only http and https are fetched"),
        ("http://", "the URL names no host"),
        ("http:///x.png", "the URL names no host"),
        ("http://user:secret@a.test/x.png", "the URL contains a user name"),
        ("http://a.test:22/x.png", "port 22 is not allowed: use 80, 443, or 1024 and higher"),
        ("http://a.test:99999/x.png", "not a URL that can be fetched"),
        ("http://[::1/x.png", "not a URL that can be fetched"),
        ("http://\udc80.test/x.png", "not a URL that can be fetched"),
    ],
)
def test_what_is_no_web_address_is_refused_unasked(fetcher, url, reason):
    def resolve(host, port):
        raise AssertionError(f"{host} was looked up")

    assert refusal(fetcher(resolve=resolve), url) == reason


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0", "127.1", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_out_of_reach(host, tmp_path, name):
    """With nothing overridden: as users have it."""
    reason = refusal(Fetcher(tmp_path, pause=0), host.url("/image.png", name))
    assert "not a public address" in reason or reason in ("no such host", "not a URL that can be fetched")
    assert host.asked == []


def test_a_redirect_into_a_private_network_is_refused(fetcher, host):
    known = {"a.test": [LOCAL], "inner.test": ["10.1.2.3"]}
    made = fetcher(resolve=lambda name, port: known[name])
    url = host.url("/redirect?http://inner.test/latest/meta-data/")
    assert refusal(made, url) == "its host is at 10.1.2.3, which is not a public address"
    assert len(host.asked) == 1


def test_one_private_address_among_public_ones_is_enough_to_refuse(fetcher, host):
    made = fetcher(resolve=lambda name, port: [LOCAL, "10.0.0.1"])
    assert "10.0.0.1" in refusal(made, host.url("/image.png"))
    assert host.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_reached(fetcher, host):
    """A name that leads elsewhere when it is looked up again gains nothing: it is looked up once."""
    answers = iter([[LOCAL], ["10.0.0.1"]])
    assert fetcher(resolve=lambda name, port: next(answers)).fetch(host.url("/image.png")).read_bytes() == IMAGE
    assert next(answers) == ["10.0.0.1"]


def test_a_second_address_is_tried_where_the_first_does_not_answer(fetcher, host):
    made = fetcher(resolve=lambda name, port: ["127.0.0.9", LOCAL], reachable=lambda address: True)
    assert made.fetch(host.url("/image.png")).read_bytes() == IMAGE


def test_a_name_that_leads_nowhere_is_refused(fetcher):
    def resolve(host, port):
        raise OSError("no address")

    assert refusal(fetcher(resolve=resolve), "http://gone.test/x.png") == "no such host"


# ---- opting out


@pytest.mark.parametrize(
    ("robots", "reservation", "expected"),
    [
        ([], None, False),
        (["all"], None, False),
        (["noai"], None, True),
        (["nofollow, NoImageAI "], None, True),
        (["nofollow", "noimageindex"], None, True),
        (["googlebot: noai"], None, False),
        (["mad-auditor: noai"], None, True),
        (["noai, unavailable_after: 25 Jun 2010 15:00:00 PST"], None, True),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], None, True),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST"], None, False),
        ([], "1", True),
        ([], "0", False),
    ],
)
def test_who_opts_out(robots, reservation, expected):
    assert opts_out(robots, reservation) is expected


def test_what_is_written_is_bounded(host):
    out = io.BytesIO()
    made = download.Downloader(Bounds(max_bytes=1000), resolve=lambda *_: [LOCAL], reachable=lambda _: True)
    with pytest.raises(download.Failed, match="larger than 1,000 bytes"):
        made.get(host.url("/bomb"), out, lambda host: threading.Lock())
    assert out.tell() <= 1000


# ---- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Of good.test alone, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "good.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("good.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    format = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, format, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.parametrize(
    ("name", "is_trusted", "reason"),
    [
        ("good.test", True, None),
        ("other.test", True, "its certificate is not valid"),
        ("good.test", False, "its certificate is not valid"),
    ],
)
def test_certificates_are_checked_although_the_address_is_pinned(
    fetcher, certificate, monkeypatch, name, is_trusted, reason
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    download._tls.cache_clear()
    try:
        with hosting.host(context) as host:
            url = host.url("/image.png", name, "https")
            if reason:
                assert refusal(fetcher(), url) == reason
            else:
                assert fetcher().fetch(url).read_bytes() == IMAGE
    finally:
        download._tls.cache_clear()


def test_a_plain_server_gives_no_secure_connection(fetcher, host):
    assert refusal(fetcher(), host.url("/image.png", scheme="https")) == "no secure connection"
