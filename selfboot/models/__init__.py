"""Models described by data (``spec``), loaded through transformers (``load``). Importing this package loads no torch.

It shortens how long torch's threads spin while they wait (``GOMP_SPINCOUNT``, Linux) unless the caller has a policy of
his own; it counts where torch is not yet loaded. Two threads, two cores, 164 MiniEval tasks, greedy, seconds: on idle
cores 5.2 by default and 5.9 so; on cores that others use too 80 to 167 by default and 11 to 28 so. The results are the
same.
"""

import logging
import os

from selfboot.models.spec import ModelSpec

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Where bitsandbytes is installed, peft imports it, and on a CPU with AVX512-BF16 it then warns of a kernel of the hub's
# that it lacks; that kernel is not used here (nf4.py).
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

__all__ = ["ModelSpec"]
