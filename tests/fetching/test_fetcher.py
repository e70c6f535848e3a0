"""Many URLs: each asked for once, politely, and remembered."""

import contextlib
import io
import itertools
import json
import threading

import hosting
import pytest
from hosting import IMAGE, refusal

from auditor.errors import FetchError, SampleError

# ---- the cache


def test_a_second_run_asks_nobody(fetcher, host):
    first = fetcher()
    path = first.fetch(host.url("/image.png"))
    reason = refusal(first, host.url("/404"))
    assert len(host.asked) == 2
    second = fetcher()
    assert second.fetch(host.url("/image.png")) == path
    assert refusal(second, host.url("/404")) == reason
    assert len(host.asked) == 2


def test_only_failures_that_may_pass_are_asked_again_and_only_on_request(fetcher, host):
    made = fetcher()
    for path in ("/404", "/503"):
        refusal(made, host.url(path))
    again = fetcher(again=True)
    for path in ("/404", "/503"):
        refusal(again, host.url(path))
    assert [path for _, path, *_ in host.asked] == ["/404", "/503", "/503"]


def test_an_outage_that_is_over_is_forgotten(fetcher, host, monkeypatch):
    monkeypatch.setattr(hosting._Handler, "_image", lambda self: self._send(b"", status=503))
    refusal(fetcher(), host.url("/image.png"))
    monkeypatch.undo()
    assert fetcher(again=True).fetch(host.url("/image.png")).read_bytes() == IMAGE
    assert fetcher().cached(host.url("/image.png")).read(1 << 20) == IMAGE


def test_the_cache_is_recalled_without_asking(fetcher, host, monkeypatch):
    made = fetcher()
    made.fetch(host.url("/image.png"))
    refusal(made, host.url("/404"))
    monkeypatch.setenv("AUDITOR_OFFLINE", "1")
    assert made.cached(host.url("/image.png")).read(1 << 20) == IMAGE
    with pytest.raises(SampleError, match="HTTP 404"):
        made.cached(host.url("/404")).read(1)
    assert made.cached(host.url("/unknown")) is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"reason": "x"}'])
def test_a_damaged_note_of_a_failure_is_no_failure(fetcher, host, tmp_path, content):
    made = fetcher()
    refusal(made, host.url("/404"))
    [note] = (tmp_path / "cache").rglob("*.json")
    assert json.loads(note.read_text())["url"] == host.url("/404")
    note.write_text(content)
    refusal(made, host.url("/404"))
    assert len(host.asked) == 2


@pytest.mark.parametrize("name", ["AUDITOR_OFFLINE", "HF_HUB_OFFLINE"])
def test_nothing_is_fetched_offline(fetcher, host, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(FetchError, match=f"{name} is set"):
        fetcher().fetch(host.url("/image.png"))
    with pytest.raises(FetchError, match=f"{name} is set"):
        list(fetcher().fetch_all([host.url("/image.png")]))
    assert host.asked == []


def test_a_cache_that_cannot_be_written_is_named(fetcher, host, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(FetchError, match="cache: "):
        list(fetcher().fetch_all([host.url("/image.png")]))


# ---- many


def test_every_url_comes_once_with_its_file_or_its_reason(fetcher, host):
    wanted = [host.url(f"/{n}.png", f"{n % 7}.test") for n in range(40)] + [host.url("/404"), "nonsense", "nonsense"]
    listed = list(fetcher().fetch_all(wanted))
    found = dict(listed)
    assert len(listed) == 42
    assert found.keys() == set(wanted)
    reasons = {url: str(what) for url, what in found.items() if isinstance(what, SampleError)}
    assert reasons == {host.url("/404"): "HTTP 404", "nonsense": "only http and https are fetched"}
    assert all(what.read_bytes() == IMAGE for url, what in found.items() if url not in reasons)


def test_a_host_is_asked_one_request_after_the_other_with_a_pause(fetcher, host):
    wanted = [host.url(f"/{n}.png", name) for n in range(4) for name in ("a.test", "b.test")]
    wanted += [host.url("/redirect?" + host.url("/moved.png"), "c.test")]  # a redirect is a request to its host too
    list(fetcher(pause=0.15).fetch_all(wanted))
    for name in ("a.test", "b.test"):
        mine = sorted((began, ended) for asked, _, began, ended in host.asked if asked == name)
        assert len(mine) >= 4
        for (_, before), (began, _) in itertools.pairwise(mine):
            assert began - before >= 0.14


def test_several_hosts_are_asked_at_once(fetcher, host, monkeypatch):
    """Three hosts that answer when all three were asked."""
    meeting = threading.Barrier(3)
    monkeypatch.setattr(hosting._Handler, "_image", lambda self: (meeting.wait(20), self._send(IMAGE)))
    found = dict(fetcher().fetch_all([host.url("/image.png", f"{n}.test") for n in range(3)]))
    assert not any(isinstance(what, SampleError) for what in found.values())


def test_what_is_broken_off_is_no_failure_and_goes_on_later(fetcher, host, tmp_path):
    wanted = [host.url("/drip", "slow.test"), *(host.url(f"/{n}.png") for n in range(3))]
    made = fetcher()
    for _ in zip(range(3), made.fetch_all(wanted), strict=False):
        pass
    notes = list((tmp_path / "cache").rglob("*.json"))
    assert notes == []
    assert not list((tmp_path / "cache").rglob("*.tmp"))
    assert fetcher().cached(wanted[0]) is None
    assert [fetcher().cached(url).read(1 << 20) for url in wanted[1:]] == [IMAGE] * 3


def test_a_full_disk_is_not_taken_for_the_hosts_failure(fetcher, host, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        name = str(tmp_path / "full")

        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("auditor.fetching.fetcher._temporary_file", lambda folder: contextlib.nullcontext(Full()))
    with pytest.raises(FetchError, match="cannot be stored: No space left on device"):
        list(fetcher().fetch_all([host.url("/image.png")]))
    assert fetcher().cached(host.url("/image.png")) is None
