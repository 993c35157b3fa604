"""The transformers sampler: batched decoding on the library's own models, with slots instead of padding.

Rows live in slots of one preallocated cache. A prompt is prefilled once and copied into the slots of its n samples;
rows that finish leave, waiting ones enter. Requests are sorted before anything runs and equal ones are computed once,
so the order in which a caller lists prompts cannot matter. What runs beside a row can still change the last bits of its
logits and so, at a near tie, a token; how often is measured by ``tests/sampling/measure_flips.py``.

Prompts are rendered text: no special token is added but one BOS, where the tokenizer has one that the text lacks.
Longer prompts than ``max_prompt_tokens`` (or three quarters of the context, where that is less) keep BOS and tail,
where the question stands. Generation ends at a stop token, a stop string, ``max_new_tokens`` or the context limit.
Where attention slides, the context is one window: within it nothing has slid. Not covered: mixture models, models whose
logits are more than their head's product (Gemma 2, Granite, Cohere), multi-GPU (that is what the vLLM sampler is for).
"""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor

from selfboot.errors import UnavailableError
from selfboot.models.continuation import Continuation
from selfboot.models.load import encode_prompt
from selfboot.records import Completion, Sampling
from selfboot.sampling.base import check_request, complete, ending, uniforms
from selfboot.sampling.cache import ATTENTION, BLOCK, Recorder, SlotCache, row_bytes
from selfboot.sampling.draw import draw
from selfboot.sampling.stops import Watch, check_stops, cut

__all__ = ["Stats", "TransformersSampler", "check_request", "complete"]

ARCHITECTURES = (
    *("llama", "qwen2", "qwen3", "olmo2"),
    *("mistral", "gemma", "phi", "phi3", "olmo", "starcoder2", "smollm3", "glm", "arcee"),
)
WIDTH_STEP = 64  # attention widths are multiples of this: few shapes, and sums over padding that don't depend on it


@dataclass(frozen=True)
class Stats:
    """What one ``generate`` call did. Seconds are wall-clock; ``tokens`` counts drawn tokens of the unique rows;
    ``truncated``: prompts that fill the limit (they were cut, but for an exact fit)."""

    prompts: int = 0
    rows: int = 0
    prompt_tokens: int = 0
    truncated: int = 0
    tokens: int = 0
    steps: int = 0
    seconds: float = 0.0


@dataclass
class Row:
    """One completion in the making. ``request`` indexes the unique (prompt, seed) requests."""

    request: int
    sample: int
    prompt: tuple[int, ...]
    limit: int
    ids: list[int] = field(default_factory=list)
    tail: str = ""
    over: bool = False

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.ids)


