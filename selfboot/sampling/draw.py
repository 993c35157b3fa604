"""From logits to tokens: greedy, or temperature and top-p by inverse CDF from given uniform numbers."""

from __future__ import annotations

import torch
from torch import Tensor

NUCLEUS = 64  # so many candidates hold top-p of the mass almost always; rows where they don't take the whole vocabulary
ONE = 2**32  # probabilities are counted in integers of this unit


def draw(logits: Tensor, temperature: float, top_p: float, uniform: Tensor) -> Tensor:
    """One token a row. ``logits`` [rows, vocabulary], ``uniform`` [rows] float64 in [0, 1); returns [rows] int64.

    The nucleus is every token at least as probable as the last one needed to reach ``top_p``. Its tokens are laid out
    in vocabulary order, so that two candidates of nearly equal probability don't swap places by a rounding error.
    Probabilities are counted in integers: sums are exact, so the same on every device and in any order.
    """
    if temperature <= 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.float() / temperature, dim=-1)
    if probabilities.shape[-1] <= NUCLEUS:
        return _from_all(probabilities, top_p, uniform)
    top, tokens = probabilities.topk(NUCLEUS, dim=-1)
    weights = _integers(top)
    enough = weights.sum(-1) >= int(top_p * ONE)
    chosen = _inverse(*_nucleus(weights, tokens, top_p), uniform)
    if logits.device.type == "cpu" and bool(enough.all()):
        return chosen
    return torch.where(enough, chosen, _from_all(probabilities, top_p, uniform))


def _from_all(probabilities: Tensor, top_p: float, uniform: Tensor) -> Tensor:
    ordered, tokens = probabilities.sort(dim=-1, descending=True)
    return _inverse(*_nucleus(_integers(ordered), tokens, top_p), uniform)


def _integers(probabilities: Tensor) -> Tensor:
    return (probabilities.double() * ONE).long()


def _nucleus(weights: Tensor, tokens: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """Weights (0 outside the nucleus) and token ids in vocabulary order, of candidates in descending order."""
    needed = (weights.cumsum(-1) < int(top_p * ONE)).sum(-1, keepdim=True).clamp_max(weights.shape[-1] - 1)
    kept = weights * (weights >= weights.gather(-1, needed))
    tokens, order = tokens.sort(dim=-1)
    return kept.gather(-1, order), tokens


def _inverse(weights: Tensor, tokens: Tensor, uniform: Tensor) -> Tensor:
    cumulative = weights.cumsum(-1)
    target = (uniform * cumulative[:, -1].double()).long().clamp_max(cumulative[:, -1] - 1)
    at = torch.searchsorted(cumulative, target[:, None], right=True)
    return tokens.gather(-1, at).squeeze(-1)
