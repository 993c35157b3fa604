"""Word problems with several steps, distractors and worked solutions.

A Story is a start and a list of steps; cutting or adding steps gives an easier or harder version of the same problem.
Kinds in HELD_KINDS and stories of more than MAX_CORPUS_STEPS steps are reserved for MiniMath.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from selfboot.organism.pipelines import HELD_SHARE, fraction

MAX_CORPUS_STEPS = 6
NAMES = ("Tom", "Mia", "Sam", "Lea", "Ben", "Zoe", "Max", "Ann", "Joe", "Eva", "Tim", "Kim", "Leo", "Ida")
THINGS = ("apples", "books", "pens", "coins", "cards", "eggs", "stamps", "marbles", "cups", "shells", "toys", "cookies")
OTHER_THINGS = ("balloons", "hats", "pencils", "plates", "flowers", "socks")


@dataclass
class Story:
    """A problem under construction. ``value`` is the running result, ``expr`` its arithmetic expression."""

    kind: str
    name: str
    unit: str
    sentences: list[str] = field(default_factory=list)
    steps: list[tuple[str, str, int]] = field(default_factory=list)  # label, calculation, result
    value: int = 0
    expr: str = ""
    question: str = ""
    distracted: bool = False

    def step(self, label: str, left: str, op: str, right: int) -> None:
        """Append ``value op right`` to solution and expression."""
        before = self.value
        self.value = {"+": before + right, "-": before - right, "*": before * right, "/": before // max(right, 1)}[op]
        self.steps.append((label, f"{before} {op} {right}", self.value))
        self.expr = f"({left} {op} {right})"

    def add_product(self, label: str, a: int, b: int, sign: str) -> None:
        """value ± a * b, in two steps."""
        before = self.value
        self.steps.append((label, f"{a} * {b}", a * b))
        self.value = before + a * b if sign == "+" else before - a * b
        self.steps.append(("Then", f"{before} {sign} {a * b}", self.value))
        self.expr = f"({self.expr} {sign} {a} * {b})"

    @property
    def text(self) -> str:
        return " ".join([*self.sentences, self.question])


def amount(rng: Random, big: bool) -> int:
    return rng.randint(12, 95) if big else rng.randint(2, 20)


def begin(story: Story, a: int, b: int, label: str) -> None:
    """Start from a product."""
    story.steps.append((label, f"{a} * {b}", a * b))
    story.value, story.expr = a * b, f"{a} * {b}"


def collection(rng: Random, s: Story, big: bool) -> None:
    s.unit = rng.choice(THINGS)
    s.value = amount(rng, big)
    s.expr = str(s.value)
    s.sentences.append(
        rng.choice(
            (
                f"{s.name} has {s.value} {s.unit}.",
                f"{s.name} owns {s.value} {s.unit}.",
                f"There are {s.value} {s.unit} in a box.",
            )
        )
    )
    s.question = rng.choice((f"How many {s.unit} are there now?", f"How many {s.unit} does {s.name} have in the end?"))


def packs(rng: Random, s: Story, big: bool) -> None:
    s.unit = rng.choice(THINGS)
    a, b = rng.randint(2, 9), amount(rng, big)
    s.sentences.append(
        rng.choice(
            (
                f"{s.name} buys {a} packs with {b} {s.unit} each.",
                f"{s.name} has {a} bags of {b} {s.unit}.",
                f"Each of {a} boxes holds {b} {s.unit}.",
            )
        )
    )
    begin(s, a, b, "In the packs")
    s.question = f"How many {s.unit} are there now?"


def wages(rng: Random, s: Story, big: bool) -> None:
    s.unit = "dollars"
    a, b = rng.randint(2, 9), amount(rng, big)
    s.sentences.append(
        rng.choice(
            (f"{s.name} works {a} hours for {b} dollars an hour.", f"{s.name} earns {b} dollars a day for {a} days.")
        )
    )
    begin(s, a, b, "Pay")
    s.question = f"How many dollars does {s.name} have in the end?"


def savings(rng: Random, s: Story, big: bool) -> None:
    s.unit = "dollars"
    a, b = rng.randint(2, 9), rng.randint(2, 12)
    s.value = amount(rng, big)
    s.expr = str(s.value)
    s.sentences += [
        f"{s.name} has {s.value} dollars in the bank.",
        f"Each week {s.name} saves {b} dollars, for {a} weeks.",
    ]
    s.add_product("Saved", a, b, "+")
    s.question = f"How many dollars does {s.name} have in the end?"


def shopping(rng: Random, s: Story, big: bool) -> None:
    s.unit = "dollars"
    a, b, c, d = rng.randint(2, 6), rng.randint(2, 9), rng.randint(2, 6), rng.randint(2, 12 if not big else 30)
    one, other = rng.sample(THINGS, 2)
    s.sentences.append(f"{s.name} buys {a} {one} for {b} dollars each and {c} {other} for {d} dollars each.")
    begin(s, a, b, "First")
    s.add_product("Second", c, d, "+")
    s.question = "How many dollars is that in all?"


def seats(rng: Random, s: Story, big: bool) -> None:
    s.unit = "seats"
    a, b = rng.randint(3, 9), amount(rng, big)
    c = rng.randint(1, a * b - 1)
    s.sentences += [f"A hall has {a} rows of {b} seats.", f"{c} seats are broken."]
    begin(s, a, b, "All seats")
    s.step("Good seats", s.expr, "-", c)
    s.question = "How many seats can be used?"


def reading(rng: Random, s: Story, big: bool) -> None:
    s.unit = "pages"
    a, b = rng.randint(2, 7), amount(rng, big)
    total = a * b + rng.randint(5, 60)
    s.value, s.expr = total, str(total)
    s.sentences += [f"A book has {total} pages.", f"{s.name} reads {b} pages a day for {a} days."]
    s.add_product("Read", a, b, "-")
    s.question = "How many pages are left?"


def baking(rng: Random, s: Story, big: bool) -> None:
    s.unit = "cookies"
    a, b = rng.randint(2, 8), amount(rng, big)
    c = rng.randint(1, a * b - 1)
    s.sentences += [f"{s.name} bakes {a} trays of {b} cookies.", f"The family eats {c} of them."]
    begin(s, a, b, "Baked")
    s.step("Left", s.expr, "-", c)
    s.question = "How many cookies are left?"


def twice(rng: Random, s: Story, big: bool) -> None:
    s.unit = rng.choice(THINGS)
    a, k = amount(rng, big), rng.randint(2, 4)
    other = rng.choice([n for n in NAMES if n != s.name])
    s.sentences += [f"{other} has {a} {s.unit}.", f"{s.name} has {k} times as many {s.unit} as {other}."]
    begin(s, k, a, s.name)
    s.question = f"How many {s.unit} does {s.name} have in the end?"


def travel(rng: Random, s: Story, big: bool) -> None:
    s.unit = "miles"
    a, b, c, d = rng.randint(2, 6), rng.randint(10, 60), rng.randint(2, 5), rng.randint(10, 60)
    s.sentences.append(f"A train goes {b} miles an hour for {a} hours and then {d} miles an hour for {c} hours.")
    begin(s, a, b, "First part")
    s.add_product("Second part", c, d, "+")
    s.question = "How many miles does it go?"


def tickets(rng: Random, s: Story, big: bool) -> None:
    s.unit = "dollars"
    a, b, c, d = rng.randint(2, 9), rng.randint(3, 15), rng.randint(2, 9), rng.randint(2, 8)
    s.sentences.append(f"A museum sells {a} adult tickets at {b} dollars and {c} child tickets at {d} dollars.")
    begin(s, a, b, "Adults")
    s.add_product("Children", c, d, "+")
    s.question = "How many dollars does the museum take?"


def garden(rng: Random, s: Story, big: bool) -> None:
    s.unit = "plants"
    a, b = rng.randint(3, 9), rng.randint(4, 15)
    c = rng.randint(1, a * b - 1)
    s.sentences += [f"A gardener sets {b} plants in each of {a} beds.", f"Slugs destroy {c} plants."]
    begin(s, a, b, "Set")
    s.step("Left", s.expr, "-", c)
    s.question = "How many plants are left?"


KINDS: dict[str, Callable[[Random, Story, bool], None]] = {
    "collection": collection,
    "packs": packs,
    "wages": wages,
    "savings": savings,
    "shopping": shopping,
    "seats": seats,
    "reading": reading,
    "baking": baking,
    "twice": twice,
    "travel": travel,
    "tickets": tickets,
    "garden": garden,
}
HELD_KINDS = ("travel", "tickets", "garden")
CORPUS_KINDS = tuple(k for k in KINDS if k not in HELD_KINDS)


def extend(rng: Random, s: Story, big: bool) -> None:
    """One more thing happens (one step, or two for a product)."""
    who = s.name
    moves = ["gain", "lose", "packs"]
    if s.value < 200:
        moves += ["double"]
    if s.value % 2 == 0:
        moves += ["half"]
    divisors = [k for k in (3, 4, 5, 6) if s.value and s.value % k == 0]
    moves += ["share"] if divisors else []
    move = rng.choice(moves)
    if move == "lose" and s.value < 2:
        move = "gain"
    if move == "gain":
        n = amount(rng, big)
        s.sentences.append(
            rng.choice(
                (
                    f"Then {n} more {s.unit} are added.",
                    f"{who} gets {n} more {s.unit}.",
                    f"Later {n} {s.unit} come on top.",
                )
            )
        )
        s.step("Now", s.expr, "+", n)
    elif move == "lose":
        n = rng.randint(1, min(s.value - 1, 90 if big else 20))
        s.sentences.append(
            rng.choice(
                (f"Then {n} {s.unit} are taken away.", f"{who} gives away {n} {s.unit}.", f"{n} {s.unit} get lost.")
            )
        )
        s.step("Now", s.expr, "-", n)
    elif move == "packs":
        a, b = rng.randint(2, 6), rng.randint(2, 25 if big else 9)
        s.sentences.append(
            rng.choice((f"Then {a} boxes with {b} {s.unit} each are added.", f"{who} gets {a} times {b} {s.unit}."))
        )
        s.add_product("In the boxes", a, b, "+")
    elif move == "double":
        s.sentences.append(rng.choice((f"Then the number of {s.unit} doubles.", "After that the amount is doubled.")))
        s.step("Doubled", s.expr, "*", 2)
    elif move == "half":
        s.sentences.append(
            rng.choice((f"Then half of the {s.unit} go to a friend.", f"{who} loses half of the {s.unit}."))
        )
        s.step("Half", s.expr, "/", 2)
    else:
        k = rng.choice(divisors)
        s.sentences.append(
            rng.choice(
                (
                    f"Then the {s.unit} are shared equally by {k} people and we look at one share.",
                    f"Only one of {k} equal parts of the {s.unit} is kept.",
                )
            )
        )
        s.step("One part", s.expr, "/", k)


def distract(rng: Random, s: Story) -> None:
    """A number that plays no part."""
    other = rng.choice([n for n in NAMES if n != s.name])
    n = rng.randint(2, 40)
    line = rng.choice(
        (f"{other} has {n} {rng.choice(OTHER_THINGS)}.", f"{other} is {n} years old.", f"It is {n} degrees outside.")
    )
    s.sentences.insert(rng.randint(1, len(s.sentences)), line)
    s.distracted = True


def make(
    rng: Random, *, steps: int, kinds: tuple[str, ...] = CORPUS_KINDS, distractor: float = 0.25, big: bool = False
) -> Story:
    """A Story with at least ``steps`` calculation steps (a product counts two), at most one more."""
    kind = rng.choice(kinds)
    story = Story(kind, rng.choice(NAMES), "")
    KINDS[kind](rng, story, big)
    while len(story.steps) < max(steps, 1):
        extend(rng, story, big)
    if rng.random() < distractor:
        distract(rng, story)
    return story


def held_story(story: Story) -> bool:
    """Whether this kind with these numbers is reserved for MiniMath, whatever its names and wording."""
    return fraction(f"minimath-1|{story.kind}|{story.expr}") < HELD_SHARE


def corpus_story(rng: Random, steps: int = 0, *, distractor: float = 0.25, big: float = 0.3) -> Story:
    """A Story of the corpus: its kinds only, at most MAX_CORPUS_STEPS steps, none that is held out."""
    while True:
        story = make(
            rng,
            steps=steps or rng.choice((1, 1, 2, 2, 3, 3, 4, 4, 5, 6)),
            distractor=distractor,
            big=rng.random() < big,
        )
        if len(story.steps) <= MAX_CORPUS_STEPS and not held_story(story):
            return story


def versions(rng: Random) -> tuple[Story, Story]:
    """An easier and a harder version of one problem, both of the corpus."""
    while True:
        easy, hard = pair_of_versions(rng.randrange(2**40))
        if len(hard.steps) <= 4 and not held_story(easy) and not held_story(hard):
            return easy, hard


def pair_of_versions(seed: int) -> tuple[Story, Story]:
    """The same problem with fewer and with more steps: (easier, harder)."""
    draws = Random(seed)
    steps = draws.choice((1, 1, 2, 3))
    easy = make(Random(seed + 1), steps=steps, distractor=0.0)
    hard = make(Random(seed + 1), steps=len(easy.steps) + 1, distractor=0.0)
    return easy, hard


def worked(rng: Random, story: Story, style: int | None = None) -> list[str]:
    """The solution's lines, one calculation each."""
    style = rng.randrange(3) if style is None else style
    if style == 0:
        return [f"{calc} = {value}" for _, calc, value in story.steps]
    if style == 1:
        return [f"{label}: {calc} = {value}" for label, calc, value in story.steps]
    return [f"{label}: {calc} = {value} {story.unit}." for label, calc, value in story.steps]


def wrong_turn(rng: Random, story: Story) -> tuple[list[str], int]:
    """A worked solution that goes wrong: one result is off, or the last step is missing."""
    lines = [f"{label}: {calc} = {value}" for label, calc, value in story.steps]
    if len(lines) > 1 and rng.random() < 0.5:
        return lines[:-1], story.steps[-2][2]
    off = story.value + rng.choice((-10, -2, -1, 1, 2, 10))
    label, calc, _ = story.steps[-1]
    return [*lines[:-1], f"{label}: {calc} = {off}"], off