class TransformersSampler:
    """A ``Sampler`` over a model in memory (``models.load_model``), on the CPU or one GPU.

    ``stop_ids``: tokens that end a completion (``models.stop_token_ids``). ``rows``: slots decoded together; fewer when
    the cache would exceed ``cache_bytes``. One sampler at a time may use a model; on the CPU it rearranges the weights
    in memory (not their values).
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        stop_ids: Sequence[int] | None = None,
        rows: int | None = None,
        max_prompt_tokens: int = 1500,
        cache_bytes: int | None = None,
    ) -> None:
        self.tokenizer, self._continuation = tokenizer, Continuation(tokenizer)
        self.model = model.eval()
        self.device: torch.device = next(model.parameters()).device
        self.dtype: torch.dtype = next(model.parameters()).dtype
        self.rows = rows or (128 if self.device.type == "cpu" else 256)
        self.cache_bytes = cache_bytes or _default_cache_bytes(self.device)
        self.stop_ids = _stop_ids(tokenizer, stop_ids)
        self.stats = Stats()
        self._causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._decoder, self._head = self._causal.get_decoder(), self._causal.get_output_embeddings()
        _check_architecture(self._causal.config)
        self.max_prompt_tokens = min(max_prompt_tokens, _context(self._causal.config) * 3 // 4)
        if self.device.type == "cpu":
            _turn_weights(self._causal)

    @property
    def engine(self) -> dict[str, str]:
        """Engine, versions, device, dtype and the settings that may change a result."""
        device = platform.machine() if self.device.type == "cpu" else torch.cuda.get_device_name(self.device)
        return {
            "name": "transformers",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "device": f"{self.device.type} {device}",
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": str(torch.get_num_threads()),
            "rows": str(self.rows),
            "max_prompt_tokens": str(self.max_prompt_tokens),
            "stop_ids": " ".join(map(str, self.stop_ids)),
        }

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seeds: Sequence[int],
        on_done: Callable[[int], None] | None = None,
    ) -> list[tuple[Completion, ...]]:
        """See ``Sampler.generate``. DataError: settings out of range, seeds that are not as many as prompts."""
        check_request(prompts, sampling, seeds)
        if not prompts:
            return []
        requests, place = self._unique(prompts, sampling, seeds)
        samples = sampling.n if sampling.temperature > 0 else 1
        askers, drawn, done = Counter(place), Counter[int](), 0

        def finished(request: int) -> None:
            nonlocal done
            drawn[request] += 1
            if drawn[request] == samples:
                done += askers[request]
                if on_done:
                    on_done(done)

        started = time.perf_counter()
        with torch.inference_mode(), _attention(self._causal.config):
            run = _Run(self, requests, sampling, finished)
            completions = run.all()
        self.stats = run.stats(time.perf_counter() - started, len(prompts))
        copies = sampling.n // samples
        return [tuple(completions[at] * copies) for at in place]

    def _unique(
        self, prompts: Sequence[str], sampling: Sampling, seeds: Sequence[int]
    ) -> tuple[list[tuple[tuple[int, ...], int]], list[int]]:
        """Sorted distinct (token ids, seed) requests, and each prompt's place among them. Greedy: seeds don't count."""
        known: dict[str, tuple[int, ...]] = {text: self.encode(text) for text in dict.fromkeys(prompts)}
        wanted = [
            (known[text], seed if sampling.temperature > 0 else 0) for text, seed in zip(prompts, seeds, strict=True)
        ]
        requests = sorted(set(wanted), key=lambda request: (len(request[0]), request))
        place = {request: at for at, request in enumerate(requests)}
        return requests, [place[request] for request in wanted]

    def encode(self, text: str) -> tuple[int, ...]:
        """The prompt's token ids: exactly one BOS where there is one, at most ``max_prompt_tokens``, tail kept."""
        start, ids = encode_prompt(self.tokenizer, text)
        return (*start, *ids[max(0, len(start) + len(ids) - self.max_prompt_tokens) :])

    def decode(self, ids: Sequence[int]) -> str:
        """Text of drawn tokens, as it stands behind the prompt (models/continuation.py)."""
        return self._continuation.text(ids)


