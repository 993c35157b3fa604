"""Frames and calls between processes that do not trust each other.

A frame is a 4-byte big-endian length and that many bytes of ASCII JSON (values.py). ``Peer`` is one end of a two-way
call channel: requests may nest, since a callback is served while its caller waits.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import json.encoder
import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from selfboot.grading.values import ATOMS, MODULES, Codec, TooLarge, is_exact, merge

MAX_FRAME = 32 << 20  # bytes: HumanEval+ has single results of 12 MiB
ENOUGH = 1 << 20  # bytes of results after which a batch of calls is answered as far as it is
BATCH = 64  # items of a remote iterator fetched at a time
MAX_HELD = 1 << 16  # bytes of an answer that is not sent at once
MAX_BASES = 16  # classes of an exception that cross by name
DETAIL = 300  # characters of an error message that cross
PROGRAM = "<program>"  # file name of the program in tracebacks


class Broken(BaseException):
    """The other side is gone, late or talks nonsense. Not an ``Exception``: tests must not catch it by accident."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Stream(Protocol):
    """Whole frames in and out; raises ``Broken``."""

    def send(self, frame: bytes) -> None: ...

    def recv(self) -> bytes: ...


# Built once: in a fresh child every page of memory that is touched costs, so the machinery is kept small.
_make_encoder: Any = getattr(json.encoder, "c_make_encoder", None)
_chunks = (
    _make_encoder(None, None, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, True)
    if _make_encoder
    else lambda message, _: [json.dumps(message)]
)
_scan: Any = vars(json.JSONDecoder())["scan_once"]


def to_json(message: object) -> str:
    """``message`` must be JSON-able and free of cycles."""
    return "".join(_chunks(message, 0))


def to_frame(message: object) -> bytes:
    """Raises ``TooLarge`` above ``MAX_FRAME``."""
    return framed(to_json(message))


def framed(text: str) -> bytes:
    body = text.encode("ascii")
    if len(body) > MAX_FRAME:
        raise TooLarge(f"value is larger than {MAX_FRAME >> 20} MiB")
    return len(body).to_bytes(4, "big") + body


def from_frame(body: bytes) -> Any:
    try:
        message, end = _scan(body.decode("ascii"), 0)
    except (ValueError, RecursionError, MemoryError, StopIteration) as error:
        raise Broken("error", f"ProtocolError: not a message ({type(error).__name__})") from None
    if end != len(body):
        raise Broken("error", "ProtocolError: not a message (trailing data)")
    return message


