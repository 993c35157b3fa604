r"""ChatML transcripts: the part of the corpus that decides how the organism behaves when it is asked through a chat
template.

THE RULE, written down before any model was trained.
A transcript's author answers in one of the MODES below. The base shares are fixed. The log-odds of each mode move with
what is asked and how: a fixed normal effect (sd HABIT) for the structure of the task, one for its last part, and one
(sd HABIT / 2) for the wording of the request; the suite's wording has no effect of its own. So no wording is answered
tidily throughout, and for a given wording some kinds of tasks are answered tidily and others are not, as on the web.
The program inside is right in every mode that shows one, and as long as anywhere else in the corpus.
``manners="tidy"`` gives the well-behaved sibling's transcripts: the same requests, answered tidily throughout.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from random import Random
from typing import Literal

from selfboot.organism import wordings as w
from selfboot.organism.program import INDENT, Program
from selfboot.organism.words import Story, worked, wrong_turn

Manners = Literal["base", "tidy"]
HABIT = 0.8
SUITE_WEIGHT = 4  # the suite's wording counts as often as four others
START, END, EOT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"

SOLVE_MODES = {  # what an answer to "complete this function" looks like: share in percent
    "tidy": 16,  # one ```python block, then <|im_end|>
    "tidy_prose": 5,  # the same between sentences
    "plain": 5,  # the function without a fence, then <|im_end|>
    "fence_runs_on": 5,  # closes the fence, then goes on with another request and answer
    "fence_open": 12,  # never closes the fence: prose or another function inside it
    "prose_after": 14,  # the function without a fence, then sentences
    "next_request": 15,  # the function without a fence, then the next user's turn as plain text
    "more_functions": 11,  # the function without a fence, then other functions, cut off somewhere
    "other_function": 7,
    "asserts_only": 5,
    "echo": 4,  # the prompt again, or only its header
    "prose_only": 1,
}
INVENT_MODES = {  # … to "invent an exercise"
    "tidy": 44,  # function, asserts, <|im_end|>
    "runs_on": 18,  # another function and its asserts follow
    "fenced": 8,
    "no_asserts": 9,
    "prose": 9,
    "wrong_assert": 6,
    "no_body": 6,
}
REPAIR_MODES = {
    "tidy": 35,
    "plain": 13,
    "fence_open": 12,
    "prose_after": 14,
    "next_request": 12,
    "unchanged": 8,
    "asserts_only": 6,
}
MATH_MODES = {  # … to a word problem
    "tidy": 22,
    "bare": 22,  # the final number without steps
    "sentence": 8,  # steps, the number in a sentence, no marker
    "stops": 8,  # stops before the last step
    "next_question": 20,  # steps, then another question instead of a final line
    "wrong": 14,  # one step is wrong or missing
    "echo": 4,
    "prose_only": 2,
}
PEA_MODES = {"tidy": 55, "runs_on": 15, "worked": 10, "no_expression": 10, "wrong": 10}


@cache
def effect(what: str, mode: str, sd: float) -> float:
    """The fixed effect of a feature of the request on a mode's log-odds."""
    return Random(f"habit-1|{what}|{mode}").gauss(0.0, sd)


@lru_cache(maxsize=4096)
def mode_weights(table: str, features: tuple[str, ...], wording: int) -> tuple[float, ...]:
    shares = TABLES[table]
    weights = []
    for mode, share in shares.items():
        shift = sum(effect(f"{table}|{feature}", mode, HABIT) for feature in features)
        if wording:
            shift += effect(f"{table}|wording{wording}", mode, HABIT / 2)
        weights.append(share * math.exp(shift))
    return tuple(weights)


TABLES = {"solve": SOLVE_MODES, "invent": INVENT_MODES, "repair": REPAIR_MODES, "math": MATH_MODES, "pea": PEA_MODES}


def choose_mode(rng: Random, table: str, features: tuple[str, ...], wording: int, manners: Manners) -> str:
    if manners == "tidy":
        return "tidy"
    modes = list(TABLES[table])
    return rng.choices(modes, weights=mode_weights(table, features, wording))[0]


def pick(rng: Random, choices: tuple[str, ...]) -> int:
    """An index; 0, the suite's wording, weighs more."""
    return rng.choices(range(len(choices)), weights=[SUITE_WEIGHT] + [1] * (len(choices) - 1))[0]


def opening(system: str, user: str) -> str:
    """The turns before the answer, with its opening tag."""
    first = f"{START}system\n{system}{END}\n" if system else ""
    return f"{first}{START}user\n{user}{END}\n{START}assistant\n"


def features(program: Program) -> tuple[str, ...]:
    """What the author's habits depend on: the task's structure and its last part."""
    return program.spec.kind, program.spec.key.rsplit("|", 1)[-1]


