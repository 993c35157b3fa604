"""Pairs and solved problems as the paper's scripts train on them: their texts, nothing stripped, no end of text added.

A chat target is the assistant's turn with its end-of-turn token, and with whatever else the model's template writes
there: Qwen3's puts an empty ``<think>`` block before the reply, and the scripts call it. A raw target is the fixed code
alone, without a newline and without an end-of-text token, so the trained model does not learn to stop.
"""

from __future__ import annotations

from collections.abc import Callable

from selfboot.errors import DataError
from selfboot.formats.base import Chat, Message, turn_example
from selfboot.formats.paper.forms import messages, paper_answers
from selfboot.paper.texts import say
from selfboot.records import Example, Item, Pair, Solution

ERROR_CHARS = 120  # cross_arch cuts the error (stderr's first 200 characters) in its training text


def _chat(system: str, user: str) -> Callable[[Pair, Chat], Example]:
    def example(pair: Pair, chat: Chat) -> Example:
        said = say(user, **_values(pair, "\n"))
        return turn_example(messages(system, said), say("repair.train.assistant", fixed=pair.fixed), chat)

    return example


def _values(pair: Pair, between: str) -> dict[str, str]:
    tests = between.join(pair.tests)
    return {"signature": pair.signature, "tests": tests, "broken": pair.broken, "error": pair.error}


def _raw(pair: Pair, chat: Chat) -> Example:
    tests = "\n# ".join(pair.tests)
    return Example(say("raw_repair", problem=pair.signature, tests=tests, broken=pair.broken), pair.fixed)


def _raw_error(pair: Pair, chat: Chat) -> Example:
    tests, error = "\n# ".join(pair.tests), pair.error[:ERROR_CHARS]
    said = say("raw_repair.error", problem=pair.signature, tests=tests, broken=pair.broken, error=error)
    return Example(said, pair.fixed)


def _raw_eval(pair: Pair, chat: Chat) -> Example:
    return Example(say("raw_repair.eval_raw", **_values(pair, "\n# ")), pair.fixed)


def _released(pair: Pair, chat: Chat) -> Example:
    """train_on_pairs: one plain text, all of it learned; the signature is not in it."""
    values = {"tests": "\n".join(pair.tests), "broken": pair.broken, "error": pair.error, "fixed": pair.fixed}
    return Example("", say("released.training_text", **values))


PAIR_FORMATS: dict[str, Callable[[Pair, Chat], Example]] = {
    "paper-repair": _chat("code.system", "repair.train.user"),
    "paper-repair-expert": _chat("code.system.expert_one_block", "repair.train.user.get"),
    "paper-repair-complete": _chat("code.system.expert_complete", "repair.train.user.get"),
    "paper-raw-repair": _raw,
    "paper-raw-repair-error": _raw_error,
    "paper-raw-repair-eval": _raw_eval,
    "paper-released": _released,
}


def paper_example(item: Item, pair_format: str, chat: Chat) -> Example:
    """A training example out of a pair, in a format of ``PAIR_FORMATS``, or out of a solved problem in its own."""
    if isinstance(item, Solution):
        return solution_example(item, chat)
    if pair_format not in PAIR_FORMATS:
        raise DataError(f"unknown pair format {pair_format!r}; known: {', '.join(PAIR_FORMATS)}")
    return PAIR_FORMATS[pair_format](item, chat)


def solution_example(solution: Solution, chat: Chat) -> Example:
    """A solved problem: the solution as the assistant's turn, or behind the plain text where the format has no chat.

    A trace begins with the wrong attempt and the line of doubt; a repair shows the wrong attempt in the question.
    """
    form, reply = paper_answers(solution.format), solution.solution
    if solution.target == "trace":
        reply = reconsider(solution.wrong) + reply
    said = form.messages(solution.problem)
    if not form.form.system:
        return Example(say("math.train.plain.prompt", user=said[-1]["content"]), reply)
    if solution.target == "repair":
        said = [*said[:-1], _showing(said[-1], solution.wrong)]
    return turn_example(said, reply, chat)


def reconsider(wrong: str) -> str:
    """A wrong attempt with the line of doubt behind it, ready to be continued."""
    return wrong + say("self_correction.reconsider")


def _showing(message: Message, wrong: str) -> Message:
    return {"role": message["role"], "content": say("answer_repair.user", request=message["content"], broken=wrong)}
