"""Values as tagged JSON: what may cross between processes that do not trust each other.

A value is JSON where JSON is exact (None, bool, float, list, an int of at most 64 bits, a str without surrogates) and
``{tag: payload}`` otherwise. Decoding builds exact built-in types, and named tuples of plain values, and nothing else:
no name is looked up, no code of the other side runs. An object with a convenient ``__eq__`` arrives as its plain base
value or as an ``Opaque``; a number of numpy's as Python's. Functions and iterators stay
where they are and cross as handles, which ``Codec`` subclasses turn into calls (wire.py).

Not covered: shared references inside one value (they arrive as copies); coroutines (they arrive as ``Opaque``).
"""

from __future__ import annotations

import builtins
import collections
import functools
import operator
import types
from collections.abc import Callable, Iterator
from typing import Any

MAX_DEPTH = 200
MAX_NODES = 4_000_000
MAX_FIELDS = 100
MAX_HANDLES = 10_000
INT_LIMIT = 1 << 63


def words(text: str) -> list[str]:
    return text.split()


ATOMS = frozenset((type(None), bool, str, int, float))
EXACT = frozenset((type(None), bool, float))  # JSON has every value of these; of the other atoms, most
VALUE_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (int, float, complex, bool, str, bytes, bytearray, list, tuple, set, frozenset, dict, range, type(None))
}
PLAIN_FUNCTIONS: dict[str, Any] = {
    name: getattr(builtins, name)
    for name in words("abs all any ascii bin chr divmod hash hex isinstance len max min oct ord pow repr round sum")
}
MODULES = frozenset(
    words(
        """array bisect cmath collections copy datetime decimal fractions functools heapq itertools json math operator
        random re statistics string sys time typing"""
    )
)


class TooLarge(ValueError):
    """A value that may not cross: too many parts, too deep or too many bytes."""


class Opaque:
    """An object of the other side that has no plain form: equal to itself only, with nothing to use."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


class Codec:
    """Encodes and decodes one side's values. ``exports`` holds what the other side may reach by handle."""

    def __init__(self) -> None:
        self.exports: list[Any] = []
        self.nodes = 0

    def encode(self, value: Any) -> Any:
        """Tagged JSON of ``value``. Raises ``TooLarge``, and whatever a hostile value raises while it is read."""
        self.nodes = 0
        return self._encode(value, 0)

    def _encode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value if is_exact(value) else _encode_atom(value)
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise TooLarge("value is nested too deeply" if depth > MAX_DEPTH else "value has too many parts")
        if kind is list:
            return self._encode_items(value, depth)
        encoder = ENCODERS.get(kind) or ENCODERS_BY_NAME.get((kind.__module__, kind.__name__))
        if encoder is None:
            return self._encode_other(value, depth)
        tag, parts = encoder(value)
        return {tag: self._encode_items(parts, depth) if type(parts) is list else parts}

    def _encode_items(self, items: list[Any], depth: int) -> list[Any]:
        self.nodes += len(items)
        kinds = set(map(type, items))
        if kinds <= EXACT or (kinds <= ATOMS and all_exact(items, kinds)):
            return items
        return [self._encode(item, depth + 1) for item in items]

    def _encode_other(self, value: Any, depth: int) -> Any:
        name = getattr(value, "__name__", None)
        if type(name) is str:
            for tag, known in (("type", VALUE_TYPES), ("builtin", PLAIN_FUNCTIONS)):
                if known.get(name) is value:
                    return {tag: name}
            if isinstance(value, types.ModuleType):
                return {"module": name} if name in MODULES else {"object": "module"}
        if isinstance(value, tuple) and (fields := field_names(value)):
            return {"namedtuple": self._encode_items([type(value).__name__, *fields, *tuple.__iter__(value)], depth)}
        for base, plain in PLAIN.items():  # a subclass crosses as its base: its own methods stay behind
            if isinstance(value, base):
                return self._encode(plain(value), depth)
        if callable(value) and not isinstance(value, type):
            return {"function": self._export(value)}
        if isinstance(value, Iterator):
            return {"iterator": self._export(value)}
        if any((base.__module__, base.__name__) == ("numpy", "generic") for base in type(value).__mro__):
            return self._encode(value.item(), depth)
        return {"object": type(value).__name__}

    def _export(self, value: Any) -> int:
        if len(self.exports) >= MAX_HANDLES:
            raise TooLarge("too many functions or iterators")
        self.exports.append(value)
        return len(self.exports) - 1

    def decode(self, value: Any) -> Any:
        """The value that tagged JSON describes. Raises ``ValueError`` when it describes none."""
        try:
            return self._decode(value, 0)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
            raise ValueError(f"malformed value ({type(error).__name__})") from None

    def _decode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value
        if depth > 2 * MAX_DEPTH + 2:
            raise ValueError("value is nested too deeply")
        if kind is list:
            return value[:] if set(map(type, value)) <= ATOMS else [self._decode(item, depth + 1) for item in value]
        ((tag, parts),) = value.items()
        if tag == "function":
            return self.remote_function(operator.index(parts))
        if tag == "iterator":
            return self.remote_iterator(operator.index(parts))
        return DECODERS[tag](self._decode(parts, depth + 1))

    def remote_function(self, handle: int) -> Callable[..., Any]:
        raise ValueError("no functions here")

    def remote_iterator(self, handle: int) -> Iterator[Any]:
        raise ValueError("no iterators here")


