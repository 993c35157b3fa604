"""The whole paper scale, with real tokenizers and tiny random models on a CPU: no case crashes (tiny_paper.py).

Some five minutes, so only where SELFBOOT_PAPER_SCALE is set, beside SELFBOOT_SHARED and SELFBOOT_TOKENIZERS. What ends
in .md is a file to write the table of cases to.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from claims.cases import _expand
from selfboot.judging.results import Result, load
from selfboot.paths import MEASURED, ROOT
from selfboot.registry import registry
from selfboot.report.cells import markdown_table
from tests.core.tiny_paper import PAIRS, SEEDS, SHARED, TASKS, TOKENIZERS

SWITCH = "SELFBOOT_PAPER_SCALE"
TOKENS, README = "2", MEASURED / "paper_scale" / "README.md"
VERDICT = re.compile(r"(Failed: |Skipped: )?[\w-]+\[paper(-\d+)?\]: paper ")
LACKS = re.compile(r"not run: .*(is not on this machine|are not installed|is missing; `selfboot mine)", re.DOTALL)
HEAD = f"""\
# The paper's scale on a CPU

Does every case of `--scale paper` run to its verdict? Here random-init decoders of one layer stand for the paper's
models, with the real tokenizers, templates, texts and pairs: {TASKS} tasks of each benchmark, {SEEDS} seeds to mine
from, {PAIRS} pairs to train on, {TOKENS} tokens a completion (`tests/core/tiny_paper.py`). So no verdict says anything
of its claim: what counts is that each is reached, in both arms.

"""


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get(SWITCH), reason=f"{SWITCH} is not set: it takes some five minutes")
def test_every_case_of_the_papers_scale_reaches_a_verdict_or_lacks_data(tmp_path: Path) -> None:
    for name in (SHARED, TOKENIZERS):
        if not os.environ.get(name):
            pytest.skip(f"{name} is not set")
    words = ["claims", "--scale", "paper", "--weights", "random", "--tokens", TOKENS, "-p", "tests.core.tiny_paper"]
    places = [f"--store={tmp_path / 'store'}", f"--junitxml={tmp_path / 'cases.xml'}", "-n", "0", "-q"]
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "pytest", *words, *places], cwd=ROOT, capture_output=True, check=False)
    minutes = (time.monotonic() - started) / 60
    every = ET.parse(tmp_path / "cases.xml").iter("testcase")
    cases = [case for case in every if "paper" in str(case.get("name")).rpartition("[")[2]]
    results = load(tmp_path / "store" / "results")
    if os.environ[SWITCH].endswith(".md"):
        Path(os.environ[SWITCH]).parent.mkdir(exist_ok=True)
        Path(os.environ[SWITCH]).write_text("\n".join(page(cases, results, minutes)) + "\n", encoding="utf-8")
    assert [f"{case.get('name')}: {said[:300]}" for case in cases if (said := crash(case))] == []
    assert len(cases) >= len(registry())
    assert {result.weights for result in results} == {"random"}
    assert all(one.beside for one in results if registry()[one.claim].scales["paper"].both_arms), "both arms"


def test_the_recorded_table_holds_every_case() -> None:
    text = README.read_text(encoding="utf-8")
    wanted = {f"{one.claim.id}[{one.id}]" for claim in registry().values() for one in _expand(claim)}
    held = {line.split("|")[1].strip().replace("\\", "") for line in text.splitlines() if line.startswith("| ")}
    assert held - {"case", "---"} == {name for name in wanted if "[paper" in name}, f"stale: {SWITCH}={README}"
    assert text.count(" 0 crashed.") == 1


def said_of(case: ET.Element) -> str:
    """What a case ended with; "" where it passed."""
    ended = [one for one in case if one.tag in ("failure", "error", "skipped")]
    return "\n".join(one.get("message") or one.text or "" for one in ended)


def crash(case: ET.Element) -> str:
    """What a case ended with, where that is neither a verdict nor data that this machine lacks; "" else."""
    said = said_of(case)
    return "" if VERDICT.match(said) or LACKS.search(said) else said


def page(cases: Sequence[ET.Element], results: Sequence[Result], minutes: float) -> Iterator[str]:
    """The table of cases: the verdict that each reached, or what it lacks."""
    lacking = [case for case in cases if LACKS.search(said_of(case))]
    crashed = sum(bool(crash(case)) for case in cases)
    both = sum(bool(one.beside) for one in results)
    yield from HEAD.splitlines()
    yield (
        f"{len(cases)} cases of {len(registry())} claims: {len(results)} verdicts, {both} of them with both arms; "
        f"{len(lacking)} lack data; {crashed} crashed."
    )
    yield ""
    rows = [(one.name, one.model, one.arm, one.verdict, str(len(one.beside))) for one in results]
    yield from markdown_table(("case", "in the place of", "judged arm", "verdict", "scores in both arms"), rows)
    if lacking:
        yield ""
        yield from (f"- not run: {case.get('name')}: {said_of(case)}" for case in lacking)
    yield ""
    yield (
        f"Made by `{SWITCH}=data/measured/paper_scale/README.md pytest tests/core/test_paper_scale.py` (with "
        f"{SHARED} and {TOKENIZERS}) on {time.strftime('%Y-%m-%d')}: {minutes:.0f} minutes on one core."
    )
