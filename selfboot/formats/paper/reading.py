"""How the paper's scripts read a completion: as code, as a program, as a number, as a MATH answer.

Exactly as they do it, leniencies and faults included, so that their scores can be had again; ``ours`` reads the same
completions beside it. Each rule says which scripts have it. Nothing here runs or formats what a model wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable

FENCE = "```"
_PYTHON = "```python"
_BOXED = r"\boxed{"
_MARKED = re.compile(r"####\s*(-?\d+(?:\.\d+)?)")
_BOXED_NUMBER = re.compile(r"\\boxed\{(-?\d+(?:\.\d+)?)\}")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BOXED_INTEGER = re.compile(r"\\boxed\{(\d+)\}")
_INTEGER = re.compile(r"\b(\d+)\b")
NUMBER_TOLERANCE, FLOAT_TOLERANCE = 0.01, 1e-6

# ---------------------------------------------------------------- code


def code_of(text: str) -> str:
    """What stands behind the first ```python (else the first ```), up to the next ``` if there is one, stripped.

    No newline is wanted behind the mark, so "```python block only." gives "block only."; an unclosed block counts. A
    text without any ``` is taken as it is, unstripped.
    """
    if FENCE not in text:
        return text
    mark = _PYTHON if _PYTHON in text else FENCE
    return text.partition(mark)[2].partition(FENCE)[0].strip()


def chat_program(prompt: str, completion: str) -> str:
    """Every chat script: the code alone if it holds "def " (the prompt's imports are then missing), else behind the
    prompt, a newline between."""
    code = code_of(completion)
    return code if "def " in code else f"{prompt}\n{code}"


def solution_program(prompt: str, completion: str) -> str:
    """Attempts in mining, and BigCodeBench: the code alone, whatever it is."""
    return code_of(completion)


def raw_program(prompt: str, completion: str) -> str:
    """eval_raw, cross_arch, self_correction_code: the prompt and the completion."""
    return prompt + completion


def raw_newline_program(prompt: str, completion: str) -> str:
    """recursive, diversity, code-to-math: a newline between the two, which ends a line the model was to go on with."""
    return f"{prompt}\n{completion}"


def raw_fence_program(prompt: str, completion: str) -> str:
    """synergy: a newline between the two; of a completion with a ```python block only what stands in it, unstripped."""
    _, marked, rest = completion.partition(_PYTHON)
    return f"{prompt}\n{rest.partition(FENCE)[0] if marked else completion}"


def bare_program(prompt: str, completion: str) -> str:
    """MBPP: the completion is the program."""
    return completion


def bare_fence_program(prompt: str, completion: str) -> str:
    """eval_raw's MBPP: the completion is the program; one with a fence is read as if it had begun in one."""
    if FENCE not in completion:
        return completion
    return code_of(completion if _PYTHON in completion else _PYTHON + completion)


def lens_program(prompt: str, completion: str) -> str:
    """diversity: the forced beginning, which has no bracket of its own, and the completion."""
    return f"def solution{completion}"


Program = Callable[[str, str], str]
PROGRAMS: dict[str, Program] = {
    "chat": chat_program,
    "solution": solution_program,
    "raw": raw_program,
    "raw-newline": raw_newline_program,
    "raw-fence": raw_fence_program,
    "bare": bare_program,
    "bare-fence": bare_fence_program,
    "lens": lens_program,
}

# ---------------------------------------------------------------- numbers


def number_of(text: str) -> str | None:
    r"""GSM8K: the FIRST number directly behind ``####``, else the first ``\boxed`` number, else the last number.

    Faults kept: "#### 1,234" is 1, and "#### $18" is no marked number.
    """
    marked = _MARKED.search(text) or _BOXED_NUMBER.search(text)
    if marked:
        return marked[1]
    found = _NUMBER.findall(text)
    return found[-1] if found else None


def same_number(answer: str, gold: str) -> bool:
    """Equal when less than 0.01 apart; the gold answer's commas are taken out, the other's never were there."""
    return abs(float(answer) - float(gold.replace(",", ""))) < NUMBER_TOLERANCE


def integer_of(text: str) -> str | None:
    r"""tts_aime: the FIRST ``\boxed`` integer, else the last integer of the last of five lines that has one."""
    return _integer(text, text.strip().split("\n")[-5:])


def last_line_integer_of(text: str) -> str | None:
    r"""aime_scaling: the first ``\boxed`` integer, else the last integer of the last line alone."""
    return _integer(text, text.strip().split("\n")[-1:])


def _integer(text: str, lines: list[str]) -> str | None:
    boxed = _BOXED_INTEGER.search(text)
    if boxed:
        return boxed[1]
    found = (_INTEGER.findall(line) for line in reversed(lines))
    return next((numbers[-1] for numbers in found if numbers), None)


def same_integer(answer: str, gold: str) -> bool:
    """Equal when the same integer; one of more digits than Python reads is none."""
    try:
        return int(answer) == int(gold)
    except ValueError:
        return False


# ---------------------------------------------------------------- MATH


def boxed_of(text: str) -> str | None:
    r"""What stands in the LAST ``\boxed{`` of all the text, stripped; None where its brace is never closed."""
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    start, depth = start + len(_BOXED), 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start:at].strip()
    return None


def normalized(answer: str) -> str:
    r"""The light normal form: no outer $, \text, \mbox, \left, \right and degrees, no comma between digits."""
    text = re.sub(r"^\$|\$$", "", answer.strip()).strip()
    for command in ("text", "mbox"):
        text = re.sub(rf"\\{command}\{{([^}}]*)\}}", r"\1", text)
    text = re.sub(r"(?<=\d),(?=\d)", "", text)
    for gone in (r"\left", r"\right", r"^\circ", r"^{\circ}"):
        text = text.replace(gone, "")
    return text.strip()


def same_math(answer: str, gold: str) -> bool:
    """Equal as text in the light normal form, or as floats within 1e-6; nothing symbolic, as on the paper's stack."""
    return _same(normalized(answer), normalized(gold))


def same_stripped(answer: str, gold: str) -> bool:
    """Equal as stripped text, or as floats within 1e-6 (tts_scaling, code-to-math)."""
    return _same(answer.strip(), gold.strip())


def same_exactly(answer: str, gold: str) -> bool:
    """Equal as text, not even stripped, or as floats within 1e-6 (self_consistency)."""
    return _same(answer, gold)


def _same(answer: str, gold: str) -> bool:
    if answer == gold:
        return True
    try:
        return abs(float(answer) - float(gold)) < FLOAT_TOLERANCE
    except (ValueError, OverflowError):
        return False


def vote_key(answer: str | None) -> str | None:
    """self_consistency: lower case, without commas, dollar signs and white space; an empty answer votes like any."""
    return None if answer is None else re.sub(r"[,$\s]", "", answer.strip().lower())


Extract = Callable[[str], str | None]
Equal = Callable[[str, str], bool]
ANSWERS: dict[str, tuple[Extract, Equal]] = {
    "gsm8k": (number_of, same_number),
    "math": (boxed_of, same_math),
    "math-stripped": (boxed_of, same_stripped),
    "math-exact": (boxed_of, same_exactly),
    "aime": (integer_of, same_integer),
    "aime-last-line": (last_line_integer_of, same_integer),
}


def is_right(completion: str, gold: str, rule: str) -> tuple[str | None, bool]:
    """The answer that a rule of ``ANSWERS`` finds in a completion, and whether it is the gold one."""
    extract, equal = ANSWERS[rule]
    found = extract(completion)
    return found, found is not None and equal(found, gold)
