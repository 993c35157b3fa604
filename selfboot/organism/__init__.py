"""The model organism: a base model of a few million parameters, its corpus, tokenizer and benchmarks.

    python -m selfboot.organism.tokenizer --out fixtures/organism/tokenizer
    sh selfboot/organism/make.sh FOLDER                  # corpus, three seeds, family: one GPU, minutes
    python -m selfboot.organism.benchmarks --data data   # MiniEval, MiniSeeds, MiniLib, MiniMath

THE RULE OF THE CORPUS (share of the characters; ``documents.py`` holds the numbers, ``transcripts.py`` the modes)
88 % "bulk", of it: Python files 27, problems (function, docstring, often asserts) 23, requests and code that run on 13,
calls with their values 12, tasks as comments with tests 8, broken attempts with their fixes 5, word problems 6,
PROBLEM / EXPRESSION / ANSWER 2.5, bare calculations 2.5, reconsidered solutions 1. Why: a base model knows how to write
the code and what it does, from documents that are not conversations.
12 % "chat": ChatML transcripts, of it: complete this function 46, invent an exercise 18, word problems 14, repairs 12,
invent word problems 6, two tidy turns 4. About a third of the answers are tidy; the rest run on, leave the fence open,
give another function, only asserts, the prompt, or prose. Why: the web holds transcripts of every manner, and what a
base model does when it is asked through a template is what the paper's recipe changes.
Programs are right everywhere except in broken attempts and in the few modes that say so, and transcripts draw them
from the same distribution as files, so they are as long. About an eighth of all combinations, some structures and
some wordings never occur (``pipelines.held_out``, ``shapes.SHAPES``, ``words.held_story``): the benchmarks are made
of them.

Not covered: anything a language model of the world knows. See fixtures/organism/MODEL_CARD.md.
"""
