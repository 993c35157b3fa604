r"""Exact algebra on LaTeX: sums of rational · √integer · powers of symbols, in one canonical form. No sympy, no eval.

Covers what at least 1 % of MATH-500's answers need: integers, decimals, fractions, mixed numbers, surds, complex
numbers, polynomials, multiples of π. Two sums are equal if and only if their canonical forms are. Everything else
(functions, factorials, cube roots, quotients by sums …) raises ``Inexact`` and is sympy's business: ANSWERS.md has the
counts.

What a model writes is hostile: length, digits, depth, terms, exponents and work are capped; time is linear in the text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARS, MAX_DIGITS, MAX_DEPTH, MAX_TERMS, MAX_BITS, MAX_WORK = 20_000, 300, 30, 200, 8192, 40_000
MAX_EXPONENT, MAX_FACTORS = 10_000, 64  # of a symbol or a number; of a sum that is multiplied out
Powers = tuple[tuple[str, int], ...]  # symbol powers, sorted, none 0
Term = tuple[int, Powers]  # square-free radicand and symbol powers
Terms = dict[Term, Fraction]
ONE: Term = (1, ())
_TOKEN = re.compile(r"\s*(\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]*)?|\.[0-9]+|\S)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_GREEK = frozenset(
    [
        "pi", "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota",
        "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "varphi", "chi", "psi", "omega",
        "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "ell", "infty",
    ]
)  # fmt: skip
_TIMES, _OVER = frozenset({"*", r"\cdot", r"\times"}), frozenset({"/", r"\div"})
_CLOSING = {"(": ")", "{": "}"}
_CALLED = frozenset({"f", "g"})
_INFINITY = r"\infty"


class Inexact(ValueError):
    """The text is outside what this module computes exactly, or too big; says nothing about its value."""


class Ambiguous(Inexact):
    """The text can be read in two ways, such as 1/2x: nobody should guess."""


@dataclass(frozen=True)
class Sum:
    """A canonical sum: sorted (term, coefficient) pairs, no zero coefficient."""

    terms: tuple[tuple[Term, Fraction], ...]

    @property
    def rational(self) -> Fraction | None:
        """The value when it is a rational number."""
        if not self.terms:
            return Fraction(0)
        return self.terms[0][1] if len(self.terms) == 1 and self.terms[0][0] == ONE else None

    @property
    def symbols(self) -> frozenset[str]:
        """Names in it; the constants π, e and i do not count."""
        return frozenset(name for (_, powers), _ in self.terms for name, _ in powers) - {"pi", "e", "i"}

    def __str__(self) -> str:
        return " + ".join(_show(term, value) for term, value in reversed(self.terms)) or "0"


ZERO = Sum(())


def _show(term: Term, value: Fraction) -> str:
    root, powers = term
    factors = [f"sqrt({root})"] * (root != 1) + [name if n == 1 else f"{name}^{n}" for name, n in powers]
    return "*".join(factors if value == 1 and factors else [str(value), *factors])


def freeze(terms: Terms) -> Sum:
    return Sum(tuple(sorted((t, v) for t, v in terms.items() if v)))


def parse_sum(text: str) -> Sum:
    """The canonical form of ``text``. Raises Inexact for anything else than a sum as described above."""
    if len(text) > MAX_CHARS:
        raise Inexact(f"{len(text)} characters")
    tokens = _collapse(_TOKEN.findall(text))
    if _INFINITY in tokens and [token for token in tokens if token not in ("+", "-", "(", ")", "{", "}")] != [
        _INFINITY
    ]:
        raise Inexact("arithmetic with infinity")
    return freeze(_Parser(tokens).whole())


def combine(a: Sum, b: Sum, factor: int) -> Sum:
    """a + factor·b."""
    terms = dict(a.terms)
    for term, value in b.terms:
        terms[term] = terms.get(term, Fraction(0)) + factor * value
    return freeze(terms)


def primitive(value: Sum) -> Sum:
    """The sum scaled so that its first coefficient is 1: one form for all multiples of an equation."""
    return Sum(tuple((t, v / value.terms[-1][1]) for t, v in value.terms)) if value.terms else value


def _collapse(tokens: list[str]) -> list[str]:
    """Tokens without doubled brackets ((x)), so that a thousand of them do not nest."""
    match: dict[int, int] = {}
    stack: list[int] = []
    for at, token in enumerate(tokens):
        if token in _CLOSING:
            stack.append(at)
        elif token in (")", "}"):
            if not stack or _CLOSING[tokens[stack[-1]]] != token:
                raise Inexact("unbalanced brackets")
            match[stack.pop()] = at
    drop: set[int] = set()
    for at, end in match.items():
        if tokens[at + 1] == tokens[at] and match.get(at + 1) == end - 1:
            drop |= {at, end}
    return [token for at, token in enumerate(tokens) if at not in drop]


# ---------------------------------------------------------------- arithmetic on terms


def _number(text: str) -> Fraction:
    if len(text) > MAX_DIGITS:
        raise Inexact(f"{len(text)} digits")
    return Fraction(text.rstrip("."))


def _checked(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise Inexact("a number too large")
    return value


def _square_free(n: int) -> tuple[int, int]:
    """(k, r) with n = k²·r, r square-free, n > 0. Inexact where trial division by small primes does not settle it."""
    outside = inside = 1
    for p in range(2, 1000):
        while n % (p * p) == 0:
            n, outside = n // (p * p), outside * p
        if n % p == 0:
            n, inside = n // p, inside * p
        if p * p > n:
            break
    root = math.isqrt(n)
    if root * root == n:
        return outside * root, inside
    if n >= 10**9:  # could hide a square of a prime beyond 1000
        raise Inexact("a radicand too large")
    return outside, inside * n


def _times_term(a: Term, b: Term) -> tuple[Term, int]:
    """The product of two terms and the whole factor that comes out of it."""
    shared = math.gcd(a[0], b[0])
    powers = dict(a[1])
    for name, n in b[1]:
        powers[name] = powers.get(name, 0) + n
    turns = powers.pop("i", 0) % 4
    if turns % 2:
        powers["i"] = 1
    if any(abs(n) > MAX_EXPONENT for n in powers.values()):
        raise Inexact("an exponent too large")
    return ((a[0] * b[0]) // shared**2, tuple(sorted((k, n) for k, n in powers.items() if n))), (
        -shared if turns > 1 else shared
    )


def _root(value: Fraction) -> Terms:
    if value < 0:
        return {(term[0], (("i", 1),)): v for term, v in _root(-value).items()}
    if value == 0:
        return {}
    outside, inside = _square_free(value.numerator * value.denominator)
    return {(inside, ()): Fraction(outside, value.denominator)}


class _Parser:
    """Recursive descent over tokens; the depth is capped, so is the work."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.depth, self.work = tokens, 0, 0, 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise Inexact("the text ends early")
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise Inexact(f"no {token}")

    def spend(self, amount: int) -> None:
        self.work += amount
        if self.work > MAX_WORK:
            raise Inexact("too much work")

    def whole(self) -> Terms:
        value = self.sum()
        if self.peek():
            raise Inexact(f"unexpected {self.peek()}")
        return value

    # -------- grammar

    def sum(self) -> Terms:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Inexact("too deep")
        total: Terms = {}
        sign = 1
        while self.peek() in ("+", "-"):
            sign = -sign if self.take() == "-" else sign
        while True:
            for term, value in self.product().items():
                total[term] = _checked(total.get(term, Fraction(0)) + sign * value)
            if self.peek() not in ("+", "-"):
                break
            sign = -1 if self.take() == "-" else 1
        if len(total) > MAX_TERMS:
            raise Inexact("too many terms")
        self.depth -= 1
        return {term: value for term, value in total.items() if value}

    def product(self) -> Terms:
        value = self.power()
        while True:
            token = self.peek()
            if token in _TIMES:
                self.take()
                value = self.times(value, self.signed_power())
            elif token in _OVER:
                self.take()
                value = self.times(value, self.inverse(self.signed_power()))
                if self.starts_factor():  # 1/2x: half of x, or one over 2x?
                    raise Ambiguous("an ambiguous quotient")
            elif self.starts_factor():
                value = self.times(value, self.power())
            else:
                return value

    def signed_power(self) -> Terms:
        if self.peek() == "-":
            self.take()
            return {term: -value for term, value in self.power().items()}
        return self.power()

    def starts_factor(self) -> bool:
        token = self.peek()
        if _NUMBER.fullmatch(token):
            raise Inexact("a number behind a factor")
        return token in ("(", "{", r"\frac", r"\sqrt") or self.is_symbol(token)

    def is_symbol(self, token: str) -> bool:
        return (len(token) == 1 and token.isascii() and token.isalpha()) or (token[:1] == "\\" and token[1:] in _GREEK)

    def power(self) -> Terms:
        base = self.primary()
        if self.peek() != "^":
            return base
        self.take()
        n = freeze(self.argument()).rational
        if self.peek() == "^":
            raise Inexact("a power of a power")
        if n is None or n.denominator != 1:
            raise Inexact("an exponent that is not whole")
        factor = self.inverse(base) if n < 0 else base
        return self.power_of_term(factor, abs(int(n))) if len(base) == 1 else self.power_of_sum(factor, abs(int(n)))

    def power_of_term(self, base: Terms, n: int) -> Terms:
        (((root, powers), value),) = base.items()
        bits = value.numerator.bit_length() + value.denominator.bit_length() + root.bit_length()
        if n > MAX_EXPONENT or (bits * n > 2 * MAX_BITS and (abs(value) != 1 or root != 1)):
            raise Inexact("a number too large")
        whole = {(1, tuple((name, times * n) for name, times in powers if times)): value**n * root ** (n // 2)}
        turned = self.times(whole, {ONE: Fraction(1)}) if n else {ONE: Fraction(1)}
        return self.times(turned, {(root, ()): Fraction(1)}) if n % 2 and root != 1 else turned

    def power_of_sum(self, base: Terms, n: int) -> Terms:
        if n > MAX_FACTORS or (n == 0 and not base):
            raise Inexact("too many factors, or 0 to the power 0")
        result: Terms = {ONE: Fraction(1)}
        for _ in range(n):
            result = self.times(result, base)
        return result

    def argument(self) -> Terms:
        """A group in brackets, or one token, as TeX reads it."""
        if self.peek() in _CLOSING:
            return self.group()
        if self.peek() == "-":
            return self.signed_power()
        return self.primary()

    def group(self) -> Terms:
        closing = _CLOSING[self.take()]
        value = self.sum()
        self.expect(closing)
        return value

    def primary(self) -> Terms:
        token = self.peek()
        if token in _CLOSING:
            return self.group()
        self.take()
        if _NUMBER.fullmatch(token):
            value = _number(token)
            return self.mixed(value) if self.peek() == r"\frac" else {ONE: value} if value else {}
        if token == r"\frac":
            return self.fraction()[0]
        if token == r"\sqrt":
            return self.root()
        if token in _CALLED and self.peek() == "(":
            raise Inexact("a call, no product")
        if self.is_symbol(token):
            return {(1, ((self.symbol(token), 1),)): Fraction(1)}
        raise Inexact(f"unknown token {token[:20]}")

    def symbol(self, token: str) -> str:
        name = token.lstrip("\\")
        if self.peek() != "_":
            return name
        self.take()
        if self.peek() != "{":
            return f"{name}_{self.take()}"
        self.take()
        index = self.take()
        self.expect("}")
        return f"{name}_{index}"

    def fraction(self) -> tuple[Terms, bool]:
        r"""The value of what follows \frac, and whether it was a proper fraction of two plain whole numbers."""
        above, below = self.fraction_part(), self.fraction_part()
        value = self.times(above, self.inverse(below))
        parts = [freeze(part).rational for part in (above, below)]
        proper = all(p is not None and p.denominator == 1 and p > 0 for p in parts) and (parts[0] or 0) < (
            parts[1] or 0
        )
        return value, proper

    def fraction_part(self) -> Terms:
        token = self.peek()
        if token.isdigit() and len(token) > 1:  # \frac12 is 1/2
            if len(token) > MAX_DIGITS:
                raise Inexact(f"{len(token)} digits")
            self.tokens[self.at] = token[1:]
            return {ONE: Fraction(int(token[0]))} if token[0] != "0" else {}
        if token in _CLOSING:
            return self.group()
        self.take()
        if token.isdigit() and token.isascii():
            return {ONE: Fraction(int(token))} if token != "0" else {}
        if self.is_symbol(token):
            return {(1, ((token.lstrip("\\"), 1),)): Fraction(1)}
        raise Inexact("a fraction without its parts")

    def mixed(self, whole: Fraction) -> Terms:
        r"""A number before \frac: 1\frac{4}{5} is 9/5, but 2\frac{x}{3} a product."""
        self.take()
        value, proper = self.fraction()
        if proper and whole.denominator == 1:
            return {ONE: whole + value[ONE]}
        return self.times({ONE: whole} if whole else {}, value)

    def root(self) -> Terms:
        inner = freeze(self.argument()).rational
        if inner is None:
            raise Inexact("a root of a sum")
        return _root(inner)

    # -------- arithmetic with the budget

    def times(self, a: Terms, b: Terms) -> Terms:
        self.spend(1 + len(a) * len(b))
        result: Terms = {}
        for x, u in a.items():
            for y, v in b.items():
                term, factor = _times_term(x, y)
                result[term] = _checked(result.get(term, Fraction(0)) + u * v * factor)
        if len(result) > MAX_TERMS:
            raise Inexact("too many terms")
        return {term: value for term, value in result.items() if value}

    def inverse(self, value: Terms) -> Terms:
        """1/value for one term."""
        if len(value) != 1:
            raise Inexact("a quotient by a sum")
        (((root, powers), coefficient),) = value.items()
        flipped = tuple((name, -n) for name, n in powers if name != "i")
        turned = dict(powers).get("i", 0)  # 1/i = -i
        term = (root, tuple(sorted([*flipped, *([("i", 1)] if turned else [])])))
        return {term: _checked((-1 if turned else 1) / (coefficient * root))}
