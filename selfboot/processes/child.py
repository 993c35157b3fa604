"""A process of ours as it is inside: its end of the socket, JSON lines. It goes away when its parent does."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any


class Channel:
    """Our end of the socket. A thread reads, so that the parent's end is noticed in the middle of a request too."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.socket = socket.socket(fileno=descriptor)
        self.incoming: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self.socket.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                self.incoming.put(json.loads(line))
        os._exit(0)

    def send(self, message: dict[str, Any]) -> None:
        self.socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


def serve(channel: Channel, answer: Callable[[dict[str, Any]], dict[str, Any]], forget: Callable[[], None]) -> None:
    """Answer one request after the other, until the parent goes away. ``forget``: drop what an error left behind."""
    while True:
        message = channel.incoming.get()
        try:
            channel.send(answer(message))
        except Exception as error:  # whatever it is, the parent says it in one line and ends this process
            forget()  # whatever state it was left in
            channel.send({"error": type(error).__name__, "message": " ".join(str(error).split())})