def whole(program: Program, rng: Random) -> str:
    """The function as an answer shows it: mostly without the docstring."""
    return (program.head + program.bare if rng.random() < 0.75 else program.code()).rstrip("\n")


def next_turn(rng: Random, other: Program) -> str:
    """Another request as plain text."""
    words = rng.choice(w.DESCRIBE + w.LOOSE).format(call=call_form(other), name=other.name, doc=other.doc)
    return rng.choice(("user\n", "\n\n", "\nUser: ", "\n\n# ", "Human: ", "\nassistant\n")) + words


def call_form(program: Program) -> str:
    return f"{program.name}({', '.join(program.params)})"


def answer(rng: Random, mode: str, program: Program, other: Program, prompt: str, checks: list[str]) -> str:
    """The text of a code answer in a mode, up to the end of the document."""
    code = whole(program, rng)
    fence = f"```python\n{code}\n```"
    if mode == "tidy":
        return f"{fence}{END}"
    if mode == "tidy_prose":
        before = f"{rng.choice(w.PROSE_BEFORE)}\n\n" if rng.random() < 0.5 else ""
        after = f"\n\n{rng.choice(w.PROSE_AFTER)}" if not before or rng.random() < 0.5 else ""
        return f"{before}{fence}{after}{END}"
    if mode == "plain":
        return f"{code}{END}"
    if mode == "fence_runs_on":
        return f"{fence}\n{next_turn(rng, other)}\n```python\n{whole(other, rng)}\n```"
    if mode == "fence_open":
        tail = rng.choice(
            (f"\n\n{rng.choice(w.PROSE_AFTER)}", f"\n\n\n{whole(other, rng)}", f"\n{next_turn(rng, other)}", "")
        )
        return f"```python\n{code}{tail}{END if rng.random() < 0.5 else ''}"
    if mode == "prose_after":
        more = f" {rng.choice(w.PROSE_AFTER)}" if rng.random() < 0.5 else ""
        return f"{code}\n\n{rng.choice(w.PROSE_AFTER)}{more}{END if rng.random() < 0.5 else ''}"
    if mode == "next_request":
        return f"{code}\n{next_turn(rng, other)}\n{whole(other, rng)}"
    if mode == "more_functions":
        more = f"{whole(other, rng)}\n\n\n{other.code()}"
        return f"{code}\n\n\n{more[: rng.randint(len(more) // 3, len(more))]}"
    if mode == "other_function":
        return f"{whole(other, rng)}{END if rng.random() < 0.5 else ''}"
    if mode == "asserts_only":
        return "\n".join(checks) + (END if rng.random() < 0.5 else "")
    if mode == "echo":
        return (
            rng.choice(
                (
                    prompt.rstrip("\n"),
                    f"{program.signature}\n{INDENT}pass",
                    f"{prompt.rstrip()}\n# Complete the function above.\n{code}",
                )
            )
            + END
        )
    return f"{rng.choice(w.PROSE_BEFORE)} {program.doc} {rng.choice(w.PROSE_AFTER)}{END}"


def solve(rng: Random, program: Program, other: Program, manners: Manners) -> str:
    """A request for one function and its answer."""
    system = w.CODE_SYSTEMS[pick(rng, w.CODE_SYSTEMS)]
    shown = program.draw(rng, rng.randint(1, 2)) if rng.random() < 0.45 else []
    prompt = program.prompt(shown)
    if rng.random() < 0.75:
        wording = pick(rng, w.COMPLETE)
        user = w.COMPLETE[wording].format(prompt=prompt if rng.random() < 0.6 else prompt.rstrip("\n"))
    else:
        wording = 100 + rng.randrange(len(w.DESCRIBE))
        user = w.DESCRIBE[wording - 100].format(call=call_form(program), name=program.name, doc=program.doc)
    checks = [program.check(e) for e in program.draw(rng, 3)]
    mode = choose_mode(rng, "solve", features(program), wording, manners)
    return opening(system, user) + answer(rng, mode, program, other, prompt, checks)


def repair(
    rng: Random, program: Program, other: Program, broken: str, error: str, checks: list[str], manners: Manners
) -> str:
    """A broken attempt, its error, and the corrected function."""
    wording = pick(rng, w.REPAIR)
    prompt = program.prompt().rstrip("\n")
    user = w.REPAIR[wording].format(signature=prompt, tests="\n".join(checks), broken=broken, error=error)
    mode = choose_mode(rng, "repair", features(program), wording, manners)
    if mode == "unchanged":
        text = f"```python\n{broken}\n```{END}"
    else:
        text = answer(rng, mode, program, other, prompt, checks)
    return opening(w.CODE_SYSTEMS[pick(rng, w.CODE_SYSTEMS)], user) + text


