"""Functions up to renaming: an AST fingerprint, and the scan of the corpus for the benchmarks' functions.

    python -m selfboot.organism.fingerprint --jobs 2 --out fixtures/organism/scan.json

The fingerprint drops the names of the function, parameters and variables, annotations and docstring; it keeps
constants, builtins, attributes and structure, and does not depend on the Python version. Not covered: programs that
compute the same in another way.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import hashlib
import json
import keyword
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from selfboot.organism.corpus import (
    BULK_SHARDS,
    CHAT_SHARDS,
    SEPARATOR,
    TIDY_SHARDS,
    Stream,
    all_shards,
    combined_hash,
    documents,
)

DOC = re.compile(r'^    """.*?"""\n', re.S | re.M)
KEPT = frozenset(keyword.kwlist) | frozenset(dir(builtins))
NAME = re.compile(r'"(?:[^"\\\n]|\\.)*"|\.?\b[A-Za-z_]\w*')


def _dump(node: object, bound: set[str], numbers: dict[str, str]) -> str:
    """The tree as text, bound names numbered by first occurrence. ``ast.dump`` differs between Python versions."""
    if isinstance(node, list):
        return "[" + ",".join(_dump(item, bound, numbers) for item in node) + "]"
    if isinstance(node, str) and node in bound:
        return numbers.setdefault(node, f"v{len(numbers)}")
    if not isinstance(node, ast.AST):
        return repr(node)
    skipped = ("annotation", "returns", "ctx", "kind", "type_comment", "type_params", "decorator_list")
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in skipped and value is not None)
    if isinstance(node, ast.Constant):
        return f"Constant({node.value!r})"
    if isinstance(node, ast.Attribute):
        return f"Attribute({_dump(node.value, bound, numbers)},{node.attr!r})"
    return f"{type(node).__name__}({','.join(f'{name}={_dump(value, bound, numbers)}' for name, value in fields)})"


def fingerprint(source: str) -> str:
    """sha256[:16] of the first function in ``source`` without names, annotations and docstring.

    Raises SyntaxError where the source is none, ValueError where it holds no function.
    """
    function = next((node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)), None)
    if function is None:
        raise ValueError("no function in this source")
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:] or [ast.Pass()]
    bound = {function.name}
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    return hashlib.sha256(_dump(function, bound, {}).encode()).hexdigest()[:16]


def functions_in(text: str) -> Iterator[str]:
    """Every top-level function in a document, also inside fences and transcripts."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        start = lines[at].find("def ")
        # A transcript's first line may hold the header after a role or a tag.
        if start < 0 or "(" not in lines[at] or lines[at].startswith(" "):
            at += 1
            continue
        block = [lines[at][start:]]
        at += 1
        while at < len(lines) and (lines[at].startswith(" ") or not lines[at]):
            block.append(lines[at])
            at += 1
        yield "\n".join(block).split("<|im_end|>")[0].rstrip() + "\n"


def _skeleton(source: str) -> str:
    """The text with its names numbered: equal skeletons have equal fingerprints, so the tree is built once for each."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        name = match.group()
        return name if name[0] in '".' or name in KEPT else numbers.setdefault(name, f"n{len(numbers)}")

    return NAME.sub(number, source)


_known: dict[str, str] = {}


def fingerprints(text: str) -> set[str]:
    """The fingerprints of all functions in a document; text that does not parse has none."""
    found = set()
    for source in functions_in(text):
        code = DOC.sub("", source)
        skeleton = _skeleton(code)
        if skeleton not in _known:
            try:
                _known[skeleton] = fingerprint(code)
            except (SyntaxError, ValueError):
                _known[skeleton] = ""
        found.add(_known[skeleton])
    return found - {""}


def scan_shard(shard: tuple[Stream, int]) -> tuple[int, int, str, set[str]]:
    """(documents, functions, sha256 of the text, fingerprints) of one shard."""
    number = functions = 0
    found: set[str] = set()
    digest = hashlib.sha256()
    for _, text in documents(*shard):
        digest.update((SEPARATOR + text).encode())
        number += 1
        if "def " in text:
            prints = fingerprints(text)
            functions += len(prints)
            found |= prints
    return number, functions, digest.hexdigest(), found


def scan(shards: Iterable[tuple[Stream, int]], jobs: int) -> tuple[dict[str, Any], set[str]]:
    """All fingerprints of these shards, and a record of what they came from, with the corpus hash."""
    shards = list(shards)
    found: set[str] = set()
    hashes: dict[str, str] = {}
    number = functions = 0
    with ProcessPoolExecutor(jobs) as pool:
        for (stream, shard), result in zip(shards, pool.map(scan_shard, shards), strict=True):
            number, functions = number + result[0], functions + result[1]
            hashes[f"{stream}-{shard:04d}"] = result[2]
            found |= result[3]
    base = {name: value for name, value in hashes.items() if not name.startswith("tidy")}
    record = {"shards": len(shards), "documents": number, "functions": functions, "distinct": len(found)}
    return record | {"corpus_sha256": combined_hash(base)}, found


def task_fingerprints(data: Path) -> dict[str, str]:
    """Fingerprint → task id, for every style of every held-out code task."""
    found: dict[str, str] = {}
    for path in sorted(data.glob("mini*/*.fingerprints.json")):
        for task_id, prints in json.loads(path.read_text()).items():
            found.update(dict.fromkeys(prints, task_id))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bulk", type=int, default=BULK_SHARDS)
    parser.add_argument("--chat", type=int, default=CHAT_SHARDS)
    parser.add_argument("--tidy", type=int, default=TIDY_SHARDS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--keep", type=Path, help="write all fingerprints of the corpus here")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    counts, found = scan(all_shards(args.bulk, args.chat, args.tidy), args.jobs)
    if args.keep:
        args.keep.write_text("\n".join(sorted(found)) + "\n")
    wanted = task_fingerprints(args.data)
    hits = {one: wanted[one] for one in sorted(found & set(wanted))}
    record = {"wanted": len(wanted), "hits": hits} | counts
    args.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
