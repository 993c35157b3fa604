"""The vLLM sampler: an offline engine in a process of its own that serves the base model and every adapter of it.

    with VllmEngine(spec) as engine:
        base = VllmSampler(engine, tokenizer, stop_token_ids(spec, tokenizer))
        base.generate(prompts, sampling, seeds)
        base.with_adapter(folder).generate(prompts, sampling, seeds)

Tokens go in and come out (JSON, never pickle); prompts are encoded and completions decoded and cut here, by the same
functions as for the transformers sampler. Each sample is a request of its own whose seed follows from (seed, j), so the
first 8 of 32 are those of n=8; prefix caching makes them share their prompt. A stop string also ends a request early,
but only where our own cut agrees: a row that the engine ended and we would not have is drawn again without.
The end of the process gives the GPU's memory back (``close``), before training starts.
``spec.weights == "random"``: vLLM's dummy weights (uniform within ±0.001, not those of the transformers model).

Not covered: several engines on one GPU, quantised weights, sampling that is bit-identical to the transformers sampler's
(the streams differ; greedy differs at near ties only, ``tests/vllm`` measures how often).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import psutil

from selfboot.errors import DataError, UnavailableError
from selfboot.models.continuation import Continuation
from selfboot.models.load import encode_prompt
from selfboot.models.memory import MOST_ROWS
from selfboot.models.spec import ModelSpec, locate
from selfboot.records import Completion, Sampling
from selfboot.sampling.base import ending, reporter
from selfboot.sampling.stops import check_stops, first_stop
from selfboot.sampling.transformers import check_request, complete

PYTHON_ENV = "SELFBOOT_VLLM_PYTHON"
WORKER = Path(__file__).with_name("vllm_worker.py")
OLDEST = (0, 8, 5)
INVARIANT, INVARIANT_SINCE = "VLLM_BATCH_INVARIANT", (0, 12, 0)  # 0.11 had it under another name, and in part
MOST_ON_CPU = 256  # rows decoded together there
GRAPH_SIZES = (
    *(1, 2, 4, 8, 16, 32, 64, 96, 128, 160, 192, 224, 256),
    *(320, 384, 448, 512, 640, 768, 896, 1024),
)  # rows decoded together that have a CUDA graph
LORA_RANKS = (8, 16, 32, 64, 128)  # the maximum ranks that an engine can be made for
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # requests meet the engine in a fixed order: same seed, same tokens
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",  # it knows no seed of a request, and is compiled at the first start
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True)
class VllmSettings:
    """How an engine is made. All of it may change a result, and is in ``VllmSampler.engine``.

    ``dtype``: "auto" is bfloat16 on a GPU and float32 on a CPU. ``max_model_len``: tokens of prompt and completion
    together. ``memory``: share of each GPU's memory; 0: 0.9 of a GPU's, a tenth of a CPU machine's. ``max_rows``: rows
    decoded together at most; 0: ``MOST_ROWS`` on a GPU, ``MOST_ON_CPU`` on a CPU. Where its cache has no room for so
    many, vLLM sets some aside and goes on with them later. ``max_lora_rank``: 0 serves no adapters. ``eager``: without
    CUDA graphs (always on a CPU).
    ``batch_invariant``: with vLLM's kernels whose results do not depend on what else is in the batch, which are slower.
    ``compiled``: with torch.compile too, which costs more at the start than it saves in a few thousand rows
    (data/measured/gpu/README.md has the seconds). ``python``: an interpreter that has vLLM; empty:
    SELFBOOT_VLLM_PYTHON, else ours.
    """

    dtype: str = "auto"
    max_model_len: int = 4096
    tensor_parallel: int = 1
    memory: float = 0.0
    max_lora_rank: int = 32
    max_rows: int = 0
    eager: bool = False
    compiled: bool = False
    batch_invariant: bool = False
    python: str = ""


class EngineLostError(UnavailableError):
    """A running engine's process is gone without a word: killed, or its machine took it."""


@dataclass(frozen=True)
class Drawn:
    """One row as the engine ended it: all its token ids, and whether a stop string ended it."""

    ids: tuple[int, ...]
    text_stop: bool


