"""Tests marked ``vllm`` run where some interpreter has vLLM: ours, or the one in SELFBOOT_VLLM_PYTHON (.ci/vllm)."""

from __future__ import annotations

import functools

import pytest

from selfboot.errors import UnavailableError


@functools.cache
def missing() -> str:
    """Why no vLLM can be run here, or nothing."""
    from selfboot.sampling.vllm import probe

    try:
        probe()
    except UnavailableError as error:
        return str(error)
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip before any fixture is made."""
    if item.get_closest_marker("vllm") and missing():
        pytest.skip(f"not run: {missing()}")
