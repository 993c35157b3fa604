"""Four processes on one store with random kills and damage; what they make must be what a quiet run makes.

    python tests/core/soak.py --minutes 30 [--processes 4] [--labs 1] [--store DIR] [--seed 7]

Most workers make small artifacts of steps (damage_help.py); ``--labs`` of them train, sample, mine and evaluate a tiny
random model with the real Lab. Twice a second something happens: a worker is killed -9 and another started, a file of
finished or half-done work is flipped, cut, swapped or deleted, an artifact is deleted. Workers print the hash of what
they have; an error of the library in one line is allowed, and counted. Anything else ends the soak with exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import damage_help
from damage_help import ARTIFACTS, STEPS, Interrupted, damage, steps

from selfboot.errors import SelfbootError
from selfboot.store import RunStore, digest

SAID = ("made", "said", "warned")
KINDS = ("steps", "samples", "score", "pairs", "adapter")


def small(store: RunStore) -> str:
    """The hash of all small artifacts, some of which are made by two lives."""
    for number in range(ARTIFACTS):
        with contextlib.suppress(Interrupted):
            store.get("steps", {"n": number}, steps(number, stop=random.randint(1, STEPS)))
    return digest(damage_help.finished(store))


@contextlib.contextmanager
def tiny_lab(store: RunStore, model: Path) -> Iterator[object]:
    """A Lab that knows one tiny model, one benchmark and one recipe."""
    import test_lab
    import torch

    import selfboot.lab as module
    from selfboot.benchmarks.base import Benchmark
    from selfboot.registry import ModelEntry

    torch.set_num_threads(1)
    module.find_model = lambda name: ModelEntry("tiny", str(model), stop_tokens=("<|im_end|>",))
    module.load_benchmark = lambda name: Benchmark(name, test_lab.TASKS)
    module.recipes = lambda: {"quick": {**test_lab.QUICK, "epochs": 12}}
    with module.Lab(store, graders=1) as lab:
        yield lab


def real(lab: object) -> str:
    """The hash of an adapter, samples in several pieces, scores and pairs."""
    import test_lab

    import selfboot.sampling.pieces as pieces
    from selfboot.mining.bootstrap import BootstrapMiner
    from selfboot.records import Sampling

    pieces.PIECE_TOKENS = 48
    hot, short = Sampling(12, temperature=0.8, n=2), Sampling(12)
    adapter = lab.train("tiny", test_lab.PAIRS, "quick", seed=1)
    next_one = lab.train("tiny", test_lab.PAIRS, "quick", seed=2, start_from=adapter)
    scores = [lab.evaluate("tiny", "bench", sampling=s, adapter=a) for s in (hot, short) for a in (None, next_one)]
    mined = lab.mine("tiny", BootstrapMiner(steps=3, problems=2, problem_sampling=short), seed=1)
    rows = [[s.token_hashes, s.passes] for s in scores]
    return digest([adapter.sha256, next_one.sha256, rows, mined.artifact.manifest["files"]])


def worker(root: Path, model: Path | None) -> None:
    """Print hashes until the process is killed; with a model: of the real Lab's work."""
    warnings.showwarning = lambda message, *_, **__: print("warned", str(message).split(":")[0], flush=True)
    warnings.simplefilter("ignore", FutureWarning)
    store = RunStore(root)
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(tiny_lab(store, model)) if model else None
        while True:
            try:
                print("made", real(lab) if lab else small(store), flush=True)
            except SelfbootError as error:
                print("said", " ".join(str(error).split())[:300], flush=True)
            time.sleep(0.2)


class Soak:
    """The workers, and what they said."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.rng, self.root, self.folder = random.Random(args.seed), args.store or folder / "store", folder
        self.model = save_tiny(folder / "tiny") if args.labs else None
        self.kinds = [place < args.labs for place in range(args.processes)]  # which are the Lab's
        self.quiet = {kind: self._quiet(kind) for kind in sorted(set(self.kinds))}
        self.logs: list[tuple[bool, Path]] = []
        self.running = [self._start(kind) for kind in self.kinds]
        self.events: Counter[str] = Counter()

    def _quiet(self, real_lab: bool) -> str:
        """What a worker makes in a store of its own that nobody disturbs."""
        process, log = self._process(real_lab, self.folder / f"quiet-{real_lab}")
        while not (found := [line for line in log.read_text().splitlines() if line.startswith("made")]):
            assert process.poll() is None, log.read_text()
            time.sleep(0.5)
        process.kill()
        process.wait()
        return found[0]

    def _process(self, real_lab: bool, root: Path) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.folder / f"log-{time.time_ns()}"
        words = ["--worker", str(root), *(["--model", str(self.model)] if real_lab else [])]
        out: IO[bytes] = log.open("wb")
        with out:
            command = [sys.executable, __file__, *words]
            env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
            return subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, env=env), log

    def _start(self, real_lab: bool) -> subprocess.Popen[bytes]:
        process, log = self._process(real_lab, self.root)
        self.logs.append((real_lab, log))
        return process

    def run(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(self.rng.uniform(0.1, 1.0))
            dead = [place for place, process in enumerate(self.running) if process.poll() is not None]
            assert not dead, f"a worker ended by itself: {self.logs[-1]}"
            self.events[self._event()] += 1
        for process in self.running:
            self._kill(process)

    def _event(self) -> str:
        what = self.rng.choices(("kill", "damage", "delete"), (1, 6, 2))[0]
        with contextlib.suppress(FileNotFoundError, OSError):  # a file that has just gone
            if what == "kill":
                place = self.rng.randrange(len(self.running))
                self._kill(self.running[place])
                self.running[place] = self._start(self.kinds[place])
            elif what == "damage":
                return damage(self.rng, self.root, live=True).split()[0]
            else:
                found = [path for kind in KINDS for path in sorted((self.root / kind).glob("*"))]
                shutil.rmtree(self.rng.choice(found)) if found else None
        return what

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def judge(self) -> bool:
        """Print what was found; True where every hash was the quiet one and nobody failed but in one line."""
        words: Counter[str] = Counter()
        wrong: list[str] = []
        for real_lab, log in self.logs:
            for line in log.read_text(errors="replace").splitlines():
                kind = line.split(" ")[0]
                words[f"{'lab' if real_lab else 'small'} {kind if kind in SAID else 'other'}"] += 1
                if kind == "made" and line != self.quiet[real_lab]:
                    wrong.append(f"{log.name}: {line}, quiet {self.quiet[real_lab]}")
                if "Traceback" in line:
                    wrong.append(log.read_text(errors="replace")[-1500:])
        print(f"events {dict(self.events)}; lines {dict(words)}; workers started {len(self.logs)}")
        print("\n".join(sorted({line for _, log in self.logs for line in log.read_text().splitlines()
                                if line.startswith("said")})[:20]))  # fmt: skip
        print("WRONG:\n" + "\n".join(wrong[:5]) if wrong else "every hash is that of a quiet run")
        return not wrong and all(words[f"{'lab' if lab else 'small'} made"] for lab in self.quiet)


def save_tiny(folder: Path) -> Path:
    from tests.tiny_models import save_model

    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    template = turns + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    save_model(folder)
    (folder / "chat_template.jinja").write_text(template)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--labs", type=int, default=1, help="so many of them with a tiny model and the real Lab")
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--worker", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.worker, args.model)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(args, Path(folder))
        try:
            soak.run(60 * args.minutes)
        finally:
            for process in soak.running:
                soak._kill(process)
        return 0 if soak.judge() else 1


if __name__ == "__main__":
    sys.exit(main())
