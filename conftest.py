"""The suite's pytest side: the hooks and fixtures that pytest looks for. What they do lies in selfboot/session/."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from selfboot.paths import ROOT
from selfboot.session import options, order, process
from selfboot.session.cases import (
    CASE_PROPERTY,
    LACK_PROPERTY,
    begin,
    case_of,
    leave_asked,
    leave_results,
    name_of,
    on_gpu,
    one_line,
    put_in_place,
)
from selfboot.session.labs import make_lab, note_fresh
from selfboot.session.options import store_root
from selfboot.session.process import PROGRESS, SHARED
from selfboot.session.runnable import company, lacking
from selfboot.session.table import Table


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    scales = ("mini: the mini model's scale", "small: the scale of any one model", "paper: the paper's scale")
    for mark in (*scales, "claim(id): the registry entry"):
        config.addinivalue_line("markers", mark)
    process.start(config)
    if hasattr(config, "workerinput"):
        return
    options.check(config)
    order.hand_out(config)
    note_fresh(config)
    config.pluginmanager.register(Table(config), "selfboot-table")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under ``--dist loadgroup`` one worker has all cases that the same model's engine serves."""
    if config.option.dist != "loadgroup":
        return None
    from claims.cases import models

    known = models("paper")
    if not process.device(config).startswith("cpu"):
        known |= models("small")
    return order.scheduler(config, log, known)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The library's own tests, of which no claim's tier selects any, are not even imported then: that takes longer than
    a fast claim, in every worker."""
    left_out = order.only_claims(config.getoption("markexpr") or "") and collection_path.is_relative_to(ROOT / "tests")
    return True if left_out else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """``-k recipe-7b`` selects a claim by its id, as `selfboot spread` does."""
    for mark in item.iter_markers("claim"):
        item.extra_keyword_matches.update(mark.args)
    if (case := case_of(item)) is not None:
        put_in_place(item.config, case)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for, and put the rest in order. After ``-m`` and ``-k``: nothing is made ahead for a
    case that they leave out."""
    if dropped := order.unwanted(config, items):
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]
    items[:] = order.in_order(config, items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say what this session's claims are expected to take."""
    expected = order.planned(session.config, session.items)
    if expected and not session.config.getoption("collectonly"):
        session.config.stash[PROGRESS].plan(expected)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The Lab over this session's run store."""
    with make_lab(request.config, store_root(request.config)) as made:
        yield made


@pytest.fixture
def second_lab(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A Lab over an empty store of its own: it has to do everything again."""
    with tempfile.TemporaryDirectory() as folder, make_lab(request.config, Path(folder)) as made:
        yield made


@pytest.fixture(autouse=True)
def _runnable(request: pytest.FixtureRequest) -> Iterator[None]:
    """Skip a case that this machine cannot run, with what is missing and the remedy; choose the mini model; take turns
    at a GPU."""
    case, config = case_of(request.node), request.config
    if case is None:
        yield
        return
    noted = request.node.user_properties
    noted.append((CASE_PROPERTY, name_of(case)))
    if reasons := lacking(config, case):
        noted += [(LACK_PROPERTY, reason) for reason in reasons]
        pytest.skip(f"not run: {reasons[0]}")
    case.company = company(config, case)
    with process.turn(config, on_gpu(config, case)):
        yield
        if config.stash[SHARED] and "lab" in request.fixturenames:
            request.getfixturevalue("lab").engines.close()  # the next worker's case needs the memory


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Say a library error of a fixture (a store that cannot be opened) in one line."""
    with one_line(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Time a case; hand its rows to the report; say a library error in one line."""
    case, progress = case_of(item), item.config.stash[PROGRESS]
    started = time.perf_counter()
    with one_line(item):
        try:
            if case is not None:
                progress.begin(name_of(case))
                begin(item)
            return (yield)
        finally:
            if case is not None:
                progress.begin("")
                leave_results(item, case.results, time.perf_counter() - started)
                leave_asked(item, case, time.perf_counter() - started)
