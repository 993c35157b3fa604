"""A pytest plugin that says which cases share an engine with others."""

from __future__ import annotations

import pytest

from selfboot.session.cases import name_of
from selfboot.session.order import COMPANY


def pytest_collection_finish(session: pytest.Session) -> None:
    together = [name_of(case) for cases in session.config.stash[COMPANY].values() for case in cases]
    print("\ncompany:", *together)
