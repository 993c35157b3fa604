"""The paper's texts for the tests that render them: those of SELFBOOT_SHARED or SELFBOOT_REAL, else a skip."""

from __future__ import annotations

import pytest

from selfboot.paper.texts import TEXTS_ENV
from tests.shared_files import real


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paper's own texts are on this machine."""
    monkeypatch.setenv(TEXTS_ENV, str(real("released/prompts.json")))