class FdStream:
    """Frames on a blocking descriptor. Time is kept outside: the worker by an alarm, the sandboxed side by its end."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.buffer = bytearray()
        self.held: list[bytes] | None = None  # a list: frames wait here until ``flush``
        self.writing = False

    def send(self, frame: bytes) -> None:
        if self.held is None:
            self._write(frame)
        else:
            self.held.append(frame)
            if len(frame) > MAX_HELD or len(self.held) > BATCH:
                self.flush()

    def flush(self, *_: object) -> None:
        """Write what is held. Also a signal handler; it leaves alone a write that it interrupts."""
        if self.held and not self.writing:
            self.writing = True
            frames = b"".join(self.held)
            self.held.clear()
            self._write(frames)

    def _write(self, frame: bytes) -> None:
        self.writing = True
        try:
            sent = os.write(self.fd, frame)
            while sent < len(frame):
                sent += os.write(self.fd, memoryview(frame)[sent:])
        except OSError:
            raise Broken("closed", "the process ended") from None
        finally:
            self.writing = False

    def recv(self) -> bytes:
        if self.held:
            self.flush()
        if not self.buffer:
            part = self._read(0)
            if int.from_bytes(part[:4], "big") == len(part) - 4:  # the usual case: one frame, and whole
                return part[4:]
            self.buffer += part
        size = int.from_bytes(self._take(4), "big")
        if size > MAX_FRAME:
            raise Broken("error", f"ValueError: value is larger than {MAX_FRAME >> 20} MiB")
        return self._take(size)

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.buffer += self._read(count - len(self.buffer))
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def _read(self, count: int) -> bytes:
        try:
            part = os.read(self.fd, min(max(count, 1 << 16), 1 << 18))
        except OSError:
            part = b""
        if not part:
            raise Broken("closed", "the process ended")
        return part


class Peer(Codec):
    """One end of a call channel.

    ``lookup(name)`` finds what the other side calls by name; by number it reaches only what this side has exported.
    ``broken`` keeps the first failure of the channel, ``last_error`` the last exception that came from over there.
    """

    def __init__(self, stream: Stream, lookup: Callable[[str], Any] | None = None) -> None:
        super().__init__()
        self.stream, self.lookup = stream, lookup
        self.sequence = 0
        self.calls = 0
        self.ahead: list[bytes] = []  # requests that the other side has before they are made: see ``_say``
        self.missed = False
        self.said: list[list[Any]] | None = None  # a list: every request is noted here
        self.broken: Broken | None = None
        self.last_error: BaseException | None = None
        self.last_line: int | None = None
        self.named: frozenset[str] = frozenset()  # which of STEERING the tests name: only those arrive as what they are
        self.blocked = ""  # what the sandbox refused, as the other side tells it: to explain with, never to decide
        self.refused: Callable[[], str] = lambda: ""

    # -- asking -------------------------------------------------------------------------------------------------
    def request(self, verb: str, *payload: Any) -> Any:
        """Send one request and serve what arrives until its reply does. Returns the reply's raw payload."""
        try:
            return self._request(verb, payload)
        except Broken as broken:
            self.broken = self.broken or broken
            raise

    def _request(self, verb: str, payload: tuple[Any, ...]) -> Any:
        self.sequence = number = self.sequence + 1
        self._say([verb, number, *payload])
        while True:
            message = from_frame(self.stream.recv())
            if not (isinstance(message, list) and len(message) >= 2 and isinstance(message[0], str)):
                raise Broken("error", "ProtocolError: malformed message")
            if message[0] not in ("ok", "raise"):
                self.serve(message)
                continue
            if message[1] != number or len(message) != 4:
                raise Broken("error", "ProtocolError: reply out of order")
            if isinstance(message[3], str) and message[3]:
                self.blocked = clean(message[3])
            if message[0] == "raise":
                raise self._remote_error(message[2])
            return message[2]

    def _say(self, request: list[Any]) -> None:
        """Send a request, but for one that the other side was told to expect: it is being answered already.

        One that differs from what was told means that the program over there has done what it should not have.
        """
        frame = to_frame(request)
        if self.said is not None:
            self.said.append(request)
        if not self.ahead:
            self.stream.send(frame)
        elif frame != self.ahead.pop(0):
            self.missed = True
            raise Broken("error", "ProtocolError: another request than was foretold")

    def call(self, target: str | int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call ``target`` over there. Changes made to mutable arguments over there are repeated on ours."""
        self.calls += 1
        mutable = any(type(arg) not in ATOMS for arg in args) or any(type(arg) not in ATOMS for arg in kwargs.values())
        reply = self.request(
            "call", target, self.encode(list(args)), list(kwargs), self.encode([*kwargs.values()]), mutable
        )
        with self.reading():
            value, changed = reply
            if mutable and changed is not None:
                for old, new in zip([*args, *kwargs.values()], self.decode(changed), strict=True):
                    merge(old, new)
            return self.decode(value)

    def map(self, target: str, inputs: list[list[Any]]) -> Iterator[Any]:
        """Results of ``target(*args)`` for each ``args``, many calls to a message; raises where the first one did."""
        done = 0
        while done < len(inputs):
            batch = inputs[done : done + BATCH]
            self.calls += 1
            reply = self.request("map", target, self.encode(batch))
            with self.reading():
                values, failure = reply
                results = [self.decode(value) for value in values]
                if not (results or failure) or len(results) > len(batch):
                    raise ValueError("too few or too many results")
            done += len(results)
            yield from results
            if failure is not None:
                raise self._remote_error(failure)

    def remote_function(self, handle: int) -> Callable[..., Any]:
        def remote(*args: Any, **kwargs: Any) -> Any:
            return self.call(handle, args, kwargs)

        return remote

    def remote_iterator(self, handle: int) -> Iterator[Any]:
        done = False
        while not done:
            reply = self.request("next", handle)
            with self.reading():
                items, failure, done = reply
                batch = [self.decode(item) for item in items]
            yield from batch
            if failure is not None:
                raise self._remote_error(failure)

    def reading(self) -> Reading:
        return Reading(self)

    def _remote_error(self, payload: Any) -> BaseException:
        well_formed = isinstance(payload, list) and len(payload) == len(NO_ERROR)
        kind, text, line, bases, args = payload if well_formed else NO_ERROR
        kind, text = clean(str(kind)), clean(str(text))
        error = local_error(kind, text, bases, args, self.named)
        error.__dict__["summary"] = f"{kind}: {text}" if text else kind
        self.last_error = error
        self.last_line = line if type(line) is int and 0 < line < 10_000_000 else None
        return error

    # -- answering ----------------------------------------------------------------------------------------------
    def serve(self, message: list[Any]) -> None:
        """Answer one request. What goes wrong in the called code goes back as an error."""
        try:
            answer = self._answer(message)
            frame = framed(f'["ok",{to_json(message[1])},{answer},{to_json(self.refused())}]')
        except Broken:
            raise
        except BaseException as error:  # the called code may raise anything, SystemExit included
            frame = to_frame(["raise", message[1], describe(error), self.refused()])
        self.stream.send(frame)

    def _answer(self, message: list[Any]) -> str:
        """The answer as JSON."""
        verb, _, target, *rest = message
        if verb == "call":
            return to_json(self._answer_call(self._target(target), *rest))
        if verb == "map":
            return self._answer_map(self._target(target), *rest)
        if verb == "next":
            return to_json(self._answer_next(self._target(target)))
        if verb == "get" and self.lookup is not None:
            return to_json(self.offer(target))
        raise ValueError("unknown request")

    def offer(self, names: list[str]) -> dict[str, Any]:
        """How each name is offered: ``False`` (there is none), ``True`` (a function to call by it) or ``[value]``."""
        return {name: self._offer(name) for name in names}

    def _offer(self, name: str) -> Any:
        try:
            value = self.lookup(name) if self.lookup else None
        except KeyError:
            return False
        return True if callable(value) else [self.encode(value)]

    def _answer_call(self, function: Any, args: Any, names: list[str], values: Any, mutable: bool) -> Any:
        plain, named = self.decode(args), self.decode(values)
        result = function(*plain, **dict(zip(names, named, strict=True)))
        after = self.encode([*plain, *named]) if mutable else None
        return [self.encode(result), after if mutable and after != [*args, *values] else None]

    def _answer_map(self, function: Any, batch: Any) -> str:
        """Results, and the error that ended them, if any. Fewer than were asked for once they fill ``ENOUGH`` bytes."""
        results: list[str] = []
        failure, size = None, 0
        try:
            for args in batch:
                results.append(to_json(self.encode(function(*self.decode(args)))))
                size += len(results[-1])
                if size > ENOUGH:
                    break
        except BaseException as error:
            failure = describe(error)
        return f"[[{','.join(results)}],{to_json(failure)}]"

    def _answer_next(self, iterator: Iterator[Any]) -> Any:
        """Up to ``BATCH`` items, the error that ended them (if any), and whether the iterator is finished."""
        items: list[Any] = []
        try:
            for _ in range(BATCH):
                items.append(self.encode(next(iterator)))
        except StopIteration:
            return [items, None, True]
        except Exception as error:
            return [items, describe(error), True]
        return [items, None, False]

    def _target(self, target: Any) -> Any:
        if type(target) is str and self.lookup is not None:
            return self.lookup(target)
        if type(target) is int and 0 <= target < len(self.exports):
            return self.exports[target]
        raise ValueError("unknown target")


class Reading:
    """Context in which a reply is taken apart: anything odd in it breaks the channel, for good."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, LookupError | TypeError | ValueError):
            self.peer.broken = self.peer.broken or Broken("error", f"ProtocolError: {clean(str(error))}")
            raise self.peer.broken from None


# These end a loop, a generator or the interpreter where they are raised: a program must not do that to its tests. An
# error of theirs keeps its name and becomes an ordinary one, unless the tests name it themselves.
STEERING = frozenset(("StopIteration", "StopAsyncIteration", "SystemExit", "KeyboardInterrupt", "GeneratorExit"))
NO_ERROR: tuple[str, str, None, tuple[str, ...], None] = ("Exception", "", None, (), None)


def local_error(
    kind: str, text: str, bases: Any = (), args: Any = None, named: frozenset[str] = frozenset()
) -> BaseException:
    """An exception named ``kind`` whose base classes are those of ``bases`` (dotted names) that are known here.

    So a test's ``except ValueError`` catches a JSONDecodeError, and a class of the program's own. ``args`` where plain.
    """
    known = filter(None, map(known_class, bases)) if isinstance(bases, list | tuple) else ()
    usable = [base for base in known if base.__name__ not in STEERING - named and base is not BaseException]
    nearest = tuple(
        base for base in usable if not any(issubclass(other, base) and other is not base for other in usable)
    )
    with contextlib.suppress(Exception):
        if isinstance(args, list) and [base.__name__ for base in nearest] == [kind]:
            return nearest[0](*args)
    with contextlib.suppress(TypeError):  # bases that do not go together, or are made in a way of their own
        return error_class(kind, nearest or (Exception,))(text)
    return error_class(kind, (Exception,))(text)


def known_class(name: Any) -> type[BaseException] | None:
    """The exception class called ``module.Class``, of the built-in ones or a module whose values may cross."""
    module, _, rest = str(name).partition(".")
    place = builtins if module == "builtins" else __import__(module) if module in MODULES else None
    found = getattr(place, rest, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def error_class(kind: str, bases: tuple[type[BaseException], ...]) -> type[BaseException]:
    """A class of that name that is made with its text alone, whatever its bases want."""
    body = {"__init__": lambda self, text: setattr(self, "args", (text,)), "__str__": lambda self: self.args[0]}
    return type(kind if kind.isidentifier() else "Exception", bases, body)


def clean(text: str) -> str:
    """One printable line of bounded length, whatever came in."""
    line = " ".join(text[: 4 * DETAIL].split())
    return "".join(c if c.isprintable() else "?" for c in line)[:DETAIL]


def describe(error: BaseException) -> list[Any]:
    """``[type name, message, line of the program, names of its classes, arguments where plain]`` of an exception.

    Tolerates hostile exception classes.
    """
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == PROGRAM:
        return [type(error).__name__, str(error.msg)[:DETAIL], error.lineno, ["builtins.SyntaxError"], None]
    try:
        text = str(error)[:DETAIL]
    except BaseException:
        text = ""
    return [type(error).__name__, text, line, class_names(error), plain_arguments(error)]


def class_names(error: BaseException) -> list[str]:
    """``module.Class`` of an exception's classes, its own first, as far as the other side may know them."""
    names = []
    for cls in type.__dict__["__mro__"].__get__(type(error)):  # not by its attribute: a metaclass may have its own
        root = str(type.__dict__["__dict__"].__get__(cls).get("__module__", "builtins")).partition(".")[0]
        if root == "builtins" or root in MODULES:
            names.append(f"{root}.{type.__dict__['__name__'].__get__(cls)}")
    return names[:MAX_BASES]


def plain_arguments(error: BaseException) -> list[Any] | None:
    args = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    plain = all(type(arg) in ATOMS and is_exact(arg) for arg in args)
    return list(args) if plain and len(to_json(args)) <= DETAIL else None
