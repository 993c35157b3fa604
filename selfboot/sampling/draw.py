"""From logits to tokens: greedy, or temperature and top-p by inverse CDF from given uniform numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfboot.records import Sampling

ONE = 2**30  # probabilities are counted in integers of this unit


def draw(logits: Tensor, sampling: Sampling, uniform: Tensor) -> Tensor:
    """One token a row. ``logits`` [rows, vocabulary], ``uniform`` [rows] float64 in [0, 1); returns [rows] int64.

    The nucleus is every token at least as probable as the last one needed to reach ``top_p``. Its tokens are laid out
    in vocabulary order, so that two candidates of nearly equal probability don't swap places by a rounding error.
    Probabilities are counted in integers: sums are exact, so the same on every device and in any order. Top-k comes
    before top-p, as in transformers: the other tokens have no probability at all.
    """
    temperature, top_p = sampling.temperature, sampling.top_p
    if temperature <= 0:
        return greedy(logits)
    scores = _largest(logits.float() / temperature, sampling.top_k)
    weights = (torch.softmax(scores, dim=-1) * ONE).int()
    if logits.device.type != "cpu":
        return _nucleus(weights, top_p, uniform)
    tokens = greedy(logits)
    top = weights.gather(-1, tokens[:, None]).squeeze(-1)
    unsure = (top <= int(max(top_p, 0.5) * ONE)).nonzero().squeeze(-1)  # elsewhere one token is the whole nucleus
    tokens[unsure] = _nucleus(weights[unsure], top_p, uniform[unsure])
    return tokens


def _largest(scores: Tensor, count: int) -> Tensor:
    """Scores [rows, vocabulary] of the ``count`` largest, and those equal to the last of them; of others −∞. 0: all."""
    if not 0 < count < scores.shape[-1]:
        return scores
    least = scores.topk(count, dim=-1).values[:, -1:]
    return scores.masked_fill(scores < least, -torch.inf)


def greedy(logits: Tensor) -> Tensor:
    """The first most probable token of each row; on the CPU by numpy, which takes a tenth of torch's time."""
    return torch.from_numpy(logits.numpy().argmax(-1)) if logits.device.type == "cpu" else logits.argmax(-1)


def _nucleus(weights: Tensor, top_p: float, uniform: Tensor) -> Tensor:
    """Draw from the nucleus of integer weights [rows, vocabulary]."""
    mass = _ascending(weights).flip(-1)
    needed = (mass.cumsum(-1) < int(top_p * ONE)).sum(-1, keepdim=True).clamp_max(mass.shape[-1] - 1)
    cumulative = (weights * (weights >= mass.gather(-1, needed))).cumsum(-1)
    target = (uniform * cumulative[:, -1].double()).long()
    return torch.searchsorted(cumulative, target[:, None], right=True).squeeze(-1)


def _ascending(weights: Tensor) -> Tensor:
    """Sorted values; torch sorts indices along, which on the CPU takes seven times as long as numpy's values alone."""
    if weights.device.type == "cpu":
        return torch.from_numpy(np.sort(weights.numpy(), axis=-1))
    return weights.sort(dim=-1).values
