"""Decoding with replayed steps, on a CPU: a tape stands for CUDA's graphs, all else is what runs on a GPU.

The tape records torch's operations of one step and repeats those, on the very tensors that the step read and wrote,
without any of the step's Python: what a graph does. It refuses what a recording on a GPU refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from selfboot.errors import UnavailableError
from selfboot.models import ModelSpec
from selfboot.models.load import load_model, load_tokenizer
from selfboot.records import Completion, Sampling
from selfboot.sampling import draw as drawing
from selfboot.sampling import transformers as plain
from selfboot.sampling.cache import SlotCache
from selfboot.sampling.graphs import BURST, WIDTH_STEP, GraphSampler, refused
from selfboot.sampling.transformers import TransformersSampler
from tests.tiny_models import ARCHITECTURES, TEXT, save_model

PROMPTS = [text * times for text in TEXT for times in (1, 2)]
SEEDS = range(len(PROMPTS))
GREEDY = Sampling(max_new_tokens=130)
HOT = Sampling(max_new_tokens=24, temperature=1.0, top_p=0.9, n=2)
SHORT_LIST = Sampling(max_new_tokens=24, temperature=0.7, top_p=0.95, top_k=5, n=2)
# What a CPU would have to wait for, or to give: a value, a shape that depends on values.
FORBIDDEN = ("item", "is_nonzero", "_local_scalar_dense", "resolve_neg", "nonzero", "masked_select", "lift_fresh")
Make = Callable[..., TransformersSampler]


@dataclass
class Operation:
    function: Any
    args: tuple[Any, ...]
    named: dict[str, Any]
    result: Any


class Tape(TorchDispatchMode):
    """Records operations while it is entered; ``play`` repeats them, ``rewind`` undoes what the recording wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.written: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, tensors = (
            function.overloadpacket.__name__,
            [one for one in tree_flatten(args)[0] if isinstance(one, Tensor)],
        )
        masked = name.startswith("index") and any(one.dtype == torch.bool for one in tensors)
        if name in FORBIDDEN or masked:
            raise RuntimeError(f"{function} is not permitted while a stream is capturing")
        named = kwargs or {}
        for wanted, one in zip(function._schema.arguments, args, strict=False):
            if wanted.alias_info is not None and wanted.alias_info.is_write:
                self.written.append((one, one.clone()))
        result = function(*args, **named)
        self.operations.append(Operation(function, args, named, result))
        return result

    def rewind(self) -> None:
        for tensor, before in reversed(self.written):
            tensor.copy_(before)
        self.written.clear()

    def play(self) -> None:
        made: dict[int, Tensor] = {}

        def now(one: Any) -> Any:
            return made.get(id(one), one) if isinstance(one, Tensor) else one

        for one in self.operations:
            result = one.function(*tree_map(now, one.args), **tree_map(now, one.named))
            made |= {
                id(old): new
                for old, new in zip(tree_flatten(one.result)[0], tree_flatten(result)[0], strict=True)
                if isinstance(old, Tensor)
            }


class Tapes:
    """``CudaGraphs``, with tapes for graphs: the step itself, then a recording of it that leaves no trace."""

    def __init__(self) -> None:
        self.tapes: dict[int, Tape] = {}
        self.played = 0
        self.closed = False

    def run(self, width: int, step: Callable[[], None]) -> None:
        if width in self.tapes:
            self.tapes[width].play()
            self.played += 1
            return
        step()
        self.tapes[width] = Tape()
        with self.tapes[width]:
            step()
        self.tapes[width].rewind()

    def close(self) -> None:
        self.closed = True


class StraightCache(SlotCache):
    """Kept and read as on a GPU."""

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self.keys, self.turned = [torch.zeros_like(value) for value in self.values], False


def gpu_draw(logits: Tensor, sampling: Sampling, uniform: Tensor) -> Tensor:
    """What ``draw`` does on a GPU; on a CPU it looks which rows are sure, and numpy helps."""
    if sampling.temperature <= 0:
        return logits.argmax(-1)
    scores = drawing._largest(logits.float() / sampling.temperature, sampling.top_k)
    weights = (torch.softmax(scores, dim=-1) * drawing.ONE).int()
    return drawing._nucleus(weights, sampling.top_p, uniform)


class TapeSampler(GraphSampler):
    """A graph sampler whose graphs are tapes, and which draws and keeps keys and values as on a GPU."""

    draw = staticmethod(gpu_draw)

    def replay(self) -> Tapes:
        self.tapes = Tapes()
        return self.tapes

    def generate(self, *request: Any) -> list[tuple[Completion, ...]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plain, "SlotCache", StraightCache)
            patch.setattr(plain, "draw", self.draw)
            patch.setattr(drawing, "_ascending", lambda weights: weights.sort(dim=-1).values)
            return super().generate(*request)


@pytest.fixture
def taped(make: Make) -> Callable[..., TapeSampler]:
    """``make`` with tapes."""

    def sampler(architecture: str = "llama", **settings: Any) -> TapeSampler:
        one = make(architecture, **settings)
        return TapeSampler(one.model, one.tokenizer, one.stop_ids, one.rows, one.max_prompt_tokens, one.cache_bytes)

    return sampler


