"""Plain data between processes that do not trust each other: frames, tagged JSON, and calls over them.

A frame is a 4-byte big-endian length and that many bytes of ASCII JSON. A value crosses as JSON where JSON is exact
(None, bool, str, float, list, an int of at most 64 bits) and as ``{tag: payload}`` otherwise. Decoding builds exact
built-in types and nothing else: no name is looked up, no code runs, so an object with a convenient ``__eq__`` arrives
as its plain base value or as an ``Opaque``. Functions and iterators stay where they are and cross as handles.

Not covered: shared references inside one value (they arrive as copies), and coroutines (they arrive as ``Opaque``).
"""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import fractions
import json
import math
import operator
import os
import socket
import struct
import time
import types
from collections.abc import Callable, Iterator
from typing import Any, Protocol

MAX_FRAME = 8 << 20  # bytes
MAX_DEPTH = 100
MAX_NODES = 2_000_000
BATCH = 64  # items of a remote iterator fetched at a time
DETAIL = 300  # characters of an error message that cross
INT_LIMIT = 1 << 63

VALUE_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        bytearray,
        list,
        tuple,
        set,
        frozenset,
        dict,
        range,
        type(None),
        object,
    )
}


def words(text: str) -> list[str]:
    return text.split()


PLAIN_FUNCTIONS: dict[str, Any] = {
    name: getattr(builtins, name)
    for name in words(
        "abs all any ascii bin chr divmod hash hex isinstance len max min oct ord pow repr round sorted sum"
    )
}
MODULES = frozenset(
    words(
        """array bisect cmath collections copy datetime decimal fractions functools heapq itertools json math operator
        random re statistics string sys time typing"""
    )
)


class Broken(BaseException):
    """The other side is gone, late or talks nonsense. Not an ``Exception``: tests must not catch it by accident."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class TooLarge(ValueError):
    """A value that may not cross: too many bytes, too many nodes or too deep."""


class Opaque:
    """An object of the other side that has no plain form. It equals itself only and has no attributes of use."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


class Stream(Protocol):
    """Frames in and out; raises ``Broken``."""

    def send(self, frame: bytes) -> None: ...

    def recv(self) -> bytes: ...


def to_frame(message: object) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(body) > MAX_FRAME:
        raise TooLarge(f"value is larger than {MAX_FRAME >> 20} MiB")
    return struct.pack("!I", len(body)) + body


