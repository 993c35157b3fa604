r"""Exact algebra on LaTeX: sums of rational · √integer · powers of symbols, in one canonical form. No sympy, no eval.

Covers what most answers in mathematics are: integers, decimals, fractions, mixed numbers, surds, complex numbers,
polynomials, multiples of π, and a few exact values (e^{iπ/3}, \cos\frac{\pi}{6}, \log_2 8, 5!, \binom{5}{2}). Two sums
are equal if and only if their canonical forms are. Everything else raises ``Inexact``: somebody else's business.

What a model writes is hostile: length, digits, depth, terms, exponents and work are capped; time is linear in the text.
Not covered: quotients by sums with symbols, nested radicals, cube roots that are not whole, decimals with a period.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARS, MAX_DIGITS, MAX_DEPTH, MAX_TERMS, MAX_EXPONENT, MAX_BITS, MAX_WORK = 20_000, 300, 30, 200, 64, 4096, 40_000
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
_FUNCTIONS = frozenset({r"\sin", r"\cos", r"\tan", r"\log", r"\ln"})
_CLOSING = {"(": ")", "{": "}"}
_COSINES = {  # cos(r·π) as (coefficient, radicand)
    Fraction(0): (Fraction(1), 1), Fraction(1, 6): (Fraction(1, 2), 3), Fraction(1, 4): (Fraction(1, 2), 2),
    Fraction(1, 3): (Fraction(1, 2), 1), Fraction(1, 2): (Fraction(0), 1), Fraction(2, 3): (Fraction(-1, 2), 1),
    Fraction(3, 4): (Fraction(-1, 2), 2), Fraction(5, 6): (Fraction(-1, 2), 3), Fraction(1): (Fraction(-1), 1),
}  # fmt: skip


class Inexact(ValueError):
    """The text is outside what this module computes exactly, or too big; says nothing about its value."""


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
    return freeze(_Parser(_collapse(_TOKEN.findall(text))).whole())


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


def _root(value: Fraction, degree: int = 2) -> Terms:
    if degree == 2 and value < 0:
        return {(term[0], (("i", 1),)): v for term, v in _root(-value).items()}
    if value == 0:
        return {}
    if degree == 2:
        outside, inside = _square_free(value.numerator * value.denominator)
        return {(inside, ()): Fraction(outside, value.denominator)}
    whole = [round(abs(x) ** (1 / degree)) if x.bit_length() < 900 else 0 for x in (value.numerator, value.denominator)]
    if value < 0 or whole[0] ** degree != value.numerator or whole[1] ** degree != value.denominator:
        raise Inexact("a root that is not rational")
    return {ONE: Fraction(whole[0], whole[1])}


def _cosine(turns: Fraction) -> Terms:
    """cos(turns·π) where it is a rational times a square root."""
    turns %= 2
    known = _COSINES.get(min(turns, 2 - turns))
    if known is None:
        raise Inexact("an angle without a simple cosine")
    return {(known[1], ()): known[0]} if known[0] else {}


def _logarithm(base: Fraction, value: Fraction) -> Fraction:
    if base <= 0 or base == 1 or value <= 0:
        raise Inexact("a logarithm out of range")
    for power in range(-MAX_EXPONENT, MAX_EXPONENT + 1):
        if base.numerator.bit_length() * abs(power) < MAX_BITS and base**power == value:
            return Fraction(power)
    raise Inexact("a logarithm that is not whole")


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
                    raise Inexact("an ambiguous quotient")
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
        return token in ("(", "{", r"\frac", r"\sqrt", r"\binom") or self.is_symbol(token) or token in _FUNCTIONS

    def is_symbol(self, token: str) -> bool:
        return (len(token) == 1 and token.isascii() and token.isalpha()) or (token[:1] == "\\" and token[1:] in _GREEK)

    def power(self) -> Terms:
        base = self.primary()
        if self.peek() == "!":
            self.take()
            n = freeze(base).rational
            if n is None or n.denominator != 1 or not 0 <= n <= 20:
                raise Inexact("a factorial too large")
            base = {ONE: Fraction(math.factorial(int(n)))}
        if self.peek() != "^":
            return base
        self.take()
        exponent = freeze(self.argument())
        if self.peek() in ("^", "!"):
            raise Inexact("a power of a power")
        return self.raised(base, exponent)

    def raised(self, base: Terms, exponent: Sum) -> Terms:
        n = exponent.rational
        if n is None:
            return self.euler(base, exponent)
        if n.denominator == 2:
            inner = freeze(base).rational
            if inner is None or abs(n) > MAX_EXPONENT:
                raise Inexact("a root of a sum")
            return self.whole_power(_root(inner), n.numerator)
        if n.denominator != 1 or abs(n) > MAX_EXPONENT:
            raise Inexact("an exponent too large")
        return self.whole_power(base, int(n))

    def whole_power(self, base: Terms, n: int) -> Terms:
        result: Terms = {ONE: Fraction(1)}
        factor = self.inverse(base) if n < 0 else base
        for _ in range(abs(n)):
            result = self.times(result, factor)
        return result

    def euler(self, base: Terms, exponent: Sum) -> Terms:
        """e^{i·r·π} = cos(r·π) + i·sin(r·π)."""
        turns = exponent.terms[0][1] if len(exponent.terms) == 1 else None
        if (
            base != {(1, (("e", 1),)): Fraction(1)}
            or turns is None
            or exponent.terms[0][0] != (1, (("i", 1), ("pi", 1)))
        ):
            raise Inexact("a power that is not whole")
        imaginary = {(term[0], (("i", 1),)): value for term, value in _cosine(Fraction(1, 2) - turns).items()}
        return _cosine(turns) | imaginary

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
        if token == r"\binom":
            return self.binomial()
        if token in _FUNCTIONS:
            return self.function(token)
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
        degree = 2
        if self.peek() == "[":
            self.take()
            n = self.take()
            if not (n.isascii() and n.isdigit() and len(n) < 3 and 2 <= int(n) <= MAX_EXPONENT):
                raise Inexact("a root of an unusual degree")
            degree = int(n)
            self.expect("]")
        inner = freeze(self.argument()).rational
        if inner is None:
            raise Inexact("a root of a sum")
        return _root(inner, degree)

    def binomial(self) -> Terms:
        n, k = (freeze(self.argument()).rational for _ in range(2))
        if n is None or k is None or n.denominator != 1 or k.denominator != 1 or not 0 <= n <= 100 or k < 0:
            raise Inexact("a binomial too large")
        value = math.comb(int(n), int(k))
        return {ONE: Fraction(value)} if value else {}

    def function(self, name: str) -> Terms:
        base: Sum | None = None
        if name == r"\log" and self.peek() == "_":
            self.take()
            base = freeze(self.argument())
        if self.peek() == "^":
            raise Inexact("a power of a function")
        value = freeze(self.argument())
        if self.starts_factor() or self.peek() in ("^", "!"):  # where does the argument end?
            raise Inexact("an open argument")
        if name in (r"\log", r"\ln"):
            return self.logarithm(name, base, value)
        return self.trigonometric(name, value)

    def logarithm(self, name: str, base: Sum | None, value: Sum) -> Terms:
        if name == r"\ln" and len(value.terms) == 1 and value.terms[0][0] in (ONE, (1, (("e", 1),))):
            (_, powers), scale = value.terms[0]
            if scale == 1:
                return {ONE: Fraction(1)} if powers else {}
        if name == r"\ln" or (base is None and value.rational != 1):  # log without a base: 10 or e?
            raise Inexact("a logarithm without a whole value")
        foot, inner = (base.rational if base else Fraction(10)), value.rational
        if foot is None or inner is None:
            raise Inexact("a logarithm of a sum")
        power = _logarithm(foot, inner)
        return {ONE: power} if power else {}

    def trigonometric(self, name: str, value: Sum) -> Terms:
        turns = Fraction(0) if not value.terms else value.terms[0][1]
        if len(value.terms) > 1 or (value.terms and value.terms[0][0] != (1, (("pi", 1),))):
            raise Inexact("an angle that is no multiple of pi")
        sine, cosine = _cosine(Fraction(1, 2) - turns), _cosine(turns)
        if name == r"\tan":
            return self.times(sine, self.inverse(cosine))
        return sine if name == r"\sin" else cosine

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
        """1/value for one term, or for a two-term number (by its conjugate)."""
        items = list(value.items())
        if len(items) == 1:
            (root, powers), coefficient = items[0]
            flipped = tuple((name, -n) for name, n in powers if name != "i")
            turned = dict(powers).get("i", 0)  # 1/i = -i
            term = (root, tuple(sorted([*flipped, *([("i", 1)] if turned else [])])))
            return {term: _checked((-1 if turned else 1) / (coefficient * root))}
        numeric = all(name == "i" for (_, powers), _ in items for name, _ in powers)
        if len(items) != 2 or not numeric:
            raise Inexact("a quotient by a sum")
        conjugate = {items[0][0]: items[0][1], items[1][0]: -items[1][1]}
        norm = freeze(self.times(value, conjugate)).rational
        if not norm:
            raise Inexact("a quotient by a sum that is not rational")
        return {term: _checked(v / norm) for term, v in conjugate.items()}
