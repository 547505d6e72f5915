"""X. Found by whoever reviewed the sandbox: each case once earned, left or broke something."""

from corpus import Case

DEVICES = """
    import os
    changed = []
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        path = "/dev/" + name
        try:
            os.chmod(path, os.stat(path).st_mode & 0o777)
            changed.append(path)
        except OSError:
            pass
    if changed: raise RuntimeError(changed)
    return torch.zeros(())"""

SETTINGS = """
    import os, sys
    found = [
        name
        for prefix in (sys.prefix, sys.base_prefix)
        for folder in (prefix, prefix + "/etc")
        if os.path.isdir(folder)
        for name in os.listdir(folder)
        if folder.endswith("etc") or name in ("pip.conf", ".condarc") and os.stat(prefix + "/" + name).st_size
    ]
    if found and sys.prefix != "/usr": raise RuntimeError(found)
    return torch.zeros(())"""


def answering(code: str, title: str, body: str, state: str | tuple[str, ...], seconds: float = 3.0) -> Case:
    """Answer one exercise with this body."""
    imports = "import ctypes, json, mmap, os, struct, sys, time\n"
    text = f"{imports}def kl_between(mu, logvar, prior_mu, prior_logvar):\n    {body.strip()}\n"
    return Case(code, title, answers={"kl_between": text}, states={"kl_between": state}, seconds=seconds)


def saying(code: str, title: str, text: str, size: int = 0) -> Case:
    """Send a message of the learner's own making: an expression for its JSON, and so many bytes of tensors."""
    body = f"""
    import socket
    channel = socket.socket(fileno=3)
    channel.settimeout(None)
    text = ({text}).encode()
    channel.sendall(struct.pack("!II", len(text), {size}) + text + bytes({size}))
    channel.detach()
    time.sleep(5)
    return 0"""
    return answering(code, title, body, "protocol")


CASES = [
    saying(
        "X1a", "a tensor for the number of the question", """'{"dict": {"id": {"tensor": "uint8", "shape": [2]}}}'""", 2
    ),
    saying("X1b", "a tensor without numbers for it", """'{"dict": {"id": {"tensor": "uint8", "shape": [0]}}}'"""),
    saying(
        "X1c",
        "a shape whose product takes a minute",
        """'{"dict": {"id": {"tensor": "uint8", "shape": [' + ",".join(["9" * 3900] * 1000) + "]}}}" """,
    ),
    answering(
        "X2",
        "an answer that trickles beyond the deadline",
        """
    os.write(3, struct.pack("!II", 4_000_000, 32_000_000))
    while True:
        os.write(3, b" ")
        until = time.perf_counter() + 2e-5
        while time.perf_counter() < until: pass""",
        "timeout",
        seconds=1.0,
    ),
    answering(
        "X3",
        "an answer that takes minutes to print",
        "return [torch.rand(100, dtype=torch.float64) for _ in range(2_000)]",
        ("wrong", "timeout"),
        seconds=20.0,
    ),
    answering(
        "X4a",
        "a process whose name is no text, then an end",
        "ctypes.CDLL(None).prctl(15, bytes([255, 254]), 0, 0, 0); time.sleep(0.3); os._exit(0)",
        "error",
    ),
    answering(
        "X4b",
        "a child whose name is no text, which stays",
        """
    if not os.fork():
        ctypes.CDLL(None).prctl(15, bytes([255, 254]), 0, 0, 0)
        time.sleep(60)
    time.sleep(0.2)
    return torch.zeros(())""",
        "wrong",
    ),
    answering("X5", "the modes of the machine's devices changed", DEVICES, "wrong"),
    answering("X6", "settings beside Python", SETTINGS, "wrong"),
    answering(
        "X7a",
        "memory in files without a name",
        """
    held, block = [], bytes(1 << 24)
    for _ in range(32):
        held.append(os.memfd_create("x"))
        for _ in range(4): os.write(held[-1], block)
    os._exit(7)""",
        "error",
    ),
    answering(
        "X7b",
        "memory in segments that nobody maps",
        """
    library = ctypes.CDLL(None, use_errno=True)
    if library.shmget(0, 1 << 29, 0o1600) >= 0 or library.msgget(0, 0o1600) >= 0 or library.semget(0, 1, 0o1600) >= 0:
        raise RuntimeError("memory that nothing counts")
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "X7c",
        "memory that children share, and no file",
        """
    os.fork()
    shared = mmap.mmap(-1, 650 << 20)
    for i in range(650): shared[i << 20 : i + 1 << 20] = bytes(1 << 20)
    time.sleep(60)""",
        "error",
    ),
    answering(
        "X8",
        "children that ended and were never waited for",
        """
    for _ in range(150):
        if not os.fork(): os._exit(0)
    time.sleep(60)""",
        "limit",
    ),
    answering(
        "X9",
        "the kernel's messages and the machine's name",
        """
    buffer = ctypes.create_string_buffer(200)
    if ctypes.CDLL(None).klogctl(3, buffer, 200) >= 0 or os.uname().nodename != "notebook":
        raise RuntimeError(os.uname().nodename)
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "X10",
        "processes that take the time of those beside it",
        """
    for _ in range(20):
        if not os.fork():
            os.setsid()
            while True: pass
    while True: pass""",
        "limit",
    ),
    answering(
        "X11",
        "leases, notices and locks on files that others use",
        """
    import fcntl
    done = []
    for attempt in (
        lambda file: fcntl.fcntl(file, 1024, fcntl.F_RDLCK),
        lambda file: fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), 1026, 2),
        lambda file: fcntl.flock(file, fcntl.LOCK_SH),
    ):
        try:
            attempt(os.open(os.__file__, os.O_RDONLY))
            done.append(attempt)
        except PermissionError:
            pass
    if done: raise RuntimeError(len(done))
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "X12",
        "memory that nothing counts: maps that are shared and have no file",
        """
    made = []
    for file in (-1, os.open("/dev/zero", os.O_RDWR)):
        try:
            made.append(mmap.mmap(file, 1 << 20))
        except OSError:
            pass
    if made: raise RuntimeError(len(made))
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "X13",
        "queues of reads that count for the whole machine",
        """
    import platform
    context = ctypes.c_ulong()
    number = 206 if platform.machine() == "x86_64" else 0
    if ctypes.CDLL(None).syscall(number, 64, ctypes.byref(context)) == 0: raise RuntimeError("made")
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "X14",
        "what a machine keeps beside Python's own files",
        """
    found = []
    for name in ("local/etc", "local/share", "local/src", "share/doc", "include", "src"):
        folder = "/usr/" + name
        if os.path.isdir(folder) and os.listdir(folder): found.append(folder)
    if found: raise RuntimeError(found)
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "X15",
        "half precision, for which torch asks the processor",
        """
    half = torch.ones(2, 2).half()
    assert (half @ half).sum() == 8
    with open("/proc/cpuinfo") as file:
        assert file.read(1)
    spread, distance = (logvar - prior_logvar).exp(), (mu - prior_mu) ** 2 / prior_logvar.exp()
    return 0.5 * (spread + distance - 1 + prior_logvar - logvar).sum(1).mean()""",
        "right",
    ),
]
