"""Speed of grading, group ``grading``: HumanEval's canonical solutions and a mixed set, ours beside peers (peers.py).

    pytest tests/grading/test_bench_grading.py -m bench --benchmark-enable --benchmark-columns=min,rounds

``extra_info`` holds programs a second and CPU milliseconds a program, start-up apart; the table of
data/measured/grader is
made by peers.py itself, whose rounds alternate between the graders. SELFBOOT_EVALPLUS_PYTHON names an interpreter that
has evalplus 0.3.1.
"""

from __future__ import annotations

import sys
from typing import Any

import peers
import pytest

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(sys.platform != "linux", reason="ours is measured with full isolation, which is Linux's"),
]
# evalplus 0.3.1 gives HumanEval/32, whose canonical solution is an approximation, another answer
MISJUDGED = {"evalplus 0.3.1": 1}


@pytest.mark.parametrize("name", peers.GRADERS)
@pytest.mark.parametrize("kind", ["canonical", "mixed"])
def test_speed_of_grading(benchmark: Any, name: str, kind: str) -> None:
    """Every grader must also judge rightly: a fast wrong one does not count."""
    if benchmark.disabled:
        pytest.skip("not run: benchmarks need --benchmark-enable, and no xdist")
    if not peers.available(name):
        pytest.skip("this machine does not give that isolation")
    samples = peers.canonical() if kind == "canonical" else peers.mixed()
    benchmark.group = f"grading {kind}"
    found = benchmark.pedantic(lambda: peers.GRADERS[name](samples), rounds=1)
    benchmark.extra_info |= {
        "programs/s": round(len(samples) / found.seconds, 1),
        "cpu_ms/program": round(1000 * found.cpu / len(samples), 2),
    }
    assert found.right >= len(samples) - MISJUDGED.get(name, 0)
