"""A detector that kills its worker on some images, for tests of what the scan survives."""

import os
import signal

from auditor.plugin import Detector, Reading
from auditor.types import Evidence, Need


class Poison(Detector):
    id = "poison"
    evidence = Evidence.PRIOR
    needs = Need.ROW

    def look(self, view):
        if view.sample.caption == "kill":
            os.kill(os.getpid(), signal.SIGSEGV)
        if view.sample.caption == "raise":
            raise RuntimeError("a bug")
        return Reading.nothing()
