"""What transformers calls otherwise from version to version."""

from __future__ import annotations

from importlib.metadata import version

DTYPE_KEYWORD = "dtype" if int(version("transformers").split(".")[0]) >= 5 else "torch_dtype"
