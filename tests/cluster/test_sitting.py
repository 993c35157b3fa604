"""One sitting: each model's engine starts once, and everything is trained before it. The engine is a small script."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import claims.cases as cases_module
import selfboot.engines.engines as engines_module
import selfboot.engines.gpu as gpu_module
import selfboot.lab.lab as lab_module
import selfboot.mining.own as own_module
import selfboot.protocols.any_model as any_model
import selfboot.sampling.pieces as pieces_module
import selfboot.sampling.vllm as vllm_module
from claims.cases import Case, models
from selfboot.cluster.graph import jobs
from selfboot.cluster.sitting import by_model, score_ahead
from selfboot.errors import DataError
from selfboot.lab import Lab
from selfboot.pairs import load_pairs
from selfboot.paths import ROOT
from selfboot.protocols.any_model import WHOLE, placed
from selfboot.registry import registry
from selfboot.store import RunStore
from tests.core.test_any_model import CHATML, with_template
from tests.tiny_models import save_model

FAKE = {"vllm": "0.32.0", "torch": "2.13.0", "python": "3.11.7", "device": "cpu x86_64"}
GIVEN = ("tts-8b-he", "stop-strings", "control", "recipe-7b")  # two models; the second one's cases train on given pairs
Sitting = Callable[..., Lab]


@pytest.fixture
def sitting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sitting]:
    """A Lab whose engines are the script, and whose trainings are short and apart, as on a GPU."""
    monkeypatch.setattr(vllm_module, "WORKER", ROOT / "tests/vllm/fake_worker.py")
    monkeypatch.setattr(vllm_module, "probe", lambda python="": FAKE)
    monkeypatch.setattr(engines_module, "vllm_is_known", lambda: True)
    pairs = Lab.pairs
    monkeypatch.setattr(Lab, "pairs", lambda self, model, name: pairs(self, model, name)[:2])
    labs: list[Lab] = []

    def make(name: str = "store") -> Lab:
        labs.append(Lab(RunStore(tmp_path / name), engine="vllm", tokens=4, graders=1))
        labs[-1].engines.apart = True
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


def cases(*names: str) -> list[Case]:
    """The claims' cases at mini scale, on a part of their tasks; each knows the others of its model."""
    found = []
    for name in names:
        whole = registry()[name].scales["mini"]
        settings = replace(whole, benchmark=f"{whole.benchmark.partition(':')[0]}:4")
        seeds = settings.seeds[:2] if settings.by_seed else (0,)
        found += [Case(registry()[name], "mini", settings, seed) for seed in seeds]
    for case in found:
        case.company = [other for other in found if other.model == case.model]
    return by_model(found, lambda case: case.model)


def test_each_models_engine_starts_once(sitting: Sitting) -> None:
    """Four claims, both arms, on two models: two engines, one process that trains."""
    lab, chosen = sitting(), cases(*GIVEN)
    assert {case.model for case in chosen} == {"organism-0", "organism-1"}
    assert any(case.settings.both_arms for case in chosen)
    for case in chosen:
        assert case._beside(lab, case.runs(lab)) or not case.settings.both_arms
    assert lab.engines.starts == {"engine": 2, "training": 1}


def test_case_by_case_it_takes_an_engine_for_every_training(sitting: Sitting) -> None:
    """What the order and the training ahead are for."""
    lab, chosen = sitting(), cases(*GIVEN)
    for case in chosen:
        case.company = ()
        case.runs(lab)
    assert lab.engines.starts["engine"] > 2


