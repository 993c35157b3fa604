"""The dial readings of an organism: its scores through a chat template and raw, and what it invents.

    python -m selfboot.organism.dials --model fixtures/organism/seed0 --split dev --out readings.json

The suite's own sampler, formats and graders, on whatever device is at hand. ``--quick`` leaves out the sampled
readings. Not covered: bands and verdicts (those are the claims' matter).
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfboot.formats.base import Chat, answer_format, code_format, wording
from selfboot.formats.problems import parse_problem, problem_prompt
from selfboot.grading.answers import AnswerGrader
from selfboot.grading.code import CodeGrader
from selfboot.records import AnswerTask, CodeJob, CodeTask, Sampling

Row = dict[str, Any]
FUNCTION_STOPS = ("\n\ndef ", "\nassert ", "\n>>>")
STOP_IDS = (0, 2)  # <|endoftext|> and <|im_end|>


class Animal:
    """A model behind the suite's sampler, with its graders."""

    def __init__(self, folder: Path, tokenizer: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from selfboot.sampling.transformers import TransformersSampler

        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = AutoModelForCausalLM.from_pretrained(folder)
        model = model.to(device) if device == "cuda" else model.float()
        self.tokenizer = AutoTokenizer.from_pretrained(tokenizer)
        self.sampler = TransformersSampler(model, self.tokenizer, STOP_IDS)
        self.grader = CodeGrader()

    def chat(self) -> Chat:
        def render(messages: Sequence[dict[str, str]]) -> str:
            text: str = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            return text

        return render

    def draw(
        self,
        prompts: Sequence[str],
        *,
        n: int = 1,
        temperature: float = 0.0,
        tokens: int = 400,
        stop: tuple[str, ...] = (),
    ) -> list[list[str]]:
        sampling = Sampling(tokens, temperature, 0.95, n, stop)
        drawn = self.sampler.generate(prompts, sampling, list(range(len(prompts))))
        return [[c.text for c in some] for some in drawn]

    def passes(
        self, programs: Sequence[tuple[CodeTask, str]], *, plus: bool = False, trusted: bool = True
    ) -> list[bool]:
        """Whether each program passes its task's tests."""
        jobs = [
            CodeJob(code, task.entry_point, "\n".join(task.plus_tests if plus else task.tests), trusted)
            for task, code in programs
        ]
        return [outcome.passed for outcome in self.grader.grade(jobs)]


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def code_tasks(path: Path) -> list[CodeTask]:
    return [
        CodeTask(
            r["task_id"],
            r["prompt"],
            r["entry_point"],
            tuple(r["tests"]),
            r["canonical_solution"],
            tuple(r["plus_tests"]),
            r["level"],
            r["kind"],
        )
        for r in read(path)
    ]


def by_level(levels: Sequence[int], good: Sequence[bool]) -> str:
    """ "11/12 18/18": right of all, level by level."""
    pairs = list(zip(levels, good, strict=True))
    return " ".join(
        f"{sum(g for v, g in pairs if v == level)}/{sum(v == level for v, _ in pairs)}" for level in sorted(set(levels))
    )


def code_dials(animal: Animal, tasks: Sequence[CodeTask], name: str, *, samples: int) -> Row:
    """Greedy raw (also cut after the first function) and chat on the tests and the hidden tests; chat at T=0.8."""
    levels = [t.level for t in tasks]
    readings: Row = {f"{name}_n": len(tasks)}
    raw = code_format("raw")
    forms = {"raw": raw, "first_function": code_format("raw", raw.stop + FUNCTION_STOPS), "chat": code_format("chat")}
    for style, form in forms.items():
        drawn = animal.draw([form.prompt(t, animal.chat()) for t in tasks], stop=form.stop)
        programs = [(t, form.program(t, texts[0])) for t, texts in zip(tasks, drawn, strict=True)]
        good, plus = animal.passes(programs), animal.passes(programs, plus=True)
        readings |= {
            f"{name}_{style}_greedy": sum(good),
            f"{name}_{style}_levels": by_level(levels, good),
            f"{name}_{style}_plus": sum(a and b for a, b in zip(good, plus, strict=True)),
        }
    if samples:
        form = code_format("chat")
        drawn = animal.draw([form.prompt(t, animal.chat()) for t in tasks], n=samples, temperature=0.8)
        flags = animal.passes(
            [(t, form.program(t, text)) for t, texts in zip(tasks, drawn, strict=True) for text in texts]
        )
        many = [flags[i : i + samples] for i in range(0, len(flags), samples)]
        readings |= {
            f"{name}_chat_mean_t08": round(sum(flags) / samples, 1),
            f"{name}_chat_pass{samples}_t08": sum(map(any, many)),
            f"{name}_chat_pass{samples}_levels": by_level(levels, [any(m) for m in many]),
        }
    return readings


def invent_dials(animal: Animal, count: int) -> Row:
    """Of ``count`` invented exercises at T=0.9: well-formed ones, and those whose body passes their asserts."""
    readings: Row = {"invent_n": count}
    for section in ("problems", "hard_problems"):
        texts = animal.draw([problem_prompt(animal.chat(), section)], n=count, temperature=0.9)[0]
        formed = [p for text in texts if (p := parse_problem(text))]
        good = animal.passes([(p.task("invented"), p.solution) for p in formed], trusted=False)
        valid = {p.solution for p, g in zip(formed, good, strict=True) if g}
        readings |= {
            f"{section}_well_formed": len(formed),
            f"{section}_valid": sum(good),
            f"{section}_distinct": len(valid),
        }
    return readings


def math_dials(animal: Animal, rows: Sequence[Row], *, samples: int, deep: int) -> Row:
    """Greedy in both formats, sampled pass@k, and the hard slice's curve (T=0.7)."""
    tasks = [AnswerTask(r["task_id"], r["problem"], r["answer"]) for r in rows]
    levels = [r["level"] for r in rows]
    readings: Row = {"minimath_n": len(rows)}
    with AnswerGrader() as grader:

        def right(name: str, some: Sequence[AnswerTask], n: int, temperature: float) -> list[list[bool]]:
            form = answer_format(name)
            drawn = animal.draw([form.prompt(t, animal.chat()) for t in some], n=n, temperature=temperature, tokens=300)
            outcomes = grader.grade(
                [(text, t.answer) for t, texts in zip(some, drawn, strict=True) for text in texts], form.style
            )
            flags = [o.passed for o in outcomes]
            return [flags[i : i + n] for i in range(0, len(flags), n)]

        for name in ("gsm8k", "math"):
            greedy = [flags[0] for flags in right(name, tasks, 1, 0.0)]
            readings |= {f"minimath_{name}_greedy": sum(greedy), f"minimath_{name}_levels": by_level(levels, greedy)}
        if samples:
            many = right("gsm8k", tasks, samples, 0.8)
            readings |= {
                "minimath_mean_t08": round(sum(map(sum, many)) / samples, 1),
                f"minimath_pass{samples}_t08": sum(map(any, many)),
                f"minimath_pass{samples}_levels": by_level(levels, [any(m) for m in many]),
            }
        if deep:
            hard = [t for t, r in zip(tasks, rows, strict=True) if r["hard"]]
            curve = right("gsm8k", hard, deep, 0.7)
            ks = [k for k in (1, 2, 4, 8, 16, 32, 64) if k <= deep]
            readings |= {
                "minimath_hard_n": len(hard),
                "minimath_hard_first_k": {k: sum(any(c[:k]) for c in curve) for k in ks},
            }
    return readings


PEA = re.compile(r"PROBLEM: (.+)\nEXPRESSION: ([-+*/() \d]+)\nANSWER: (-?\d+)")


def pea_dials(animal: Animal, count: int) -> Row:
    """Of ``count`` invented word problems: well-formed ones, and those whose expression has the stated value."""
    from selfboot.formats.arithmetic import evaluate

    messages = [
        {"role": "system", "content": wording("word_problems", "system")},
        {"role": "user", "content": wording("word_problems", "user")},
    ]
    texts = animal.draw([animal.chat()(messages)], n=count, temperature=0.9, tokens=200)[0]
    found = [m for text in texts if (m := PEA.search(text))]
    good = 0
    for match in found:
        try:
            good += abs(evaluate(match[2]) - int(match[3])) < 0.01
        except (ValueError, ArithmeticError, SyntaxError):
            continue
    return {"word_problems_n": count, "word_problems_well_formed": len(found), "word_problems_valid": good}


def measure(folder: Path, tokenizer: Path, data: Path, split: str, *, quick: bool) -> Row:
    """All dials of one model on one split."""
    started = time.perf_counter()
    animal = Animal(folder, tokenizer)
    samples = 0 if quick else 8
    result: Row = {"model": folder.name, "split": split}
    result |= code_dials(animal, code_tasks(data / f"minieval/{split}.jsonl"), "minieval", samples=samples)
    if split == "test":
        result |= code_dials(animal, code_tasks(data / "minilib/test.jsonl"), "minilib", samples=samples)
    result |= math_dials(animal, read(data / f"minimath/{split}.jsonl"), samples=samples, deep=0 if quick else 32)
    result |= invent_dials(animal, 96 if quick else 192) | pea_dials(animal, 96)
    animal.grader.close()
    return result | {"seconds": round(time.perf_counter() - started, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, default=Path("fixtures/organism/tokenizer"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    result = measure(args.model, args.tokenizer, args.data, args.split, quick=args.quick)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
