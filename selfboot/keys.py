"""What of our own code enters the keys of stored results: the modules that can change them, and a hash of their logic.

A result is kept under the hash of everything that determines it. Part of that is what our code does. The lists below
name the modules whose logic can change a kind of result; ``code_hash`` hashes them. It leaves out comments, docstrings,
import statements and module names, so a reworded comment or a moved module keeps every stored result.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import itertools
import re
from pathlib import Path

from selfboot.errors import StoreError
from selfboot.store import digest


def _modules(package: str, *names: str) -> tuple[str, ...]:
    return tuple(f"selfboot.{package}.{name}" for name in names)


# What draws completions, by engine.
ENGINES = {
    "transformers": (*_modules("sampling", "transformers", "draw", "stops"), *_modules("models", "continuation")),
    "vllm": (*_modules("sampling", "vllm", "transformers", "stops"), *_modules("models", "continuation")),
}
NF4 = _modules("models", "nf4")  # added where a model is loaded in 4 bits
SAMPLING = ENGINES["transformers"]
ENGINES["graphs"] = (*SAMPLING, *_modules("sampling", "graphs"))  # transformers, replaying CUDA graphs
# Every module whose logic can change a program's verdict (tests/core/test_lab.py follows the imports).
GRADING = (
    *_modules("grading", "code", "pool", "worker", "tester", "candidate", "unittests"),
    *_modules("grading", "fork_server", "kernel", "scratch", "usage", "wire", "values", "plus"),
)
ANSWERS = (
    *_modules("grading", "answers", "answer_worker", "reading", "spelling", "normal", "form", "algebra"),
    *_modules("grading", "units", "intervals", "quantities"),
)
TRAINING = (*_modules("training", "lora"), *_modules("models", "continuation"))
DROPOUT = (*SAMPLING, *_modules("sampling", "dropout"))  # added where a script mines on with dropout left on
SCRIPTED = _modules("training", "scripted")  # added where a recipe trains as the paper's scripts do
MINING = (
    *_modules("formats", "base", "chat", "raw", "mbpp", "lens", "gsm8k", "math"),
    *_modules("formats", "problems", "word_problems", "arithmetic", "repair", "traces"),
    *_modules("mining", "base", "steps"),
)
MINERS = (
    *_modules("mining", "bootstrap", "multi_pair", "curriculum", "vanilla_math", "seeded", "recursive"),
    *_modules("mining", "diversity", "star", "math_seeded", "self_correction"),
)
# Added where a miner follows a script's facts: how it reads and judges.
SCRIPT_VERDICT = _modules("grading", "scripts")  # added where a score is by the paper's verdict
BY_FACTS = (
    *_modules("formats.paper", "forms", "pairs", "problems", "reading"),
    *_modules("formats", "natural"),
    *_modules("grading", "scripts"),
    *_modules("mining", "by_facts"),
)
PROTOCOLS = _modules("protocols", "training", "sampling", "synergy", "mining", "boundary", "without_training")
# What is measured and recorded in data/measured/.
CALIBRATION = (*SAMPLING, *TRAINING, *MINING, *MINERS, *PROTOCOLS)
DECOMPOSITION = (
    *(*SAMPLING, *TRAINING, *GRADING),
    *_modules("formats", "chat", "raw", "repair", "tolerant", "raw_tolerant"),
    *_modules("analysis", "failures"),
)
FAMILY = (
    *(*_modules("sampling", "transformers"), *TRAINING),
    *(*_modules("formats", "chat"), *_modules("mining", "bootstrap")),
)


@functools.cache
def code_hash(*modules: str) -> str:
    """Hash of what modules do. The same under every Python version (tests/core/test_keys.py): a store may travel."""
    return digest([_logic(module) for module in modules])[:16]


def _logic(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise StoreError(f"code_hash: no module {module!r}")
    return logic(Path(spec.origin).read_text(encoding="utf-8"))


MODULE = re.compile(r"selfboot(\.\w+)+")


def logic(source: str) -> str:
    """Python source in a normal form: no comments, docstrings or imports; f-strings as tuples of their parts; a string
    that names a module of ours as "selfboot"."""
    return ast.unparse(ast.fix_missing_locations(_Plain().visit(ast.parse(source))))


class _Plain(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if ast.get_docstring(node, False) else node.body
        super().generic_visit(node)
        if isinstance(node, ast.stmt) and getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        """A moved module changes nothing but import statements."""

    visit_ImportFrom = visit_Import

    def visit_If(self, node: ast.If) -> ast.AST | None:
        only_for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if only_for_types else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        named = isinstance(node.value, str) and MODULE.fullmatch(node.value)
        return ast.Constant("selfboot") if named else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Tuple:
        """Python versions quote f-strings, and split their constants, in different ways."""
        parts: list[ast.expr] = []
        for text, values in itertools.groupby(node.values, lambda value: isinstance(value, ast.Constant)):
            if text:
                parts.append(ast.Constant("".join(str(v.value) for v in values if isinstance(v, ast.Constant))))
            else:
                parts += [self.visit(value) for value in values]
        return ast.Tuple([part for part in parts if getattr(part, "value", None) != ""], ast.Load())

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.Tuple:
        spec = [self.visit(node.format_spec)] if node.format_spec else []
        return ast.Tuple([ast.Constant(node.conversion), self.visit(node.value), *spec], ast.Load())
