"""A Ray cluster of three nodes gives what one process gives, and survives what kills its workers and nodes."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import making
import pytest
import stores
from commands import KEPT, environment, run, unnamed

import auditor
from auditor import registry
from auditor.audit import Silent, make_engine, run_audit
from auditor.config import Config
from auditor.errors import AuditorError, ConfigError
from auditor.plugin import Input, Shard, ShardTask
from auditor.storage.output_folder import local_copy

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("default")]  # warnings: Ray's own


_NOTICED_SOON = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that registers the detectors of tests/support/poison.py, as an installed plug-in would."""
    folder = tmp_path_factory.mktemp("site")
    making.write(folder / "poison-1.dist-info/entry_points.txt", "[auditor.detectors]\npoison = poison:Poison\n")
    making.write(folder / "poison-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: poison\nVersion: 1\n")
    sys.path.insert(0, str(folder))
    registry.table.cache_clear()
    yield folder
    sys.path.remove(str(folder))
    registry.table.cache_clear()


@pytest.fixture(scope="module")
def bucket():
    """The URL of a bucket that the cluster sees; None without a server."""
    if stores.missing():
        yield None
        return
    with stores.s3() as url:
        yield url


@pytest.fixture(scope="module")
def cluster(site, bucket):
    """Three nodes of one CPU each; the first one has two GPUs, as far as Ray knows."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(RAY_USAGE_STATS_ENABLED="0").items():
            patch.setenv(name, value)
        head = {"num_cpus": 1, "num_gpus": 2, "include_dashboard": False, "_system_config": _NOTICED_SOON}
        nodes = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            nodes.add_node(num_cpus=1)
        patch.setenv("RAY_ADDRESS", nodes.address)
        yield nodes
        ray.shutdown()
        nodes.shutdown()


def tables(folder, count=6, *words):
    """Tables of a few captions each; every table is a shard."""
    for number in range(count):
        lines = [
            f"{number}-{n},http://x.org/{number}-{n},{word}\n" for n, word in enumerate(("a", "b --ar 1:1", *words))
        ]
        making.write(folder / f"{number:02}.csv", "id,url,text\n" + "".join(lines))
    return folder


def written(out):
    """The content of every file that an audit writes."""
    return {
        str(path.relative_to(out)): unnamed(path.read_bytes())
        for path in sorted(out.rglob("*"))
        if path.is_file() and KEPT not in path.name
    }


def test_it_writes_the_same_bytes_as_one_process(cluster, tmp_path):
    for number in range(5):
        data = making.png({"parameters": making.A1111}) if number % 2 else making.encoded(seed=number)
        making.write(tmp_path / f"data/{number}/{number}.png", data)
    for engine in ("serial", "ray"):
        config = ("--keep-vectors", "--out", engine, "--engine", engine, "-q")
        result = run("scan", "data", *config, cwd=tmp_path)
        assert "ERROR" not in result.stderr
    assert written(tmp_path / "ray") == written(tmp_path / "serial")


def test_it_writes_the_same_bytes_to_a_store(cluster, bucket, tmp_path):
    if not bucket:
        pytest.skip(stores.missing())
    tables(tmp_path / "data", 5)
    for engine, out in (("serial", "serial"), ("ray", f"{bucket}/audit")):
        run("scan", "data", "--out", out, "--engine", engine, "-q", cwd=tmp_path)
    with local_copy(f"{bucket}/audit") as copy:
        assert written(copy) == written(tmp_path / "serial")


class Where(ShardTask):
    """Says on which node a shard is run, and which GPUs that worker sees."""

    def __call__(self, shard):
        time.sleep(0.1)
        return ray.get_runtime_context().get_node_id(), os.environ.get("CUDA_VISIBLE_DEVICES"), os.getpid()


class WhereWithGpu(Where):
    uses_gpu = True


def shards(count):
    return [Shard(str(n), Input("/", "x"), "folder") for n in range(count)]


def test_every_node_works(cluster):
    nodes = {node for node, _, _ in make_engine(engine="ray").run(shards(40), Where())}
    assert nodes == {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def test_a_task_that_uses_a_gpu_gets_one_worker_per_gpu(cluster):
    found = set(make_engine(engine="ray", num_cpus=0.5).run(shards(20), WhereWithGpu()))
    assert sorted(gpu for _, gpu, _ in found) == ["0", "1"]


def test_no_more_workers_run_than_were_asked_for(cluster):
    assert len({process for _, _, process in make_engine(1, "ray").run(shards(8), Where())}) == 1


def test_a_row_that_kills_its_worker_costs_one_row(cluster, tmp_path):
    tables(tmp_path / "data", 1, "kill", "c --ar 1:1")
    config = Config.of(detectors=("poison", "caption-prior"))
    audit = run_audit([tmp_path / "data"], tmp_path / "audit", config, make_engine(engine="ray"))
    assert (audit.counts.rows, audit.counts.no_bytes, audit.counts.unreadable) == (4, 3, 1)
    assert audit.unreadable_reasons == {"opening it killed the worker (SIGSEGV)": 1}
    assert audit.detectors["caption-prior"].hits == 2
    assert not list((tmp_path / "audit/evidence").glob("*.tmp"))


class Fatal(ShardTask):
    """Work that kills its worker, also when the shard is in a process of its own."""

    def __call__(self, shard):
        parent = multiprocessing.parent_process()
        os.kill(parent.pid if parent else os.getpid(), signal.SIGKILL)


def test_a_shard_that_kills_every_worker_is_named(cluster, monkeypatch):
    monkeypatch.setattr("auditor.engines.ray._MAX_DEATHS", 2)
    with pytest.raises(AuditorError, match="0: 2 workers died on this part of the dataset"):
        list(make_engine(engine="ray").run(shards(1), Fatal()))


class Broken(ShardTask):
    """Work that cannot be done."""

    def __call__(self, shard):
        raise AuditorError(f"cannot do {shard.id}")


def test_an_error_in_a_worker_ends_the_run_with_that_error(cluster):
    with pytest.raises(AuditorError, match="cannot do"):
        list(make_engine(engine="ray").run(shards(8), Broken()))


def test_a_node_with_another_version_is_refused(cluster, monkeypatch):
    monkeypatch.setattr("auditor.engines.ray.__version__", "9.9")
    with pytest.raises(AuditorError, match="and this is 9.9"):
        list(make_engine(engine="ray").run(shards(1), Where()))


def test_resources_that_no_node_has_are_named(cluster, monkeypatch):
    monkeypatch.setattr("auditor.engines.ray._PATIENCE", -1)
    with pytest.raises(AuditorError, match="no node of the Ray cluster has 1 CPUs and 8 GPUs"):
        list(make_engine(engine="ray", num_gpus=8).run(shards(1), Where()))


def test_workers_end_with_the_run(cluster):
    results = make_engine(engine="ray").run(shards(40), Where())
    _, _, process = next(results)
    results.close()
    until = time.monotonic() + 10
    while (is_alive := Path(f"/proc/{process}").exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive


class KillsNode(Silent):
    """Kills a node when the second shard is done."""

    def __init__(self, cluster, node):
        self.cluster, self.node, self.shards = cluster, node, 0

    def advanced(self, rows):
        self.shards += 1
        if self.shards == 2:
            self.cluster.remove_node(self.node, allow_graceful=False)


def test_a_node_that_dies_in_the_middle_costs_nothing(cluster, bucket, tmp_path):
    data, config = tables(tmp_path / "data", 8, "slow"), Config.of(detectors=("poison", "caption-prior"))
    listener, out = KillsNode(cluster, list(cluster.worker_nodes)[-1]), f"{bucket or tmp_path}/killed"
    for name, folder, watching in (("serial", tmp_path / "serial", Silent()), ("ray", out, listener)):
        auditor.scan(data, out=folder, config=config, engine=name, listener=watching)
    assert listener.shards == 8
    with local_copy(out) as copy:
        assert written(copy) == written(tmp_path / "serial")


@pytest.mark.parametrize(("name", "amount"), [("num_cpus", 0), ("num_gpus", -1), ("num_gpus", 1.5)])
def test_impossible_reservations_are_named(name, amount):
    with pytest.raises(ConfigError, match=f"`{name}` must be"):
        make_engine(engine="ray", **{name: amount})


def test_other_engines_reserve_nothing(tmp_path):
    result = run("scan", tables(tmp_path / "data"), "--num-gpus", "1", "--engine", "processes", cwd=tmp_path)
    assert result.returncode == 2
    assert "--num-gpus" in result.stderr
