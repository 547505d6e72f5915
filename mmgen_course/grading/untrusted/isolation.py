"""Isolates one learner's process, within the sandbox around all: namespaces, a small disk, limits, a seccomp filter.

bubblewrap hides files, network and processes of the machine from all of the sandbox; what stands here hides one
learner's process from the next one's. The process that calls `enclose` needs CAP_SYS_ADMIN in the sandbox's own user
namespace, and has it no longer afterwards.
"""

import ctypes
import errno
import mmap
import os
import platform
import struct
from pathlib import Path

import psutil

MB = 1 << 20
FOLDER = "/learner"  # the one that can be written
DISK_MB, FILES = 64, 4096
PROCESSES, OPEN_FILES = 64, 256
RUNNING = 8  # threads that compute at once

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC = 0x00020000, 0x20000000, 0x08000000
ALL_CLONE_NEW = 0x7E020080  # user, pid, net, ipc, uts, cgroup, mount, time
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")  # that bubblewrap takes from the machine
MS_NOSUID, MS_NODEV, MS_RDONLY = 2, 4, 1
MS_REMOUNT, MS_BIND, MS_RELATIME, ST_RELATIME = 32, 4096, 1 << 21, 4096
KEPT_FLAGS = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 22, 47, 4
LINUX_CAPABILITY_VERSION_3 = 0x20080522

# calls that no lesson needs: numbers on x86_64 and on aarch64 (asm/unistd_64.h, asm-generic/unistd.h)
FORBIDDEN = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # what programs of the machine would wait for, or what counts for all of it: locks and queues of reads
    "flock": (73, 32),
    "io_setup": (206, 0),
    # memory that belongs to no process, so that nothing counts it; and the kernel's messages
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "syslog": (103, 116),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
}
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above; audit number of the architecture
SOCKET, CLONE, CLONE3, FCNTL, MMAP = (41, 198), (56, 220), (435, 435), (72, 25), (9, 222)
F_SETLEASE, F_NOTIFY = 1024, 1026  # whoever opens the file waits; whoever changes the folder is told
SHARED_ANONYMOUS = 0x01 | 0x20  # a map without a file: its pages stay when nobody has them mapped
ALLOWED_SOCKETS = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: in a network of their own, without any device


def check_machine() -> None:
    """Raise OSError on a processor whose forbidden calls are not known."""
    if platform.machine() not in MACHINES:
        raise OSError(errno.ENOSYS, f"no list of forbidden calls for {platform.machine()}, only for x86_64 and aarch64")


def _protect_devices() -> None:
    """Make the files of the devices read-only, which are the machine's own: their owner could change their modes.

    What is written to a device still goes there. bubblewrap's `--remount-ro` would forbid to open them.
    """
    for name in DEVICES:
        path = f"/dev/{name}"
        if name == "zero":  # a shared map of it is memory that nothing counts; what reads it gets zeros here, too
            _call("mount", b"/dev/full", path.encode(), None, MS_BIND, None)
        found = os.statvfs(path).f_flag
        flags = found & KEPT_FLAGS | (MS_RELATIME if found & ST_RELATIME else 0)  # those must stay as they are
        _call("mount", b"none", path.encode(), None, flags | MS_REMOUNT | MS_BIND | MS_RDONLY, None)


def new_process_namespace() -> None:
    """From here on the children of this process see no other process, and die with the first of them."""
    _call("unshare", CLONE_NEWPID)


