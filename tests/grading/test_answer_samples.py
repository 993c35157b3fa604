"""`selfboot grade` on worked answers: ids, readings, pass@k, errors; published verdicts on a real model's answers."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from selfboot.cli import grade
from selfboot.errors import DataError, UnavailableError
from selfboot.grading.answer_samples import grade_answer_samples
from tests.shared_files import real, shared


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def command(*words: str) -> int:
    top = argparse.ArgumentParser()
    grade.add_parser(top.add_subparsers())
    args = top.parse_args(["grade", *words])
    return int(args.run(args))


@pytest.fixture
def gsm8k(tmp_path: Path) -> Path:
    """A benchmark file of two problems."""
    rows = [
        {"question": "6 eggs and 12?", "answer": "6 + 12 = 18\n#### 18"},
        {"question": "2?", "answer": "#### 1,000"},
    ]
    return write(tmp_path / "gsm8k.jsonl", rows)


def test_answers_are_read_both_ways_and_every_outcome_is_kept(
    tmp_path: Path, gsm8k: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {"gsm8k/0": ("#### 18", "It is 18."), 1: ("#### 999", "no idea")}
    rows = [{"task_id": task_id, "completion": text} for task_id, row in texts.items() for text in row]
    samples = write(tmp_path / "answers.jsonl", rows)
    out = tmp_path / "new" / "grades.json"
    words = (str(samples), "--benchmark", "gsm8k", "--data", str(gsm8k), "--k", "1, 2", "--out", str(out))
    assert command(*words) == 0
    printed = capsys.readouterr().out
    assert "gsm8k: 4 samples of 2 tasks, read as gsm8k\n  pass@1     50.00 %\n  pass@2     50.00 %" in printed
    assert "where the format wants it 1, anywhere 2, no answer 1" in printed
    table = json.loads(out.read_text())
    assert [[one["passed"] for one in row] for row in table["tasks"].values()] == [[True, True], [False, False]]


def test_what_does_not_fit_is_named(tmp_path: Path, gsm8k: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = write(tmp_path / "a.jsonl", [{"task_id": "gsm8k/0", "completion": "#### 18"}])
    with pytest.raises(DataError, match="1 of 2 tasks have no sample, the first being 'gsm8k/1'"):
        grade_answer_samples(samples, "gsm8k", data=gsm8k)
    with pytest.raises(DataError, match="a task lacks 'problem'; is it the file of math500"):
        grade_answer_samples(samples, "math500", data=gsm8k)
    with pytest.raises(DataError, match="minimath comes with the suite"):
        grade_answer_samples(samples, "minimath", data=gsm8k)
    with pytest.raises(DataError, match="nothing is run; leave them out"):
        command(str(samples), "--benchmark", "gsm8k", "--timeout", "3")
    monkeypatch.setenv("SELFBOOT_DATA", str(tmp_path / "none"))
    with pytest.raises(UnavailableError, match="selfboot fetch"):
        grade_answer_samples(samples, "gsm8k")


def test_every_gold_answer_is_right() -> None:
    """GSM8K's own solutions, AIME's own boxes: all right, none of the other's."""
    questions = [json.loads(line) for line in shared("datasets/gsm8k_test.jsonl").read_text().splitlines()]
    contest = [json.loads(line) for line in shared("datasets/aime24.jsonl").read_text().splitlines()]
    for name, file, texts in (
        ("gsm8k", "gsm8k_test.jsonl", {str(at): row["answer"] for at, row in enumerate(questions)}),
        ("aime", "aime24.jsonl", {str(row["id"]): f"\\boxed{{{row['answer']}}}" for row in contest}),
    ):
        rows = [{"task_id": task_id, "completion": text} for task_id, text in texts.items()]
        graded = grade_one(name, shared(f"datasets/{file}"), rows)
        assert graded == (1.0, len(rows))


def test_published_verdicts_on_real_answers(tmp_path: Path) -> None:
    """Qwen2.5-Math on 50 MATH problems, eight answers each: as its authors' own checker judged them."""
    file = real("completions/math_cot_50.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    fields = {"solution": "", "subject": "", "level": "1"}
    data = write(tmp_path / "math.jsonl", [{"problem": r["question"], "answer": r["gt"], **fields} for r in rows])
    given = [{"task_id": at, "completion": text} for at, row in enumerate(rows) for text in row["code"]]
    graded = grade_answer_samples(write(tmp_path / "a.jsonl", given), "math500", data=data, k=(1, 8))
    verdicts = [one.passed for row in graded.outcomes.values() for one in row]
    published = [bool(score) for row in rows for score in row["score"]]
    differ = [at for at, (mine, theirs) in enumerate(zip(verdicts, published, strict=True)) if mine != theirs]
    assert len(differ) <= 1


def grade_one(name: str, data: Path, rows: list[dict[str, Any]]) -> tuple[float, int]:
    """Score and number of samples of rows."""
    with tempfile.TemporaryDirectory() as folder:
        graded = grade_answer_samples(write(Path(folder) / "a.jsonl", rows), name, data=data)
        return graded.pass_at_k[1], sum(map(len, graded.outcomes.values()))
