"""What engines cost: seconds until the first result, and milliseconds per further shard.

    python benchmarks/engines.py [--shards 2000] [--nodes 3]

One run compares, with a task that does nothing: `serial`, `processes`, and `ray` (if it is installed) on a cluster of
so many nodes with one CPU each, all on this machine. The other engines have as many workers as there are nodes.
"""

from __future__ import annotations

import argparse
import os
import time

from auditor.audit import make_engine
from auditor.plugin import Engine, Input, Shard, ShardTask


class Nothing(ShardTask[int]):
    def __call__(self, shard: Shard) -> int:
        return 0


def measured(engine: Engine, count: int) -> tuple[float, float]:
    """Seconds until the first result, and per further result."""
    shards = (
        Shard(f"table-{number:016x}", Input("/data", "data"), "table", f"{number}.csv") for number in range(count)
    )
    start = time.perf_counter()
    results = engine.run(shards, Nothing())
    next(results)
    first = time.perf_counter()
    rest = sum(1 for _ in results)
    return first - start, (time.perf_counter() - first) / rest


def ray_engine(nodes: int) -> Engine | None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        from ray.cluster_utils import Cluster
    except ImportError:
        return None
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(nodes - 1):
        cluster.add_node(num_cpus=1)
    os.environ["RAY_ADDRESS"] = cluster.address
    return make_engine(engine="ray")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=2000)
    parser.add_argument("--nodes", type=int, default=3)
    args = parser.parse_args()
    engines = [make_engine(args.nodes, name) for name in ("serial", "processes")]
    print(f"{args.shards:,} shards of nothing to do, {args.nodes} workers")
    for engine in filter(None, (*engines, ray_engine(args.nodes))):
        first, further = measured(engine, args.shards)
        print(f"{engine.id:10} first result after {first:5.2f} s, then {1000 * further:6.3f} ms per shard")


if __name__ == "__main__":
    from engines import main  # workers find the task in this module under that name

    main()
