r"""The metamorphic test: any spelling of a gold answer equals the gold answer, in either order, and votes with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from selfboot.grading.answers import AnswerGrader
from selfboot.grading.form import same
from selfboot.grading.normal import normal_form
from tests.shared_files import shared

Spelling = Callable[[str], str]
EVERY: dict[str, Spelling] = {  # of any answer
    "as it is": lambda g: g,
    "dollars": lambda g: f"${g}$",
    "display": lambda g: f"$$ {g} $$",
    "inline": lambda g: rf"\({g}\)",
    "brackets": lambda g: rf"\[{g}\]",
    "spaces": lambda g: f"  {g}\n",
    "full stop": lambda g: f"{g}.",
    "line break": lambda g: rf"{g} \\",
    "quad": lambda g: rf"\quad {g}\,",
    "bold group": lambda g: rf"{{\bf {g}}}",
    "boldsymbol": lambda g: rf"\boldsymbol{{{g}}}",
    "bm": lambda g: rf"\bm{{{g}}}",
    "underline": lambda g: rf"\underline{{{g}}}",
    "emph": lambda g: rf"\emph{{{g}}}",
    "large": lambda g: rf"\large{{{g}}}",
    "Large group": lambda g: rf"{{\Large {g}}}",
    "color": lambda g: rf"\color{{red}}{{{g}}}",
    "textcolor": lambda g: rf"\textcolor{{blue}}{{{g}}}",
    "colorbox": lambda g: rf"\colorbox{{yellow}}{{${g}$}}",
    "box in box": lambda g: rf"\boxed{{{g}}}",
    "empty delimiters": lambda g: rf"\left.{g}\right.",
    "displaystyle": lambda g: rf"\displaystyle {g}",
    "braces": lambda g: f"{{{g}}}",
    "markdown": lambda g: f"**{g}**",
    "label": lambda g: rf"\text{{Answer: }}{g}",
    "chat token": lambda g: f"{g}<|im_end|>",
    "aligned": lambda g: rf"\begin{{aligned}}{g}\end{{aligned}}",
    "dfrac": lambda g: re.sub(r"\\[dt]?frac(?![a-z])", r"\\dfrac", g),
    "tfrac": lambda g: re.sub(r"\\[dt]?frac(?![a-z])", r"\\tfrac", g),
    "unicode minus": lambda g: g.replace("-", "−") if "text" not in g else g,
    "unicode": lambda g: g.replace(r"\pi", "π").replace(r"\infty", "∞").replace(r"\cup", "∪").replace(r"^\circ", "°"),
    "left right": lambda g: (
        re.sub(r"(?<!\\)\)", r"\\right)", re.sub(r"\((?!\\)", r"\\left(", g)) if "left" not in g else g
    ),
    "no spaces": lambda g: (
        re.sub(r"(?<![a-zA-Z]) | (?![a-zA-Z])", "", g) if not re.search(r"\d \\?f?r?a?c?\d|text", g) else g
    ),
}
VALUES: dict[str, Spelling] = {  # of a constant without a unit
    "x =": lambda g: f"x = {g}",
    "AB =": lambda g: f"AB = {g}",
    "f(3) =": lambda g: f"f(3) = {g}",
    "area": lambda g: rf"\text{{Area}} = {g}",
    "index": lambda g: f"a_{{10}} = {g}",
    "turned": lambda g: f"{g} = n",
    "approx": lambda g: rf"x \approx {g}",
    "and its value": lambda g: rf"{g} \approx 0.1234",
    "unit": lambda g: rf"{g}\text{{ cm}}",
    "square unit": lambda g: rf"{g}\,\mathrm{{cm}}^2",
    "unknown unit": lambda g: rf"{g} \text{{ marbles}}",
    "glued unit": lambda g: f"{g}cm" if g[-1].isdigit() else g,
    "one-letter unit": lambda g: rf"{g}\ \mathrm{{m}}",
    "degrees": lambda g: rf"{g}^\circ" if g[-1].isdigit() else g,
    "dollar": lambda g: rf"\${g}" if not g.startswith("-") else g,
    "plus zero": lambda g: f"{g} + 0",
}
NUMBERS: dict[str, Spelling] = {  # of an integer
    "decimal": lambda g: f"{g}.00",
    "zero in front": lambda g: f"0{g}" if not g.startswith("-") else g,
    "thousands": lambda g: f"{int(g):,}",
    "thousands in braces": lambda g: f"{int(g):,}".replace(",", "{,}"),
    "thousands as MATH writes": lambda g: f"{int(g):,}".replace(",", r",\!"),
    "thousands apart": lambda g: f"{int(g):,}".replace(",", " "),
    "thousands and a unit": lambda g: rf"{int(g):,}\text{{ dollars}}",
    "thousands and a name": lambda g: f"x = {int(g):,}",
    "fraction": lambda g: rf"\frac{{{g}}}{{1}}",
    "double": lambda g: rf"\frac{{{2 * int(g)}}}{{2}}",
    "scientific": lambda g: rf"{g} \times 10^0",
    "e": lambda g: f"{g}e0",
}
GOLDS = [
    "5", "-3", "10080", r"\frac{1}{2}", r"\frac43", "3.21", ".5", r"2\sqrt{13}", r"\sqrt{51}", r"-\frac{\pi}{6}",
    r"288 \pi", r"11 \sqrt{5} + 11", "6 - 5i", "2k+2", "x^3+3x-6", "(a+5)(b+2)", "y = 2x + 3",
    "5x - 7y + 11z + 4 = 0", "3, 5, 7", "-2,1", r"1 \pm \sqrt{19}", r"\{1\pm\sqrt{5},-2\}", "(3,4]", r"(-\infty, 0]",
    r"(2,12) \cup (12,102)", "(6,31,-1)", r"\left( 3, \frac{\pi}{2} \right)", r"x \in [-2,7]",
    r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}", r"\text{east}", r"\text{(C)}", r"\cot x", "2516_8",
    r"90^\circ", r"\$32,\!348", r"864 \mbox{ inches}^2", r"5.4 \text{ cents}", r"137 \frac{1}{2}", r"1\frac{4}{5}",
    r"50\%", r"\frac{20000}{\pi}", r"11,\! 111,\! 111,\! 100", r"\frac{270}7\text{ degrees}",
]  # fmt: skip


def spellings(gold: str) -> Iterator[tuple[str, str]]:
    form = normal_form(gold)
    kinds = [EVERY]
    if form.constant and not (form.unit or form.percent or form.name):
        kinds.append(VALUES)
    if re.fullmatch(r"-?[1-9][0-9]*", gold):
        kinds.append(NUMBERS)
    return ((name, spell(gold)) for kind in kinds for name, spell in kind.items())


def misread(golds: list[str]) -> list[tuple[str, str, str]]:
    """(gold, kind of spelling, spelling) of all that differ from their gold, in either order, or vote otherwise."""
    wrong = []
    with AnswerGrader(workers=1) as grader:
        for gold in golds:
            wanted = normal_form(gold)
            for name, text in spellings(gold):
                form = normal_form(text)
                verdicts = [same(form, wanted), same(wanted, form)]
                if None in verdicts:
                    verdicts = [grader.equal(text, gold), grader.equal(gold, text)]
                if verdicts != [True, True] or (form.key != wanted.key and not form.percent):
                    wrong.append((gold, name, text))
    return wrong


def test_any_spelling_of_an_answer_is_that_answer() -> None:
    assert misread(GOLDS) == []


def test_any_spelling_of_math500_s_golds_is_that_gold() -> None:
    lines = shared("datasets/math500.jsonl").read_text(encoding="utf-8").splitlines()
    golds = list(dict.fromkeys(json.loads(line)["answer"] for line in lines))
    assert misread(golds) == []
