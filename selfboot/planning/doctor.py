"""What this machine can run, and what is missing: one ``Check`` a thing, each with the remedy. Starts no CUDA.

``gpu_checks`` looks closer at GPUs: each multiplies two matrices, in a process of its own.
Not covered: speed (a slow machine passes), and whether a model's engine starts (`selfboot run --smoke` tries it).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from selfboot.errors import SelfbootError, UnavailableError
from selfboot.paths import DATA, extra, in_checkout

Purpose = Literal["mini", "paper", "report", "data"]
MEMORY_GB, DISK_GB = 4.0, 2.0  # free, for the mini model with two workers, and for a run store of all mini claims


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``purpose``: what cannot run without it; ``remedy`` is empty where nothing is wrong."""

    name: str
    purpose: Purpose
    ok: bool
    found: str
    remedy: str = ""


def checks(store: Path) -> list[Check]:
    """Every check, in the order in which things are needed. A check that breaks is a check that failed."""
    return [check for look in LOOKS for check in _guarded(look, store)]


def gpu_checks(store: Path) -> list[Check]:
    """What the paper's scale needs of this machine, its GPUs at work."""
    return [check for look in GPU_LOOKS for check in _guarded(look, store)]


def paper_can_run(found: list[Check]) -> bool:
    """Can any claim at the paper's scale run here, once its weights and data are fetched?"""
    needed = ("GPUs", "claims that fit", "torch on GPUs", "vLLM", "disk")
    return all(check.ok for check in found if check.name in needed)


def mini_can_run(found: list[Check]) -> bool:
    """Can the claims at mini scale run here?"""
    return all(check.ok for check in found if check.purpose == "mini")


def _guarded(look: Callable[[Path], Iterator[Check]], store: Path) -> Iterator[Check]:
    try:
        yield from look(store)
    except (SelfbootError, OSError) as error:
        purpose: Purpose = PURPOSES.get(look, "mini")
        yield Check(look.__name__.strip("_").replace("_", " "), purpose, False, "not right", str(error))


def _python(store: Path) -> Iterator[Check]:
    found = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", "mini", sys.version_info >= (3, 11), found, "" if sys.version_info >= (3, 11) else "3.11 up")


def _packages(store: Path) -> Iterator[Check]:
    """The packages that the project asks for without extras; those of its other stacks (data/constraints) will do."""
    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in requires("selfboot") or []]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [text for one in needed if (text := _wrong(one.name, str(one.specifier)))]
    yield Check("packages", "mini", not wrong, ", ".join(wrong) or f"{len(needed)} as asked for",
                f"pip install {'-e .' if in_checkout() else '--upgrade selfboot'}" if wrong else "")  # fmt: skip


def _wrong(name: str, specifier: str) -> str:
    from packaging.specifiers import SpecifierSet

    try:
        have = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    wanted = list(dict.fromkeys((specifier, *_pins(name))))
    fits = any(SpecifierSet(one).contains(have, prereleases=True) for one in wanted)
    return "" if fits else f"{name} {have} is not {' or '.join(wanted)}"


def _pins(name: str) -> list[str]:
    """The very versions (``==2.6.0``) of a package that the project's stacks are made of: pyproject.toml can ask for
    one torch only, and each stack has its own."""
    from selfboot.benchmarks import bigcodebench

    files = sorted(set((DATA / "constraints").glob("*.txt")) - {bigcodebench.REQUIREMENTS})  # of another interpreter
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines()]
    return [line.removeprefix(name) for line in lines if line.startswith(f"{name}==")]


def _organisms(store: Path) -> Iterator[Check]:
    """The models that the checkout brings."""
    from selfboot.models.spec import ModelSpec, locate
    from selfboot.registry import models

    own = [entry for entry in models().values() if entry.source.startswith("fixtures/")]
    wrong = []
    for entry in own:
        try:
            locate(ModelSpec(entry.name, entry.source, tokenizer=entry.tokenizer, sha256=entry.sha256))
        except SelfbootError as error:
            wrong.append(str(error))
    yield Check("mini models", "mini", not wrong, f"{len(own) - len(wrong)} of {len(own)} here", "; ".join(wrong))


def _shipped(store: Path) -> Iterator[Check]:
    """Weights, tokenizers, tasks and pairs against the hashes that came with them."""
    from selfboot.storage.shipped import damaged

    wrong = damaged()
    yield Check("shipped files", "mini", not wrong, f"{len(wrong)} not whole" if wrong else "whole", "; ".join(wrong))


