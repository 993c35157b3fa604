"""Models described by data (``spec``), loaded through transformers (``load``). Importing this loads no torch."""

from selfboot.models.spec import ModelSpec

__all__ = ["ModelSpec"]
