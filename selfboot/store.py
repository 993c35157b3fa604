"""The run store: content-addressed artifacts on disk, built once, written atomically, resumable after a kill.

An artifact's address is the hash of everything that determines it (``key``). ``RunStore.get`` returns it, building it
first if need be: one process builds, others wait at its lock. The builder gets a working folder that outlives a kill,
so checkpoints left there are found again. The finished folder appears under its address in one rename, with a manifest
that holds key, provenance and the sha256 of every file, and its own (manifest.py). What is not the artifact of its
address, to the last byte, is set aside and rebuilt, loudly; so is half-done work (files.py).

Layout:  ROOT/<kind>/<id>/manifest.json + files   ROOT/work/<kind>-<id>/   ROOT/locks/<kind>-<id>.lock   ROOT/damaged/
Not covered: garbage collection (delete a folder by hand, at any time) and object stores (a local or shared path only).
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from selfboot.errors import StoreError
from selfboot.storage.files import canonical_json, digest, explain, file_sha256, replace_files, set_aside, write_atomic
from selfboot.storage.manifest import NAME as MANIFEST
from selfboot.storage.manifest import Damaged, address_of, check_files, manifest_text, parse_manifest

__all__ = [
    "Artifact",
    "Builder",
    "RunStore",
    "canonical_json",
    "digest",
    "explain",
    "file_sha256",
    "write_atomic",
]

CLOCKS = 60.0  # seconds that the clocks of machines at one store may differ
Builder = Callable[[Path, Path], Mapping[str, Any]]  # (out folder, work folder) -> provenance for the manifest


@dataclass(frozen=True)
class Artifact:
    """A finished artifact: its folder, manifest, and whether it was there already (``cached``)."""

    kind: str
    id: str
    path: Path
    manifest: dict[str, Any]
    cached: bool

    @property
    def seconds(self) -> float:
        """Wall-clock seconds that building it took, whenever that was."""
        return float(self.manifest["seconds"])

    def text(self, name: str) -> str:
        """A file's text, hashed as it is read. StoreError where it is no longer what the manifest says."""
        try:
            payload = (self.path / name).read_bytes()
        except OSError as error:
            raise explain(error, self.path / name) from error
        if hashlib.sha256(payload).hexdigest() != self.manifest["files"][name]:
            raise StoreError(f"{self.path / name}: changed since it was found whole; the same command again mends it")
        return payload.decode()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of the operating system as the store's, at ``path``."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


