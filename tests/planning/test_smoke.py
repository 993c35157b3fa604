"""The first minutes on a new machine: the whole of it at mini scale, and that it can fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from selfboot.cli.main import main
from selfboot.errors import DataError
from selfboot.lab import Lab
from selfboot.planning import doctor, smoke
from selfboot.planning.smoke import OWN, Record, Subject, read_record, subjects
from selfboot.registry import registry
from selfboot.store import RunStore


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(RunStore(tmp_path_factory.mktemp("smoke")), graders=1) as made:
        yield made


@pytest.fixture
def known() -> Record:
    found = read_record(OWN)
    assert found is not None
    return found


def test_on_a_cpu_everything_comes_out_as_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`selfboot run --smoke --scale mini`: known answers, then every model of the fast path."""
    out = tmp_path / "found.json"
    code = main(["run", "--smoke", "--scale", "mini", "--store", str(tmp_path / "store"), "--out", str(out)])
    printed, found = capsys.readouterr().out, json.loads(out.read_text())
    assert code == 0, printed
    assert all(proof["ok"] for proof in found["proofs"])
    names = [proof["name"] for proof in found["proofs"]]
    wanted = ("minieval::10: known solutions", "recorded completions: judged again", "organism-0: adapter")
    for name in (*wanted, "organism-0: first steps of a training", "organism-1: engine and grading"):
        assert name in names
    assert len(names) == len(set(names))
    assert f"{len(names)} of {len(names)} as known" in printed
    assert not list((tmp_path / "store").iterdir()), "its store is thrown away"


def test_answers_of_their_own_are_right(lab: Lab) -> None:
    assert smoke.canonical(lab, "minimath:20") == (True, "20 of 20 answers of their own are right")


def test_a_verdict_that_is_not_the_recorded_one_is_told(lab: Lab, known: Record) -> None:
    first, *rest = known.completions
    ok, said = smoke.judged_again(lab, replace(known, completions=(replace(first, passed=not first.passed), *rest)))
    assert not ok
    assert f"{len(rest)} of {len(rest) + 1} verdicts" in said
    assert {one.passed for one in known.completions} == {True, False}, "both verdicts are among them"


def test_other_tokens_and_another_training_are_told(lab: Lab, known: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "RECORDED", "minieval::60")
    monkeypatch.setattr(smoke, "READINGS", ("chat",))
    own = [one for one in known.completions if one.reading == "chat" and int(one.task.split("/")[1]) % 60 == 0]
    assert len(own) == 3
    assert smoke.drawn_again(lab, replace(known, completions=tuple(own)))[0]
    other = tuple(replace(one, token_hash="0") for one in own)
    assert not smoke.drawn_again(lab, replace(known, completions=other))[0]
    monkeypatch.setattr(smoke, "apart", lambda job: [replace(step, norm=step.norm * 1.01) for step in known.steps])
    ok, said = smoke.steps_again(lab, Subject(OWN, "minieval:8", "mini", "self-mined"), known)
    assert not ok
    assert "step 1: norm" in said


def test_what_a_model_lacks_is_a_failed_proof(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (proof,) = smoke._tried("engine", lambda: smoke.served(lab, Subject("qwen2.5-7b", "humaneval:8"), []))
    assert not proof.ok
    assert "Qwen/Qwen2.5-7B" in proof.found


def test_random_weights_are_not_compared_with_what_trained_ones_said(tmp_path: Path) -> None:
    with Lab(RunStore(tmp_path), weights="random", graders=1) as made:
        names = [proof.name for proof in smoke.prove(made, [])]
    assert names == ["minieval::10: known solutions", "recorded completions: judged again"]


def test_every_model_is_tried_once_and_trained_where_a_claim_trains_it() -> None:
    fast = subjects([claim for claim in registry().values() if claim.tier == "fastpath"], "paper")
    by_model = {one.model: one for one in fast}
    assert len(by_model) == len(fast) == 4
    assert by_model["qwen2.5-7b"].recipe == "paper-rank16"
    assert not by_model["qwen3-8b"].recipe
    assert all(one.benchmark.endswith(":8") for one in fast)


def test_a_claim_must_be_chosen_and_a_damaged_record_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--smoke", "-k", "nothing", "--store", str(tmp_path)]) == 2
    assert "no claim is selected" in capsys.readouterr().err
    monkeypatch.setattr(smoke, "MEASURED", tmp_path)
    assert read_record("no-such-model") is None
    (tmp_path / "smoke").mkdir()
    (tmp_path / "smoke" / "damaged.json").write_text('{"completions": []')
    with pytest.raises(DataError, match=r"damaged\.json: no record of a model"):
        read_record("damaged")


# selfboot doctor --gpu


def test_without_a_gpu_the_papers_scale_cannot_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--gpu", "--store", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    for part in ("MISSING  GPUs", "MISSING  torch on GPUs", "no GPU is seen", "claims at paper scale CANNOT run"):
        assert part in printed
    assert "claims at mini scale C" not in printed


@pytest.mark.parametrize(
    ("free", "right", "said"),
    [(0.98, True, ""), (0.5, True, "GPU 0: only 50% is free"), (0.98, False, "NVIDIA H100 computes wrongly")],
)
def test_a_gpu_is_looked_at_at_work(
    free: float, right: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ["2.13.0", "13.0", [["NVIDIA H100", [9, 0], free, right]]]
    monkeypatch.setattr(doctor, "WORK", f"print({json.dumps(answer)!r})")
    (check,) = doctor._torch_on_gpus(tmp_path)
    assert check.ok is not bool(said)
    assert said in check.remedy
    assert "compute capability 9.0" in check.found
