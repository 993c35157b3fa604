"""What the kernel can forbid to a process, by ctypes alone: limits, namespaces, Landlock, seccomp.

Three levels, each with all of the one before: ``rlimits`` (any Unix; keeps accidents small, stops no attacker),
``kernel`` (no_new_privs, no capabilities, Landlock, seccomp: works in an unprivileged container) and ``namespaces``
(user, pid, net, ipc, uts, mount). All but the last two calls below happen once a fork server, so a program costs one
small seccomp filter.

Read-only files of the standard library, system libraries, time zones and /dev/{null,zero,urandom} stay readable;
site-packages do not, since an installed benchmark lies there. Nothing but /dev/null can be written. Unittests of real
libraries (``roomy``) get more, in namespaces of their own: a scratch folder as /tmp, their own /proc and loopback, the
system's programs, and those packages.

Not covered: names and sizes of files can still be seen (``stat``), CPU side channels, kernel bugs. The numbers for
aarch64 are taken from the kernel's generic table and have not been run.
"""

from __future__ import annotations

import _socket
import contextlib
import ctypes
import os
import resource
import signal
import stat
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

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = (
    1,
    4,
    15,
    22,
    24,
    36,
)
PR_SET_NO_NEW_PRIVS = 38
CLONE_THREAD, CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x10000, 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41
MAX_FDS = 64
NOBODY = 65534
OWN_PROCESSES = 8  # of a fork server, beside a program's threads


def check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(*args: int) -> None:
    check(libc.prctl(*map(ctypes.c_ulong, (*args, *(0,) * (5 - len(args))))))


def syscall(number: int, *args: Any) -> int:
    return check(libc.syscall(ctypes.c_long(number), *args))


# -- the fork server confines itself, and with that every child ----------------------------------------------------
Options = dict[str, Any]


def confine_first(options: Options) -> dict[str, str]:
    """Namespaces, which must come before any thread. Where they work, this returns in a forked child."""
    return apply({"namespaces": enter_namespaces}, options)


def confine(options: Options) -> dict[str, str]:
    """All else that the level asked for needs ("auto": everything). Returns feature -> "yes…" or "no (why)"."""
    return apply(
        {
            "rlimits": set_limits,
            "no_new_privs": set_no_new_privs,
            "capabilities": drop_capabilities,
            "landlock": enter_landlock,
            "seccomp": enter_seccomp,
        },
        options,
    )


def level_of(report: dict[str, str]) -> str:
    """The strongest level all of whose needs a report says are met."""
    done = [level for level, needs in LEVELS.items() if all(report[need].startswith("yes") for need in needs)]
    return done[-1] if done else "none"


def apply(steps: dict[str, Callable[[Options], str]], options: Options) -> dict[str, str]:
    wanted = LEVELS["namespaces" if options["isolation"] == "auto" else options["isolation"]]
    return {name: attempt(step, options) if name in wanted else "not asked for" for name, step in steps.items()}


def attempt(step: Callable[[Options], str], options: Options) -> str:
    if not LINUX and step is not set_limits:
        return f"no ({os.uname().sysname} has none)"
    try:
        return step(options)
    except OSError as error:
        return f"no ({error.strerror or error})"


def set_limits(options: Options) -> str:
    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": options["file_mb"] << 20, "RLIMIT_NOFILE": MAX_FDS}
    if LINUX:  # macOS refuses a small address space
        limits["RLIMIT_AS"] = options["memory_mb"] << 20
    for name, limit in limits.items():
        kind = getattr(resource, name)
        ceiling = resource.getrlimit(kind)[1]
        limit = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
        resource.setrlimit(kind, (limit, limit))
    if LINUX:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    return "yes"


def enter_namespaces(options: Options) -> str:
    """New user, pid, net, ipc, uts and mount namespaces; nothing in them but this process and no way to the network.

    Tried in a throw-away child first: a process that gets only half of them could not go on without them.
    """
    probe = os.fork()
    if probe == 0:
        number = 0
        try:
            unshare_all(options)
        except OSError as error:
            number = error.errno or 255
        os._exit(number)
    number = os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1])
    if number:
        raise OSError(number, os.strerror(number))
    unshare_all(options)
    pid = os.fork()
    if pid:  # the outer half only waits, holding nothing
        os.closerange(0, 256)
        os.waitpid(pid, 0)
        os._exit(0)
    if options["roomy"]:
        own_places(options)
    return "yes (user, pid, net, ipc, uts, mount)"


