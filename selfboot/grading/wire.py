"""Frames and calls between processes that do not trust each other.

A frame is a 4-byte big-endian length and that many bytes of ASCII JSON (values.py). ``Peer`` is one end of a two-way
call channel: requests may nest, since a callback is served while its caller waits.
"""

from __future__ import annotations

import builtins
import json
import json.encoder
import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from selfboot.grading.values import ATOMS, Codec, TooLarge, merge

MAX_FRAME = 8 << 20  # bytes
BATCH = 64  # items of a remote iterator fetched at a time
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


def to_frame(message: object) -> bytes:
    """Raises ``TooLarge`` above ``MAX_FRAME``. ``message`` must be JSON-able and free of cycles."""
    body = "".join(_chunks(message, 0)).encode("ascii")
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

    def send(self, frame: bytes) -> None:
        try:
            sent = os.write(self.fd, frame)
            while sent < len(frame):
                sent += os.write(self.fd, memoryview(frame)[sent:])
        except OSError:
            raise Broken("closed", "the process ended") from None

    def recv(self) -> bytes:
        size = int.from_bytes(self._take(4), "big")
        if size > MAX_FRAME:
            raise Broken("error", f"ValueError: value is larger than {MAX_FRAME >> 20} MiB")
        return self._take(size)

    def _take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            try:
                part = os.read(self.fd, min(max(count - len(self.buffer), 1 << 12), 1 << 18))
            except OSError:
                part = b""
            if not part:
                raise Broken("closed", "the process ended")
            self.buffer += part
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken


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
        self.broken: Broken | None = None
        self.last_error: BaseException | None = None
        self.last_line: int | None = None
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
        self.stream.send(to_frame([verb, number, *payload]))
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
        for start in range(0, len(inputs), BATCH):
            yield from self._map(target, inputs[start : start + BATCH])

    def _map(self, target: str, batch: list[list[Any]]) -> Iterator[Any]:
        self.calls += 1
        try:
            reply = self.request("map", target, self.encode(batch))
        except Exception as error:
            if type(error).__name__ != "TooLarge" or len(batch) == 1:
                raise
            for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
                yield from self._map(target, half)
            return
        with self.reading():
            values, failure = reply
            results = [self.decode(value) for value in values]
            if len(results) != len(batch) and failure is None:
                raise ValueError("too few results")
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
        kind, text, line = payload if isinstance(payload, list) and len(payload) == 3 else ("Exception", "", None)
        kind, text = clean(str(kind)), clean(str(text))
        error = local_error(kind, text)
        error.__dict__["summary"] = f"{kind}: {text}" if text else kind
        self.last_error = error
        self.last_line = line if type(line) is int and 0 < line < 10_000_000 else None
        return error

    # -- answering ----------------------------------------------------------------------------------------------
    def serve(self, message: list[Any]) -> None:
        """Answer one request. What goes wrong in the called code goes back as an error."""
        try:
            frame = to_frame(["ok", message[1], self._answer(message), self.refused()])
        except Broken:
            raise
        except BaseException as error:  # the called code may raise anything, SystemExit included
            frame = to_frame(["raise", message[1], describe(error), self.refused()])
        self.stream.send(frame)

    def _answer(self, message: list[Any]) -> Any:
        verb, _, target, *rest = message
        if verb == "call":
            return self._answer_call(self._target(target), *rest)
        if verb == "map":
            return self._answer_map(self._target(target), *rest)
        if verb == "next":
            return self._answer_next(self._target(target))
        if verb == "get" and self.lookup is not None:
            return self.offer(target)
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

    def _answer_map(self, function: Any, batch: Any) -> Any:
        results: list[Any] = []
        try:
            for args in batch:
                results.append(self.encode(function(*self.decode(args))))
        except BaseException as error:
            return [results, describe(error)]
        return [results, None]

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


def local_error(kind: str, text: str) -> Exception:
    """An exception named ``kind``: the built-in one where it is an ordinary exception, else a class of that name."""
    base = getattr(builtins, kind, None)
    ordinary = isinstance(base, type) and issubclass(base, Exception)
    if not ordinary or base in (StopIteration, StopAsyncIteration):
        base = type(kind if kind.isidentifier() else "Exception", (Exception,), {})
    try:
        return base(text)  # type: ignore[misc, no-any-return]
    except TypeError:  # a constructor with other arguments, such as UnicodeDecodeError's
        return Exception(text)


def clean(text: str) -> str:
    """One printable line of bounded length, whatever came in."""
    line = " ".join(text[: 4 * DETAIL].split())
    return "".join(c if c.isprintable() else "?" for c in line)[:DETAIL]


def describe(error: BaseException) -> list[Any]:
    """``[type name, message, line of the program]`` of an exception; tolerates hostile exception classes."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == PROGRAM:
        return [type(error).__name__, str(error.msg)[:DETAIL], error.lineno]
    try:
        text = str(error)[:DETAIL]
    except BaseException:
        text = ""
    return [type(error).__name__, text, line]
