"""Training items as training examples, in our formats or in the paper's, as the recipe's ``pair_format`` says."""

from __future__ import annotations

from selfboot.formats.base import Chat
from selfboot.formats.paper import is_paper
from selfboot.formats.paper.pairs import paper_example
from selfboot.formats.repair import pair_format
from selfboot.formats.traces import solution_example
from selfboot.records import Example, Item, Pair


def training_example(item: Item, name: str, chat: Chat, eos: str) -> Example:
    """A pair in the pair format called ``name``; a solved problem in its own answer format, ours or the paper's."""
    if is_paper(name):
        return paper_example(item, name, chat)
    return pair_format(name)(item, chat, eos) if isinstance(item, Pair) else solution_example(item, chat)
