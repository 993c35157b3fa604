"""Runs inside the sandbox (test_isolation.py reads it as text): what a program finds around it."""

import os
import resource
import sys


def descriptors():
    found = []
    for fd in range(200):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return found


def environment():
    return list(os.environ)


def leads_its_process_group():
    return os.getpid() == os.getpgrp()


def working_folder():
    try:
        return os.listdir(".")  # noqa: PTH208 - no more than needed is imported
    except OSError as error:
        return type(error).__name__


def limits():
    kinds = {"files": "NOFILE", "core": "CORE", "size": "FSIZE", "memory": "AS"}
    return {name: resource.getrlimit(getattr(resource, f"RLIMIT_{kind}"))[1] for name, kind in kinds.items()}


def standard_input():
    return sys.stdin.read()


def arguments():
    return sys.argv


def parent():
    return os.getppid()


def user():
    return os.getuid()