def from_frame(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Broken("error", f"ProtocolError: not a message ({type(error).__name__})") from None


class SocketStream:
    """Frames on a socket, each operation bounded by one absolute ``deadline`` (``time.monotonic()``)."""

    def __init__(self, sock: socket.socket, deadline: float = math.inf) -> None:
        self.sock, self.deadline = sock, deadline

    def _arm(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Broken("timeout", "TimeoutError: time limit exceeded")
        self.sock.settimeout(None if left == math.inf else left)

    def send(self, frame: bytes) -> None:
        self._arm()
        try:
            self.sock.sendall(frame)
        except TimeoutError:
            raise Broken("timeout", "TimeoutError: time limit exceeded") from None
        except OSError:
            raise Broken("closed", "the process ended") from None

    def recv(self) -> bytes:
        (size,) = struct.unpack("!I", self._exactly(4))
        if size > MAX_FRAME:
            raise Broken("error", f"ValueError: value is larger than {MAX_FRAME >> 20} MiB")
        return self._exactly(size)

    def _exactly(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            self._arm()
            try:
                part = self.sock.recv(min(count, 1 << 18))
            except TimeoutError:
                raise Broken("timeout", "TimeoutError: time limit exceeded") from None
            except OSError:
                part = b""
            if not part:
                raise Broken("closed", "the process ended")
            parts.append(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class FdStream:
    """Frames on a blocking descriptor: the side that is killed when it is late."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def send(self, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(self.fd, view) :]

    def recv(self) -> bytes:
        (size,) = struct.unpack("!I", self._exactly(4))
        return self._exactly(size)

    def _exactly(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            part = os.read(self.fd, min(count, 1 << 18))
            if not part:
                raise Broken("closed", "the other side ended")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


class Peer:
    """One end of a two-way call channel. Requests may nest: a callback is served while its caller waits.

    ``lookup(target)`` finds what the other side calls by name; by number it reaches only what this side has exported.
    """

    def __init__(self, stream: Stream, lookup: Callable[[str], Any] | None = None) -> None:
        self.stream, self.lookup = stream, lookup
        self.exports: list[Any] = []
        self.sequence = 0
        self.calls = 0
        self.last_error: BaseException | None = None  # raised by the other side's code, not by ours
        self.last_line: int | None = None
        self.broken: Broken | None = None
        self.blocked = ""  # what the sandbox refused, as the other side tells it: used to explain, never to decide
        self.offer: Callable[[list[str]], Any] = lambda names: {}
        self.report_blocked: Callable[[], str] = lambda: ""

    # -- asking -------------------------------------------------------------------------------------------------
    def request(self, verb: str, *payload: Any) -> Any:
        """Send one request and serve what arrives until its reply does. Returns the reply's raw payload."""
        try:
            return self._request(verb, payload)
        except Broken as broken:
            self.broken = self.broken or broken
            raise

    def _request(self, verb: str, payload: tuple[Any, ...]) -> Any:
        self.sequence += 1
        number = self.sequence
        self.stream.send(to_frame([verb, number, *payload]))
        while True:
            message = from_frame(self.stream.recv())
            if not (isinstance(message, list) and len(message) >= 2 and isinstance(message[0], str)):
                raise Broken("error", "ProtocolError: malformed message")
            if message[0] in ("ok", "raise"):
                if message[1] != number or len(message) != 4:
                    raise Broken("error", "ProtocolError: reply out of order")
                if isinstance(message[3], str) and message[3]:
                    self.blocked = clean(message[3])
                if message[0] == "ok":
                    return message[2]
                raise self._remote_error(message[2])
            self.serve(message)

    def call(self, target: str | int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call ``target`` over there. Changes made to mutable arguments over there are repeated on ours."""
        self.calls += 1
        mutable = any(type(a) not in ATOMS for a in args) or any(type(a) not in ATOMS for a in kwargs.values())
        sent = [self.encode(list(args)), self.encode(kwargs)]
        reply = self.request("call", target, *sent, mutable)
        try:
            if not (isinstance(reply, list) and len(reply) == 2):
                raise Broken("error", "ProtocolError: malformed reply")
            if mutable and reply[1] is not None:
                self._repeat_changes(args, kwargs, self.decode(reply[1]))
            return self.decode(reply[0])
        except Broken as broken:
            self.broken = self.broken or broken
            raise

    def _repeat_changes(self, args: tuple[Any, ...], kwargs: dict[str, Any], changed: Any) -> None:
        if type(changed) is not list or len(changed) != len(args) + len(kwargs):
            raise Broken("error", "ProtocolError: malformed reply")
        for old, new in zip([*args, *kwargs.values()], changed, strict=True):
            merge(old, new)

    def _remote_error(self, payload: Any) -> BaseException:
        kind, text, line = payload if isinstance(payload, list) and len(payload) == 3 else ("Exception", "", None)
        kind, text = clean(str(kind)), clean(str(text))
        base = getattr(builtins, kind, None)
        if not (isinstance(base, type) and issubclass(base, Exception)) or base in NOT_RAISED:
            base = type(kind if kind.isidentifier() else "Exception", (Exception,), {})
        try:
            error: BaseException = base(text)
        except TypeError:
            error = Exception(text)
        error.__dict__["summary"] = f"{kind}: {text}" if text else kind
        self.last_error = error
        self.last_line = line if type(line) is int and 0 < line < 1_000_000 else None
        return error

    # -- answering ----------------------------------------------------------------------------------------------
    def serve(self, message: list[Any]) -> None:
        """Answer one request. What goes wrong in the called code goes back as an error."""
        number = message[1]
        try:
            answer = ["ok", number, self._answer(message), self.report_blocked()]
            frame = to_frame(answer)
        except Broken:
            raise
        except BaseException as error:  # the called code may raise anything, SystemExit included
            frame = to_frame(["raise", number, describe(error), self.report_blocked()])
        self.stream.send(frame)

    def _answer(self, message: list[Any]) -> Any:
        if message[0] == "call" and len(message) == 6:
            _, _, target, args, kwargs, mutable = message
            plain, named = self.decode(args), self.decode(kwargs)
            before = json.dumps([args, *_values(kwargs)]) if mutable else ""
            value = self.encode(self._target(target)(*plain, **named))
            if not mutable:
                return [value, None]
            after = self.encode([*plain, *named.values()])
            return [value, after if json.dumps([after[: len(plain)], *after[len(plain) :]]) != before else None]
        if message[0] == "next" and len(message) == 3:
            return self._take(self._target(message[2]))
        if message[0] == "get" and len(message) == 3:
            return self.offer(message[2])
        raise ValueError("unknown request")

    def _target(self, target: Any) -> Any:
        if type(target) is str and self.lookup is not None:
            return self.lookup(target)
        if type(target) is int and 0 <= target < len(self.exports):
            return self.exports[target]
        raise ValueError("unknown target")

    def _take(self, iterator: Iterator[Any]) -> list[Any]:
        """Up to ``BATCH`` items, then the error that ended them (if any) and whether the iterator is finished."""
        items: list[Any] = []
        try:
            for _ in range(BATCH):
                items.append(self.encode(next(iterator)))
        except StopIteration:
            return [items, None, True]
        except Exception as error:
            return [items, describe(error), True]
        return [items, None, False]

    # -- values -------------------------------------------------------------------------------------------------
    def encode(self, value: Any) -> Any:
        self.nodes = 0
        return self._encode(value, 0)

    def _encode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value if kind is not int or -INT_LIMIT <= value < INT_LIMIT else {"int": hex(value)}
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise TooLarge("value is nested too deeply" if depth > MAX_DEPTH else "value has too many parts")
        if kind is list:
            return self._encode_items(value, depth)
        encoder = ENCODERS.get(kind)
        if encoder is not None:
            tag, parts = encoder(value)
            return {tag: self._encode_items(parts, depth) if type(parts) is list else parts}
        return self._encode_other(value, depth)

    def _encode_items(self, items: list[Any], depth: int) -> list[Any]:
        self.nodes += len(items)
        kinds = set(map(type, items))
        if kinds <= FLAT or (kinds <= ATOMS and all(type(i) is not int or -INT_LIMIT <= i < INT_LIMIT for i in items)):
            return items
        return [self._encode(item, depth + 1) for item in items]

    def _encode_other(self, value: Any, depth: int) -> Any:
        if isinstance(value, type):
            return {"type": value.__name__} if VALUE_TYPES.get(value.__name__) is value else {"object": "type"}
        name = getattr(value, "__name__", "")
        if type(name) is str and PLAIN_FUNCTIONS.get(name) is value:
            return {"builtin": name}
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        for base in BASES:  # a subclass crosses as its base: its own methods stay behind
            if isinstance(value, base):
                return self._encode(PLAIN[base](value), depth)
        if callable(value):
            return {"function": self._export(value)}
        if isinstance(value, Iterator):
            return {"iterator": self._export(value)}
        return {"object": type(value).__name__}

    def _export(self, value: Any) -> int:
        if len(self.exports) >= 10_000:
            raise TooLarge("too many functions or iterators")
        self.exports.append(value)
        return len(self.exports) - 1

    def decode(self, value: Any) -> Any:
        try:
            return self._decode(value, 0)
        except Broken:
            raise
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise Broken("error", f"ProtocolError: malformed value ({type(error).__name__})") from None

    def _decode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value
        if depth > 2 * MAX_DEPTH:
            raise Broken("error", "ValueError: value is nested too deeply")
        if kind is list:
            return value if set(map(type, value)) <= ATOMS else [self._decode(item, depth + 1) for item in value]
        ((tag, parts),) = value.items()
        if tag in HANDLES:
            return getattr(self, HANDLES[tag])(parts)
        return DECODERS[tag](self._decode(parts, depth + 1))

    def _decode_function(self, handle: int) -> Callable[..., Any]:
        def remote(*args: Any, **kwargs: Any) -> Any:
            return self.call(handle, args, kwargs)

        return remote

    def _decode_iterator(self, handle: int) -> Iterator[Any]:
        def items() -> Iterator[Any]:
            done = False
            while not done:
                reply = self.request("next", handle)
                if not (type(reply) is list and len(reply) == 3 and type(reply[0]) is list):
                    raise Broken("error", "ProtocolError: malformed reply")
                batch, error, done = reply
                yield from [self.decode(item) for item in batch]
                if error is not None:
                    raise self._remote_error(error)

        return items()


ATOMS = frozenset((type(None), bool, str, int, float))
FLAT = frozenset((type(None), bool, str, float))
MUTABLE = frozenset(
    (
        list,
        dict,
        set,
        bytearray,
        collections.deque,
        collections.defaultdict,
        collections.OrderedDict,
        collections.Counter,
    )
)
CONTAINERS = MUTABLE | {tuple}
NOT_RAISED = (StopIteration, StopAsyncIteration)


def _pairs(value: Any) -> list[Any]:
    return [part for pair in dict.items(value) for part in pair]


def _unpairs(parts: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(parts[::2], parts[1::2], strict=True))


def _values(encoded: Any) -> list[Any]:
    return list(encoded["dict"][1::2]) if encoded else []


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
    type(NotImplemented): lambda v: ("notimplemented", []),
    collections.OrderedDict: lambda v: ("OrderedDict", _pairs(v)),
    collections.Counter: lambda v: ("Counter", _pairs(v)),
    collections.defaultdict: lambda v: ("defaultdict", _pairs(v)),
    collections.deque: lambda v: ("deque", [*v]),
    type({}.keys()): lambda v: ("keys", [*v]),
    type({}.values()): lambda v: ("values", [*v]),
    type({}.items()): lambda v: ("items", [part for pair in v for part in pair]),
    decimal.Decimal: lambda v: ("Decimal", str(v)),
    fractions.Fraction: lambda v: ("Fraction", [v.numerator, v.denominator]),
    datetime.datetime: lambda v: ("datetime", [v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond]),
    datetime.date: lambda v: ("date", [v.year, v.month, v.day]),
    datetime.timedelta: lambda v: ("timedelta", [v.days, v.seconds, v.microseconds]),
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "int": lambda v: int(v, 16),
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": lambda v: dict(_unpairs(v)),
    "bytes": lambda v: v.encode("latin-1"),
    "bytearray": lambda v: bytearray(v.encode("latin-1")),
    "complex": lambda v: complex(*v),
    "range": lambda v: range(*v),
    "slice": lambda v: slice(*v),
    "ellipsis": lambda v: ...,
    "notimplemented": lambda v: NotImplemented,
    "OrderedDict": lambda v: collections.OrderedDict(_unpairs(v)),
    "Counter": lambda v: collections.Counter(dict(_unpairs(v))),
    "defaultdict": lambda v: collections.defaultdict(None, _unpairs(v)),
    "deque": collections.deque,
    "keys": lambda v: dict.fromkeys(v).keys(),
    "values": lambda v: dict(enumerate(v)).values(),
    "items": lambda v: dict(_unpairs(v)).items(),
    "Decimal": lambda v: decimal.Decimal(v),
    "Fraction": lambda v: fractions.Fraction(operator.index(v[0]), operator.index(v[1])),
    "datetime": lambda v: datetime.datetime(*v),
    "date": lambda v: datetime.date(*v),
    "timedelta": lambda v: datetime.timedelta(*v),
    "type": lambda v: VALUE_TYPES[v],
    "builtin": lambda v: PLAIN_FUNCTIONS[v],
    "module": lambda v: _module(v),
    "object": lambda v: Opaque(clean(str(v))),
}
HANDLES = {"function": "_decode_function", "iterator": "_decode_iterator"}
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
BASES = tuple(PLAIN)


def _module(name: str) -> types.ModuleType:
    if name not in MODULES:
        raise ValueError(name)
    return __import__(name)


def clean(text: str) -> str:
    """One printable line of bounded length, whatever came in."""
    line = " ".join(text[: 4 * DETAIL].split())
    return "".join(c if c.isprintable() else "?" for c in line)[:DETAIL]


def describe(error: BaseException) -> list[Any]:
    """``[type name, message, line of the program]`` of an exception; tolerates hostile exception classes."""
    try:
        text = str(error)[:DETAIL]
    except BaseException:
        text = ""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == PROGRAM else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == PROGRAM:
        text, line = error.msg, error.lineno
    return [type(error).__name__, text, line]


PROGRAM = "<program>"


def merge(old: Any, new: Any) -> None:
    """Make the mutable value ``old`` equal to ``new`` in place, keeping the identity of what is inside where it can."""
    if type(old) is tuple and type(new) is tuple:
        for mine, theirs in zip(old, new, strict=False):
            merge(mine, theirs)
    if type(old) is not type(new) or type(old) not in MUTABLE:
        return
    if type(old) in (list, collections.deque) and len(old) == len(new):
        for index, (mine, theirs) in enumerate(zip(list(old), list(new), strict=True)):
            if type(mine) is type(theirs) and type(mine) in CONTAINERS:
                merge(mine, theirs)
            else:
                old[index] = theirs
    elif type(old) in (list, bytearray):
        old[:] = new
    elif isinstance(old, dict):
        kept = {k: old[k] for k in new if k in old and type(old[k]) is type(new[k]) and type(old[k]) in MUTABLE}
        old.clear()
        for key, value in dict.items(new):
            old[key] = kept.get(key, value)
            merge(old[key], value)
    else:
        old.clear()
        (old.extend if type(old) is collections.deque else old.update)(new)
