"""Models described by data (``spec``), loaded through transformers (``load``). Importing this package loads no torch.

It shortens how long torch's threads spin while they wait (``GOMP_SPINCOUNT``, Linux) unless the caller has a policy of
his own; it counts where torch is not yet loaded. Two threads, two cores, 164 MiniEval tasks, greedy, seconds: on idle
cores 5.2 by default and 5.9 so; on cores that others use too 80 to 167 by default and 11 to 28 so. The results are the
same.
"""

import os

from selfboot.models.spec import ModelSpec

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = ["ModelSpec"]