def own_places(options: Options) -> None:
    """What tests of real libraries expect of a machine: a /tmp and a /proc of their own, and a loopback interface.

    Each is left out where it cannot be had (a container that hides parts of /proc, packages that lie in /tmp).
    """
    with contextlib.suppress(OSError):
        mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        options["readable"] = [*options["readable"], "/proc"]
    needed = [options["root"], sys.executable, os.path.realpath(sys.executable), *options["readable"]]
    if not any(path.startswith("/tmp/") for path in needed):
        with contextlib.suppress(OSError):
            mount(options["scratch"].encode(), b"/tmp", None, MS_BIND)
            os.chdir("/tmp")
            os.environ.update(HOME="/tmp", TMPDIR="/tmp")
            options["scratch"] = "/tmp"  # where it lay in the /tmp of before, its own name is hidden now
    with contextlib.suppress(OSError), contextlib.closing(_socket.socket()) as any_socket:
        request = ctypes.create_string_buffer(struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))
        check(libc.ioctl(any_socket.fileno(), SIOCSIFFLAGS, request))


def mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    check(libc.mount(source, target, kind, ctypes.c_ulong(flags), None))


def unshare_all(options: Options) -> None:
    uid, gid = os.geteuid(), os.getegid()
    map_root = root_mapper() if uid == 0 and not options["roomy"] else None
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS))
    if map_root is None or not map_root():
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    for name, text in (("setgroups", "deny"), ("gid_map", f"{NOBODY} {gid} 1")):
        Path(f"/proc/self/{name}").write_text(text)
    limit = options["threads"] + OWN_PROCESSES
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    mount(b"none", b"/", None, MS_REC | MS_PRIVATE)


def root_mapper() -> Callable[[], bool]:
    """Prepares what only a process outside a new namespace may do; the call, from inside, says whether it worked.

    Root's processes escape ``RLIMIT_NPROC``. So the real user becomes nobody, by which the kernel counts them; the
    effective one, by which it opens files, stays.
    """
    inside, outside = _socket.socketpair()
    outer, helper = os.getpid(), os.fork()
    if helper == 0:
        inside.close()
        with contextlib.suppress(OSError):
            outside.recv(1)
            Path(f"/proc/{outer}/uid_map").write_text(f"{NOBODY - 1} 0 1\n{NOBODY} {NOBODY} 1")
            outside.send(b"y")
        os._exit(0)
    outside.close()

    def mapped() -> bool:
        inside.send(b"g")
        done = inside.recv(1) == b"y"
        inside.close()
        os.waitpid(helper, 0)
        if done:
            os.setresuid(NOBODY, -1, -1)
        return done

    return mapped


def set_no_new_privs(_: Options) -> str:
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    return "yes"


def drop_capabilities(_: Options) -> str:
    for capability in range(64):
        with contextlib.suppress(OSError):  # past the last one, or not ours to drop
            prctl(PR_CAPBSET_DROP, capability)
    check(libc.capset(struct.pack("Ii", 0x20080522, 0), bytes(24)))
    return "yes (none left)"


# -- Landlock: which files ----------------------------------------------------------------------------------------
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}


