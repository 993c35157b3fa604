"""What the kernel can forbid to a process, by ctypes alone: limits, namespaces, Landlock, seccomp.

Three levels, each with all of the one before: ``rlimits`` (any Unix; keeps accidents small, stops no attacker),
``kernel`` (no_new_privs, no capabilities, Landlock, seccomp: works in an unprivileged container) and ``namespaces``
(user, pid, net, ipc, uts, mount). All but the last two calls below happen once a zygote, so a program costs one small
seccomp filter.

Read-only files of the standard library, system libraries, time zones and /dev/{null,zero,urandom} stay readable;
site-packages do not, since an installed benchmark lies there. Nothing but /dev/null can be written.

Not covered: names and sizes of files can still be seen (``stat``), CPU side channels, kernel bugs. The numbers for
aarch64 are taken from the kernel's generic table and have not been run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

LEVELS = {
    "rlimits": ("rlimits",),
    "kernel": ("rlimits", "no_new_privs", "capabilities", "landlock", "seccomp"),
    "namespaces": ("rlimits", "no_new_privs", "capabilities", "landlock", "seccomp", "namespaces"),
}
LINUX = sys.platform == "linux"
libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = (
    *(1, 4, 24, 22, 36, 38),
)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_THREAD = (
    *(0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x10000),
)
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(*args: int) -> None:
    check(libc.prctl(*map(ctypes.c_ulong, (*args, *(0,) * (5 - len(args))))))


def syscall(number: int, *args: Any) -> int:
    return check(libc.syscall(ctypes.c_long(number), *args))


# -- the zygote confines itself, and with that every child --------------------------------------------------------
def confine(options: dict[str, Any]) -> dict[str, str]:
    """Apply what the level asked for needs; "auto" tries everything. Returns feature -> "yes" or why not.

    Must run before threads exist. With namespaces it returns in a forked child, the first process of its namespace.
    """
    wanted = LEVELS["namespaces" if options["isolation"] == "auto" else options["isolation"]]
    steps: dict[str, Callable[[dict[str, Any]], str]] = {
        "namespaces": enter_namespaces,
        "rlimits": set_limits,
        "capabilities": drop_capabilities,
        "no_new_privs": set_no_new_privs,
        "landlock": enter_landlock,
        "seccomp": prepare_seccomp,
    }
    report = {name: attempt(step, options) if name in wanted else "not asked for" for name, step in steps.items()}
    done = [level for level, needs in LEVELS.items() if all(report[need].startswith("yes") for need in needs)]
    return {"isolation": done[-1] if done else "none", **report}


def attempt(step: Callable[[dict[str, Any]], str], options: dict[str, Any]) -> str:
    if not LINUX and step is not set_limits:
        return f"no ({platform.system()} has none)"
    try:
        return step(options)
    except OSError as error:
        return f"no ({error.strerror})"


def set_limits(options: dict[str, Any]) -> str:
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": options["file_mb"] << 20, "RLIMIT_NOFILE": 64}
    if LINUX:  # macOS refuses a small address space
        limits["RLIMIT_AS"] = options["memory_mb"] << 20
    for name, limit in limits.items():
        kind = getattr(resource, name)
        ceiling = resource.getrlimit(kind)[1]
        limit = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
        resource.setrlimit(kind, (limit, limit))
    return "yes"


def enter_namespaces(_: dict[str, Any]) -> str:
    """New user, pid, net, ipc, uts and mount namespaces; nothing in them but this process and no way to the network."""
    uid, gid = os.geteuid(), os.getegid()
    check(
        libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS)
    )
    for name, text in (("setgroups", "deny"), ("uid_map", f"65534 {uid} 1"), ("gid_map", f"65534 {gid} 1")):
        Path(f"/proc/self/{name}").write_text(text)
    check(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    pid = os.fork()
    if pid:  # the outer half only waits, holding nothing
        os.closerange(0, 256)
        os.waitpid(pid, 0)
        os._exit(0)
    return "yes (user, pid, net, ipc, uts, mount)"


def drop_capabilities(_: dict[str, Any]) -> str:
    for capability in range(64):
        with contextlib.suppress(OSError):
            prctl(PR_CAPBSET_DROP, capability)
    header = struct.pack("Ii", 0x20080522, 0)
    check(libc.capset(header, bytes(24)))
    return "yes (none left)"


def set_no_new_privs(_: dict[str, Any]) -> str:
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)  # no core dumps, no ptrace, /proc/self belongs to root
    return "yes"


# -- Landlock: which files ----------------------------------------------------------------------------------------
READ_FILE, READ_DIR, WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}


def enter_landlock(options: dict[str, Any]) -> str:
    abi = syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    rights = RIGHTS[min(abi, 5)]
    attributes = struct.pack("QQQ", rights, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    for path in readable_paths(options):
        allow_path(ruleset, path, READ_FILE | READ_DIR)
    allow_path(ruleset, Path("/dev/null"), READ_FILE | WRITE_FILE)
    for path in options["writable"]:
        allow_path(ruleset, Path(path), rights & ~1)  # everything but execution
    syscall(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
    return f"yes (ABI {abi})"


def allow_path(ruleset: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(f"/proc/self/fd/{fd}"):  # noqa: PTH112 - a descriptor, not a path
            rights &= READ_FILE | WRITE_FILE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd))
        syscall(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    finally:
        os.close(fd)


def readable_paths(options: dict[str, Any]) -> Iterable[Path]:
    standard = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    yield from (entry for entry in standard.iterdir() if entry.name not in ("site-packages", "dist-packages"))
    yield from system_library_folders()
    yield from map(Path, ("/usr/share/zoneinfo", "/dev/urandom", "/dev/zero", *options["readable"]))


def system_library_folders() -> set[Path]:
    """Folders of the shared libraries that this process has loaded, unless Python packages lie in them too."""
    with open("/proc/self/maps") as maps:
        loaded = {Path(line.split(maxsplit=5)[5].strip()).parent for line in maps if ".so" in line}
    return {folder for folder in loaded if not any(folder.glob("python*"))}


# -- seccomp: which system calls -----------------------------------------------------------------------------------
# name: (x86_64, aarch64); -1: the machine has no such call
CALLS: dict[str, tuple[int, int]] = {
    "read": (0, 63), "write": (1, 64), "open": (2, -1), "close": (3, 57), "stat": (4, -1), "fstat": (5, 80),
    "lstat": (6, -1), "poll": (7, -1), "lseek": (8, 62), "mmap": (9, 222), "mprotect": (10, 226), "munmap": (11, 215),
    "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66), "access": (21, -1),
    "pipe": (22, -1), "select": (23, -1), "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233),
    "dup": (32, 23), "dup2": (33, -1), "pause": (34, -1), "nanosleep": (35, 101), "getitimer": (36, 102),
    "alarm": (37, -1), "setitimer": (38, 103), "getpid": (39, 172), "exit": (60, 93), "uname": (63, 160),
    "getdents": (78, -1), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50), "readlink": (89, -1),
    "umask": (95, 166), "gettimeofday": (96, 169), "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153),
    "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173),
    "getpgrp": (111, -1), "getgroups": (115, 158), "getresuid": (118, 148), "getresgid": (120, 150),
    "getpgid": (121, 155), "getsid": (124, 156), "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "getpriority": (140, 141), "gettid": (186, 178),
    "time": (201, -1), "futex": (202, 98), "sched_getaffinity": (204, 123), "getdents64": (217, 61),
    "set_tid_address": (218, 96), "restart_syscall": (219, 128), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94), "epoll_wait": (232, -1),
    "epoll_ctl": (233, 21), "openat": (257, 56), "newfstatat": (262, 79), "readlinkat": (267, 78),
    "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73), "set_robust_list": (273, 99),
    "get_robust_list": (274, 100), "epoll_pwait": (281, 22), "eventfd2": (290, 19), "epoll_create1": (291, 20),
    "dup3": (292, 24), "pipe2": (293, 59), "getcpu": (309, 168), "getrandom": (318, 278), "membarrier": (324, 283),
    "statx": (332, 291), "rseq": (334, 293), "close_range": (436, 436), "faccessat2": (439, 439),
}  # fmt: skip
WRITE_CALLS: dict[str, tuple[int, int]] = {
    "fsync": (74, 82), "fdatasync": (75, 83), "ftruncate": (77, 46), "rename": (82, -1), "mkdir": (83, -1),
    "rmdir": (84, -1), "unlink": (87, -1), "mkdirat": (258, 34), "unlinkat": (263, 35), "renameat": (264, 38),
    "renameat2": (316, 276), "flock": (73, 32),
}  # fmt: skip
# Calls allowed for some values of one argument: (x86_64, aarch64), argument index, allowed values.
SOME: dict[str, tuple[tuple[int, int], int, tuple[int, ...]]] = {
    "fcntl": ((72, 25), 1, (0, 1, 2, 3, 4, 5, 6, 1030)),  # never F_SETOWN, which can aim signals at others
    "ioctl": ((16, 29), 1, (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)),  # isatty, size, FIONREAD, close-on-exec
    "prctl": ((157, 167), 0, (15,)),  # the thread's name
    "prlimit64": ((302, 261), 0, (0,)),  # one's own limits
}
CLONE, CLONE3 = (56, 220), 435
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
LOAD, JUMP_EQUAL, JUMP_GREATER, JUMP_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50001, 0x50026


def seccomp_program(writing: bool) -> bytes:
    """An allow-list as BPF. Forbidden calls fail with EPERM; a foreign call convention kills."""
    column, audit = MACHINES[platform.machine()]
    code = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    if column == 0:  # x32 calls on x86_64
        code += [(JUMP_GREATER, 0, 1, 0x40000000), (RETURN, 0, 0, KILL)]
    code += [(JUMP_EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, ENOSYS)]  # glibc then uses clone, whose flags can be seen
    code += [(JUMP_EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, 16), (JUMP_BIT, 0, 1, CLONE_THREAD)]
    code += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, EPERM)]
    for numbers, argument, values in SOME.values():
        code += [(JUMP_EQUAL, 0, 2 * len(values) + 2, numbers[column]), (LOAD, 0, 0, 16 + 8 * argument)]
        for value in values:
            code += [(JUMP_EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW)]
        code += [(RETURN, 0, 0, EPERM)]
    for numbers in [*CALLS.values(), *(WRITE_CALLS.values() if writing else ())]:
        if numbers[column] >= 0:
            code += [(JUMP_EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *line) for line in [*code, (RETURN, 0, 0, EPERM)])


class Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


class Seccomp:
    """The filter, built once by the zygote and installed by each child."""

    program: ctypes.Array[ctypes.c_char] | None = None
    installed: Filter | None = None


def prepare_seccomp(options: dict[str, Any]) -> str:
    if platform.machine() not in MACHINES:
        return f"no (no call table for {platform.machine()})"
    allowed = ctypes.c_uint32(ALLOW)
    syscall({"x86_64": 317, "aarch64": 277}[platform.machine()], ctypes.c_uint(2), ctypes.c_uint(0), ctypes.byref(allowed))
    code = seccomp_program(bool(options["writable"]))
    Seccomp.program = ctypes.create_string_buffer(code, len(code))
    Seccomp.installed = Filter(len(code) // 8, ctypes.addressof(Seccomp.program))
    return f"yes (allow-list of {len(CALLS)})"


# -- each child ----------------------------------------------------------------------------------------------------
def confine_child(cpu_s: int) -> None:
    """Own session, death with the zygote, a CPU limit, and from here on the allow-list."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    if LINUX:
        prctl(PR_SET_PDEATHSIG, 9)
    if Seccomp.installed is not None:
        check(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(Seccomp.installed), 0, 0))
