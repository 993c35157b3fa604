"""The folder that `selfboot bootstrap` leaves, served by vLLM as a LoRA request: it says what our own sampler says.

    SELFBOOT_VLLM_PYTHON=… pytest tests/vllm/test_bootstrap_served.py

That peft loads the folder too is tested in tests/diagnose.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from selfboot.benchmarks.base import load_benchmark
from selfboot.formats.base import code_format
from selfboot.lab import Adapter, Samples
from selfboot.newmodel.bootstrap import Wish, bootstrap
from selfboot.newmodel.models import OpenLab
from selfboot.paths import FIXTURES
from selfboot.records import Sampling
from selfboot.store import Artifact, RunStore, file_sha256

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not (FIXTURES / "organism" / "seed0").is_dir(), reason="the mini model is not in the checkout"),
]
MODEL, GREEDY = "organism-0", Sampling(96)
FLIPS = 1  # of twelve completions; none was seen


def as_adapter(folder: Path) -> Adapter:
    """A folder from anywhere, as the Lab takes it."""
    artifact = Artifact("adapter", "from-a-folder", folder, {}, cached=True)
    return Adapter(artifact, file_sha256(folder / "adapter_model.safetensors"))


def differing(one: Samples, other: Samples) -> int:
    pairs = zip(one.completions, other.completions, strict=True)
    return sum(a[0].token_hash != b[0].token_hash for a, b in pairs)


def test_vllm_serves_what_a_bootstrap_leaves(tmp_path: Path) -> None:
    out, tasks = tmp_path / "adapter", load_benchmark("minieval:12").tasks
    wish = Wish(pairs=6, benchmark="minieval-dev", tasks=4)
    with OpenLab(RunStore(tmp_path / "store"), graders=1) as lab:
        assert bootstrap(lab, MODEL, wish, out).after is not None
        prompts = [code_format("chat").prompt(task, lab.chat(MODEL)) for task in tasks]
        ours, bare = (lab.sample(MODEL, prompts, GREEDY, adapter=one) for one in (as_adapter(out), None))
    with OpenLab(RunStore(tmp_path / "vllm"), engine="vllm") as lab:
        theirs = lab.sample(MODEL, prompts, GREEDY, adapter=as_adapter(out))
    print(
        f"\n{differing(ours, theirs)} of {len(tasks)} differ between the engines; {differing(ours, bare)} from the base"
    )
    assert theirs.artifact.manifest["provenance"]["engine"]["name"] == "vllm"
    assert differing(ours, bare) > FLIPS, "the adapter must change what is said"
    assert differing(ours, theirs) <= FLIPS