def enter_landlock(options: Options) -> str:
    abi = syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    rights = RIGHTS[min(abi, 5)]
    sizes = 8 if abi < 4 else 16 if abi < 6 else 24  # TCP since ABI 4, signals and abstract sockets since 6
    alone = options["roomy"] and os.getpid() == 1  # with a network of its own, of one loopback interface
    attributes = struct.pack("QQQ", rights, 0 if alone else 3, 3)[:sizes]
    ruleset = syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    for path in readable_paths(options):
        allow_path(ruleset, path, READ_FILE | READ_DIR)
    allow_path(ruleset, Path("/dev/null"), READ_FILE | WRITE_FILE)
    if options["roomy"]:
        allow_path(ruleset, Path(options["scratch"]), rights & ~EXECUTE)
        for folder in (*options["path"], sysconfig.get_path("stdlib")):  # which packages there are
            allow_path(ruleset, Path(folder), READ_DIR)
        for program in (*SYSTEM_PROGRAMS, os.path.realpath(sys.executable)) if alone else ():
            allow_path(ruleset, Path(program), EXECUTE | READ_FILE | READ_DIR)
    syscall(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
    prctl(PR_SET_DUMPABLE, 0)  # no core dumps, no ptrace
    return f"yes (ABI {abi})"


SYSTEM_PROGRAMS = ("/bin", "/usr/bin", "/lib", "/lib64", "/usr/lib")  # run in the same confinement as who runs them


def allow_path(ruleset: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= READ_FILE | WRITE_FILE | EXECUTE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd))
        syscall(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    finally:
        os.close(fd)


def readable_paths(options: Options) -> Iterable[Path]:
    standard = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    yield from (entry for entry in standard.iterdir() if entry.name not in ("site-packages", "dist-packages"))
    yield from system_library_folders()
    yield from map(Path, ("/usr/share/zoneinfo", "/dev/urandom", "/dev/zero", *options["readable"]))


def system_library_folders() -> set[Path]:
    """Folders of the shared libraries that this process has loaded, unless Python packages lie in them too."""
    with Path("/proc/self/maps").open() as maps:
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
    "recvfrom": (45, 207), "statx": (332, 291), "rseq": (334, 293), "close_range": (436, 436), "faccessat2": (439, 439),
}  # fmt: skip
WRITE_CALLS: dict[str, tuple[int, int]] = {
    "fsync": (74, 82), "fdatasync": (75, 83), "ftruncate": (77, 46), "rename": (82, -1), "mkdir": (83, -1),
    "rmdir": (84, -1), "unlink": (87, -1), "mkdirat": (258, 34), "unlinkat": (263, 35), "renameat": (264, 38),
    "renameat2": (316, 276), "flock": (73, 32),
}  # fmt: skip
# Calls allowed for some values of one argument: (x86_64, aarch64), argument index, allowed values.
SOME: dict[str, tuple[tuple[int, int], int, tuple[int, ...]]] = {
    "socketpair": ((53, 199), 0, (1,)),  # AF_UNIX: two ends of one's own, for asyncio
    "fcntl": ((72, 25), 1, (0, 1, 2, 3, 4, 5, 6, 1030)),  # never F_SETOWN, which can aim signals at others
    # isatty, size, FIONREAD, FIONBIO, close-on-exec and not
    "ioctl": ((16, 29), 1, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),
    "prlimit64": ((302, 261), 0, (0,)),  # one's own limits
}
SENDTO = (44, 206)  # on a connected socket: without an address, which could be that of a socket outside
# What the fork server needs beyond that, and its children lose: to fork, to end and reap them, to talk to the worker.
FORK_SERVER_CALLS: dict[str, tuple[int, int]] = {
    "recvmsg": (47, 212), "clone": (56, 220), "wait4": (61, 260), "kill": (62, 129),
    "setpgid": (109, 154), "prctl": (157, 167),
}  # fmt: skip
# What tests that need real objects may also do where namespaces contain it (unittests.py).
ROOMY_CALLS: dict[str, tuple[int, int]] = {
    "connect": (42, 203), "accept": (43, 202), "sendto": (44, 206),
    "sendmsg": (46, 211), "recvmsg": (47, 212), "shutdown": (48, 210), "bind": (49, 200), "listen": (50, 201),
    "getsockname": (51, 204), "getpeername": (52, 205), "setsockopt": (54, 208),
    "getsockopt": (55, 209), "accept4": (288, 242), "wait4": (61, 260), "waitid": (247, 95),
    "kill": (62, 129), "tgkill": (234, 131), "setpgid": (109, 154), "setsid": (112, 157), "chmod": (90, -1),
    "fchmod": (91, 52), "fchmodat": (268, 53), "utimensat": (280, 88), "link": (86, -1), "symlink": (88, -1),
    "linkat": (265, 37), "symlinkat": (266, 36), "statfs": (137, 43), "fstatfs": (138, 44), "fadvise64": (221, 223),
    "sendfile": (40, 71), "copy_file_range": (326, 285), 
    "timerfd_create": (283, 85), "sched_setaffinity": (203, 122), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "getrlimit": (97, 163), "mlock": (149, 228), "munlock": (150, 229),
}  # fmt: skip
# Of the families of sockets only those that a namespace contains: not AF_VSOCK, which leads to the host.
ROOMY_SOME: dict[str, tuple[tuple[int, int], int, tuple[int, ...]]] = {
    "socket": ((41, 198), 0, (1, 2, 10)),  # AF_UNIX, AF_INET, AF_INET6
}
ROOMY_CALLS |= {  # files' attributes (shutil.copy2), other programs (subprocess)
    "getxattr": (191, 8), "lgetxattr": (192, 9), "fgetxattr": (193, 10), "listxattr": (194, 11),
    "llistxattr": (195, 12), "flistxattr": (196, 13), "execve": (59, 221), "vfork": (58, -1), "arch_prctl": (158, -1),
    "creat": (85, -1),
}  # fmt: skip
CLONE, CLONE3 = (56, 220), 435
CLONE_NEW = 0x7E020000  # any new namespace: in one of its own a program would have capabilities again
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
LOAD, JUMP_EQUAL, JUMP_GREATER, JUMP_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50001, 0x50026
Line = tuple[int, int, int, int]


