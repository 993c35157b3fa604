"""How each kind of claim is run: one file a kind, each a few functions ``protocol(lab, settings, seed, **options)``.

The claims, the calibration and a machine that only fills the run store call the same function, so what a band was
measured on is what is judged by it. ``run_protocol`` finds it by the registry's ``protocol``, with its ``options``.
"""

from selfboot.protocols.base import Notes, Run
from selfboot.protocols.catalogue import PROTOCOLS, run_protocol

__all__ = ["PROTOCOLS", "Notes", "Run", "run_protocol"]
