"""Arithmetic as data: expressions of numbers and + - * / // % **, evaluated exactly on the syntax tree, without eval.

What a model writes is hostile: length, tree size, exponents and magnitudes are capped, so every input ends at once.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

MAX_CHARS, MAX_NODES, MAX_BITS, MAX_EXPONENT = 200, 100, 256, 64
_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
    ast.Pow: lambda a, b: _power(a, b),
}


def evaluate(expression: str) -> Fraction:
    """The exact value of an arithmetic expression. Raises ValueError for anything else, or anything too big."""
    if len(expression) > MAX_CHARS:
        raise ValueError(f"an expression of {len(expression)} characters; at most {MAX_CHARS}")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not an expression: {expression!r:.60}") from error
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise ValueError(f"an expression of more than {MAX_NODES} nodes")
    try:
        return _value(tree.body)
    except ZeroDivisionError:
        raise ValueError(f"division by zero: {expression!r:.60}") from None


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=value) if type(value) in (int, float):
            return _small(Fraction(repr(value)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _small(_BINARY[type(op)](_value(left), _value(right)))
    raise ValueError(f"not arithmetic: {ast.dump(node)[:60]}")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
        raise ValueError(f"exponent {exponent}; a whole number up to {MAX_EXPONENT}")
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > MAX_BITS:
        raise ValueError(f"a power of more than {MAX_BITS} bits")
    return Fraction(base ** int(exponent))


def _small(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise ValueError(f"a number of more than {MAX_BITS} bits")
    return value
