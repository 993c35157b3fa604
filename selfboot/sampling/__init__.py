"""Drawing completions. One protocol (``base.Sampler``); one file an engine. Importing this package loads no torch."""

from selfboot.sampling.base import Sampler

__all__ = ["Sampler"]