def _grader(store: Path) -> Iterator[Check]:
    from selfboot.grading.code import CodeGrader

    with warnings.catch_warnings(), CodeGrader(workers=1) as grader:
        warnings.simplefilter("ignore")
        level, details = grader.manifest["isolation"], grader.manifest
    lacking = [f"{name}: {text}" for name, text in details.items() if text.startswith("no ") or text == "no"]
    isolated = level in ("kernel", "namespaces")
    remedy = "" if isolated else f"programs are limited, not isolated ({'; '.join(lacking)}); use a recent Linux"
    yield Check("isolation of programs", "mini", True, level, remedy)


def _memory(store: Path) -> Iterator[Check]:
    import psutil

    free = psutil.virtual_memory().available / 1e9
    remedy = "" if free >= MEMORY_GB else f"mini wants {MEMORY_GB:g} GB free; end other programs"
    yield Check("memory", "mini", free >= MEMORY_GB, f"{free:.1f} GB free, {os.cpu_count()} CPUs", remedy)


def _disk(store: Path) -> Iterator[Check]:
    home = next(folder for folder in (store, *store.parents) if folder.exists())
    free, writable = shutil.disk_usage(home).free / 1e9, home.is_dir() and os.access(home, os.W_OK)
    remedy = "" if free >= DISK_GB else f"the run store wants {DISK_GB:g} GB; free some or name another with --store"
    remedy = remedy if writable else f"{home} is no folder that can be written; name another with --store"
    yield Check("disk", "mini", not remedy, f"{free:.0f} GB free at {home}", remedy)


def _gpus(store: Path) -> Iterator[Check]:
    from selfboot.engines.gpu import local_gpus
    from selfboot.planning.selection import missing_memory
    from selfboot.registry import registry

    have = local_gpus()
    kinds = ", ".join(f"{gpu.name} ({gpu.memory_gb:.0f} GB)" for gpu in have) or "none"
    yield Check("GPUs", "paper", bool(have), kinds, "" if have else "paper-scale claims need one: see `selfboot plan`")
    paper = {c.id: c.scales["paper"] for c in registry().values() if "paper" in c.scales}
    fit = [name for name, settings in paper.items() if not missing_memory(settings, have)]
    if have:
        rest = "" if len(fit) == len(paper) else "the others need more memory: `selfboot plan` says how much"
        yield Check("claims that fit", "paper", bool(fit), f"{len(fit)} of {len(paper)}: {', '.join(fit)}", rest)


def _vllm(store: Path) -> Iterator[Check]:
    from selfboot.engines.engines import vllm_is_known
    from selfboot.sampling.vllm import PYTHON_ENV, interpreter, probe

    if not vllm_is_known():
        remedy = f"{extra('gpu')}, or name an interpreter that has it in {PYTHON_ENV}"
        yield Check("vLLM", "paper", False, "none", remedy)
        return
    found = probe()
    yield Check("vLLM", "paper", True, f"{found['vllm']} on {found['device']} ({interpreter()})")


WORK = """
import json, torch
found = []
for at in range(torch.cuda.device_count()):
    with torch.cuda.device(at):
        half = torch.full((512, 512), 0.5, dtype=torch.bfloat16, device="cuda")
        free, total = torch.cuda.mem_get_info()
        right = bool(((half @ half).float() == 128).all())
        found.append([torch.cuda.get_device_name(at), torch.cuda.get_device_capability(at), free / total, right])
print(json.dumps([torch.__version__, torch.version.cuda, found]))
"""
FREE_SHARE = 0.9  # of a GPU's memory, which an engine asks for


def _torch_on_gpus(store: Path) -> Iterator[Check]:
    """The torch of ours on every GPU that we are given: it computes rightly, and nobody else has the memory."""
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=False)
    name = "torch on GPUs"
    if done.returncode:
        last = done.stderr.strip().split("\n")[-1][:200]
        yield Check(name, "paper", False, last, "the driver must be as new as torch's CUDA: see `nvidia-smi`")
        return
    version, cuda, gpus = json.loads(done.stdout)
    wrong = [f"{gpu[0]} computes wrongly" for gpu in gpus if not gpu[3]]
    taken = [f"GPU {at}: only {gpu[2]:.0%} is free" for at, gpu in enumerate(gpus) if gpu[2] < FREE_SHARE]
    remedy = "; ".join([*wrong, *(f"{one}: end what uses it (nvidia-smi)" for one in taken)])
    if not gpus:
        remedy = "no GPU is seen: install torch's CUDA build, and look at CUDA_VISIBLE_DEVICES"
    kinds = ", ".join(f"{gpu[0]} (compute capability {gpu[1][0]}.{gpu[1][1]}, {gpu[2]:.0%} free)" for gpu in gpus)
    yield Check(name, "paper", not remedy, f"torch {version}, CUDA {cuda or 'none'}: {kinds or 'no GPU'}", remedy)


