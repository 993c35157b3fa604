"""The whole paper scale, with real tokenizers and tiny random models on a CPU: no case crashes (tiny_paper.py).

Ten to twenty minutes on two cores, so only where SELFBOOT_PAPER_SCALE is set, beside SELFBOOT_SHARED and
SELFBOOT_TOKENIZERS.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from selfboot.judging.results import load
from selfboot.paths import ROOT
from selfboot.registry import registry
from tests.core.tiny_paper import SHARED, TOKENIZERS

SWITCH = "SELFBOOT_PAPER_SCALE"
VERDICT = re.compile(r"(Failed: |Skipped: )?[\w-]+\[paper(-\d+)?\]: paper ")
LACKS = re.compile(r"not run: .*(is not on this machine|are not installed|is missing; `selfboot mine)", re.DOTALL)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get(SWITCH), reason=f"{SWITCH} is not set: it takes a quarter of an hour")
def test_every_case_of_the_papers_scale_reaches_a_verdict_or_lacks_data(tmp_path: Path) -> None:
    for name in (SHARED, TOKENIZERS):
        if not os.environ.get(name):
            pytest.skip(f"{name} is not set")
    words = ["claims", "--scale", "paper", "--weights", "random", "--tokens", "2", "-p", "tests.core.tiny_paper"]
    places = [f"--store={tmp_path / 'store'}", f"--junitxml={tmp_path / 'cases.xml'}", "-n", "0", "-q"]
    subprocess.run([sys.executable, "-m", "pytest", *words, *places], cwd=ROOT, capture_output=True, check=False)
    cases = list(ET.parse(tmp_path / "cases.xml").iter("testcase"))
    assert [f"{case.get('name')}: {said[:300]}" for case in cases if (said := crash(case))] == []
    assert len(cases) >= len(registry())
    results = load(tmp_path / "store" / "results")
    assert {result.weights for result in results} == {"random"}
    assert all(one.beside for one in results if registry()[one.claim].scales["paper"].both_arms), "both arms"


def crash(case: ET.Element) -> str:
    """What a case ended with, where that is neither a verdict nor data that this machine lacks; "" else."""
    ended = [one for one in case if one.tag in ("failure", "error", "skipped")]
    said = [one.get("message") or one.text or "" for one in ended]
    return next((text for text in said if not VERDICT.match(text) and not LACKS.search(text)), "")
