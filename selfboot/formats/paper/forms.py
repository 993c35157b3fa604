"""Code and answer formats that say exactly what a script of the paper says, and read exactly as it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfboot.errors import DataError
from selfboot.formats.base import Chat, Message
from selfboot.formats.paper.reading import ANSWERS, PROGRAMS, is_right
from selfboot.paper.protocols import Form, forms
from selfboot.paper.texts import place, say, strings
from selfboot.records import AnswerTask, CodeTask

if TYPE_CHECKING:
    from selfboot.grading.reading import Style

PREFIX = "paper-"


@dataclass(frozen=True)
class PaperCodeFormat:
    """A way to put a programming task to a model: ``form`` names its texts and its reading.

    UnavailableError where the paper's texts are not on this machine.
    """

    form: Form
    stop: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.form.name

    def prompt(self, task: CodeTask, chat: Chat) -> str:
        """The script's messages through the model's template; without a system turn plain text. No user text: the
        task's prompt as it is."""
        said = say(self.form.user, **self._values(task)) if self.form.user else task.prompt
        return chat(messages(self.form.system, said)) if self.form.system else said

    def program(self, task: CodeTask, completion: str) -> str:
        """What the script writes to its file before the tests."""
        return PROGRAMS[self.form.reading](task.prompt, completion)

    def _values(self, task: CodeTask) -> dict[str, str]:
        """The text's fields, nothing stripped: the task's prompt, its signature, its asserts."""
        fields = place(self.form.user).fields
        if fields == ("task", "name", "hint"):  # a lens: the MBPP text and two texts of its own
            own = {word: say(f"lens.{self.form.lens}.{word}") for word in ("name", "hint")}
            return {"task": say("mbpp.user", **mbpp_values(task)), **own}
        if place(self.form.user).role.startswith("prompt"):
            return mbpp_values(task)
        known = {"prompt": task.prompt, "signature": task.prompt, "tests": "\n".join(task.tests)}
        return {field: known[field] for field in fields}


def mbpp_values(task: CodeTask) -> dict[str, str]:
    """The fields of the MBPP text: the task and its asserts, one a comment; the set-up imports stay out."""
    return {"prompt": task.prompt, "tests": "\n# ".join(asserts(task.tests))}


def asserts(tests: tuple[str, ...]) -> list[str]:
    """MBPP's own ``test_list`` out of a task's tests, which begin with its imports."""
    return [test for test in tests if not test.startswith(("import ", "from "))]


@dataclass(frozen=True)
class PaperAnswerFormat:
    """A way to put a problem with one final answer. ``rule``: the paper's reading, ``style``: ours of the same text."""

    form: Form
    stop: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.form.name

    @property
    def rule(self) -> str:
        """The paper's reading (a name of ``reading.ANSWERS``)."""
        return self.form.reading

    @property
    def style(self) -> Style:
        return "aime" if self.rule.startswith("aime") else "math" if self.rule.startswith("math") else "gsm8k"

    @property
    def strict(self) -> bool:
        return self.style == "math"

    def messages(self, problem: str) -> list[Message]:
        """The conversation that asks for a solution, the problem unstripped; without a system turn one plain text."""
        (field,) = place(self.form.user).fields
        return messages(self.form.system, say(self.form.user, **{field: problem}))

    def prompt(self, task: AnswerTask, chat: Chat) -> str:
        """Through the model's template, or (``form.system`` empty) as plain text."""
        said = self.messages(task.problem)
        return chat(said) if self.form.system else said[-1]["content"]

    def right(self, completion: str, gold: str) -> bool:
        """Whether the paper's reading finds the gold answer."""
        return is_right(completion, gold, self.rule)[1]


def messages(system: str, user: str) -> list[Message]:
    """A system turn (the id of a text; empty: none) and a user turn."""
    turns = [{"role": "system", "content": say(system)}] if system else []
    return [*turns, {"role": "user", "content": user}]


def is_paper(name: str) -> bool:
    """Whether a format's name is one of the paper's own."""
    return name.startswith(PREFIX)


def paper_code(name: str, stop: tuple[str, ...] | None = None) -> PaperCodeFormat:
    """The paper's code format called ``name``; ``stop`` replaces the script's stop strings."""
    form = _form(name, PROGRAMS)
    found = stop if stop is not None else strings(form.stops) if form.stops else ()
    return PaperCodeFormat(form, found)


def paper_answers(name: str) -> PaperAnswerFormat:
    """The paper's answer format called ``name``."""
    return PaperAnswerFormat(_form(name, ANSWERS))


def _form(name: str, readings: Mapping[str, object]) -> Form:
    fitting = [one for one in forms().values() if one.reading in readings]
    found = next((one for one in fitting if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in fitting)
        raise DataError(f"unknown format {name!r}; data/protocols_paper.toml knows, of this kind: {known}")
    return found
