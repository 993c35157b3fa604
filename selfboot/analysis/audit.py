"""Is a file of training pairs what it claims to be? A finding names its lines; errors fail the audit, warnings do not.

Checks: schema, exact and near duplicates, tests that do not test (they pass on the broken code or on an empty body),
solutions that stand in the signature already, ``fixed`` run again in the sandbox, overlap with a benchmark (n-grams of
the wording; structure of the solution up to renaming), and what kind of failure ``broken`` is (failures.py).
Pure but for the grader it is given: no file, no model.

Not covered: tests that are too weak to catch a wrong program other than ``broken`` and the empty one; paraphrased
problems; solutions that compute a benchmark's task in another way.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any, Literal, Protocol

from selfboot.analysis.failures import asked_name, called_names, classify_broken, pair_task, side, tally
from selfboot.analysis.fingerprint import fingerprint
from selfboot.errors import DataError
from selfboot.formats.tolerant import answer, assemble, parse, statements
from selfboot.pairs import parse_item
from selfboot.records import AnswerTask, CodeJob, CodeTask, Item, Outcome, Pair, Solution

Severity = Literal["error", "warning"]
CHECKS: dict[str, tuple[Severity, str]] = {
    "schema": ("error", "a line that is no pair and no solved problem"),
    "duplicate": ("error", "the same pair twice"),
    "fixed fails": ("error", "the fixed code does not pass the pair's own tests"),
    "tests pass on broken": ("error", "the tests do not tell broken from fixed"),
    "tests pass on nothing": ("error", "the tests pass on an empty body"),
    "solution in signature": ("error", "the prompt holds the solution already"),
    "fixed runs on": ("warning", "the fixed code holds more than the asked function and what it needs"),
    "repeated task": ("warning", "several pairs for one task"),
    "near duplicate": ("warning", "two tasks with nearly the same words and code"),
    "test calls nothing": ("warning", "a test that never calls the asked function"),
    "answer not in solution": ("warning", "the solution does not end in the answer"),
    "benchmark wording": ("warning", "the wording is that of a benchmark task"),
    "benchmark structure": ("warning", "the solution has the structure of a benchmark's, up to renaming"),
}
NEAR = 0.85  # token Jaccard from which two items are near duplicates
NGRAM = 6  # words
OVERLAP = 0.5  # share of the shorter text's n-grams
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


class Grader(Protocol):
    """The part of a code grader that the audit uses."""

    def grade(self, jobs: Sequence[CodeJob]) -> list[Outcome]: ...


@dataclass(frozen=True)
class Finding:
    """One fault: the check, the lines of the file (1-based) that it concerns, and what is the matter."""

    check: str
    lines: tuple[int, ...]
    message: str

    @property
    def severity(self) -> Severity:
        return CHECKS[self.check][0]


@dataclass(frozen=True)
class Audit:
    """What an audit found. ``broken``: the pairs' failing sides by class; ``benchmark``: what overlap was asked for."""

    items: int
    findings: tuple[Finding, ...]
    broken: Mapping[str, int]
    benchmark: str = ""
    executed: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)

    def failed(self, strict: bool = False, allow: Iterable[str] = ()) -> list[Finding]:
        """The findings that fail the audit: errors, with ``strict`` warnings too; never those of ``allow``ed checks."""
        return [f for f in self.findings if (strict or f.severity == "error") and f.check not in set(allow)]

    @property
    def counts(self) -> dict[str, int]:
        """Findings a check, in the order of ``CHECKS``, those that occur only."""
        found = Counter(f.check for f in self.findings)
        return {check: found[check] for check in CHECKS if found[check]}

    @property
    def sides(self) -> dict[str, int]:
        """The pairs' failing sides as form and skill."""
        return {name: sum(n for c, n in self.broken.items() if side(c) == name) for name in ("form", "skill")}

    def table(self) -> dict[str, Any]:
        """Everything as plain JSON."""
        findings = [{**asdict(f), "severity": f.severity} for f in self.findings]
        rest = {"counts": self.counts, "sides": self.sides, "findings": findings, "broken": dict(self.broken)}
        return {"items": self.items, "benchmark": self.benchmark, "executed": self.executed, **self.extra, **rest}


