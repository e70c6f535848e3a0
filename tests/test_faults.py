"""Commands that are killed at any moment, and disks that are full: nothing is half-written, and a rerun mends it."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import making
import pytest
from commands import environment, process

pytestmark = pytest.mark.system

# Each is run in a folder of its own beside `base`, which has the datasets and their audits, and writes to `new`.
COMMANDS = {
    "scan": "scan ../base/data --out new/out --detectors generator-text,dwt-dct --keep-vectors --jobs 2 --exit-zero",
    "merge": "merge ../base/one ../base/two --out new/out --exit-zero",
    "filter": "filter ../base/one --out new/keep.parquet --tars new/tars --dataset ../base/data",
    "index": "index build new/index ../base/data --jobs 2",
    "report": "report ../base/one -o new/report.html",
    "export": "export ../base/one -o new/rows.csv",
    "label": "label ../base/one ../base/data --export new/label --number 5",
}
KILLED = ("scan", "merge", "filter", "index", "label", "report")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Two datasets of tars with their audits, and what each command makes of them undisturbed: path -> bytes."""
    folder = tmp_path_factory.mktemp("faults")
    for number, name in enumerate(("data", "more")):
        (folder / "base" / name).mkdir(parents=True)
        for shard in range(2):
            images = [(f"{n:03d}.png", picture(1000 * number + 100 * shard + n, n)) for n in range(6)]
            making.tar(folder / "base" / name / f"{shard}.tar.gz", images)
    for name, out in (("data", "one"), ("more", "two")):
        line = f"scan base/{name} --out base/{out} --detectors generator-text --engine serial --exit-zero"
        assert process(*line.split(), cwd=folder).returncode == 0
    return folder


def picture(seed, number):
    return making.png({"parameters": making.A1111} if number % 4 == 0 else {}, seed=seed, width=32, height=32)


@pytest.fixture(scope="module")
def undisturbed(base):
    """made(command): (what it makes, path -> bytes; the seconds that it takes)."""
    known = {}

    def made(command):
        if command not in known:
            place, start = fresh(base, f"undisturbed-{command}"), time.monotonic()
            result = process(*COMMANDS[command].split(), cwd=place)
            assert result.returncode == 0, result.stderr
            known[command] = content(place), time.monotonic() - start
        return known[command]

    return made


def fresh(base, name):
    (base / name / "new").mkdir(parents=True)
    return base / name


def content(place):
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def members(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def killed(command, place, rng, seconds):
    """Kills the command or all of its processes at a random moment; its processes must be gone 2 s later."""
    running = subprocess.Popen(
        [sys.executable, "-m", "auditor", *COMMANDS[command].split()],
        cwd=place,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(rng.uniform(0.2, 1.0) * seconds)
    if rng.random() < 0.5:
        os.kill(running.pid, signal.SIGKILL)
    else:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    until = time.monotonic() + 2
    while members(running.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert members(running.pid) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("command", KILLED)
def test_a_command_that_was_killed_gives_the_same_bytes_when_it_is_repeated(base, undisturbed, command, runs):
    whole, seconds = undisturbed(command)
    rng = random.Random(command)
    for number in range(runs(40, 1)):
        place = fresh(base, f"{command}-{number}")
        killed(command, place, rng, seconds)
        if content(place) == whole:  # it was complete, and `index build` refuses to build an index twice
            continue
        result = process(*COMMANDS[command].split(), cwd=place)
        assert result.returncode == 0, f"{number}: {result.stderr}"
        assert content(place) == whole, number


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("limit", [100, 5000])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(base, undisturbed, command, limit):
    """No file may be larger than the limit, which fails like a full disk."""
    whole, _ = undisturbed(command)
    if max(map(len, whole.values())) <= limit:
        pytest.skip("everything fits")
    place = fresh(base, f"full-{command}-{limit}")
    result = subprocess.run(
        [sys.executable, "-m", "auditor", *COMMANDS[command].split()],
        cwd=place,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    left = content(place)
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("ERROR ")
    assert result.stderr.splitlines()[-1].endswith(": File too large")
    assert not [name for name in left if name.endswith(".tmp")]
    ours = {name: data for name, data in left.items() if name in whole and not name.endswith(".sha256")}
    assert all(data == whole[name] for name, data in ours.items() if not name.endswith("manifest.json"))
