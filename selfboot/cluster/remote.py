"""A run store behind a URL of fsspec (``s3://bucket/folder``, ``gs://…``), with a folder here as its cache.

Artifacts are immutable, so copying is all there is to it: what is not here is fetched and its hashes are checked, what
is built here is sent, the manifest last, and an artifact without a manifest does not exist. Credentials and endpoint
are those of the environment (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL).

Not covered: locks across machines (an object store has none), so it is the one who hands out work that keeps two
machines from building the same; if it happens, the copies differ in their provenance only, and either is right. Nor are
checkpoints shared: what a lost machine had half done, another begins again.
"""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

from selfboot.cluster.graph import Reader
from selfboot.errors import StoreError, UnavailableError
from selfboot.storage.manifest import NAME as MANIFEST
from selfboot.storage.manifest import Damaged, check_files, parse_manifest
from selfboot.store import Artifact, RunStore

# They have no folders: making one would make the bucket, perhaps one of a mistyped name.
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss")


class Remote(RunStore):
    """What a store and a reader behind a URL share.

    Whatever a file system raises is a StoreError here: many are not an OSError (botocore's for a server out of reach
    or missing credentials), and which ones there are is the package's business that the URL names.
    """

    def __init__(self, root: Path, url: str) -> None:
        super().__init__(root)
        self.url = url
        self.files, self.base = _file_system(url)
        self.folders = url.partition("://")[0] not in OBJECT_STORES
        self._there: set[str] = set()  # known to be on the other side

    def pull(self, kind: str, address: str) -> bool:
        """Fetch an artifact, unless it is here; False when the other side has none either, or only a damaged one."""
        final = self.root / kind / address
        if (final / MANIFEST).is_file():
            return True
        remote = f"{self.base}/{kind}/{address}"
        if not self._exists(remote):
            return False
        half = self.root / "work" / f"pull-{kind}-{address}-{os.getpid()}"
        shutil.rmtree(half, ignore_errors=True)
        try:
            self._fetch(remote, half, kind, address)
        except (Damaged, FileNotFoundError) as error:
            warnings.warn(f"store {self.url}: {kind}/{address} is damaged: {error}; built anew", stacklevel=3)
            shutil.rmtree(half, ignore_errors=True)
            return False
        except Exception as error:
            raise StoreError(f"store {self.url}: {kind}/{address} cannot be read: {error}; try again") from error
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            half.rename(final)
        except OSError:  # another process of this machine was faster
            shutil.rmtree(half, ignore_errors=True)
        return True

    def _fetch(self, remote: str, half: Path, kind: str, address: str) -> None:
        """Copy an artifact here. Raises Damaged where it is not what its address and manifest say."""
        manifest = parse_manifest(self.files.cat_file(f"{remote}/{MANIFEST}"), kind, address)
        for name in [*manifest["files"], MANIFEST]:
            (half / name).parent.mkdir(parents=True, exist_ok=True)
            self.files.get_file(f"{remote}/{name}", str(half / name))
        check_files(half, manifest["files"])

    def push(self, final: Path) -> None:
        """Send a finished artifact, its manifest last."""
        remote = f"{self.base}/{final.parent.name}/{final.name}"
        names = [str(file.relative_to(final)) for file in sorted(final.rglob("*")) if file.is_file()]
        try:
            for name in sorted(names, key=lambda name: name == MANIFEST):
                if self.folders:
                    self.files.makedirs(f"{remote}/{name}".rpartition("/")[0], exist_ok=True)
                self.files.put_file(str(final / name), f"{remote}/{name}")
        except Exception as error:
            raise StoreError(
                f"store {self.url}: cannot be written: {error}; check address, credentials and bucket"
            ) from error

    def _exists(self, remote: str) -> bool:
        try:
            return bool(self.files.exists(f"{remote}/{MANIFEST}"))
        except Exception as error:
            raise StoreError(f"store {self.url}: cannot be reached: {error}; check address and credentials") from error

    def _find(self, kind: str, address: str) -> Artifact | None:
        name = f"{kind}/{address}"
        found = super()._find(kind, address)
        if found is None:
            return super()._find(kind, address) if self.pull(kind, address) else None
        if name not in self._there:  # built here, and perhaps killed before it was sent
            if not self._exists(f"{self.base}/{name}"):
                self.push(found.path)
            self._there.add(name)
        return found


class RemoteStore(Remote):
    """A store that sends what it builds."""

    def _publish(self, out: Path, final: Path) -> None:
        super()._publish(out, final)
        self.push(final)


class RemoteReader(Remote, Reader):
    """A reader that fetches what it lacks."""


def _file_system(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise UnavailableError("a store behind a URL needs fsspec: pip install 'selfboot[cluster]'") from None
    try:
        files, base = url_to_fs(url, use_listings_cache=False) if url.startswith("s3") else url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UnavailableError(
            f"store {url}: {error}; install that file system's package, or correct the URL"
        ) from None
    return files, str(base).rstrip("/")
