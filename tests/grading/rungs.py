r"""Which rung of the ladder decides how many answers: counts for ANSWERS.md.

    SELFBOOT_SHARED=… python tests/grading/rungs.py
    SELFBOOT_SHARED=… python tests/grading/rungs.py --peers 1000

The first command counts the forms of MATH-500's golds and of what a real model boxed. The second asks math-verify alone
about a sample of the golds' spellings (test_spellings.py), and prints how many it finds equal beside ours.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import test_spellings

from selfboot.grading.answers import AnswerGrader
from selfboot.grading.form import Form
from selfboot.grading.normal import normal_form
from selfboot.grading.reading import last_boxed

DROPPED = {  # what the own algebra no longer knows
    "e to an imaginary power": r"e\^",
    "sine, cosine, tangent": r"\\(?:sin|cos|tan)(?![a-z])",
    "logarithm": r"\\(?:log|ln)(?![a-z])",
    "factorial": r"[0-9a-z)}]!(?![0-9])",
    "binomial": r"\\[dt]?binom|\\choose",
    "root of a higher degree": r"\\sqrt ?\[",
    "power that is not whole": r"\^\{[^{}]*[/.]|\^\{\\frac",
    "quotient by a sum": r"\\[dt]?frac ?\{[^{}]*\} ?\{[^{}]*[-+][^{}]*\}",
}


def rung(form: Form) -> str:
    """The first rung that reads this answer exactly."""
    if form.kind != "sum":
        return "sympy" if not form.exact else form.kind
    value = form.value
    if value.rational is not None:
        return "integer" if value.rational.denominator == 1 else "fraction or decimal"
    names = {name for (_, powers), _ in value.terms for name, _ in powers}
    if value.symbols:
        return "polynomial"
    return "complex number" if "i" in names else "multiple of pi" if "pi" in names else "surd"


def count(answers: Iterable[str]) -> Counter[str]:
    seen: Counter[str] = Counter()
    for answer in answers:
        form = normal_form(answer)
        seen["all"] += 1
        seen[rung(form)] += 1
        seen["with a unit, percent or degree sign"] += bool(form.unit or form.percent)
        seen["with a name in front"] += bool(form.name)
        for name, pattern in DROPPED.items():
            seen[f"dropped: {name}"] += bool(re.search(pattern, answer))
    return seen


def peers(golds: list[str], sample: int) -> None:
    from math_verify import LatexExtractionConfig, parse, verify

    every = [(gold, text) for gold in golds for _, text in test_spellings.spellings(gold)]
    chosen = random.Random(0).sample(every, sample)

    def theirs(gold: str, text: str) -> bool:
        sides = [parse(rf"\boxed{{{side}}}", [LatexExtractionConfig()]) for side in (gold, text)]
        return bool(verify(*sides))

    with AnswerGrader(workers=1) as grader:
        for name, equal in (("selfboot", lambda gold, text: grader.equal(text, gold)), ("math-verify", theirs)):
            started, right = time.process_time(), sum(equal(gold, text) for gold, text in chosen)
            cost = 1000 * (time.process_time() - started) / sample
            print(f"{name}: {right} of {sample} spellings equal their gold, {cost:.2f} ms of CPU each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=int, default=0)
    args = parser.parse_args()
    shared = Path(os.environ["SELFBOOT_SHARED"])
    golds = [json.loads(line)["answer"] for line in (shared / "datasets/math500.jsonl").read_text().splitlines()]
    if args.peers:
        return peers(list(dict.fromkeys(golds)), args.peers)
    tasks = [json.loads(line) for line in (shared / "real/completions/math_cot_50.jsonl").read_text().splitlines()]
    boxed = [box for task in tasks for text in task["code"] if (box := last_boxed(text))]
    left, right = count(golds), count(boxed)
    for name in {**left, **right}:
        print(f"| {name} | {left[name]} | {right[name]} |")
    return None


if __name__ == "__main__":
    main()