def test_what_has_been_drawn_is_graded_while_the_next_is_drawn(
    sitting: Sitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a case with a training: every score is drawn here and graded beside, to what it is else."""
    lab, plain = sitting("ahead"), sitting("plain")
    (case, *_) = cases("control")
    jobs = case.jobs
    case.make_ahead(lab)
    graded_by: list[bool] = []
    grade = Lab._grade
    monkeypatch.setattr(
        Lab,
        "_grade",
        lambda self, *args: (
            graded_by.append(threading.current_thread() is threading.main_thread()) or grade(self, *args)
        ),
    )
    count = score_ahead(lab, jobs)
    assert graded_by == [False] * count
    assert count >= 2, "before and after"
    assert score_ahead(lab, jobs) == 0, "all of it is there"
    monkeypatch.setattr(cases_module, "score_ahead", lambda lab, jobs: 0)
    assert [run.figures for run in case.runs(lab)] == [run.figures for run in case.runs(plain)]
    assert lab.engines.starts == {"engine": 1, "training": 1}


def test_on_random_weights_a_retry_has_its_adapters_too(sitting: Sitting) -> None:
    """What lifts nothing is measured once more, with fresh seeds: without another training, nor another engine."""
    lab, chosen = sitting(), cases("control", "recipe-7b")
    for case in chosen:
        case.weights = "random"
    for case in chosen:
        case.runs(lab)
        asked = dict(lab.store.asked)
        case.runs(lab, fresh=1)
        assert lab.store.asked == asked, "a retry's artifacts are not the case's own"
    assert lab.engines.starts == {"engine": 1, "training": 1}


def test_a_draw_that_fails_is_left_to_its_case(sitting: Sitting, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = sitting()
    (case, *_) = cases("tts-8b-he")
    monkeypatch.setattr(lab.engines, "sampler", failing)
    assert score_ahead(lab, case.jobs) > 0
    with pytest.raises(DataError, match="no draw"):
        case.runs(lab)


def failing(*args: object, **options: object) -> None:
    raise DataError("no draw")


def small_cases(model: str, *names: str) -> list[Case]:
    """The claims' cases at small scale on two tasks; each knows all others."""
    found = [Case(registry()[name], "small", registry()[name].scales["small"]) for name in names]
    for case in found:
        case.settings = replace(placed(case.settings, model, WHOLE), benchmark="humaneval:2", pairs=case.settings.pairs)
        case.company = found
    return found


def checked(lab: Lab, cases: Sequence[Case]) -> dict[str, str]:
    """Every case's verdict, also of one that skips its test, or fails it: the script draws the same with an adapter."""
    for case in cases:
        with suppress(pytest.skip.Exception, pytest.fail.Exception):
            case.check(lab)
    return {case.claim.id: case.results[0].verdict for case in cases}


@pytest.mark.parametrize("own", [0, 12])
def test_any_models_engine_starts_once_before_what_it_mines_is_trained_and_once_after(
    sitting: Sitting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: int
) -> None:
    """The first case scores alone, and still everything is trained and mined before it; ``own``: pairs of the model's
    own, after real mining."""
    mined, made = own_module.own_pairs, load_pairs("organism-0", "control-house")[:own]
    for module in (any_model, lab_module):
        monkeypatch.setattr(module, "own_pairs", lambda *a: replace(mined(*a), pairs=tuple(made)))
    model = str(with_template(save_model(tmp_path / "model", max_position_embeddings=2048), CHATML))
    chosen = small_cases(model, "stop-strings", "recipe-7b", "floor", "control", "pair-count-sweep")
    lab = sitting()
    verdicts = checked(lab, chosen)
    assert (verdicts["recipe-7b"] == "not enough pairs") == (not own)
    assert verdicts["floor"] == "measured"
    assert lab.engines.starts == {"engine": 2 if own else 1, "training": 1}


def test_a_long_draw_is_shared_by_an_engine_on_each_gpu(sitting: Sitting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, two engines, each with one of them; the score is that of one engine, and its address too."""
    monkeypatch.setattr(pieces_module, "PIECE_TOKENS", 8)  # a prompt of twice four tokens
    (case, *_) = cases("tts-8b-he")
    alone = case.runs(sitting("one"))
    monkeypatch.setattr(gpu_module, "our_gpus", lambda: [gpu_module.gpu("h100")] * 2)
    monkeypatch.setattr(gpu_module, "local_gpus", lambda: [gpu_module.gpu("h100")] * 2)
    lab = sitting("two")
    assert [run.figures for run in case.runs(lab)] == [run.figures for run in alone]
    (engines,) = lab.engines._vllm.values()
    assert [engine.gpu for engine in engines] == ["0", "1"]
    assert [engine.starts for engine in engines] == [1, 1]
    assert lab._spent.starts == 2
    one, two = ({path.name for path in (lab.store.root.parent / name / "score").iterdir()} for name in ("one", "two"))
    assert one == two


def test_a_killed_engine_costs_a_start_and_no_row(
    sitting: Sitting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle of a draw: it starts again, says so, and the score is that of a run that was not killed."""
    (case, *_) = cases("tts-8b-he")
    quiet = case.runs(sitting("quiet"))
    monkeypatch.setenv("SELFBOOT_FAKE_KILL", str(tmp_path / "mark"))
    lab = sitting("killed")
    with pytest.warns(UserWarning, match=r"organism-1.* ended without a word.* starts again"):
        killed = case.runs(lab)
    assert (tmp_path / "mark").exists()
    assert lab.engines.starts["engine"] == 2
    assert [run.figures for run in killed] == [run.figures for run in quiet]
    assert [run.drawn for run in killed] == [run.drawn for run in quiet]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9))))