@dataclass
class VllmEngine:
    """A vLLM engine of one model, in a process that starts when first needed and ends with ``close``.

    ``gpu``: the only GPU that it sees, as CUDA_VISIBLE_DEVICES names it; empty: all of ours. ``seconds``: wall-clock
    seconds by phase ("start", "generate"), for reports; ``starts``: how often it started.
    """

    spec: ModelSpec
    settings: VllmSettings = field(default_factory=VllmSettings)
    gpu: str = ""
    seconds: dict[str, float] = field(default_factory=lambda: {"start": 0.0, "generate": 0.0})
    starts: int = 0

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False  # has it started, and answered?
        self._adapters: dict[tuple[str, int], int] = {}

    @functools.cached_property
    def versions(self) -> dict[str, str]:
        """Versions of vLLM, torch and Python, and the device; asked of the interpreter, without loading an engine.

        Raises UnavailableError when it has no vLLM, or one older than 0.8.5.
        """
        return probe(self.settings.python)

    @property
    def description(self) -> dict[str, str]:
        """Everything about the engine that may change a result, known before it starts."""
        return {
            "name": "vllm",
            **self.versions,
            "dtype": self._dtype,
            "max_model_len": str(self.settings.max_model_len),
            "tensor_parallel": str(self.settings.tensor_parallel),
            "max_rows": str(self.max_rows),
            "max_lora_rank": str(self.settings.max_lora_rank),
            "eager": str(self.settings.eager or self._cpu),
            "compiled": str(self.settings.compiled and not self._cpu),
            "batch_invariant": str(self.settings.batch_invariant),
            "weights": self.spec.weights,
        }

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the engine's process, whatever ours has. UnavailableError where the mode that is asked for is
        not to be had."""
        if self.settings.batch_invariant and (lacking := self.lacks_invariance()):
            raise UnavailableError(f"--batch-invariant: {lacking}; leave it out")
        return ENVIRONMENT | {INVARIANT: str(int(self.settings.batch_invariant))}

    def lacks_invariance(self) -> str:
        """Why the engine would not be batch-invariant; "" where it is."""
        if _numbers(self.versions["vllm"]) < INVARIANT_SINCE:
            return (
                f"vLLM {self.versions['vllm']} has no such mode, {'.'.join(map(str, INVARIANT_SINCE))} and later have"
            )
        return f"vLLM has it on GPUs only, not on {self.versions['device']}" if self._cpu else ""

    @property
    def _cpu(self) -> bool:
        return self.versions["device"].startswith("cpu")

    @property
    def max_rows(self) -> int:
        """Rows decoded together at most."""
        return self.settings.max_rows or (MOST_ON_CPU if self._cpu else MOST_ROWS)

    @property
    def _dtype(self) -> str:
        return {"auto": "float32" if self._cpu else "bfloat16"}.get(self.settings.dtype, self.settings.dtype)

    def arguments(self) -> dict[str, Any]:
        """Arguments of ``vllm.LLM``. DataError where a setting is out of range."""
        settings, found = self.settings, locate(self.spec)
        lora = {} if not settings.max_lora_rank else {"enable_lora": True, "max_lora_rank": settings.max_lora_rank}
        if lora and settings.max_lora_rank not in LORA_RANKS:
            raise DataError(f"max_lora_rank={settings.max_lora_rank}: vLLM takes one of {LORA_RANKS}, or 0")
        return {
            "model": str(found.model),
            "tokenizer": str(found.tokenizer),
            "dtype": self._dtype,
            "seed": 0,
            "max_model_len": settings.max_model_len,
            "max_num_seqs": self.max_rows,
            "tensor_parallel_size": settings.tensor_parallel,
            "gpu_memory_utilization": settings.memory or (0.1 if self._cpu else 0.9),
            "enforce_eager": settings.eager or self._cpu,
            "load_format": "dummy" if self.spec.weights == "random" else "safetensors",
            "generation_config": "vllm",  # no sampling defaults from the model's folder
            "enable_prefix_caching": True,
            "trust_remote_code": False,
            "disable_log_stats": True,
            **lora,
            **(self._whole_prompts() if self._cpu else self._graphs()),
        }

    def _graphs(self) -> dict[str, Any]:
        """CUDA graphs of whole decoding steps for a few batch sizes, and nothing compiled; before vLLM 0.12, which has
        no such graphs, vLLM's own choice."""
        if self.settings.compiled or self.settings.eager or _numbers(self.versions["vllm"]) < (0, 12):
            return {}
        sizes = [size for size in GRAPH_SIZES if size <= self.max_rows]
        return {
            "compilation_config": {"mode": 0, "cudagraph_mode": "FULL_DECODE_ONLY", "cudagraph_capture_sizes": sizes}
        }

    def _whole_prompts(self) -> dict[str, Any]:
        """Never split a prompt: on a CPU, vLLM (0.32) cannot rewind a seeded generator after a part of one."""
        return {"enable_chunked_prefill": False, "max_num_batched_tokens": max(8192, self.settings.max_model_len)}

    def adapter(self, folder: Path) -> list[Any]:
        """Name, number and path by which the engine knows an adapter. DataError: not one, or its rank is too high."""
        weights, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
        if not (weights.is_file() and config.is_file()):
            raise DataError(f"adapter {folder}: no adapter_config.json with adapter_model.safetensors; train it again")
        rank = int(json.loads(config.read_text(encoding="utf-8"))["r"])
        if rank > self.settings.max_lora_rank:
            raise DataError(
                f"adapter {folder} has rank {rank}, the engine serves up to {self.settings.max_lora_rank}; "
                "set max_lora_rank"
            )
        key = (str(folder.resolve()), weights.stat().st_mtime_ns)  # changed weights are another adapter
        number = self._adapters.setdefault(key, len(self._adapters) + 1)
        return [f"adapter-{number}", number, key[0]]

    def draw(
        self,
        requests: Sequence[tuple[Sequence[int], int, int | None]],
        sampling: Mapping[str, Any],
        adapter: Path | None = None,
        on_done: Callable[[int], None] | None = None,
    ) -> list[Drawn]:
        """One row for each request (prompt ids, most new tokens, seed), in their order.

        ``sampling``: arguments of ``vllm.SamplingParams`` common to all. ``on_done`` is told each finished request.
        """
        known = None if adapter is None else self.adapter(adapter)
        message = {"requests": [list(request) for request in requests], "sampling": dict(sampling), "adapter": known}
        try:
            rows = self._drawn(message, on_done)
        except EngineLostError as error:
            warnings.warn(f"{error}; it starts again and draws the same rows once more", stacklevel=2)
            rows = self._drawn(message, on_done)
        return [rows[at] for at in range(len(requests))]

    def _drawn(self, message: Mapping[str, Any], on_done: Callable[[int], None] | None) -> dict[int, Drawn]:
        """The rows of one draw, by request."""
        self.start()
        started = time.perf_counter()
        self._send(message)
        rows: dict[int, Drawn] = {}
        for message in self._replies():
            if "finished" in message:
                break
            rows[message["at"]] = Drawn(tuple(message["ids"]), message["text_stop"])
            if on_done:
                on_done(message["at"])
        self.seconds["generate"] += time.perf_counter() - started
        return rows

    def memory(self) -> dict[str, float]:
        """Free and total GB of the engine's first GPU, as the engine sees them; empty on a CPU."""
        self.start()
        self._send({"memory": True})
        return dict(next(self._replies())["memory"])

    def start(self) -> None:
        """Start the process and the engine, unless they run. UnavailableError with the engine's last words if not."""
        if self._process is not None:
            return
        environment, arguments = self.environment, self.arguments()
        started, self._ready = time.perf_counter(), False
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [interpreter(self.settings.python), "-P", str(WORKER), str(theirs.fileno())],
            env={**os.environ, **environment, **({"CUDA_VISIBLE_DEVICES": self.gpu} if self.gpu else {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._send({"engine": arguments})
        next(self._replies())
        self.starts, self._ready = self.starts + 1, True
        self.seconds["start"] += time.perf_counter() - started

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self._socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        except OSError:
            raise self._broken("") from None

    def _replies(self) -> Iterator[dict[str, Any]]:
        while line := self._line():
            message: dict[str, Any] = json.loads(line)
            if "error" in message:
                raise self._broken(f"{message['error']}: {message['message']}")
            yield message
        raise self._broken("")

    def _line(self) -> str:
        """The engine's next line, empty when it is gone."""
        try:
            return self._lines.readline()
        except OSError:  # it ended with words of ours unread
            return ""

    def _broken(self, said: str) -> UnavailableError:
        """The engine is gone: what it said, or the end of what it logged."""
        kind = EngineLostError if not said and self._killed() else UnavailableError
        self._log.seek(0)
        logged = [line.strip() for line in self._log.read().decode(errors="replace").split("\n") if "Error" in line]
        self.close()
        return kind(
            f"vLLM {self.versions['vllm']} with {self.spec.name!r} failed: {said or 'it ended without a word'} "
            f"(errors in its log: {' | '.join(logged[-3:])[-600:] or 'none'}); if memory is short, lower "
            "max_model_len, or see with `selfboot plan` which claims fit"
        )

    def _killed(self) -> bool:
        """Did a signal end the process of an engine that ran?"""
        try:
            return self._ready and self._process is not None and self._process.wait(timeout=5) < 0
        except subprocess.TimeoutExpired:
            return False

    def close(self) -> None:
        """End the process and everything it started; may be called twice. The next request starts a new one."""
        process, self._process = self._process, None
        if process is None:
            return
        self._lines.close()
        self._socket.close()  # the worker ends its group when it sees this
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _end_group(process.pid)
        self._log.close()

    def __enter__(self) -> VllmEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _end_group(leader: int, patience_s: float = 20.0) -> None:
    """Kill what is left of a process group, and wait until it is gone: with several GPUs each has a child of the
    leader, whose memory is free only then."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    until = time.monotonic() + patience_s
    while any(_lives_in(leader, process) for process in psutil.process_iter()) and time.monotonic() < until:
        time.sleep(0.05)


def _lives_in(group: int, process: psutil.Process) -> bool:
    try:  # a zombie, which some containers' first process never reaps, holds no memory
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


class VllmSampler:
    """A ``Sampler`` over an engine, of the base model or (``with_adapter``) of one adapter."""

    def __init__(
        self,
        engine: VllmEngine,
        tokenizer: Any,
        stop_ids: Sequence[int],
        max_prompt_tokens: int = 1500,
        adapter: Path | None = None,
    ) -> None:
        self.core, self.tokenizer, self.adapter = engine, tokenizer, adapter
        self._continuation = Continuation(tokenizer)
        self.stop_ids = tuple(sorted(set(stop_ids)))
        self.max_prompt_tokens = max_prompt_tokens

    def with_adapter(self, folder: Path | None) -> VllmSampler:
        """The same engine, drawing from this adapter (None: from the base model)."""
        return VllmSampler(self.core, self.tokenizer, self.stop_ids, self.max_prompt_tokens, folder)

    @property
    def engine(self) -> dict[str, str]:
        """Engine, versions, device, dtype and the settings that may change a result."""
        own = {"stop_ids": " ".join(map(str, self.stop_ids)), "max_prompt_tokens": str(self.max_prompt_tokens)}
        return self.core.description | own

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        """See ``Sampler.generate``. DataError: as many seeds as prompts are needed, a request must fit the engine."""
        check_request(prompts, sampling, seeds)
        stops, samples = check_stops(sampling.stop), sampling.n if sampling.temperature > 0 else 1
        if not prompts:
            return []
        known = {text: self.encode(text) for text in dict.fromkeys(prompts)}
        wanted = [(known[t], s if sampling.temperature > 0 else 0) for t, s in zip(prompts, seeds, strict=True)]
        unique = sorted(set(wanted), key=lambda request: (len(request[0]), request))
        place = {request: at for at, request in enumerate(unique)}
        requests = [self._request(ids, sampling, seed, j) for ids, seed in unique for j in range(samples)]
        report = reporter([place[request] for request in wanted], samples, on_done)
        drawn = self._draw(requests, sampling, stops, report)
        done = [complete(row.ids, ending(sampling, self.stop_ids, self.tokenizer), stops, self.decode) for row in drawn]
        rows = [tuple(done[at * samples : (at + 1) * samples]) * (sampling.n // samples) for at in range(len(unique))]
        return [rows[place[request]] for request in wanted]

    def _draw(
        self,
        requests: list[tuple[Sequence[int], int, int | None]],
        sampling: Sampling,
        stops: tuple[str, ...],
        on_done: Callable[[int], None],
    ) -> list[Drawn]:
        """Draw with the engine's own stop strings as an early end; again without them where it ended a row wrongly."""
        common = sampling_arguments(sampling, ending(sampling, self.stop_ids, self.tokenizer))
        drawn = self.core.draw(requests, common | early_end(stops), self.adapter, on_done)
        wrong = [
            at for at, row in enumerate(drawn) if row.text_stop and first_stop(row.ids, self.decode, stops) is None
        ]
        if wrong:
            again = self.core.draw([requests[at] for at in wrong], common | early_end(()), self.adapter)
            for at, row in zip(wrong, again, strict=True):
                drawn[at] = row
        return drawn

    def _request(
        self, ids: Sequence[int], sampling: Sampling, seed: int, sample: int
    ) -> tuple[Sequence[int], int, int | None]:
        limit = self.core.settings.max_model_len
        if len(ids) + sampling.max_new_tokens > limit:
            raise DataError(
                f"a prompt of {len(ids)} tokens and {sampling.max_new_tokens} new ones exceed the engine's "
                f"max_model_len={limit}; raise it"
            )
        return ids, sampling.max_new_tokens, request_seed(seed, sample) if sampling.temperature > 0 else None

    def encode(self, text: str) -> tuple[int, ...]:
        """The prompt's token ids: exactly one BOS where there is one, at most ``max_prompt_tokens``, tail kept."""
        start, ids = encode_prompt(self.tokenizer, text)
        return (*start, *ids[max(0, len(start) + len(ids) - self.max_prompt_tokens) :])

    def decode(self, ids: Sequence[int]) -> str:
        """Text of drawn tokens, as it stands behind the prompt (models/continuation.py)."""
        return self._continuation.text(ids)


def sampling_arguments(sampling: Sampling, stop_ids: Sequence[int]) -> dict[str, Any]:
    """Arguments of ``vllm.SamplingParams`` common to all rows. Only our stop tokens end a row, no default of vLLM's."""
    drawn = sampling.temperature > 0
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if drawn else 1.0,
        "stop_token_ids": list(stop_ids),
        "ignore_eos": True,  # the tokenizer's eos is among our stop tokens
        "skip_special_tokens": True,
    } | ({"top_k": sampling.top_k} if drawn and sampling.top_k else {})


def early_end(stops: Sequence[str]) -> dict[str, Any]:
    """Arguments that let the engine notice stop strings; without any it need not decode at all."""
    return {"stop": list(stops), "include_stop_str_in_output": True, "detokenize": bool(stops)}


def request_seed(seed: int, sample: int) -> int:
    """The seed of sample j of a prompt: 63 bits of a hash of (seed, j), so that close seeds are unrelated."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{sample}".encode()).digest()[:8], "big") >> 1


def interpreter(python: str = "") -> str:
    """The Python that runs the engine: the one given, else SELFBOOT_VLLM_PYTHON, else ours."""
    return python or os.environ.get(PYTHON_ENV) or sys.executable


def probe(python: str = "") -> dict[str, str]:
    """What vLLM an interpreter has, and on which device. UnavailableError: none, or one older than 0.8.5."""
    path = interpreter(python)
    try:
        done = subprocess.run(
            [path, "-P", str(WORKER), "--probe"], capture_output=True, text=True, timeout=120, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(f"vLLM's interpreter {path} does not run ({error}); correct {PYTHON_ENV}") from None
    found: dict[str, str] = json.loads(done.stdout)
    if not found["vllm"]:
        raise UnavailableError(
            f"vLLM is not installed for {path}; `pip install -c data/constraints/cuda.txt vllm` there, or name an "
            f"interpreter that has it in {PYTHON_ENV}"
        )
    if _numbers(found["vllm"]) < OLDEST:
        raise UnavailableError(f"vLLM {found['vllm']} of {path} is too old; 0.8.5 is the oldest that is supported")
    return found


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split("+")[0].split(".")[:3]
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in parts)