class RunStore:
    """The store at ``root``.

    ``fresh_since`` (seconds since the epoch): artifacts and half-done work older than that are built anew.
    """

    def __init__(self, root: Path, fresh_since: float | None = None) -> None:
        self.root = Path(root).absolute()
        self.fresh_since = fresh_since
        self.asked: dict[str, None] = {}  # KIND/ID of what was asked for and found or made, in this order
        try:
            for name in ("work", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.root / "work" / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise explain(error, self.root) from error

    def find(self, kind: str, key: Mapping[str, Any]) -> Artifact | None:
        """The artifact of this kind and key, if it is there."""
        return self._noted(self._find(kind, address_of(kind, key)))

    def get(self, kind: str, key: Mapping[str, Any], build: Builder) -> Artifact:
        """The artifact of this kind and key; ``build(out, work)`` makes it if it is not there, under its lock."""
        address = address_of(kind, key)
        found = self._find(kind, address)
        if found is None:
            with self._turn(kind, address):
                found = self._sound(kind, address) or self._build(kind, address, key, build)
        self._noted(found)
        return found

    def _noted(self, found: Artifact | None) -> Artifact | None:
        if found is not None:
            self.asked.setdefault(f"{found.kind}/{found.id}")
        return found

    def _find(self, kind: str, address: str) -> Artifact | None:
        """The artifact, if it is there and whole. Only who holds its lock sets it aside: it may be whole again by
        then."""
        try:
            return self._read(kind, address)
        except Damaged:
            with self._locked(kind, address):
                return self._sound(kind, address)

    def _sound(self, kind: str, address: str) -> Artifact | None:
        """The same for who holds the lock."""
        try:
            return self._read(kind, address)
        except Damaged as error:
            name = f"{kind}-{address}"
            damaged = self.root / "damaged" / f"{name}-{time.time_ns()}"
            set_aside(self.root / kind / address, damaged, "artifact", str(error))
            return None

    def _read(self, kind: str, address: str) -> Artifact | None:
        """The artifact as it lies there. Raises Damaged where it is not what its address and manifest say."""
        path = self.root / kind / address
        if not os.path.lexists(path):
            return None
        try:
            manifest = parse_manifest((path / MANIFEST).read_bytes(), kind, address)
            if not self._is_recent(manifest["created"]):
                return None
            check_files(path, manifest["files"])
        except OSError as error:
            raise Damaged(f"it cannot be read ({error.strerror or error})") from None
        return Artifact(kind, address, path, manifest, cached=True)

    def _is_recent(self, created: float) -> bool:
        """Under --fresh: made since? What claims to be of the future is not."""
        return self.fresh_since is None or self.fresh_since <= created <= time.time() + CLOCKS

    def _turn(self, kind: str, address: str) -> AbstractContextManager[None]:
        """Our turn to build: others wait."""
        return self._locked(kind, address)

    @contextmanager
    def _locked(self, kind: str, address: str) -> Iterator[None]:
        lock = FileLock(self.root / "locks" / f"{kind}-{address}.lock")
        with _explained(self.root / "locks"):
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _build(self, kind: str, address: str, key: Mapping[str, Any], build: Builder) -> Artifact:
        work, final = self.root / "work" / f"{kind}-{address}", self.root / kind / address
        out = work / "out"
        with _explained(final):
            self._drop_stale(work)
            shutil.rmtree(out, ignore_errors=True)  # a half-written result of a killed run; checkpoints beside it stay
            out.mkdir(parents=True)
        started = time.perf_counter()
        try:
            provenance = dict(build(out, work))
        except OSError as error:  # of a file elsewhere (a model's, say): no fault of the store
            if self._is_ours(error):
                raise explain(error, final) from error
            raise
        with _explained(final):
            manifest = self._manifest(kind, address, key, out, provenance, time.perf_counter() - started)
            self._publish(out, final)
            shutil.rmtree(work, ignore_errors=True)
        return Artifact(kind, address, final, manifest, cached=False)

    def _is_ours(self, error: OSError) -> bool:
        """Did a builder fail on the store? On a file of it, or on a full disk, where a write names no file."""
        if error.filename is None:
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        return Path(os.fsdecode(error.filename)).absolute().is_relative_to(self.root)

    def _drop_stale(self, work: Path) -> None:
        if self.fresh_since is not None and work.exists() and work.stat().st_mtime < self.fresh_since:
            shutil.rmtree(work)

    def _manifest(
        self, kind: str, address: str, key: Mapping[str, Any], out: Path, provenance: dict[str, Any], seconds: float
    ) -> dict[str, Any]:
        files = {str(f.relative_to(out)): file_sha256(f) for f in sorted(out.rglob("*")) if f.is_file()}
        manifest = {
            "kind": kind,
            "id": address,
            "key": key,
            "created": time.time(),
            "seconds": round(seconds, 3),
            "files": files,
            "provenance": provenance,
        }
        text = manifest_text(manifest)
        try:
            found = parse_manifest(text, kind, address)
        except Damaged as error:  # the builder's fault: it would be built anew for ever
            raise StoreError(f"{kind}/{address}: its builder made nothing that can be found again: {error}") from None
        write_atomic(out / MANIFEST, text)
        return found

    def _publish(self, out: Path, final: Path) -> None:
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():  # only under --fresh: the old one gives way, under the eyes of its readers
            replace_files(out, final, last=MANIFEST)
        else:
            out.rename(final)
