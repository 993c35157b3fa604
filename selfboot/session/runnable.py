"""Can this machine run a case, and with which others does it share an engine?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfboot.errors import SelfbootError
from selfboot.session.cases import failure, served
from selfboot.session.order import COMPANY

ABLE = pytest.StashKey[dict[str, list[Any]]]()  # the cases of COMPANY that can run here


def lacking(config: pytest.Config, case: Any) -> list[str]:
    """Everything that a case lacks on this machine."""
    from selfboot.judging import calibration
    from selfboot.planning.availability import lacks

    uncalibrated = _said(calibration.lacking, case.claim.id, case.settings) if case.scale == "mini" else None
    return [uncalibrated] if uncalibrated else list(lacks(case.settings, case.scale, config.getoption("--weights")))


def company(config: pytest.Config, case: Any) -> list[Any]:
    """The cases of this session that the same engine serves and that this machine can run; asked once a model."""
    if not served(config, case):
        return []
    model, able = case.runnable.model, config.stash.setdefault(ABLE, {})
    if model not in able:
        able[model] = [other for other in config.stash[COMPANY][model] if _can_run(config, other)]
    return able[model]


def _can_run(config: pytest.Config, case: Any) -> bool:
    try:
        return not lacking(config, case)
    except (SelfbootError, pytest.fail.Exception):
        return False  # its own test says why


def _said(ask: Callable[..., str | None], *args: Any) -> str | None:
    """What ``ask`` answers; a library error fails the case in one line, also while it is set up."""
    try:
        return ask(*args)
    except SelfbootError as error:
        raise failure(error) from None