def field_names(value: Any) -> tuple[str, ...]:
    """Of a named tuple: its fields; empty for any other."""
    fields = getattr(type(value), "_fields", ())
    if type(fields) is not tuple or len(fields) != len(value) or not all(type(name) is str for name in fields):
        return ()
    return fields


def _namedtuple(parts: list[Any]) -> Any:
    name, *rest = parts
    fields = rest[: len(rest) // 2]
    if len(fields) > MAX_FIELDS:
        raise ValueError("a named tuple of too many fields")
    return namedtuple_type(name, tuple(fields))._make(rest[len(fields) :])


@functools.lru_cache(maxsize=64)
def namedtuple_type(name: str, fields: tuple[str, ...]) -> Any:
    """``collections`` makes it of code in which the names stand: it refuses all that are no plain identifiers."""
    return collections.namedtuple(name, fields)  # type: ignore[misc]


def is_exact(atom: Any) -> bool:
    """Whether JSON gives back the same: not for a long int, nor where it would join two surrogates to one character."""
    kind = type(atom)
    if kind is int:
        return bool(-INT_LIMIT <= atom < INT_LIMIT)
    return kind is not str or atom.isascii() or not has_surrogates(atom)


def all_exact(atoms: list[Any], kinds: set[type]) -> bool:
    """Whether all are exact (``is_exact``), asked of many at once."""
    numbers = atoms if kinds == {int} else [atom for atom in atoms if type(atom) is int]
    text = "".join(atoms if kinds == {str} else [atom for atom in atoms if type(atom) is str])
    return not (numbers and (min(numbers) < -INT_LIMIT or max(numbers) >= INT_LIMIT)) and is_exact(text)


def has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _encode_atom(atom: Any) -> dict[str, str]:
    if type(atom) is int:
        return {"int": hex(atom)}
    return {"str": atom.encode("utf-8", "surrogatepass").decode("latin-1")}


def _pairs(value: Any) -> list[Any]:
    return [part for pair in dict.items(value) for part in pair]


def _unpairs(parts: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(parts[::2], parts[1::2], strict=True))


def _module(name: str) -> Any:
    if name not in MODULES:
        raise ValueError("not a module that may cross")
    return __import__(name)


ENCODERS: dict[type, Callable[[Any], tuple[str, Any]]] = {
    tuple: lambda v: ("tuple", list(v)),
    set: lambda v: ("set", list(v)),
    frozenset: lambda v: ("frozenset", list(v)),
    dict: lambda v: ("dict", _pairs(v)),
    bytes: lambda v: ("bytes", v.decode("latin-1")),
    bytearray: lambda v: ("bytearray", v.decode("latin-1")),
    complex: lambda v: ("complex", [v.real, v.imag]),
    range: lambda v: ("range", [v.start, v.stop, v.step]),
    slice: lambda v: ("slice", [v.start, v.stop, v.step]),
    type(...): lambda v: ("ellipsis", []),
    collections.OrderedDict: lambda v: ("OrderedDict", _pairs(v)),
    collections.Counter: lambda v: ("Counter", _pairs(v)),
    collections.defaultdict: lambda v: ("defaultdict", _pairs(v)),
    collections.deque: lambda v: ("deque", [*v]),
    type({}.keys()): lambda v: ("keys", [*v]),
    type({}.values()): lambda v: ("values", [*v]),
    type({}.items()): lambda v: ("items", [part for pair in v for part in pair]),
}
# Types of modules that a child need not have loaded: every library that is mapped makes a fork dearer.
ENCODERS_BY_NAME: dict[tuple[str, str], Callable[[Any], tuple[str, Any]]] = {
    ("decimal", "Decimal"): lambda v: ("Decimal", str(v)),
    ("fractions", "Fraction"): lambda v: ("Fraction", [v.numerator, v.denominator]),
    ("datetime", "datetime"): lambda v: ("datetime", [*v.timetuple()[:6], v.microsecond]),
    ("datetime", "date"): lambda v: ("date", [v.year, v.month, v.day]),
    ("datetime", "timedelta"): lambda v: ("timedelta", [v.days, v.seconds, v.microseconds]),
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda v: int(v, 16),
    "str": lambda v: v.encode("latin-1").decode("utf-8", "surrogatepass"),
    "tuple": tuple,
    "namedtuple": _namedtuple,
    "set": set,
    "frozenset": frozenset,
    "dict": lambda v: dict(_unpairs(v)),
    "bytes": lambda v: v.encode("latin-1"),
    "bytearray": lambda v: bytearray(v.encode("latin-1")),
    "complex": lambda v: complex(*v),
    "range": lambda v: range(*v),
    "slice": lambda v: slice(*v),
    "ellipsis": lambda v: ...,
    "OrderedDict": lambda v: collections.OrderedDict(_unpairs(v)),
    "Counter": lambda v: collections.Counter(dict(_unpairs(v))),
    "defaultdict": lambda v: collections.defaultdict(None, _unpairs(v)),
    "deque": collections.deque,
    "keys": lambda v: dict.fromkeys(v).keys(),
    "values": lambda v: dict(enumerate(v)).values(),
    "items": lambda v: dict(_unpairs(v)).items(),
    "Decimal": lambda v: _module("decimal").Decimal(v),
    "Fraction": lambda v: _module("fractions").Fraction(operator.index(v[0]), operator.index(v[1])),
    "datetime": lambda v: _module("datetime").datetime(*v),
    "date": lambda v: _module("datetime").date(*v),
    "timedelta": lambda v: _module("datetime").timedelta(*v),
    "type": VALUE_TYPES.__getitem__,
    "builtin": PLAIN_FUNCTIONS.__getitem__,
    "module": _module,
    "object": lambda v: Opaque(v if type(v) is str and v.isidentifier() and len(v) < 100 else "object"),
}
# How a subclass gives up its plain value without a call into its own code.
PLAIN: dict[type, Callable[[Any], Any]] = {
    int: lambda v: int.__add__(v, 0),
    float: float.__pos__,
    complex: lambda v: complex.__add__(v, 0),
    str: lambda v: "".join(str.__iter__(v)),
    bytes: lambda v: bytes(bytes.__iter__(v)),
    bytearray: lambda v: bytearray(bytearray.__iter__(v)),
    list: lambda v: [*list.__iter__(v)],
    tuple: lambda v: (*tuple.__iter__(v),),
    set: lambda v: {*set.__iter__(v)},
    frozenset: lambda v: frozenset(frozenset.__iter__(v)),
    collections.Counter: lambda v: collections.Counter(dict(dict.items(v))),
    dict: lambda v: dict(dict.items(v)),
}
DICTS = (dict, collections.defaultdict, collections.OrderedDict, collections.Counter)
MUTABLE = frozenset((list, set, bytearray, collections.deque, *DICTS))
CONTAINERS = MUTABLE | {tuple}


def merge(old: Any, new: Any) -> None:
    """Make the mutable value ``old`` equal to ``new`` in place, keeping the identity of what is inside where it can."""
    if type(old) is tuple and type(new) is tuple:
        for mine, theirs in zip(old, new, strict=False):
            merge(mine, theirs)
    elif type(old) is not type(new) or type(old) not in MUTABLE:
        return
    elif type(old) in (list, collections.deque) and len(old) == len(new):
        for index, (mine, theirs) in enumerate(zip(list(old), list(new), strict=True)):
            if type(mine) is type(theirs) and type(mine) in CONTAINERS:
                merge(mine, theirs)
            else:
                old[index] = theirs
    elif isinstance(old, dict):
        _merge_dict(old, new)
    elif type(old) in (list, bytearray):
        old[:] = new
    else:
        old.clear()
        (old.extend if type(old) is collections.deque else old.update)(new)


def _merge_dict(old: dict[Any, Any], new: dict[Any, Any]) -> None:
    kept = {key: old[key] for key in new if key in old and type(old[key]) in CONTAINERS}
    old.clear()
    for key, value in dict.items(new):
        same = key in kept and type(kept[key]) is type(value)
        old[key] = kept[key] if same else value
        if same:
            merge(old[key], value)
