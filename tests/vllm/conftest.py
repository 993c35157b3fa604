"""Tests marked ``vllm`` run where some interpreter has vLLM: ours, or the one in SELFBOOT_VLLM_PYTHON (.ci/vllm)."""

from __future__ import annotations

import pytest

from selfboot.errors import UnavailableError


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vllm: needs an interpreter that has vLLM (SELFBOOT_VLLM_PYTHON)")


@pytest.fixture(autouse=True)
def _vllm_is_there(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("vllm"):
        from selfboot.sampling.vllm import probe

        try:
            probe()
        except UnavailableError as error:
            pytest.skip(f"not run: {error}")
