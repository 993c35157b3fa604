"""The released pairs, audited: what a reader must know before training on them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from transformers import AutoTokenizer

from selfboot.analysis.audit import audit
from selfboot.benchmarks.base import load_benchmark
from selfboot.grading.code import CodeGrader
from tests.shared_files import real, tokenizer_folder


def test_what_stands_in_the_seven_billion_file() -> None:
    """Six signatures hold the solution, five solutions are HumanEval's up to renaming, 34 of 40 fail on form."""
    text = real("released/pairs_7b_40.jsonl").read_text(encoding="utf-8")
    with CodeGrader(workers=1) as grader:
        found = audit(text, grader, "humaneval", load_benchmark("humaneval").tasks)
    assert (found.items, found.counts["solution in signature"]) == (40, 6)
    same = [f.message.split(" is ")[1].split()[0] for f in found.findings if f.check == "benchmark structure"]
    assert Counter(same) == {"HumanEval/35": 2, "HumanEval/53": 3}
    assert found.sides == {"form": 34, "skill": 6}
    assert "fixed fails" not in found.counts
    assert "tests pass on broken" not in found.counts


def test_every_signature_of_the_fourteen_billion_file_holds_the_solution() -> None:
    """Its script's signature ends at the first assert: all sixty prompts hold a whole body of the asked function."""
    text = real("released/pairs_14b_multi_new60.jsonl").read_text(encoding="utf-8")
    found = audit(text, benchmark="humaneval", tasks=load_benchmark("humaneval").tasks)
    assert (found.items, found.counts["solution in signature"]) == (60, 60)
    assert "benchmark structure" not in found.counts


def test_the_solved_problems_have_no_findings() -> None:
    found = audit(real("released/pairs_math_13.jsonl").read_text(encoding="utf-8"))
    assert (found.items, found.findings) == (13, ())


@pytest.mark.parametrize(
    ("file", "count", "tokens"), [("pairs_7b_40", 40, 10_091), ("pairs_14b_multi_new60", 60, 26_424)]
)
def test_most_of_what_the_guides_command_learns_is_padding(file: str, count: int, tokens: int) -> None:
    """88 % and 78 % of the places in its loss, by the Qwen2.5 tokenizer (data/what_to_know.toml)."""
    tokenizer = AutoTokenizer.from_pretrained(str(tokenizer_folder("qwen2.5-base")))
    (text,) = [
        one
        for one in json.loads(real("released/prompts.json").read_text("utf-8"))
        if one["id"] == "released.training_text"
    ]
    rows = [json.loads(line) for line in real(f"released/{file}.jsonl").read_text("utf-8").splitlines()]
    filled = [text["template"].format(**{**row, "tests": "\n".join(row["tests"])}) for row in rows]
    assert (len(rows), sum(len(tokenizer.encode(one)) for one in filled)) == (count, tokens)
