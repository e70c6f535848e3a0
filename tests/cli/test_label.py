"""auditor label as a user meets it: a real process where it is ended by Ctrl-C or from its page."""

import getpass
import json
import re
import shutil
import signal
import subprocess
import sys
from urllib.request import ProxyHandler, Request, build_opener

import commands
import labelled
import making
import pytest

from auditor.annotation import file
from auditor.cli import tunnel

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    labelled.task(folder)
    making.write(folder / "other/table.csv", "image,text\nx.png,a cat\n")
    making.write(folder / "other/x.png", making.png())
    return folder


def start(base, *args):
    command = [sys.executable, "-m", "auditor", "label", "audit", *map(str, args)]
    return subprocess.Popen(
        command, cwd=base, env=commands.environment(PYTHONUNBUFFERED="1"), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in a shell's background ignore it
    )  # fmt: skip


@pytest.fixture
def opened(base):
    """Starts the command and reads where its page is. A test that fails leaves no process behind."""
    pages = []

    def opening(*args):
        pages.append(Page(start(base, *args)))
        return pages[-1]

    yield opening
    for page in pages:
        page.process.kill()
        page.process.communicate()


def run(base, *args):
    result = commands.run("label", "audit", *args, cwd=base)
    return result.returncode, result.stdout, result.stderr


class Page:
    """The page of a running command."""

    def __init__(self, process):
        self.process = process
        self.before = ""  # what the command prints before the page's address
        while not (found := re.search(r"http://[\w.-]+:\d+/[\w-]+/", line := process.stdout.readline())):
            assert line, "the command ended"
            self.before += line
        self.url = found[0]

    def ask(self, path, **said):
        request = Request(self.url + path, json.dumps(said).encode(), {"Content-Type": "application/json"})
        return json.load(build_opener(ProxyHandler({})).open(request, timeout=20))

    def label(self, number, label, how="looks"):
        return self.ask("answer", answers=[{"number": number, "label": label, "how": how}])

    def ended(self):
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


def test_ctrl_c_keeps_the_labels_and_the_same_command_goes_on(opened, tmp_path):
    args = ("set/table.csv", "--labels", tmp_path / "labels.csv", "--number", 6)
    page = opened(*args)
    for number in range(2):
        page.label(number, "real")
    page.process.send_signal(signal.SIGINT)
    code, out, err = page.ended()
    assert code == 130
    assert "2 of 6 images labelled by 'A'" in out
    assert err.strip().splitlines()[-1] == "interrupted: labels are saved; run the same command to continue"
    page = opened(*args)
    assert page.label(2, "synthetic", "page")["done"] == 3
    page.ask("finish")
    code, out, err = page.ended()
    assert (code, err) == (0, "")
    assert f"auditor gate audit --labels {tmp_path / 'labels.csv'}" in out


def test_over_ssh_it_prints_the_command_for_a_tunnel(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.9 2222")
    page = opened("set/table.csv", "--labels", tmp_path / "labels.csv")
    port = page.url.split("/")[2].rpartition(":")[2]
    page.ask("finish")
    code, _, err = page.ended()
    assert (code, err) == (0, "")
    assert f"ssh -L {port}:127.0.0.1:{port} -p 2222 {getpass.getuser()}@192.0.2.9\n" in page.before


def test_a_page_for_the_network_keeps_its_token_and_names_the_risk(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.9 22")
    page = opened("set/table.csv", "--labels", tmp_path / "labels.csv", "--host", "0.0.0.0")
    assert len(page.url.split("/")[3]) >= 32
    page.ask("finish")
    code, _, err = page.ended()
    assert code == 0
    assert "ssh -L" not in page.before
    assert err.startswith("warning: everybody on this network who learns the address can see the images")
    assert "not encrypted" in err


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", None),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", None),
        ({}, "darwin", None),
        ({}, "linux", "ssh -L 80:127.0.0.1:80 ann@"),
        ({"SSH_CONNECTION": "a 1 192.0.2.9 22", "DISPLAY": "localhost:10.0"}, "linux", "80 ann@192.0.2.9"),
        ({"SSH_CONNECTION": "a 1 fe80::1%eth0;x 22"}, "darwin", "80 'ann@fe80::1%eth0;x'"),
        ({"SSH_CONNECTION": "broken", "DISPLAY": ":0"}, "linux", None),
    ],
)
def test_a_tunnel_is_only_advised_where_people_sit_elsewhere(monkeypatch, environ, platform, expected):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    hint = tunnel.hint(80, environ)
    assert hint is None if expected is None else expected in hint


@pytest.mark.system
def test_a_second_labeller_gets_the_same_images_and_learns_how_far_they_agree(opened, tmp_path):
    labels = {"A": ["real", "real", "synthetic", "unsure"], "B": ["real", "synthetic", "synthetic", "real"]}
    for name, said in labels.items():
        page = opened("set/table.csv", "--labels", tmp_path / "labels.csv", "--labeller", name)
        for number, label in enumerate(said):
            page.label(number, label)
        page.ask("finish")
        out = page.ended()[1]
    assert (
        "A and B: 4 images in common; of 3 that both labelled as real or synthetic, they disagree on 1, Cohen's kappa 0.40"
        in out
    )
    keys = [[a.key for a in file.read(tmp_path / "labels.csv") if a.labeller == name] for name in labels]
    assert keys[0] == keys[1]


def test_the_dataset_is_found_beside_the_audit(base, tmp_path):
    both = tmp_path / "moved"
    shutil.copytree(base / "audit", both / "audit")
    shutil.copytree(base / "set", both, dirs_exist_ok=True)
    code, out, _ = run(tmp_path, "--export", "page", "--labeller", "ann")  # there is no audit here
    assert code == 2
    code, out, err = run(both, "--export", "page")
    assert code == 0, err
    assert "8 images to label" in out
    assert (both / "page/index.html").exists()


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (("nowhere",), 2, "nowhere: no such file or folder"),
        (("other",), 3, "this is another dataset"),
        (("set/table.csv", "--labels", "audit/audit.json"), 3, "no column 'key'"),
        (("set/table.csv", "--export", "set"), 3, "not empty"),
        (("set/table.csv", "--number", "0"), 2, "--number"),
        (("set/table.csv", "--host", "nowhere.invalid"), 3, "host nowhere.invalid: "),
    ],
)
def test_what_cannot_be_labelled_is_told_in_a_line(base, args, code, why):
    found, out, err = run(base, *args)
    assert (found, out) == (code, "")
    assert why in err.strip().splitlines()[-1]
    assert "Traceback" not in err


def test_a_folder_without_an_audit_is_told(base):
    result = commands.run("label", "set", cwd=base)
    assert result.returncode == 3
    assert "set/audit.json: No such file" in result.stderr
