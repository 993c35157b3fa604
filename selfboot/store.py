"""The run store: content-addressed artifacts on disk, built once, written atomically, resumable after a kill.

An artifact's address is the hash of everything that determines it (``key``). ``RunStore.get`` returns it, building it
first if need be: one process builds, others wait at its lock. The builder gets a working folder that outlives a kill,
so checkpoints left there are found again. The finished folder appears under its address in one rename, with a manifest
that holds key, provenance and the sha256 of every file; a changed file is set aside and rebuilt, loudly.

Layout:  ROOT/<kind>/<id>/manifest.json + files   ROOT/work/<kind>-<id>/   ROOT/locks/<kind>-<id>.lock   ROOT/damaged/
Not covered: garbage collection (delete a folder by hand, at any time) and object stores (a local or shared path only).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from selfboot.errors import StoreError

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


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, dataclasses as dicts. Floats keep their shortest exact form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        raise TypeError(f"a path has no place in a key: {value} (hash the content instead)")
    raise TypeError(f"cannot be part of a key: {value!r} ({type(value).__name__})")


def digest(value: Any) -> str:
    """sha256 (hex) of ``canonical_json(value)``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a whole file or nothing: temporary sibling, flush to disk, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    payload = data.encode() if isinstance(data, str) else data
    try:
        with temporary.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise explain(error, path) from error


def explain(error: OSError, path: Path) -> StoreError:
    """An operating-system error on the store as one sentence with its remedy."""
    remedy = {
        errno.ENOSPC: "the disk is full: free some space or name another store with --store; finished work is kept",
        errno.EDQUOT: "the disk quota is used up: free some space or name another store with --store",
        errno.EROFS: "the file system is read-only: name a writable store with --store or SELFBOOT_STORE",
        errno.EACCES: "no permission to write there: name a writable store with --store or SELFBOOT_STORE",
        errno.ENOTDIR: "a file stands where a folder is needed: name another store with --store",
    }.get(error.errno or 0, "check the disk, or name another store with --store")
    return StoreError(f"store {path}: {error.strerror or error}; {remedy}")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of the operating system as the store's, at ``path``."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def _address(kind: str, key: Mapping[str, Any]) -> str:
    return digest({"kind": kind, "key": key})[:20]


class RunStore:
    """The store at ``root``.

    ``fresh_since`` (seconds since the epoch): artifacts and half-done work older than that are built anew.
    """

    def __init__(self, root: Path, fresh_since: float | None = None) -> None:
        self.root = Path(root).absolute()
        self.fresh_since = fresh_since
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
        return self._find(kind, _address(kind, key))

    def get(self, kind: str, key: Mapping[str, Any], build: Builder) -> Artifact:
        """The artifact of this kind and key; ``build(out, work)`` makes it if it is not there, under its lock."""
        address = _address(kind, key)
        found = self._find(kind, address)
        if found is not None:
            return found
        with self._locked(kind, address):
            return self._find(kind, address) or self._build(kind, address, key, build)

    def _find(self, kind: str, address: str) -> Artifact | None:
        path = self.root / kind / address
        try:
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._set_aside(path, f"its manifest cannot be read ({error})")
            return None
        if self.fresh_since is not None and manifest["created"] < self.fresh_since:
            return None
        for name, expected in manifest["files"].items():
            if not (path / name).is_file() or file_sha256(path / name) != expected:
                self._set_aside(path, f"{name} is missing or changed")
                return None
        return Artifact(kind, address, path, manifest, cached=True)

    def _set_aside(self, path: Path, why: str) -> None:
        target = self.root / "damaged" / f"{path.parent.name}-{path.name}-{time.time_ns()}"
        warnings.warn(f"store: artifact {path} is damaged: {why}; moved to {target}, built anew", stacklevel=4)
        try:
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
        except FileNotFoundError:
            pass  # another process set it aside first
        except OSError as error:
            raise explain(error, path) from error

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
            "key": json.loads(canonical_json(key)),
            "created": time.time(),
            "seconds": round(seconds, 3),
            "files": files,
            "provenance": provenance,
        }
        write_atomic(out / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        return manifest

    def _publish(self, out: Path, final: Path) -> None:
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():  # only under --fresh: the old one gives way
            shutil.rmtree(final)
        out.rename(final)
