"""A claim's case in pytest: how it is found, what runs in its place, what it leaves, how its errors read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from selfboot.engines.memory import REMEDY, tells_of_memory
from selfboot.errors import SelfbootError
from selfboot.session.options import store_root, trial
from selfboot.session.process import device

RESULT_PROPERTY, CASE_PROPERTY, LACK_PROPERTY = "selfboot.result", "selfboot.name", "selfboot.lacks"


def case_of(item: pytest.Item) -> Any:
    """The claim's case that a test was given, or None for a test of the library."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("case") if callspec and item.get_closest_marker("claim") else None


def name_of(case: Any) -> str:
    """The claim and, in brackets, which of its cases: ``recipe-7b[mini]``."""
    return f"{case.claim.id}[{case.id}]"


def served(config: pytest.Config, case: Any) -> bool:
    """Does an engine or a GPU serve the case's model, so that its cases should come one after the other?"""
    return config.getoption("--engine") == "vllm" or on_gpu(config, case)


def on_gpu(config: pytest.Config, case: Any) -> bool:
    """Does the case take a GPU: at the paper's scale always, on any one model where it runs on one?"""
    return bool(case.scale == "paper" or (case.scale == "small" and not device(config).startswith("cpu")))


def put_in_place(config: pytest.Config, case: Any) -> None:
    """What this session runs in the place of a case's own model."""
    from selfboot.protocols.any_model import Part, placed

    case.weights, case.substitute = trial(config) or "trained", config.getoption("--substitute")
    case.until_settled = config.getoption("--until") == "settled"
    case.measure_flips = config.getoption("--measure-flips")
    if case.scale == "mini" and case.settings.model == "organism-0":
        case.settings = replace(case.settings, model=f"organism-{config.getoption('--organism')}")
    if case.scale == "small":
        case.part, case.tokens = Part.read(config.getoption("--part")), config.getoption("--tokens") or 0
        case.settings = placed(case.settings, config.getoption("--model"), case.part)


def leave_results(item: pytest.Item, results: list[Any], seconds: float) -> None:
    """Leave the results in the store and in the test's report (which xdist carries to the table)."""
    from selfboot.judging.results import save, to_json
    from selfboot.report.cells import properties

    timed = [result.timed(seconds) for result in results]
    save(store_root(item.config) / "results", timed)
    for result in timed:
        item.user_properties += [(f"selfboot.{name}", value) for name, value in properties(result).items()]
        item.user_properties.append((RESULT_PROPERTY, to_json(result)))


def leave_asked(item: pytest.Item, case: Any, seconds: float) -> None:
    """Leave in the store what a case asked for, however it ended: what `selfboot plan --beside` reads."""
    from selfboot.planning.measured import Asked, save

    lab = item.funcargs.get("lab")  # type: ignore[attr-defined,unused-ignore]
    if lab is not None:
        made = tuple(lab.store.asked)
        case_is = (case.claim.id, name_of(case), case.runnable.model)
        save(store_root(item.config), Asked(*case_is, round(seconds, 1), time.time(), made))


def begin(item: pytest.Item) -> None:
    """What is asked for from now on is this case's."""
    lab = item.funcargs.get("lab")  # type: ignore[attr-defined,unused-ignore]
    if lab is not None:
        lab.store.asked.clear()


@contextmanager
def one_line(item: pytest.Item) -> Iterator[None]:
    """An error of the library, and in a claim's test one of the disk or of memory, without a traceback."""
    try:
        yield
    except SelfbootError as error:
        raise failure(error) from None
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        if case_of(item) is None or not (isinstance(error, OSError) or tells_of_memory(error)):
            raise
        raise failure(error, f"; {REMEDY}" if tells_of_memory(error) else "; check the disk") from None


def failure(error: BaseException, remedy: str = "") -> BaseException:
    """The error as pytest's own, which is shown in one line."""
    return pytest.fail.Exception(f"{type(error).__name__}: {error}{remedy}", pytrace=False)
