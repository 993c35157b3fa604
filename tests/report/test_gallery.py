"""The gallery: the report's figures as files of their own, from a store's results only, with what they rest on."""

from __future__ import annotations

import argparse
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from selfboot.cli import report as cli_report
from selfboot.errors import DataError, StoreError
from selfboot.judging.results import save
from selfboot.paths import MEASURED
from selfboot.report.gallery import LIMIT, SHOWN, write_gallery

SHIPPED = MEASURED / "gallery"


def whole(picture: Path) -> None:
    """A picture stands alone: well-formed, small, no variable of the page, nothing fetched or run."""
    text = picture.read_text(encoding="utf-8")
    tree = ET.fromstring(text)
    assert picture.stat().st_size < LIMIT
    assert "var(" not in text
    assert not re.search(r"<(script|image|foreignObject)|@import", text)
    assert set(re.findall(r"https?://[^\"]+", text)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    used = set(re.findall(r"(?:url\(|href=\")#([^)\"]*)", text))
    assert used <= {node.get("id") for node in tree.iter()}
    assert (tree.findtext("{http://www.w3.org/2000/svg}title") or "").endswith(".")


def test_every_figure_stands_alone(lab: Any, tmp_path: Path) -> None:
    pictures = write_gallery(lab.results, lab.store, tmp_path / "out")
    assert [path.name for path in pictures] == ["headline.svg", "control.svg", "sweep.svg", "oracle.svg"]
    for picture in pictures:
        whole(picture)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert all(f"]({path.name})" in text for path in pictures)
    assert "2 of 5 claims as calibrated" in text
    table = text.partition("## The results that were drawn")[2]
    assert table.count("recipe-7b") == 3, "no trial run is drawn"


def test_again_gives_the_same_pictures(lab: Any, tmp_path: Path) -> None:
    first, second = (write_gallery(lab.results, lab.store, tmp_path / name) for name in ("1", "2"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_without_figures_it_says_so(empty_lab: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the gallery's figures"):
        write_gallery([], empty_lab.store, tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_named(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        write_gallery(lab.results, lab.store, tmp_path / "file" / "out")


def test_the_command(small_lab: Any, tmp_path: Path, capsys: Any) -> None:
    top = argparse.ArgumentParser()
    cli_report.add_parser(top.add_subparsers())
    save(small_lab.store.root / "results", small_lab.results)
    args = top.parse_args(["report", "--store", str(small_lab.store.root), "--gallery", str(tmp_path / "out")])
    assert args.run(args) == 0
    assert "headline.svg" in capsys.readouterr().out
    args = top.parse_args(["report"])
    with pytest.raises(DataError, match="--gallery"):
        args.run(args)


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="no gallery here: selfboot report --gallery data/measured/gallery")
def test_the_shipped_pictures_stand_alone() -> None:
    pictures = sorted(SHIPPED.glob("*.svg"))
    assert 3 <= len(pictures) <= 5
    assert {f"fig-{picture.stem}" for picture in pictures} <= set(SHOWN)
    for picture in pictures:
        whole(picture)
