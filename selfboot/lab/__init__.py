"""The Lab, which does all work: it mines, trains, draws and grades, and keeps every result in the run store."""

from selfboot.lab.lab import GREEDY, Lab
from selfboot.lab.made import Adapter, AnswerScore, Drawn, Mined, Samples, Score, Tally
from selfboot.lab.provenance import machine, write_rows
from selfboot.lab.scoring import by_script

__all__ = [
    "GREEDY",
    "Adapter",
    "AnswerScore",
    "Drawn",
    "Lab",
    "Mined",
    "Samples",
    "Score",
    "Tally",
    "by_script",
    "machine",
    "write_rows",
]