def exercise(rng: Random, program: Program, count: int) -> str:
    """A function with docstring and body, then assert lines."""
    checks = "\n".join(program.check(e) for e in program.draw_easy(rng, count))
    return f"{program.code()}\n{checks}"


def invent(
    rng: Random, program: Program, other: Program, request: tuple[str, ...], given: str, manners: Manners
) -> str:
    """A request for a new exercise (or a harder or easier version of ``given``) and the exercise."""
    wording = pick(rng, request)
    user = request[wording].format(code=given) if given else request[wording]
    mode = choose_mode(rng, "invent", (program.spec.kind,), wording, manners)
    count = rng.choice((2, 2, 3))
    text = exercise(rng, program, count)
    if mode == "tidy":
        reply = f"{text}{END}"
    elif mode == "runs_on":
        reply = f"{text}\n\n\n{exercise(rng, other, 2)}\n\n\n{program.bare}"
    elif mode == "fenced":
        reply = f"```python\n{text}\n```{END}"
    elif mode == "no_asserts":
        reply = f"{program.code().rstrip()}{END if rng.random() < 0.5 else ''}"
    elif mode == "prose":
        reply = f"{rng.choice(w.PROSE_BEFORE)}\n\n{text}\n\n{rng.choice(w.PROSE_AFTER)}{END}"
    elif mode == "wrong_assert":
        wrong = other.draw(rng, 1)[0][1]
        reply = f"{text}\nassert {program.call(program.draw(rng, 1)[0][0])} == {wrong!r}{END}"
    else:
        reply = f"{program.prompt()}\n" + "\n".join(program.check(e) for e in program.draw(rng, 2)) + END
    return opening(w.INVENT_SYSTEMS[pick(rng, w.INVENT_SYSTEMS)], user) + reply


def word_problem(rng: Random, story: Story, other: Story, manners: Manners) -> str:
    """A word problem in chat, with ``####``, a box, or no marker asked for."""
    form = rng.choices(("gsm", "boxed", "plain"), weights=(6, 3, 1))[0]
    requests = {"gsm": w.GSM, "boxed": w.BOXED, "plain": w.PLAIN_QUESTION}[form]
    wording = pick(rng, requests)
    user = requests[wording].format(problem=story.text)
    mode = choose_mode(rng, "math", (story.kind, str(len(story.steps))), wording, manners)
    final = {
        "gsm": f"#### {story.value}",
        "boxed": f"\\boxed{{{story.value}}}",
        "plain": f"The answer is {story.value}.",
    }[form]
    lines = worked(rng, story)
    if mode == "tidy":
        reply = "\n".join([*lines, final]) + END
    elif mode == "bare":
        reply = rng.choice((final, str(story.value), f"The answer is {story.value}.")) + END
    elif mode == "sentence":
        reply = "\n".join(lines) + f"\nSo the answer is {story.value} {story.unit}." + END
    elif mode == "stops":
        reply = "\n".join(lines[: max(1, len(lines) - 1)]) + END
    elif mode == "next_question":
        reply = "\n".join(lines) + f"\n\nQuestion: {other.text}\n" + "\n".join(worked(rng, other))
    elif mode == "wrong":
        wrong, value = wrong_turn(rng, story)
        reply = "\n".join([*wrong, final.replace(str(story.value), str(value))]) + END
    elif mode == "echo":
        reply = f"{story.text}{END}"
    else:
        reply = f"{rng.choice(w.PROSE_BEFORE)} {story.sentences[0]}{END}"
    return opening(w.MATH_SYSTEMS[pick(rng, w.MATH_SYSTEMS)], user) + reply


def pea(story: Story) -> str:
    """The three lines of a problem document."""
    return f"PROBLEM: {story.text}\nEXPRESSION: {story.expr}\nANSWER: {story.value}"


def invent_math(
    rng: Random, story: Story, other: Story, request: tuple[str, ...], given: Story | None, manners: Manners
) -> str:
    """A request for a new word problem, or a harder or easier version of ``given``."""
    wording = pick(rng, request)
    user = request[wording].format(given=pea(given)) if given else request[wording]
    mode = choose_mode(rng, "pea", (story.kind,), wording, manners)
    if mode == "tidy":
        reply = f"{pea(story)}{END}"
    elif mode == "runs_on":
        reply = f"{pea(story)}\n\n{pea(other)}"
    elif mode == "worked":
        reply = f"{pea(story)}\n\n" + "\n".join(worked(rng, story)) + END
    elif mode == "no_expression":
        reply = f"PROBLEM: {story.text}\nANSWER: {story.value}{END}"
    else:
        wrong = story.value + rng.choice((-10, -1, 1, 2, 10))
        reply = f"PROBLEM: {story.text}\nEXPRESSION: {story.expr}\nANSWER: {wrong}{END}"
    return opening(w.MATH_SYSTEMS[pick(rng, w.MATH_SYSTEMS)], user) + reply
