"""How many invented problems each rule reads: the released ones, written down in twenty natural ways.

SELFBOOT_SHARED=… python tests/paper/yields.py          # writes data/measured/yields/README.md
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from renderings import CODE, WORDS, parts_of, words_of

from selfboot.formats.natural import Refusal, read_problem, read_word_problem
from selfboot.formats.paper.problems import SIGNATURES, parse_code_problem, parse_math_problem
from selfboot.formats.problems import parse_problem
from selfboot.formats.word_problems import parse_word_problem
from selfboot.pairs import read_items, read_pairs
from selfboot.paths import MEASURED
from selfboot.records import Solution
from selfboot.report.cells import markdown_table

README = MEASURED / "yields" / "README.md"
HEAD = """\
# How many invented problems are read

A miner can use a problem only if its rule can read it in the model's reply. Here the paper's released problems are
written down in twenty natural ways (`tests/paper/renderings.py`); each cell counts the problems that a rule reads.
*paper*: the scripts' own rules; *ours*: the rule of our arm (`selfboot/formats/natural.py`); *strict*: the rule for the
mini model, which always writes in the same way.

Made by `python tests/paper/yields.py`, with SELFBOOT_SHARED naming the folder that holds `real/released/`.
"""


def page(released: Path) -> str:
    """The README: a table for code, one for word problems."""
    return "\n".join([HEAD, *_code(released), "", *_words(released)]) + "\n"


def _code(released: Path) -> Iterator[str]:
    problems = [parts_of(pair) for pair in read_pairs(released / "pairs_7b_40.jsonl")]
    rows = []
    for form, render in CODE.items():
        texts = [render(parts) for parts in problems]
        paper = {sum(parse_code_problem(text, rule) is not None for text in texts) for rule in SIGNATURES}
        ours = sum(not isinstance(read_problem(text), Refusal) for text in texts)
        strict = sum(parse_problem(text) is not None for text in texts)
        rows.append((form, " or ".join(map(str, sorted(paper))), str(ours), str(strict)))
    yield f"## Code: {len(problems)} problems, in `pairs_7b_40.jsonl`; the four scripts' rules under *paper*"
    yield ""
    yield from markdown_table(("form", "paper", "ours", "strict"), [*rows, _sum(rows, len(problems))])


def _words(released: Path) -> Iterator[str]:
    items = read_items(released / "pairs_math_13.jsonl")
    problems = [words_of(item, number) for number, item in enumerate(items) if isinstance(item, Solution)]
    rows = []
    for form, render in WORDS.items():
        texts = [render(*problem) for problem in problems]
        paper = sum(parse_math_problem(text) is not None for text in texts)
        ours = sum(not isinstance(read_word_problem(text), Refusal) for text in texts)
        strict = sum(parse_word_problem(text) is not None for text in texts)
        rows.append((form, str(paper), str(ours), str(strict)))
    yield f"## Word problems: {len(problems)} problems, in `pairs_math_13.jsonl`"
    yield ""
    yield from markdown_table(("form", "paper", "ours", "strict"), [*rows, _sum(rows, len(problems))])


def _sum(rows: list[tuple[str, str, str, str]], count: int) -> tuple[str, ...]:
    """How many forms each rule reads whole."""
    whole = [sum(row[column] == str(count) for row in rows) for column in (1, 2, 3)]
    return ("forms read whole", *(f"{number} of {len(rows)}" for number in whole))


if __name__ == "__main__":
    README.parent.mkdir(exist_ok=True)
    README.write_text(page(Path(os.environ["SELFBOOT_SHARED"]) / "real" / "released"), encoding="utf-8")
    print(f"yields -> {README}")
