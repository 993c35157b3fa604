"""The Lab that a session's tests ask for all work."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from selfboot.errors import UnavailableError
from selfboot.session.process import PROGRESS, device, grading_cores

FRESH_ENV = "SELFBOOT_FRESH_SINCE"  # tells xdist's workers when the session began


def note_fresh(config: pytest.Config) -> None:
    """With ``--fresh``, what lies in the run store before this moment is not read."""
    if config.getoption("--fresh"):
        os.environ[FRESH_ENV] = repr(time.time())
    else:
        os.environ.pop(FRESH_ENV, None)


def make_lab(config: pytest.Config, root: Path) -> Any:
    """A Lab over the run store in ``root``, as the session's options say."""
    from selfboot.lab import Lab
    from selfboot.store import RunStore

    since = os.environ.get(FRESH_ENV)
    return Lab(
        RunStore(root, float(since) if since else None),
        device=device(config),
        engine=config.getoption("--engine"),
        batch_invariant=config.getoption("--batch-invariant"),
        weights=config.getoption("--weights"),
        isolation=config.getoption("--isolation"),
        tokens=config.getoption("--tokens"),
        chat_template=_chat_template(config),
        graders=grading_cores(config),
        progress=config.stash[PROGRESS],
    )


def _chat_template(config: pytest.Config) -> str:
    """The template that the model of the small scale is asked by: the named one, or "plain" where it has none."""
    from selfboot.protocols.any_model import DEFAULT, template_for

    if config.getoption("--scale") != "small":
        return ""
    try:
        return str(config.getoption("--chat-template")) or template_for(config.getoption("--model") or DEFAULT)
    except UnavailableError:
        return ""  # no case runs, and each says why