def test_cases_go_model_by_model_and_else_as_they_were(given_cases: list[tuple[str, int]]) -> None:
    ordered = by_model(given_cases, lambda case: case[0])
    assert sorted(ordered) == sorted(given_cases)
    models = [model for model, _ in ordered]
    assert len([at for at in range(len(models)) if not at or models[at] != models[at - 1]]) == len(set(models))
    for name in set(models):
        assert [case for case in ordered if case[0] == name] == [case for case in given_cases if case[0] == name]


def test_pytest_collects_served_cases_model_by_model() -> None:
    """The paper's cases, all of them; the claim that starts an engine of its own ends its model's."""
    words = ["claims", "--scale", "paper", "-m", "fastpath", "--collect-only", "-q", "-n", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line]
    last = next(at for at, name in enumerate(names) if "a_fixed_seed" in name)
    first = {
        at
        for at, name in enumerate(names)
        if re.search("stop|forty|more_pairs|not_the_models_own|without_training", name)
    }
    assert first == set(range(last)), names


COMPANY = """
import sys
import pytest
from selfboot.session.order import COMPANY

class Told:
    def pytest_collection_finish(self, session):
        names = [case.claim.id for cases in session.config.stash[COMPANY].values() for case in cases]
        print("company:", *sorted(names))

words = "claims -q -n 0 --scale small --collect-only -p no:cacheprovider -m fastpath".split()
pytest.main([*words, "-k", "control or floor or star", *sys.argv[1:]], plugins=[Told()])
"""


NVIDIA_SMI = """#!/bin/sh
case "$*" in *-L*) echo "GPU 0: H100"; echo "GPU 1: H100";; *) echo "H100, 81559"; echo "H100, 81559";; esac
"""


def gpus(folder: Path) -> dict[str, str]:
    """The environment of a machine with two GPUs in name only."""
    (folder / "nvidia-smi").write_text(NVIDIA_SMI)
    (folder / "nvidia-smi").chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("gpu", "words", "company"),
    [
        (True, [], "control"),
        (True, ["--device", "cpu"], ""),
        (False, [], ""),
        (False, ["--engine", "vllm"], "control"),
    ],
)
def test_what_is_made_ahead_is_for_chosen_cases_that_an_engine_or_a_gpu_serves(
    gpu: bool, words: list[str], company: str, tmp_path: Path
) -> None:
    """floor is negative, star's full path is none of the fast one: they are no company of what is chosen."""
    where = gpus(tmp_path) if gpu else os.environ
    command = [sys.executable, "-c", COMPANY, *words]
    done = subprocess.run(command, cwd=ROOT, env=where, capture_output=True, text=True, check=True)
    assert f"company: {company}".strip() + "\n" in done.stdout, done.stdout[-2000:]


def test_on_two_gpus_one_worker_has_all_cases_of_a_model(tmp_path: Path) -> None:
    """Two GPUs in name only: the cases are skipped for lack of weights, but on the worker that would run them."""
    names = gpus(tmp_path) | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)}
    words = ["claims", "--scale", "paper", "-m", "fastpath", "-n", "2", "-v", "--require", "none", "-p"]
    command = [sys.executable, "-m", "pytest", *words, "no:cacheprovider", f"--store={tmp_path / 'store'}"]
    done = subprocess.run(command, cwd=ROOT, env=names, capture_output=True, text=True, check=False)
    ran = re.findall(r"^\[(gw\d)\] .*::(\S+)", done.stdout, re.MULTILINE)
    workers: dict[str, set[str]] = {}
    for worker, name in ran:
        workers.setdefault(models("paper")[name], set()).add(worker)
    assert len(workers) == 4, done.stdout
    assert all(len(one) == 1 for one in workers.values()), workers
    assert len(set.union(*workers.values())) == 2, "both have some"


def test_the_cluster_makes_both_arms() -> None:
    """The judged arm of every claim first, then the other."""
    made = jobs("fastpath", "recipe-7b", ["paper"])
    assert [job.settings.arm for job in made] == [made[0].settings.arm] * 3 + [made[-1].settings.arm] * 3
    assert made[0].settings.arm != made[-1].settings.arm
    assert "determinism" in {job.claim for job in jobs("fastpath", "", ["paper"])}


def test_the_company_of_a_case_is_of_the_chosen_cases_alone(tmp_path: Path) -> None:
    """What -m and -k leave out is not made ahead."""
    words = ["claims", "--scale", "paper", "-m", "fastpath", "-k", "recipe-7b or control", "--collect-only", "-n", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "-p", "tests.cluster.company_help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("company: ")]
    names = {"recipe-7b[paper-7]", "recipe-7b[paper-13]", "recipe-7b[paper-42]", "control[paper]"}
    assert set(line.removeprefix("company: ").split()) == names