Lines = Sequence[tuple[int, Item]]


def parse_lines(text: str) -> tuple[list[tuple[int, Item]], list[Finding]]:
    """Every item of a JSON Lines text with its line, and a finding for each line that is none."""
    items: list[tuple[int, Item]] = []
    findings = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise DataError(f"line {number}: expected an object, found {type(row).__name__}")
            items.append((number, parse_item(f"line {number}", row)))
        except (ValueError, RecursionError) as error:
            findings.append(Finding("schema", (number,), f"line {number}: not JSON ({error})"))
        except DataError as error:
            findings.append(Finding("schema", (number,), str(error)))
    return items, findings


def audit(
    text: str,
    grader: Grader | None = None,
    benchmark: str = "",
    tasks: Sequence[CodeTask | AnswerTask] = (),
    structures: Mapping[str, Iterable[str]] | None = None,
) -> Audit:
    """Audit a JSON Lines text. Without ``grader`` nothing is run: broken code is classified by its recorded error.

    ``tasks`` are those of the ``benchmark``; ``structures``: further fingerprints of a task's solution by task id.
    """
    items, findings = parse_lines(text)
    pairs = [(line, item) for line, item in items if isinstance(item, Pair)]
    solutions = [(line, item) for line, item in items if isinstance(item, Solution)]
    findings += [
        *_duplicates(items),
        *_near(items),
        *_leaks(pairs),
        *_run_ons(pairs),
        *_idle_tests(pairs),
        *_answers(solutions),
    ]
    findings += [*_wording(items, tasks), *_structure(pairs, tasks, structures or {})]
    runs = _run(pairs, grader) if grader is not None else []
    findings += _executed(pairs, runs)
    again = [run["broken"] for run in runs] if grader is not None else [None for _ in pairs]
    classes = [classify_broken(pair, outcome) for (_, pair), outcome in zip(pairs, again, strict=True)]
    order = {check: place for place, check in enumerate(CHECKS)}
    ordered = tuple(sorted(_once(findings), key=lambda f: (order[f.check], f.lines)))
    return Audit(len(items), ordered, tally(classes), benchmark, grader is not None)


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once; a signature that holds the solution counts once, whether it was read or run."""
    found: dict[tuple[object, ...], Finding] = {}
    for one in findings:
        found.setdefault((one.check, one.lines, "" if one.check == "solution in signature" else one.message), one)
    return list(found.values())


# ---------------------------------------------------------------- what can be read off the text


def _key(item: Item) -> tuple[str, ...]:
    parts = (item.signature, item.broken, item.fixed) if isinstance(item, Pair) else (item.problem, item.solution)
    return tuple(" ".join(part.split()) for part in parts)


def _duplicates(items: Lines) -> Iterator[Finding]:
    same, tasks = defaultdict(list), defaultdict(list)
    for line, item in items:
        key = _key(item)
        if key not in same:
            tasks[key[0]].append(line)
        same[key].append(line)
    for lines in same.values():
        if len(lines) > 1:
            yield Finding("duplicate", tuple(lines), f"line {_join(lines)}: the same pair")
    for task, lines in tasks.items():
        if len(lines) > 1:
            yield Finding("repeated task", tuple(lines), f"lines {_join(lines)}: all for {_short(task)}")


def _near(items: Lines) -> Iterator[Finding]:
    first = {_key(item)[0]: (line, item) for line, item in reversed(items)}
    bags = [(line, set(_TOKEN.findall(_words_of(item)))) for line, item in sorted(first.values(), key=lambda x: x[0])]
    for (a, one), (b, two) in combinations(bags, 2):
        alike = len(one & two) / len(one | two) if one | two else 1.0
        if alike >= NEAR:
            yield Finding("near duplicate", (a, b), f"lines {a} and {b}: {alike:.0%} of all tokens in common")


def _words_of(item: Item) -> str:
    return f"{item.signature}\n{item.fixed}" if isinstance(item, Pair) else item.problem


def _leaks(pairs: Sequence[tuple[int, Pair]]) -> Iterator[Finding]:
    for line, pair in pairs:
        name = asked_name(pair.signature, pair.tests)
        found = answer(statements(pair.signature), name)
        if found is not None and not _stub(found.source):
            yield Finding("solution in signature", (line,), f"line {line}: the signature of {name} has a body")
        elif (share := _shown(pair, name)) >= OVERLAP:
            yield Finding(
                "solution in signature",
                (line,),
                f"line {line}: {share:.0%} of the lines of {name}'s body stand in the signature",
            )


def _stub(source: str) -> bool:
    """Whether a function only says that there is nothing yet: ``pass``, ``...`` or ``raise NotImplementedError``."""
    body = ast.parse(source).body[0].body  # type: ignore[attr-defined]
    rest = [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return all(isinstance(node, ast.Pass) or "NotImplemented" in ast.unparse(node) for node in rest)


def _shown(pair: Pair, name: str) -> float:
    """Share of the body lines of ``fixed`` (those that say something) that the signature holds, comments included."""
    asked = answer(statements(pair.fixed), name)
    function = ast.parse(asked.source).body[0] if asked else None
    if asked is None or not isinstance(function, ast.FunctionDef):
        return 0.0
    docstring = ast.get_docstring(function) is not None
    lines = [line.strip() for node in function.body[docstring:] for line in ast.unparse(node).split("\n")]
    telling = [line for line in lines if len(line) >= 8 and line not in ("return None", "return True", "return False")]
    shown = {line.strip().lstrip("#> ").strip() for line in pair.signature.split("\n")}
    return sum(line in shown for line in telling) / len(telling) if telling else 0.0


def _run_ons(pairs: Sequence[tuple[int, Pair]]) -> Iterator[Finding]:
    """Solutions that pass and then go on: who trains on them learns to go on."""
    for line, pair in pairs:
        name = asked_name(pair.signature, pair.tests)
        needed = assemble(statements(pair.fixed), name)
        if needed is not None and (extra := _code_lines(pair.fixed) - _code_lines(needed)) > 0:
            yield Finding("fixed runs on", (line,), f"line {line}: {extra} lines beyond {name} and what it needs")


def _code_lines(text: str) -> int:
    return sum(1 for line in text.split("\n") if line.strip() and not line.startswith("#"))


def _idle_tests(pairs: Sequence[tuple[int, Pair]]) -> Iterator[Finding]:
    for line, pair in pairs:
        name = asked_name(pair.signature, pair.tests)
        for test in pair.tests:
            if parse(test) is not None and name not in called_names(test):
                yield Finding(
                    "test calls nothing", (line,), f"line {line}: {_short(test)} does not call {name or 'any function'}"
                )


def _answers(solutions: Sequence[tuple[int, Solution]]) -> Iterator[Finding]:
    for line, item in solutions:
        numbers = _NUMBER.findall(item.solution)
        last = numbers[-1].replace(",", "") if numbers else ""
        if item.answer not in item.solution and not _same_number(last, item.answer):
            yield Finding(
                "answer not in solution",
                (line,),
                f"line {line}: answer {item.answer}, the solution ends in {last or 'no number'}",
            )


def _same_number(one: str, two: str) -> bool:
    try:
        return abs(float(one) - float(two)) <= 0.01
    except ValueError:
        return False


# ---------------------------------------------------------------- overlap with a benchmark


def _wording(items: Lines, tasks: Sequence[CodeTask | AnswerTask]) -> Iterator[Finding]:
    """Texts that share ``OVERLAP`` of their n-grams with a task; texts shorter than n words must be the same."""
    known = [(task.task_id, _ngrams(prose(_text_of(task)))) for task in tasks]
    for line, item in items:
        own = _ngrams(prose(item.signature if isinstance(item, Pair) else item.problem))
        best, where = max(((_contained(own, theirs), name) for name, theirs in known), default=(0.0, ""))
        if best >= OVERLAP:
            yield Finding("benchmark wording", (line,), f"line {line}: {best:.0%} of the wording of {where}")


def _text_of(task: CodeTask | AnswerTask) -> str:
    return task.prompt if isinstance(task, CodeTask) else task.problem


def prose(text: str) -> str:
    """What a prompt says: without the function's header and its examples."""
    lines, skip = [], False
    for line in text.split("\n"):
        example = line.strip().startswith(">>>")
        if not (example or skip or line.startswith(("def ", "import ", "from "))):
            lines.append(line)
        skip = example
    return "\n".join(lines)