class _Run:
    """One ``generate`` call: the queue, the slots, and the loop."""

    def __init__(
        self,
        sampler: TransformersSampler,
        requests: list[tuple[tuple[int, ...], int]],
        sampling: Sampling,
        finished: Callable[[int], None],
    ) -> None:
        self.sampler, self.requests, self.sampling, self.finished = sampler, requests, sampling, finished
        self.watch = Watch(sampler.tokenizer, check_stops(sampling.stop))
        self.ends = ending(sampling, sampler.stop_ids, sampler.tokenizer)
        self.samples = sampling.n if sampling.temperature > 0 else 1
        on_cpu = sampler.device.type == "cpu"
        self.burst = 1 if on_cpu else 16  # steps between two looks at the drawn tokens: each look waits for the GPU
        self.block = BLOCK if on_cpu else sampler.rows  # slots that share an attention width
        self.prefill_tokens = 1024 if on_cpu else 16384  # at once: what stays in a CPU's cache is twice as fast there
        context = _context(sampler._causal.config)
        self.queue = [
            Row(at, sample, ids, min(sampling.max_new_tokens, context - len(ids)))
            for at, (ids, _) in enumerate(requests)
            for sample in range(self.samples)
        ]
        self.queue.reverse()  # popped from the end
        self.completions: list[list[Completion | None]] = [[None] * self.samples for _ in requests]
        self.active: list[Row] = []
        self.steps = self.tokens = 0
        self.shared = shared_prefix([ids for ids, _ in requests])
        self.prefix = self._forward([requests[0][0][: self.shared]], None)[0] if self.shared else None
        self._make_slots()

    def _make_slots(self) -> None:
        sampler = self.sampler
        longest = max(len(row.prompt) + row.limit for row in self.queue) + self.burst
        length = -(-longest // WIDTH_STEP) * WIDTH_STEP
        config = sampler._causal.config
        self.slots = min(
            sampler.rows, len(self.queue), max(1, sampler.cache_bytes // row_bytes(config, length, sampler.dtype))
        )
        self.cache = SlotCache(config, self.slots, length, sampler.device, sampler.dtype)
        self.last = torch.zeros(self.slots, dtype=torch.long, device=sampler.device)
        self.position = torch.zeros_like(self.last)
        self.drawn = torch.zeros_like(self.last)
        self.uniform = torch.zeros(
            (self.slots, self.sampling.max_new_tokens), dtype=torch.float64, device=sampler.device
        )

    def all(self) -> list[list[Completion]]:
        """Run until every row is finished; completions by request and sample."""
        while self.queue or self.active:
            free = self.slots - len(self.active)
            if self.queue and (not self.active or free >= min(len(self.queue), max(1, self.slots // 8))):
                self._admit(min(free, len(self.queue)))
            else:
                self._decode()
            self._retire()
        return [[completion for completion in row if completion is not None] for row in self.completions]

    def stats(self, seconds: float, prompts: int) -> Stats:
        limit = self.sampler.max_prompt_tokens
        lengths = [len(ids) for ids, _ in self.requests]
        truncated = sum(length == limit for length in lengths)
        rows = len(self.requests) * self.samples
        return Stats(prompts, rows, sum(lengths), truncated, self.tokens, self.steps, seconds)

    def _admit(self, count: int) -> None:
        """Prefill the next ``count`` rows' prompts, copy them into free slots, draw each row's first token."""
        rows = [self.queue.pop() for _ in range(count)]
        slots = slice(len(self.active), len(self.active) + count)
        at, hidden = slots.start, []
        for chunk in self._chunks(rows):
            recorded, ends, source = self._prefill(chunk)
            self.cache.admit(recorded, source, slice(at, at + len(chunk)))
            hidden.append(ends[source])
            at += len(chunk)
        self.position[slots] = self._tensor([len(row.prompt) for row in rows])
        self.drawn[slots] = 0
        if self.sampling.temperature > 0:
            table = [uniforms(self.requests[row.request][1], row.sample, self.uniform.shape[1]) for row in rows]
            self.uniform[slots] = torch.from_numpy(np.stack(table)).to(self.uniform.device)
        self.active += rows
        self._append([self._draw(torch.cat(hidden), slots).tolist()], rows)

    def _chunks(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Rows (ascending in prompt length) in runs whose distinct prompts take few padded tokens at a time."""
        chunk: list[Row] = []
        for row in rows:
            prompts = len({other.prompt for other in [*chunk, row]})
            if chunk and prompts * (len(row.prompt) - self.shared) > self.prefill_tokens:
                yield chunk
                chunk = []
            chunk.append(row)
        yield chunk

    def _prefill(self, rows: list[Row]) -> tuple[Recorder, Tensor, Tensor]:
        """Keys, values and last hidden states of the rows' distinct prompts, and which of them each row has.

        Padding is on the right: in causal attention it changes nothing before it.
        """
        order = {prompt: at for at, prompt in enumerate(dict.fromkeys(row.prompt for row in rows))}
        recorded, hidden = self._forward([prompt[self.shared :] for prompt in order], self.prefix)
        ends = hidden[self._tensor(range(len(order))), self._tensor([len(ids) - self.shared - 1 for ids in order])]
        return recorded, ends, self._tensor([order[row.prompt] for row in rows])

    def _forward(self, prompts: list[tuple[int, ...]], prefix: Recorder | None) -> tuple[Recorder, Tensor]:
        """One pass over whole prompts, or over what follows ``prefix``: the record, and hidden states of all tokens."""
        width = max(map(len, prompts))
        recorded = Recorder(prefix)
        output = self.sampler._decoder(
            input_ids=self._tensor([[*ids, *[0] * (width - len(ids))] for ids in prompts]),
            position_ids=self._tensor(range(recorded.start, recorded.start + width))[None],
            past_key_values=recorded,
            use_cache=True,
        )
        return recorded, output.last_hidden_state

    def _tensor(self, values: Any) -> Tensor:
        return torch.tensor(list(values), dtype=torch.long, device=self.sampler.device)

    def _decode(self) -> None:
        """A burst of steps of all active rows, then one look at what they drew."""
        lengths, drawn = [row.length for row in self.active], []
        for step in range(self.burst):
            drawn.append(self._step([self._width(length + step) for length in block_maxima(lengths, self.block)]))
        self._append(torch.stack(drawn).tolist(), self.active)

    def _width(self, length: int) -> int:
        return -(-length // WIDTH_STEP) * WIDTH_STEP

    def _step(self, widths: list[int]) -> Tensor:
        """Feed each active row its last token, draw the next; [rows] int64."""
        slots = slice(0, len(self.active))
        position = self.position[slots].clone()
        self.cache.begin(position, widths)
        output = self.sampler._decoder(
            input_ids=self.last[slots, None],
            attention_mask=self.cache.bias[:1, None, None],  # four-dimensional: models pass it on and make none
            position_ids=position[:, None],
            past_key_values=self.cache,
            use_cache=True,
            slots=self.cache,
        )
        self.position[slots] += 1
        self.steps += 1
        return self._draw(output.last_hidden_state[:, -1], slots)

    def _draw(self, hidden: Tensor, slots: slice) -> Tensor:
        """Next tokens from hidden states [rows, size]; they become the slots' last tokens."""
        number = self.drawn[slots].clamp_max(self.uniform.shape[1] - 1)
        uniform = self.uniform[slots].gather(1, number[:, None]).squeeze(1)
        tokens = draw(self.sampler._head(hidden), self.sampling, uniform)
        self.last[slots] = tokens
        self.drawn[slots] += 1
        return tokens

    def _append(self, steps: list[list[int]], rows: list[Row]) -> None:
        """Give rows their tokens, [steps][rows], each until it ends."""
        for tokens in steps:
            for row, token in zip(rows, tokens, strict=True):
                if not row.over:
                    row.ids.append(token)
                    row.tail, stopped = self.watch.step(row.tail, token)
                    row.over = (
                        token in self.ends
                        or len(row.ids) >= row.limit
                        or (stopped and cut(self.sampler.decode(row.ids), self.watch.stops)[1])
                    )

    def _retire(self) -> None:
        """Finished rows leave; the last rows move into their slots, so that active rows stay in front."""
        over = [slot for slot, row in enumerate(self.active) if row.over]
        for slot in over:
            self._finish(self.active[slot])
        left = len(self.active) - len(over)
        holes = [slot for slot in over if slot < left]
        movers = [slot for slot in range(left, len(self.active)) if not self.active[slot].over]
        if holes:
            source, target = self._tensor(movers), self._tensor(holes)
            self.cache.move(source, target, max(self.active[slot].length for slot in movers))
            for state in (self.last, self.position, self.drawn, self.uniform):
                state[target] = state[source]
            for hole, mover in zip(holes, movers, strict=True):
                self.active[hole] = self.active[mover]
        del self.active[left:]

    def _finish(self, row: Row) -> None:
        completion = complete(row.ids, self.ends, self.watch.stops, self.sampler.decode)
        self.completions[row.request][row.sample] = completion
        self.tokens += completion.tokens
        self.finished(row.request)


def shared_prefix(prompts: Sequence[tuple[int, ...]], least: int = 16) -> int:
    """How many tokens all prompts begin with (a chat's system turn), short of a whole prompt; 0 if under ``least``."""
    first, last = min(prompts), max(prompts)
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    same = min(same, min(map(len, prompts)) - 1)
    return same if same >= least and first != last else 0


def block_maxima(lengths: Sequence[int], block: int) -> list[int]:
    """The largest of each ``block`` consecutive lengths."""
    return [max(lengths[at : at + block]) for at in range(0, len(lengths), block)]


def _default_cache_bytes(device: torch.device) -> int:
    if device.type == "cpu":
        return 1 << 30
    free, _ = torch.cuda.mem_get_info(device)
    return free // 2


def _context(config: Any) -> int:
    slides = getattr(config, "use_sliding_window", True)
    window = getattr(config, "sliding_window", None) if slides else None
    return min(int(config.max_position_embeddings), int(window or config.max_position_embeddings))


def _stop_ids(tokenizer: Any, stop_ids: Sequence[int] | None) -> tuple[int, ...]:
    if stop_ids is None:
        return () if tokenizer.eos_token_id is None else (int(tokenizer.eos_token_id),)
    return tuple(sorted(set(stop_ids)))


def _check_architecture(config: Any) -> None:
    if config.model_type not in ARCHITECTURES:
        raise UnavailableError(
            f"the transformers sampler knows {', '.join(ARCHITECTURES)}, not {config.model_type!r}; add it after "
            "comparing with generate(), or use the vLLM sampler (--engine vllm)"
        )


def _turn_weights(model: torch.nn.Module) -> None:
    """Keep every linear weight transposed in memory, as the product wants it: a millisecond less a step on the CPU.

    A head tied to the embedding gets a copy of its own, since the embedding reads rows.
    """
    embedding = model.get_input_embeddings().weight  # type: ignore[operator]
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and module.weight.is_contiguous():
            turned = module.weight.data.t().contiguous().t()
            if module.weight is embedding:
                module.weight = torch.nn.Parameter(turned, requires_grad=False)
            else:
                module.weight.data = turned


@contextmanager
def _attention(config: Any) -> Iterator[None]:
    """Our attention while a run lasts; what the model had before afterwards (training uses it)."""
    before = config._attn_implementation
    config._attn_implementation = ATTENTION
    try:
        yield
    finally:
        config._attn_implementation = before
