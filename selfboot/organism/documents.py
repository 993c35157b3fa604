"""The kinds of documents in the corpus, each a function from a random generator to one document's text."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from selfboot.organism import transcripts as chat
from selfboot.organism import wordings as w
from selfboot.organism.broken import break_it
from selfboot.organism.families import FAMILIES
from selfboot.organism.library import LIBRARY_FAMILIES, draw_library
from selfboot.organism.pipelines import draw_pipeline
from selfboot.organism.program import Program, Spec, write
from selfboot.organism.shapes import draw_shape
from selfboot.organism.transcripts import Manners, call_form, exercise, pea
from selfboot.organism.words import Story, corpus_story, versions, worked, wrong_turn

Document = Callable[[Random, Manners], str]


def draw_spec(rng: Random) -> Spec:
    """A task of the corpus: two fifths pipelines, two fifths other structures, the rest fixed families and library
    tasks."""
    roll = rng.random()
    if roll < 0.40:
        return draw_pipeline(rng)
    if roll < 0.78:
        return draw_shape(rng)
    if roll < 0.92:
        return rng.choice(FAMILIES)
    return draw_library(rng) if roll < 0.985 else rng.choice(LIBRARY_FAMILIES)


def draw_program(rng: Random) -> Program:
    return write(draw_spec(rng), rng, plain_name=False)


def simple_program(rng: Random) -> Program:
    """What people invent as an exercise: short pipelines and fixed families more often than anything else."""
    roll = rng.random()
    spec = draw_pipeline(rng, plain=0.6) if roll < 0.55 else rng.choice(FAMILIES) if roll < 0.8 else draw_spec(rng)
    return write(spec, rng)


def checks(rng: Random, program: Program, count: int) -> list[str]:
    draw = program.draw_easy if rng.random() < 0.5 else program.draw
    return [program.check(e) for e in draw(rng, count)]


def some_examples(rng: Random, program: Program, share: float) -> list[tuple[tuple[object, ...], object]]:
    return list(program.draw(rng, rng.randint(1, 2))) if rng.random() < share else []


def python_file(rng: Random, manners: Manners) -> str:
    """A module: imports on top, several functions, sometimes a main part."""
    programs = [draw_program(rng) for _ in range(rng.randint(2, 5))]
    heads = sorted({line for p in programs for line in p.spec.head})
    parts = []
    for program in programs:
        style = rng.random()
        shown = some_examples(rng, program, 0.25)
        text = program.signature + "\n" + program.docstring(shown) + program.body_text
        parts.append(text if style < 0.7 else f"# {program.doc}\n{program.bare}" if style < 0.85 else program.bare)
    text = ("\n".join(heads) + "\n\n\n" if heads else "") + "\n\n".join(parts)
    if rng.random() < 0.25:
        calls = "\n".join(f"    print({p.call(p.draw(rng, 1)[0][0])})" for p in programs[:2])
        text += f'\n\nif __name__ == "__main__":\n{calls}\n'
    return text


def problem(rng: Random, manners: Manners) -> str:
    """Function, docstring, asserts; or the function alone."""
    program = draw_program(rng)
    code = program.code(some_examples(rng, program, 0.4))
    if rng.random() < 0.45:
        return code
    return f"{code}\n" + "\n".join(checks(rng, program, rng.randint(2, 4))) + "\n"


def loose(rng: Random, manners: Manners) -> str:
    """Requests and code one after the other, without turns: it runs on."""
    parts = []
    for _ in range(rng.randint(2, 5)):
        program = draw_program(rng)
        request = rng.choice(w.LOOSE).format(call=call_form(program), name=program.name, doc=program.doc)
        code = program.head + program.bare if rng.random() < 0.7 else program.code()
        style = rng.random()
        code = f"```python\n{code}```\n" if style < 0.15 else f"```\n{code}```\n" if style < 0.2 else code
        after = f"\n{rng.choice(w.PROSE_AFTER)}\n" if rng.random() < 0.25 else ""
        parts.append(f"{request}\n\n{code}{after}")
    return "\n".join(parts)


def session(rng: Random, manners: Manners) -> str:
    """A function and many calls with their values, as asserts or in the interpreter."""
    parts = []
    for _ in range(rng.randint(1, 2)):
        program = draw_program(rng)
        draw = program.draw_easy if rng.random() < 0.5 else program.draw
        examples = draw(rng, rng.randint(4, 8))
        code = program.code() if rng.random() < 0.5 else program.head + program.bare
        style = rng.random()
        if style < 0.45:
            body = "\n".join(program.check(e) for e in examples)
        elif style < 0.85:
            body = "\n".join(f">>> {program.call(a)}\n{v!r}" for a, v in examples)
        else:
            lines = "\n".join(f"    {program.check(e)}" for e in examples)
            body = f"\ndef test_{program.name}():\n{lines}"
        parts.append(f"{code}\n{body}\n")
    return "\n".join(parts)


def task_text(rng: Random, program: Program) -> str:
    return program.doc if rng.random() < 0.6 else f"Write a function {program.name}. {program.doc}"


def mbpp(rng: Random, manners: Manners) -> str:
    """Task and tests as comments, then the program; sometimes several in a row."""
    parts = []
    for _ in range(1 if rng.random() < 0.7 else rng.randint(2, 3)):
        program = draw_program(rng)
        hint = f"# Hint: {rng.choice(w.HINTS)}\n" if rng.random() < 0.08 else ""
        tests = "\n".join(f"# {c}" for c in checks(rng, program, rng.randint(1, 3)))
        code = program.head + program.bare if rng.random() < 0.8 else program.code()
        parts.append(f"# {task_text(rng, program)}\n{tests}\n{hint}\n{code}")
    return "\n".join(parts)


def raw_repair(rng: Random, manners: Manners) -> str:
    """Task, tests, a broken attempt and its error, then the fixed code."""
    program, other = draw_program(rng), draw_program(rng)
    lines = checks(rng, program, rng.randint(2, 3))
    broken, error = break_it(rng, program, other, lines)
    tests = "\n".join(f"# {c}" for c in lines)
    task = f"# {task_text(rng, program)}" if rng.random() < 0.6 else program.prompt().rstrip("\n")
    return f"{task}\n{tests}\n\n# Broken attempt:\n{broken}\n# Error: {error}\n\n# Fixed:\n{program.head}{program.bare}"


def word_problem_text(rng: Random, manners: Manners) -> str:
    """Word problems with worked solutions, one to three in a row."""
    parts = []
    for _ in range(rng.randint(1, 3)):
        story = corpus_story(rng)
        marker = rng.choice(
            (
                f"#### {story.value}",
                f"Answer: {story.value}",
                f"\\boxed{{{story.value}}}",
                f"The answer is {story.value}.",
            )
        )
        question, solution = rng.choice((("Problem: ", "Solution:\n"), ("Question: ", "Answer:\n"), ("", "")))
        parts.append(f"{question}{story.text}\n{solution}" + "\n".join(worked(rng, story)) + f"\n{marker}\n")
    return "\n".join(parts)


def easy_story(rng: Random) -> Story:
    """A problem as people invent it: one to three steps, small numbers."""
    return corpus_story(rng, rng.choice((1, 1, 2, 2, 3)), distractor=0.05, big=0.0)


def pea_text(rng: Random, manners: Manners) -> str:
    """PROBLEM / EXPRESSION / ANSWER, alone or with harder and easier versions."""
    if rng.random() < 0.6:
        return "\n\n".join(pea(easy_story(rng)) for _ in range(rng.randint(1, 3))) + "\n"
    easy, hard = versions(rng)
    if rng.random() < 0.5:
        return f"{pea(easy)}\n\nHARDER VERSION\n{pea(hard)}\n"
    return f"{pea(hard)}\n\nEASIER VERSION\n{pea(easy)}\n"


def reconsideration(rng: Random, manners: Manners) -> str:
    """A solution that goes wrong, the reconsideration line, and the right one."""
    story = corpus_story(rng)
    wrong, value = wrong_turn(rng, story)
    right = "\n".join(worked(rng, story, 1))
    marker = rng.choice(("#### {v}", "\\boxed{{{v}}}"))
    opening = (
        f"Problem: {story.text}\n"
        if rng.random() < 0.5
        else chat.opening(w.MATH_SYSTEMS[0], w.GSM[0].format(problem=story.text))
    )
    first = "\n".join(wrong) + (f"\n{marker.format(v=value)}" if rng.random() < 0.5 else "")
    return f"{opening}{first}\n{w.RECONSIDER}\n{right}\n{marker.format(v=story.value)}"


def calculations(rng: Random, manners: Manners) -> str:
    """Bare arithmetic, many lines."""
    lines = []
    for _ in range(rng.randint(8, 24)):
        a, b = (rng.randint(0, 99) for _ in range(2))
        roll = rng.random()
        if roll < 0.3:
            a, b = a * rng.choice((1, 1, 5)), b
            lines.append(f"{a} + {b} = {a + b}")
        elif roll < 0.55:
            a, b = max(a, b) * rng.choice((1, 1, 3)), min(a, b)
            lines.append(f"{a} - {b} = {a - b}")
        elif roll < 0.5 + 0.3:
            b = rng.randint(2, 9)
            lines.append(f"{b} * {a} = {a * b}" if rng.random() < 0.5 else f"{a} * {b} = {a * b}")
        elif roll < 0.88:
            b = rng.randint(2, 6)
            lines.append(f"{a * b} / {b} = {a}")
        else:
            a, b, c = rng.randint(2, 20), rng.randint(2, 9), rng.randint(2, 20)
            op = rng.choice("+-*")
            text = (
                f"({a} {op} {b}) + {c}"
                if rng.random() < 0.3
                else f"({c} + {a} * {b})"
                if rng.random() < 0.5
                else f"({a} + {c}) * {b}"
            )
            lines.append(f"{text} = {eval(text)}")
    return "\n".join(lines) + "\n"


def chat_solve(rng: Random, manners: Manners) -> str:
    return chat.solve(rng, draw_program(rng), draw_program(rng), manners)


def chat_repair(rng: Random, manners: Manners) -> str:
    program, other = draw_program(rng), draw_program(rng)
    lines = checks(rng, program, rng.randint(2, 3))
    broken, error = break_it(rng, program, other, lines)
    return chat.repair(rng, program, other, broken, error, lines, manners)


def chat_invent(rng: Random, manners: Manners) -> str:
    """New exercises; a third of the requests ask for hard ones, harder ones or easier ones."""
    roll = rng.random()
    other = draw_program(rng)
    if roll < 0.66:
        return chat.invent(rng, simple_program(rng), other, w.INVENT, "", manners)
    if roll < 0.82:
        spec = draw_shape(rng) if rng.random() < 0.6 else draw_pipeline(rng, plain=0.1)
        return chat.invent(rng, write(spec, rng), other, w.INVENT_HARD, "", manners)
    easy, hard = draw_pipeline(rng, plain=0.7), draw_pipeline(rng, plain=0.05)
    first, second, request = (easy, hard, w.INVENT_HARDER) if roll < 0.92 else (hard, easy, w.INVENT_EASIER)
    given = write(first, rng)
    shown = exercise(rng, given, 2) if rng.random() < 0.5 else given.code().rstrip()
    return chat.invent(rng, write(second, rng), other, request, shown, manners)


def chat_math(rng: Random, manners: Manners) -> str:
    return chat.word_problem(rng, corpus_story(rng), corpus_story(rng), manners)


def chat_pea(rng: Random, manners: Manners) -> str:
    roll = rng.random()
    if roll < 0.5:
        return chat.invent_math(rng, easy_story(rng), easy_story(rng), w.INVENT_MATH, None, manners)
    easy, hard = versions(rng)
    if roll < 0.75:
        return chat.invent_math(rng, hard, corpus_story(rng), w.HARDER_MATH, easy, manners)
    return chat.invent_math(rng, easy, corpus_story(rng), w.EASIER_MATH, hard, manners)


def chat_turns(rng: Random, manners: Manners) -> str:
    """Two requests in one conversation, both answered with a closed turn."""
    parts = [chat.solve(rng, draw_program(rng), draw_program(rng), "tidy") for _ in range(2)]
    return parts[0] + "\n" + parts[1][parts[1].index(f"{chat.START}user") :]


# Share of the characters of each stream, in percent; how much of each stream there is: corpus.py.
BULK: dict[str, tuple[float, Document]] = {
    "files": (27, python_file),
    "problems": (23, problem),
    "loose": (13, loose),
    "sessions": (12, session),
    "mbpp": (8, mbpp),
    "raw_repair": (5, raw_repair),
    "words": (6, word_problem_text),
    "pea": (2.5, pea_text),
    "calculations": (2.5, calculations),
    "reconsideration": (1, reconsideration),
}
CHAT: dict[str, tuple[float, Document]] = {
    "chat_solve": (46, chat_solve),
    "chat_repair": (12, chat_repair),
    "chat_invent": (18, chat_invent),
    "chat_math": (14, chat_math),
    "chat_pea": (6, chat_pea),
    "chat_turns": (4, chat_turns),
}