def _ngrams(text: str) -> frozenset[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(text)]
    return (
        frozenset(tuple(words[i : i + NGRAM]) for i in range(max(1, len(words) - NGRAM + 1))) if words else frozenset()
    )


def _contained(one: frozenset[tuple[str, ...]], two: frozenset[tuple[str, ...]]) -> float:
    return len(one & two) / min(len(one), len(two)) if one and two else 0.0


def structure(program: str, name: str) -> str:
    """Fingerprint of the function ``name`` in a program, without names, annotations and docstring; "" without one."""
    found = answer(statements(program), name)
    return fingerprint(found.source) if found else ""


def _structure(
    pairs: Sequence[tuple[int, Pair]], tasks: Sequence[CodeTask | AnswerTask], more: Mapping[str, Iterable[str]]
) -> Iterator[Finding]:
    known: dict[str, str] = {}
    for task in tasks:
        own = [structure(task.prompt + task.canonical, task.entry_point)] if isinstance(task, CodeTask) else []
        known |= {print_: task.task_id for print_ in (*more.get(task.task_id, ()), *own) if print_}
    for line, pair in pairs:
        found = structure(pair.fixed, asked_name(pair.signature, pair.tests))
        if found in known:
            yield Finding("benchmark structure", (line,), f"line {line}: fixed is {known[found]} up to renaming")


