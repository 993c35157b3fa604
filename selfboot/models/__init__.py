"""Models described by data (``spec``), loaded through transformers (``load``). Importing this package loads no torch.

It sets ``OMP_WAIT_POLICY`` to PASSIVE unless the caller has set it, which counts where torch is not yet loaded: threads
that wait then sleep instead of spinning. On two cores that others use too, two spinning threads took 167 s for what
took 19 s with sleeping ones (164 MiniEval tasks, greedy); results are the same.
"""

import os

from selfboot.models.spec import ModelSpec

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["ModelSpec"]
