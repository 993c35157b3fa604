"""Solved problems as training text: the plain answer, the repair of a shown attempt, and the self-correction trace.

A trace trains the model to write the wrong attempt as well, then the line of doubt, then the right solution (§3.10);
``reconsider`` is that line, which mining puts behind a wrong attempt to see whether the model finds its way back.
"""

from __future__ import annotations

from selfboot.formats.base import Chat, Message, answer_format, chat_example, wording
from selfboot.records import Example, Solution


def reconsider(wrong: str) -> str:
    """A wrong attempt with the line of doubt behind it, ready to be continued."""
    return wrong.rstrip() + wording("self_correction", "line")


def solution_example(solution: Solution, chat: Chat) -> Example:
    """The training example that a solved problem amounts to; the end-of-turn token is part of the target."""
    messages = answer_format(solution.format).messages(solution.problem)
    reply = solution.solution.strip()
    if solution.target == "trace":
        reply = reconsider(solution.wrong) + reply
    if solution.target == "repair":
        messages = [*messages[:-1], _showing(messages[-1], solution.wrong)]
    return chat_example(messages, reply, chat)


def _showing(message: Message, wrong: str) -> Message:
    content = wording("answer_repair", "user", request=message["content"], wrong=wrong.strip())
    return {"role": message["role"], "content": content}