# ---------------------------------------------------------------- what running it shows


def _run(pairs: Sequence[tuple[int, Pair]], grader: Grader) -> list[dict[str, Outcome]]:
    """Outcomes of fixed, broken, the empty body and the signature alone, for each pair, on its own tests."""
    programs = [_programs(pair) for _, pair in pairs]
    jobs = [
        CodeJob(code, pair_task(pair).entry_point, "\n".join(pair.tests), trusted_tests=False)
        for (_, pair), each in zip(pairs, programs, strict=True)
        for code in each.values()
    ]
    outcomes = iter(grader.grade(jobs))
    return [{name: next(outcomes) for name in each} for each in programs]


def _programs(pair: Pair) -> dict[str, str]:
    name = asked_name(pair.signature, pair.tests) or "missing"
    empty = f"def {name}(*args, **kwargs):\n    pass\n"
    return {"fixed": pair.fixed, "broken": pair.broken, "nothing": empty, "signature": pair.signature}


def _executed(pairs: Sequence[tuple[int, Pair]], runs: Sequence[Mapping[str, Outcome]]) -> Iterator[Finding]:
    for (line, _), run in zip(pairs, runs, strict=False):
        where = f"line {line}:"
        if not run["fixed"].passed:
            yield Finding("fixed fails", (line,), f"{where} {run['fixed'].status}, {_short(run['fixed'].detail)}")
        if run["broken"].passed:
            yield Finding("tests pass on broken", (line,), f"{where} broken passes the tests too")
        if run["nothing"].passed:
            yield Finding("tests pass on nothing", (line,), f"{where} a body that does nothing passes")
        if run["signature"].passed and not run["nothing"].passed:
            yield Finding("solution in signature", (line,), f"{where} the signature alone passes the tests")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 70 else line[:69] + "…")


def _join(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines))
