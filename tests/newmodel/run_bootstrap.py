"""A short bootstrap of the mini model in a process of its own, for tests that kill it: STORE OUT."""

import sys
from pathlib import Path

import torch

from selfboot.newmodel.bootstrap import Wish, bootstrap
from selfboot.newmodel.models import OpenLab
from selfboot.store import RunStore

if __name__ == "__main__":
    torch.set_num_threads(1)
    wish = Wish(pairs=2, benchmark="minieval-dev", tasks=6, settings={"problems": 2, "attempts": 4})
    with OpenLab(RunStore(Path(sys.argv[1])), graders=1) as lab:
        bootstrap(lab, "organism-0", wish, Path(sys.argv[2]))