def _shared_memory(store: Path) -> Iterator[Check]:
    """Processes of one engine over several GPUs talk through it; containers often have 64 MB."""
    free = shutil.disk_usage("/dev/shm").free / 1e9 if Path("/dev/shm").is_dir() else 0.0
    remedy = "" if free >= 1 else "engines over several GPUs want 1 GB: start the container with --shm-size=8g"
    yield Check("shared memory", "paper", not remedy, f"{free:.1f} GB free in /dev/shm", remedy)


def _invariance(store: Path) -> Iterator[Check]:
    """May --batch-invariant be asked for?"""
    from selfboot.engines.engines import vllm_is_known
    from selfboot.models.spec import ModelSpec
    from selfboot.sampling.vllm import VllmEngine

    lacking = VllmEngine(ModelSpec("none", "")).lacks_invariance() if vllm_is_known() else "no vLLM here"
    remedy = "only this option needs it: vLLM 0.12 or later, on a GPU" if lacking else ""
    yield Check("--batch-invariant", "paper", not lacking, lacking or "can be asked for", remedy)


def _four_bits(store: Path) -> Iterator[Check]:
    from selfboot.models import nf4

    missing = nf4.missing()
    yield Check("models in 4 bits", "paper", not missing, "none can be loaded" if missing else "ready", missing or "")


def _models(store: Path) -> Iterator[Check]:
    from selfboot.models.spec import ModelSpec, locate
    from selfboot.registry import models

    lacking, damaged = [], []
    wanted = [entry for entry in models().values() if entry.gpu_gb]
    for entry in wanted:
        try:
            locate(ModelSpec(entry.name, entry.source, entry.revision, entry.tokenizer, sha256=entry.sha256))
        except UnavailableError:
            lacking.append(entry.name)
        except SelfbootError as error:
            damaged.append(str(error))
    remedies = [*damaged, *([f"selfboot fetch --models {' '.join(lacking)}"] if lacking else [])]
    here = len(wanted) - len(lacking) - len(damaged)
    yield Check("models", "paper", not remedies, f"{here} of {len(wanted)} here", "; ".join(remedies))


def _data(store: Path) -> Iterator[Check]:
    from selfboot.datasets.pinned import sources, state

    states = {one.name: state(one) for one in sources().values()}
    wrong = [name for name, found in states.items() if found != "here"]
    some = f" --only {' '.join(wrong)}" if len(wrong) < len(states) else ""
    remedy = f"selfboot fetch{some}" if wrong else ""
    yield Check("data sets", "data", not wrong, f"{len(states) - len(wrong)} of {len(states)} here", remedy)


def _libraries(store: Path) -> Iterator[Check]:
    """What programs of BigCodeBench use."""
    from selfboot.benchmarks import bigcodebench

    missing, needed = bigcodebench.absent(), len(bigcodebench.required())
    remedy = bigcodebench.remedy(missing) if missing else ""
    yield Check("BigCodeBench's libraries", "data", not missing, f"{needed - len(missing)} of {needed} here", remedy)


def _report(store: Path) -> Iterator[Check]:
    lacking = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    remedy = extra("report") if lacking else ""
    yield Check("report", "report", not lacking, f"{' and '.join(lacking)} missing" if lacking else "ready", remedy)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    remedy = "" if chromium else "only the report's own test needs it: apt-get install chromium"
    yield Check("Chromium", "report", bool(chromium), chromium or "none", remedy)


LOOKS = (
    *(_python, _packages, _organisms, _shipped, _grader, _memory, _disk),
    *(_gpus, _vllm, _models, _data, _libraries, _report),
)
GPU_LOOKS = (
    *(_gpus, _torch_on_gpus, _shared_memory, _vllm, _invariance, _four_bits),
    *(_disk, _models, _data, _libraries),
)
PURPOSES: dict[Callable[[Path], Iterator[Check]], Purpose] = {
    _gpus: "paper",
    _vllm: "paper",
    _torch_on_gpus: "paper",
    _shared_memory: "paper",
    _invariance: "paper",
    _four_bits: "paper",
    _models: "paper",
    _data: "data",
    _libraries: "data",
    _report: "report",
}
