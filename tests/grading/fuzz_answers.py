r"""Fuzzes the comparison of answers: random pairs of answers whose meanings are known by construction.

    python tests/grading/fuzz_answers.py --pairs 50000 --seed 0 --out data/measured/grader/answers-fuzz.json

A pair is an answer and another one, spelled at random: the same answer, a near miss (a digit, a sign, a bracket, a
name, a factor of a thousand, a tiny difference), or a stranger. Answers with different meanings must never be equal, in
either order; answers with one meaning should be, and nearly always are.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from selfboot.grading.answers import AnswerGrader

Meaning = tuple[object, ...]
TINY = (1, 30, 60, 90, 98, 120, 300)
WORDS = ("east", "ellipse", "even", "odd", "yes", "no", "Evelyn", "Navin", "parabola", "Monday")
UNITS = ("cm", "m", "inches", "hours", "dollars")


@dataclass(frozen=True)
class Answer:
    """A meaning, which two answers share if and only if they are the same, and one way to write it."""

    meaning: Meaning
    latex: str


def number(value: Fraction, rng: random.Random) -> str:
    """A rational number in a random spelling."""
    sign, size = "-" if value < 0 else "", abs(value)
    top, bottom = size.numerator, size.denominator
    ways = [
        rf"{sign}\frac{{{top}}}{{{bottom}}}",
        rf"{sign}\dfrac{{{2 * top}}}{{{2 * bottom}}}",
        f"{sign}{top}/{bottom}",
    ]
    if bottom == 1:
        ways = [
            f"{sign}{top}",
            f"{sign}{top}.0",
            f"{sign}{top:,}",
            f"{sign}{top:,}".replace(",", "{,}"),
            f"{sign}{top}",
        ]
    elif set(_factors(bottom)) <= {2, 5} and bottom < 10**6:
        ways.append(f"{sign}{float(size):.6f}".rstrip("0"))
    elif size > 1 and bottom < 100:
        ways.append(rf"{sign}{top // bottom}\frac{{{top % bottom}}}{{{bottom}}}")
    return rng.choice(ways)


def bare(value: Fraction, rng: random.Random) -> str:
    """Without separators of thousands, which a list would take for its own."""
    return number(value, rng).replace("{,}", "").replace(",", "")


def _factors(n: int) -> list[int]:
    found = []
    for p in (2, 3, 5, 7, 11, 13, 17, 19):
        while n % p == 0:
            n, found = n // p, [*found, p]
    return found + [n] * (n > 1)


def style(latex: str, rng: random.Random) -> str:
    return rng.choice(
        [latex] * 4
        + [rf"\boldsymbol{{{latex}}}", rf"{{\bf {latex}}}", rf"\left.{latex}\right.", f"${latex}$", f"{latex}."]
    )


# ---------------------------------------------------------------- kinds of answers: seeds, near misses, spellings


def integer(rng: random.Random) -> int:
    return rng.choice(
        [rng.randrange(-20, 100), rng.randrange(1000), rng.randrange(10**3, 10**7), 1000 * rng.randrange(1, 3000)]
    )


def rational(rng: random.Random) -> Fraction:
    return Fraction(integer(rng), rng.choice([1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 100]))


def near(value: Fraction, rng: random.Random) -> Fraction:
    """A number that is easily taken for ``value``, and differs."""
    digits = str(abs(value.numerator))
    options = [
        -value, value + 1, value - 1, value * 1000, value / 1000, value * 10, value / 10, value * 100,
        value + Fraction(1, 1000),
        Fraction(int(digits[:-1] or "7"), value.denominator), Fraction(int("1" + digits), value.denominator),
        Fraction(value.denominator, value.numerator or 1), Fraction(int(digits[::-1]), value.denominator),
    ]  # fmt: skip
    return rng.choice([option for option in options if option != value] or [value + 1])


def plain(value: Fraction, rng: random.Random) -> Answer:
    return Answer(("number", value), number(value, rng))


def named(value: Fraction, rng: random.Random) -> Answer:
    names = ["x = ", "AB = ", "f(3) = ", r"\text{Area} = ", "a_{5} = ", r"x \approx ", r"\angle A = "]
    name = names[abs(value.numerator) % len(names)]  # one value, one name: x = 5 and y = 5 differ
    return Answer(("number", value), name + number(value, rng))


def with_unit(value: Fraction, rng: random.Random) -> Answer:
    unit = rng.choice([r"\text{ marbles}", r"\ \text{units}", " units", r"\text{ ways}", r"\text{ people}"])
    return Answer(("number", value), number(value, rng) + unit)


def irrational(value: Fraction, rng: random.Random) -> Answer:
    root = rng.choice([2, 3, 5, 6, 7])
    ways = [rf"({bare(value, rng)}) \sqrt{{{root}}}", rf"\sqrt{{{root}}} \cdot {{{number(value, rng)}}}"]
    if value.denominator == 1 and 0 < value < 10**4:
        ways = [
            rf"{value}\sqrt{{{root}}}",
            rf"\sqrt{{{root * value.numerator**2}}}",
            rf"{value.numerator:,}\sqrt{{{root}}}",
        ]
    return Answer(("root", value, root) if value else ("number", value), rng.choice(ways))


def with_pi(value: Fraction, rng: random.Random) -> Answer:
    return Answer(
        ("pi", value) if value else ("number", value),
        rng.choice([rf"{{{number(value, rng)}}}\pi", rf"\pi \cdot ({bare(value, rng)})"]),
    )


def power(value: Fraction, rng: random.Random) -> Answer:
    """Numbers far outside the range of floats, next to each other."""
    n = rng.choice(TINY) + rng.randrange(3)
    ways = [
        (("number", Fraction(1, 2**n)), rf"\frac{{1}}{{2^{{{n}}}}}"), (("number", Fraction(1, 2**n)), f"2^{{-{n}}}"),
        (("number", Fraction(2**n + 1)), f"2^{{{n}}}+1"), (("number", Fraction(2**n)), f"2^{{{n}}}"),
        (("number", 1 - Fraction(1, 3**n)), rf"1-\frac{{1}}{{3^{{{n}}}}}"),
        (("number", Fraction(1, 10**n)), f"10^{{-{n}}}"),
    ]  # fmt: skip
    return Answer(*rng.choice(ways))


def symbolic(value: Fraction, rng: random.Random) -> Answer:
    """What only the symbolic checker knows."""
    n = rng.randrange(2, 40)
    cube = next((k for k in range(4) if k**3 == n), None)
    ways: list[tuple[Meaning, str]] = [
        (("number", Fraction(1, math.factorial(n))), rf"\frac{{1}}{{{n}!}}"),
        (("number", Fraction(math.factorial(n))), f"{n}!"),
        (("number", Fraction(n)), rf"\log_2 {2**n}"),
        (("number", Fraction(cube)) if cube else ("cube root", n), rf"\sqrt[3]{{{n}}}"),
        (("number", Fraction(math.comb(n, 2))), rf"\binom{{{n}}}{{2}}"),
        (("number", Fraction(1, 2)), r"\sin 30^\circ"),
        (("e", -n), f"e^{{-{n}}}"),
        (("cos", Fraction(n)), rf"\cos {n}"),
        (("cos", n + Fraction(1, 10**13)), rf"\cos {n}.0000000000001"),
    ]
    return Answer(*rng.choice(ways))


def polynomial(value: Fraction, rng: random.Random) -> Answer:
    a, b, name = rng.randrange(1, 9), rng.randrange(-9, 9), rng.choice("xyntk")
    a, b = (a, b) if rng.random() < 0.7 else (1, 0)
    tail = f"{b:+d}" if b else ""
    ways = [
        f"{a}{name}{tail}",
        rf"{a}\cdot {name}{tail}",
        f"{b}+{a}{name}" if b else f"{a}{name}",
        f"{name}({a}){tail}",
    ]
    return Answer(("linear", name, a, b), rng.choice(ways))


def listed(value: Fraction, rng: random.Random) -> Answer:
    values = [value, *(rational(rng) if rng.random() < 0.5 else near(value, rng) for _ in range(rng.randrange(1, 3)))]
    rng.shuffle(values)
    texts = [bare(v, rng) for v in values]
    opening, closing, ordered = rng.choice(
        [("", "", False), (r"\{", r"\}", False), ("(", ")", True), (r"x \in \{", r"\}", False)]
    )
    joint = rng.choice([", ", r",\ "])
    meaning: Meaning = ("tuple", *values) if ordered else ("set", frozenset(values))
    if not ordered and len(set(values)) == 1:
        meaning = ("number", values[0])
    return Answer(meaning, opening + joint.join(texts) + closing)


def interval(value: Fraction, rng: random.Random) -> Answer:
    low, high = sorted([value, value + abs(near(value, rng)) + 1])
    left, right = rng.random() < 0.5, rng.random() < 0.5
    a, b = (bare(v, rng) for v in (low, high))
    below, above = (r"\le" if closed else "<" for closed in (left, right))
    ways = [
        f"{'[' if left else '('}{a}, {b}{']' if right else ')'}",
        rf"{a} {below} x {above} {b}",
        rf"\left{'[' if left else '('} {a}; {b} \right{']' if right else ')'}",
        f"{'[' if left else ']'}{a}, {b}{']' if right else '['}",
    ]
    way = rng.randrange(4)
    if (left, right, way) == (False, False, 0) or (way == 2 and not (left or right)):
        return Answer(("tuple", low, high), ways[way])  # (1, 2) is a pair or an interval, by the question
    meaning: Meaning = ("tuple", low, high) if not (left or right) else ("interval", low, high, left, right)
    return Answer(meaning, ways[way])


def ray(value: Fraction, rng: random.Random) -> Answer:
    sign, closed = rng.choice("<>"), rng.random() < 0.5
    text = bare(value, rng)
    tex = {"<": r"\le", ">": r"\ge"}[sign] if closed else sign
    ways = [rf"x {tex} {text}", rf"\theta {tex} {text}", rf"\{{x \mid x {tex} {text}\}}"]
    ways.append(
        rf"(-\infty, {text}{']' if closed else ')'}" if sign == "<" else rf"{'[' if closed else '('}{text}, \infty)"
    )
    ways.append(rf"-\infty < x {tex} {text}" if sign == "<" else text + (r" \le" if closed else " <") + r" x < \infty")
    return Answer(("ray", sign, closed, value), rng.choice(ways))


def base(value: Fraction, rng: random.Random) -> Answer:
    digits, foot = str(rng.randrange(10, 444)), rng.choice([5, 6, 7, 8, 9])
    digits = "".join(str(min(int(d), 4)) for d in digits)
    names = {5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}
    return Answer(
        ("base", digits, foot),
        rng.choice([f"{digits}_{foot}", f"{digits}_{{{foot}}}", rf"{digits}_{{\text{{{names[foot]}}}}}"]),
    )


def worded(value: Fraction, rng: random.Random) -> Answer:
    word = rng.choice(WORDS)
    return Answer(
        ("word", word.lower()), rng.choice([rf"\text{{{word}}}", word, rf"\mbox{{{word}}}", rf"\textbf{{{word}}}"])
    )


def matrix(value: Fraction, rng: random.Random) -> Answer:
    values = [value, near(value, rng)]
    rows = rng.random() < 0.5
    kind, joint = rng.choice("pb"), r" \\ " if rows else " & "
    return Answer(
        ("matrix", rows, *values),
        rf"\begin{{{kind}matrix}}{joint.join(bare(v, rng) for v in values)}\end{{{kind}matrix}}",
    )


KINDS: Sequence[Callable[[Fraction, random.Random], Answer]] = (
    plain, plain, plain, named, named, with_unit, with_unit, irrational, with_pi, power, polynomial, listed, listed,
    interval, ray, base, worded, matrix,
)  # fmt: skip
RELATED = {
    plain: [named, with_unit, listed, power],
    named: [plain, with_unit],
    with_unit: [plain, named],
    interval: [listed, ray],
}


def pair(rng: random.Random, symbolic_share: float) -> tuple[Answer, Answer]:
    kind = symbolic if rng.random() < symbolic_share else rng.choice(KINDS)
    other = rng.choice([kind, kind, *RELATED.get(kind, [kind]), rng.choice(KINDS)])
    value = rational(rng)
    return kind(value, rng), other(rng.choice([value, near(value, rng), rational(rng)]), rng)


def fuzz(
    grader: AnswerGrader, rng: random.Random, pairs: int, symbolic_share: float = 0.01
) -> tuple[Counter[str], list[tuple[Answer, Answer]]]:
    """Counts of outcomes, and the false positives (and the pairs whose verdict depends on their order)."""
    seen: Counter[str] = Counter()
    bad: list[tuple[Answer, Answer]] = []
    for _ in range(pairs):
        a, b = pair(rng, symbolic_share)
        left, right = style(a.latex, rng), style(b.latex, rng)
        verdicts = grader.equal(left, right), grader.equal(right, left)
        alike = a.meaning == b.meaning
        seen[f"{'same' if alike else 'different'}, {'equal' if verdicts[0] else 'not equal'}"] += 1
        if verdicts[0] != verdicts[1] or (verdicts[0] and not alike):
            bad.append((Answer(a.meaning, left), Answer(b.meaning, right)))
        elif alike and not verdicts[0]:
            seen[f"missed {a.meaning[0]}"] += 1
    return seen, bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    started = time.monotonic()
    with AnswerGrader() as grader:
        seen, bad = fuzz(grader, random.Random(args.seed), args.pairs)
    table = {
        "command": f"python tests/grading/fuzz_answers.py --pairs {args.pairs} --seed {args.seed}",
        "outcomes": dict(sorted(seen.items())),
        "false positives, or verdicts that depend on the order": [[a.latex, b.latex] for a, b in bad],
        "seconds": round(time.monotonic() - started, 1),
    }
    text = json.dumps(table, indent=1) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    print(text)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
