"""Plug-ins and tasks that kill their worker, for tests of crash handling."""

import itertools
import os
import signal
import time
from collections import deque
from pathlib import Path

from auditor.plugin import Detector, DetectorResult, Reader, Shard
from auditor.scanning.shard_scan import ShardScan
from auditor.types import Evidence, Need, Sample


class Poison(Detector):
    id = "poison"
    evidence = Evidence.PRIOR
    needs = Need.ROW

    def look(self, view):
        if view.sample.caption == "kill":
            os.kill(os.getpid(), signal.SIGSEGV)
        if view.sample.caption == "hang":
            deque(itertools.repeat(0), maxlen=0)  # a call into C that no timer of Python interrupts
        if view.sample.caption == "slow":
            time.sleep(0.2)
        if view.sample.caption == "raise":
            raise RuntimeError("a bug")
        return DetectorResult.negative()


class Deadly(Reader):
    """Lines of a file as rows; reading `kill` kills."""

    id = "deadly"

    def accepts(self, input):
        return input.name.endswith(".deadly")

    def shards(self, input):
        yield Shard("deadly", input, self.id, input.name)

    def read(self, shard):
        for number, line in enumerate(Path(shard.input.url, shard.file).read_text().split()):
            if line == "kill":
                os.kill(os.getpid(), signal.SIGSEGV)
            yield Sample(str(number), "x", f"http://x.org/{number}", caption=line, url=f"http://x.org/{number}")


class Stillborn(ShardScan):
    """A scan whose first two workers die before they examine any row."""

    def __call__(self, shard):
        deaths = self.out / "deaths"
        count = int(deaths.read_text()) if deaths.exists() else 0
        if count < 2:
            deaths.write_text(str(count + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(shard)
