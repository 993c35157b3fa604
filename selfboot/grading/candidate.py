"""The process that holds a model's program: no test, no expected value and no secret is ever in it.

Runs in a child of the zygote. It loads the program, then answers calls until its channel closes. Whatever the program
does to this module it does to itself: the only thing that leaves is the answer to a call.
"""

from __future__ import annotations

import os
import random
import sys
import types
from typing import Any, NoReturn

from selfboot.grading.wire import PROGRAM, Broken, FdStream, Peer, describe, from_frame, to_frame

MODULE = "candidate"


def serve(fd: int) -> NoReturn:
    """Load one program and answer calls on ``fd``; never returns."""
    try:
        stream = FdStream(fd)
        _, number, program = from_frame(stream.recv())
        module = types.ModuleType(MODULE)
        sys.modules[MODULE] = sys.modules["__main__"] = module
        peer = Peer(stream, lambda name: vars(module)[name])
        peer.offer = lambda names: {name: offer(peer, vars(module)[name]) for name in names if name in vars(module)}
        stream.send(to_frame(load(peer, module, program, number)))
        while True:
            peer.serve(from_frame(stream.recv()))
    except Broken:
        pass
    finally:
        os._exit(0)


def load(peer: Peer, module: types.ModuleType, program: str, number: int) -> list[Any]:
    """Execute the program; the reply to the request that brought it."""
    random.seed(0)
    try:
        exec(compile(program, PROGRAM, "exec", dont_inherit=True), vars(module))
        return ["ok", number, None, peer.report_blocked()]
    except BaseException as error:
        return ["raise", number, describe(error), peer.report_blocked()]


def offer(peer: Peer, value: Any) -> Any:
    """How a name of the program is offered: ``None`` for a function (to be called by name), else its value."""
    return None if callable(value) else peer.encode(value)