def compared(
    one: TransformersSampler, taped: TapeSampler, sampling: Sampling, prompts: list[str] = PROMPTS
) -> list[tuple[Completion, ...]]:
    """Both draw the same, and the tapes were of use."""
    wanted = one.generate(prompts, sampling, range(len(prompts)))
    assert taped.generate(prompts, sampling, range(len(prompts))) == wanted
    assert taped.tapes.played > len(taped.tapes.tapes) > 0
    assert taped.tapes.closed
    assert taped.stats.tokens == one.stats.tokens
    return wanted


@pytest.mark.parametrize("sampling", [GREEDY, HOT, SHORT_LIST], ids=["greedy", "nucleus", "top-k"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_replayed_steps_draw_what_plain_ones_draw(
    make: Make, taped: Callable[..., TapeSampler], architecture: str, sampling: Sampling
) -> None:
    """More rows than slots: some enter late, into slots that others left."""
    drawn = compared(make(architecture, rows=5), taped(architecture, rows=5), sampling)
    assert len({one.token_hash for row in drawn for one in row}) >= len(PROMPTS)


@pytest.mark.parametrize("rows", [1, 12, 64])
def test_one_slot_and_as_many_as_rows(make: Make, taped: Callable[..., TapeSampler], rows: int) -> None:
    """With 64 there are as many slots as rows, but rows end at different times: slots stand empty."""
    prompts = PROMPTS if rows > 1 else PROMPTS[:2]
    compared(make(rows=rows, stop_ids=range(300, 310)), taped(rows=rows, stop_ids=range(300, 310)), HOT, prompts)


def test_rows_end_at_stops_at_different_times(make: Make, taped: Callable[..., TapeSampler]) -> None:
    ids, stop = range(300, 303), make().generate(PROMPTS[:1], GREEDY, [0])[0][0].text[5:7]
    sampling = replace(GREEDY, stop=(stop,))
    drawn = compared(make(rows=4, stop_ids=ids), taped(rows=4, stop_ids=ids), sampling)
    assert {one.finish for row in drawn for one in row} == {"stop", "eos", "length"}


def test_an_adapter_and_a_head_of_its_own(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    spec = ModelSpec("own", str(save_model(tmp_path, "qwen2", tie_word_embeddings=False)))
    torch.manual_seed(0)
    model = get_peft_model(load_model(spec), LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    parts = (model, load_tokenizer(spec), (), 5)
    compared(TransformersSampler(*parts), TapeSampler(*parts), HOT)


def test_one_graph_for_each_width_and_every_slot_in_it(taped: Callable[..., TapeSampler]) -> None:
    sampler = taped(rows=5)
    sampler.generate(PROMPTS, GREEDY, SEEDS)
    longest = max(len(sampler.encode(prompt)) for prompt in PROMPTS) + GREEDY.max_new_tokens + BURST
    assert set(sampler.tapes.tapes) == {WIDTH_STEP, -(-longest // 64) * 64}, "the last is as wide as the cache"
    assert sampler.stats.steps == sampler.tapes.played + len(sampler.tapes.tapes)
    looked_up = [
        one.args[1] for tape in sampler.tapes.tapes.values() for one in tape.operations
        if one.function is torch.ops.aten.embedding.default
    ]  # fmt: skip
    assert {len(tokens) for tokens in looked_up} == {5}


def test_order_and_company_change_nothing(taped: Callable[..., TapeSampler]) -> None:
    sampler = taped(rows=5)
    straight = sampler.generate(PROMPTS, HOT, SEEDS)
    assert sampler.generate(PROMPTS[::-1], HOT, SEEDS[::-1]) == straight[::-1]
    assert sampler.generate([PROMPTS[5]], HOT, [5]) == [straight[5]]


def test_nothing_asked_nothing_done(taped: Callable[..., TapeSampler]) -> None:
    assert taped().generate([], Sampling(), []) == []


def test_results_say_that_graphs_drew_them(make: Make, taped: Callable[..., TapeSampler]) -> None:
    assert taped(rows=3).engine == {**make(rows=3).engine, "graphs": "yes"}


def test_what_cannot_be_recorded_is_not_drawn_in_secret(
    taped: Callable[..., TapeSampler], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that asks for a value (here: are all rows of one mind?) ends the draw."""

    def looks(logits: Tensor, sampling: Sampling, uniform: Tensor) -> Tensor:
        tokens = logits.argmax(-1)
        return tokens + 1 if bool((tokens == 7).all()) else tokens

    monkeypatch.setattr(TapeSampler, "draw", staticmethod(looks))
    sampler = taped()
    with pytest.raises(RuntimeError, match="not permitted while a stream is capturing"):
        sampler.generate(PROMPTS, GREEDY, SEEDS)
    assert sampler.tapes.closed


def test_the_error_names_the_first_cause_and_the_remedy() -> None:
    try:
        try:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        finally:
            raise ValueError("the recording was invalidated")
    except ValueError as error:
        said = str(refused("attention width 128, cuda:0", error))
    assert isinstance(refused("x", ValueError("y")), UnavailableError)
    assert "(attention width 128, cuda:0): RuntimeError: operation not permitted when stream is capturing;" in said
    assert said.endswith("SELFBOOT_CUDA_GRAPHS=no")