def allow_list(column: int, audit: int, roomy: bool, alone: bool) -> list[Line]:
    """Everything not listed fails with EPERM; a foreign call convention kills."""
    tables = [CALLS, FORK_SERVER_CALLS, *([WRITE_CALLS] if roomy else []), *([ROOMY_CALLS] if alone else [])]
    some = SOME | ROOMY_SOME if alone else SOME
    code: list[Line] = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    if column == 0:  # x32 calls on x86_64
        code += [(JUMP_GREATER, 0, 1, 0x40000000), (RETURN, 0, 0, KILL)]
    code += [(JUMP_EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, ENOSYS)]  # glibc then uses clone, whose flags can be seen
    for number in sorted({numbers[column] for table in tables for numbers in table.values()} - {-1, CLONE[column]}):
        code += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    code += [(JUMP_EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, 16), (JUMP_BIT, 0, 1, CLONE_NEW)]
    code += [(RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]
    for numbers, argument, values in some.values():
        code += [(JUMP_EQUAL, 0, 2 * len(values) + 2, numbers[column]), (LOAD, 0, 0, 16 + 8 * argument)]
        for value in values:
            code += [(JUMP_EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW)]
        code += [(RETURN, 0, 0, EPERM)]
    code += [(JUMP_EQUAL, 0, 5, SENDTO[column]), (LOAD, 0, 0, 48), (JUMP_EQUAL, 0, 3, 0)]  # both halves of the pointer
    code += [(LOAD, 0, 0, 52), (JUMP_EQUAL, 0, 1, 0), (RETURN, 0, 0, ALLOW)]
    return [*code, (RETURN, 0, 0, EPERM)]


def deny_list(column: int) -> list[Line]:
    """Takes back from a child what the fork server needs: it may start threads, no processes, and name them."""
    code: list[Line] = [(LOAD, 0, 0, 0)]
    for name, numbers in FORK_SERVER_CALLS.items():
        if name not in ("clone", "prctl"):
            code += [(JUMP_EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, EPERM)]
    code += [(JUMP_EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, 16), (JUMP_BIT, 0, 1, CLONE_THREAD)]
    code += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, EPERM)]
    code += [(JUMP_EQUAL, 0, 4, FORK_SERVER_CALLS["prctl"][column]), (LOAD, 0, 0, 16), (JUMP_EQUAL, 0, 1, PR_SET_NAME)]
    return [*code, (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW)]


class Filter(ctypes.Structure):
    """``struct sock_fprog``; keeps its code alive."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    def __init__(self, lines: list[Line]) -> None:
        text = b"".join(struct.pack("HBBI", *line) for line in lines)
        self.buffer = ctypes.create_string_buffer(text, len(text))
        super().__init__(len(lines), ctypes.addressof(self.buffer))

    def install(self) -> None:
        if install(PR_SET_SECCOMP, 2, ctypes.addressof(self), 0, 0) != 0:
            raise OSError("seccomp filter refused")


install = ctypes.CDLL(None).prctl  # without errno keeping: every page that a child touches costs
install.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
child_filter: Filter | None = None


def enter_seccomp(options: Options) -> str:
    """The allow-list, here and for all children; children add ``child_filter``."""
    global child_filter
    if os.uname().machine not in MACHINES:
        return f"no (no call table for {os.uname().machine})"
    column, audit = MACHINES[os.uname().machine]
    alone = options["roomy"] and os.getpid() == 1
    code = allow_list(column, audit, options["roomy"], alone)
    check(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(Filter(code)), 0, 0))
    child_filter = None if alone else Filter(deny_list(column))  # only now: a child without the first needs no second
    return f"yes ({len(CALLS)} calls allowed)"


# -- each child ----------------------------------------------------------------------------------------------------
def confine_child(parent: int) -> None:
    """A process group of its own, then the last filter. Raises ``OSError`` when the filter cannot be set.

    Not a session of its own: where the kernel groups tasks by session (autogroup) that halves the programs a second.
    """
    os.setpgid(0, 0)
    if LINUX and parent != 1:  # the first process of a namespace takes all others along when it ends
        install(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before this could be seen to
            os._exit(1)
    if child_filter is not None:
        child_filter.install()


def limit_cpu(seconds: int) -> None:
    """Have the kernel end this process after so much CPU time: it does not wait for a core to do that on."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def end_strays() -> None:
    """End what children left behind, where they could leave anything. Reaps as the first process or as subreaper."""
    while True:
        strays = children_of_this_process()
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if os.getpid() == 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        try:
            os.waitpid(-1, 0 if strays or os.getpid() == 1 else os.WNOHANG)
        except ChildProcessError:
            return
        if not strays and os.getpid() != 1:
            return


def children_of_this_process() -> list[int]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        return [int(pid) for pid in path.read_text().split()]
    except OSError:  # confined from /proc, or a system without it
        return []
