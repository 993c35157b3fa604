"""The benchmarks: canonical solutions pass, the files are frozen, and nothing of them is in the corpus."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.organism.generator import benchmarks, corpus, words
from fixtures.organism.generator.scan import fingerprints, scan_shard, task_fingerprints
from selfboot.analysis.fingerprint import fingerprint

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data" / "tasks"
FROZEN = json.loads((ROOT / "fixtures/organism/frozen.json").read_text())
SCAN = json.loads((ROOT / "fixtures/organism/scan.json").read_text())
CODE = ("minieval/test", "minieval/dev", "minilib/test")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", sorted(FROZEN))
def test_files_are_frozen(name: str) -> None:
    assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == FROZEN[name]


@pytest.mark.parametrize("name", CODE)
def test_canonical_solutions_pass_all_tests(name: str) -> None:
    for row in rows(name):
        space: dict[str, Any] = {}
        exec(row["prompt"] + row["canonical_solution"], space)
        for check in row["tests"] + row["plus_tests"]:
            exec(check, space)


@pytest.mark.parametrize("name", CODE)
def test_tasks_have_what_they_need(name: str) -> None:
    for row in rows(name):
        assert len(row["tests"]) >= 3
        assert len(row["plus_tests"]) >= 10
        assert not set(row["tests"]) & set(row["plus_tests"])
        tree = ast.parse(row["prompt"] + row["canonical_solution"])
        functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
        assert [f.name for f in functions] == [row["entry_point"]]
        assert ast.get_docstring(functions[0])
        for check in row["tests"]:
            assert check not in row["prompt"]


@pytest.mark.parametrize("name", CODE)
def test_constant_answers_fail(name: str) -> None:
    for row in rows(name):
        values = [check.rsplit(" == ", 1)[1] for check in row["tests"]]
        assert len(set(values)) > 1, row["task_id"]


def test_levels_and_sizes() -> None:
    test = rows("minieval/test")
    assert [sum(r["level"] == level for r in test) for level in range(1, 6)] == list(benchmarks.EVAL_LEVELS["test"])
    assert len(test) == 164
    assert len(rows("minieval/seeds")) == 300
    assert len(rows("minilib/test")) == 150
    assert len(rows("minimath/test")) == 200


def test_no_task_equals_another_up_to_renaming() -> None:
    seen: dict[str, str] = {}
    for name in CODE:
        for task_id, prints in json.loads((DATA / f"{name}.fingerprints.json").read_text()).items():
            for one in prints:
                assert seen.setdefault(one, task_id) == task_id


def test_recorded_fingerprints_are_those_of_the_solutions() -> None:
    for name in CODE:
        prints = json.loads((DATA / f"{name}.fingerprints.json").read_text())
        for row in rows(name):
            assert fingerprint(row["prompt"] + row["canonical_solution"]) in prints[row["task_id"]], row["task_id"]


def test_fingerprints_see_through_renaming_and_nothing_else() -> None:
    code = 'def f(nums, k):\n    """Doc."""\n    return sum(x for x in nums if x > k)\n'
    renamed = "def total(values: list[int], limit: int) -> int:\n    return sum(v for v in values if v > limit)\n"
    other = "def f(nums, k):\n    return sum(x for x in nums if x >= k)\n"
    swapped = "def f(nums, k):\n    return sum(k for x in nums if x > k)\n"
    assert fingerprint(code) == fingerprint(renamed)
    assert len({fingerprint(s) for s in (code, other, swapped)}) == 3
    transcript = f"<|im_start|>assistant\n```python\n{renamed}```<|im_end|>\nprose\n{other}\n\nassert f([1], 0) == 1"
    assert fingerprints(transcript) == {fingerprint(code), fingerprint(other)}


@pytest.mark.parametrize(("stream", "shard"), [("bulk", 61), ("chat", 11)])
def test_no_task_is_in_a_sample_of_the_corpus(stream: corpus.Stream, shard: int) -> None:
    wanted = set(task_fingerprints(DATA))
    number, functions, _, found = scan_shard((stream, shard))
    assert number > 1000
    assert functions > 1000
    assert found & wanted == set()


def test_the_scan_of_the_full_corpus_found_none() -> None:
    wanted = task_fingerprints(DATA)
    assert SCAN["shards"] == corpus.BULK_SHARDS + corpus.CHAT_SHARDS + corpus.TIDY_SHARDS
    assert SCAN["wanted"] == len(wanted)
    assert SCAN["hits"] == {}
    manifest = json.loads((ROOT / "fixtures/organism/corpus.json").read_text())["manifest"]
    assert SCAN["corpus_sha256"] == manifest["corpus_sha256"]


def test_the_scan_finds_what_is_there() -> None:
    text = next(text for kind, text in corpus.documents("bulk", 0) if kind == "problems")
    assert fingerprints(text)
    assert fingerprints(text) <= scan_shard(("bulk", 0))[3]


def test_word_problems_are_held_out_and_right() -> None:
    keys = set()
    for split in ("test", "dev", "train"):
        for row in rows(f"minimath/{split}"):
            assert eval(row["expression"]) == int(row["answer"])
            assert row["solution"].endswith(f"#### {row['answer']}")
            held = words.fraction(f"minimath-1|{row['kind']}|{row['expression']}") < words.HELD_SHARE
            assert held or row["kind"] in words.HELD_KINDS
            keys.add((row["kind"], row["expression"]))
    assert len(keys) == 900
    assert sum(row["hard"] for row in rows("minimath/test")) == 60


def test_no_word_problem_is_in_a_sample_of_the_corpus() -> None:
    problems = {row["problem"] for split in ("test", "dev", "train") for row in rows(f"minimath/{split}")}
    for _, text in corpus.documents("bulk", 7, chars=300_000):
        assert not any(p in text for p in problems if p[:25] in text)


def test_seeds_pass_their_tests() -> None:
    for row in rows("minieval/seeds"):
        space: dict[str, Any] = {}
        exec(row["code"], space)
        for check in row["tests"]:
            exec(check, space)