def enclose(memory: int) -> None:
    """Isolate this process; nothing undoes it.

    Args:
        memory: bytes of address space that it may add to what it has.

    Raises:
        OSError: a part of it failed; then no untrusted code may run.
    """
    space = address_space() + memory
    _call("unshare", CLONE_NEWNS | CLONE_NEWIPC)
    size = f"mode=0777,size={DISK_MB}m,nr_inodes={FILES}".encode()
    _call("mount", b"tmpfs", FOLDER.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, size)
    _call("mount", b"tmpfs", b"/dev/shm", b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=0777,size=4m,nr_inodes=64")
    # an own view of processes cannot be mounted everywhere, so there is none; torch asks which processor this is
    processor = Path("/proc/cpuinfo")
    known = processor.read_bytes() if processor.exists() else b""
    _call("mount", b"tmpfs", b"/proc", b"tmpfs", MS_NOSUID | MS_NODEV, b"size=1m,nr_inodes=4")
    processor.write_bytes(known)
    _call("mount", b"tmpfs", b"/proc", b"tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_RDONLY, b"size=1m,nr_inodes=4")
    _protect_devices()
    limit(space)
    _drop_capabilities()
    _forbid_calls()
    os.chdir(FOLDER)


def limit(space: int) -> None:
    """Limit what one process can use, `space` bytes of addresses among it; the limits hold for its children too."""
    import resource  # not on Windows, where the grader must still be able to say why it refuses

    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: DISK_MB * MB,
        resource.RLIMIT_AS: space,
        resource.RLIMIT_NPROC: PROCESSES,
    }
    for kind, value in limits.items():
        _, highest = resource.getrlimit(kind)
        value = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(kind, (value, value))


def address_space() -> int:
    """Bytes of address space of this process: torch maps gigabytes that it never uses."""
    own = Path("/proc/self/statm")  # by this name, for in a namespace the process has another number than in /proc
    if own.exists():
        return int(own.read_text().split()[0]) * mmap.PAGESIZE
    return psutil.Process().memory_info().vms


def _drop_capabilities() -> None:
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("=Ii", LINUX_CAPABILITY_VERSION_3, 0)
    _call("capset", header, bytes(24))


def _forbid_calls() -> None:
    """Install a seccomp filter: the calls above, sockets of other families, new namespaces, leases and shared memory
    without a file fail with EPERM.
    """
    program = _filter(*MACHINES[platform.machine()])
    packed = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    head = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    _call("prctl", PR_SET_SECCOMP, 2, head, 0, 0)


def _filter(column: int, architecture: int) -> list[tuple[int, int, int, int]]:
    """The filter's program in classic BPF: (operation, jump if true, jump if false, operand)."""
    load, equal, at_least, any_bit, and_bits, end = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
    number, machine = 0, 4  # offsets in struct seccomp_data
    argument, second, fourth = 16, 24, 40  # low halves of the arguments
    allow, kill, fail = 0x7FFF0000, 0x80000000, 0x00050000
    deny, absent = fail | errno.EPERM, fail | errno.ENOSYS
    program = [(load, 0, 0, machine), (equal, 1, 0, architecture), (end, 0, 0, kill), (load, 0, 0, number)]
    program += [(at_least, 0, 1, 0x40000000), (end, 0, 0, deny)]  # the x32 calls
    for numbers in FORBIDDEN.values():
        program += [(equal, 0, 1, numbers[column]), (end, 0, 0, deny)]
    program += [(equal, 0, 1, CLONE3[column]), (end, 0, 0, absent)]  # the C library then uses clone
    program += [(equal, 0, 4, CLONE[column]), (load, 0, 0, argument), (any_bit, 0, 1, ALL_CLONE_NEW)]
    program += [(end, 0, 0, deny), (end, 0, 0, allow)]
    program += [(equal, 0, 5, FCNTL[column]), (load, 0, 0, second), (equal, 1, 0, F_SETLEASE), (equal, 0, 1, F_NOTIFY)]
    program += [(end, 0, 0, deny), (end, 0, 0, allow)]
    program += [(equal, 0, 5, MMAP[column]), (load, 0, 0, fourth), (and_bits, 0, 0, SHARED_ANONYMOUS)]
    program += [(equal, 0, 1, SHARED_ANONYMOUS), (end, 0, 0, deny), (end, 0, 0, allow)]
    program += [(equal, 0, 4, SOCKET[column]), (load, 0, 0, argument)]
    last = len(ALLOWED_SOCKETS) - 1
    program += [(equal, last - i, int(i == last), family) for i, family in enumerate(ALLOWED_SOCKETS)]
    program += [(end, 0, 0, allow), (end, 0, 0, deny)]
    return program


def _call(name: str, *arguments: int | bytes | None) -> None:
    """Call a function of the C library, which returns 0; raise OSError where it does not."""
    library = ctypes.CDLL(None, use_errno=True)
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if getattr(library, name)(*converted) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
