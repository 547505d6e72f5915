"""E. Escapes and the network."""

from corpus import Case


def escaping(code: str, title: str, body: str, state: str | tuple[str, ...] = "wrong") -> Case:
    """Answer one exercise with what was reached, a text, or with a wrong number if nothing was."""
    text = f"""
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def kl_between(*arguments):
    reached = []
    {body.strip()}
    if reached:
        raise RuntimeError(str(reached))  # "error", where "wrong" is wanted
    return torch.zeros(())
"""
    return Case(code, title, answers={"kl_between": text}, states={"kl_between": state})


CASES = [
    escaping(
        "E1",
        "the network: TCP, UDP and names",
        """
    for kind, address in ((socket.SOCK_STREAM, ("1.1.1.1", 53)), (socket.SOCK_DGRAM, ("1.1.1.1", 53))):
        try:
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(1); s.connect(address); s.send(b"x")
                reached.append(address)
        except OSError:
            pass
    try:
        reached.append(socket.getaddrinfo("example.org", 80))
    except OSError:
        pass
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
        reached.append("raw sockets")
    except OSError:
        pass""",
    ),
    escaping(
        "E2",
        "a server on this machine",
        """
    for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0"):
        try:
            socket.create_connection((host, int("$PORT")), timeout=1)
            reached.append(host)
        except OSError:
            pass""",
    ),
    escaping(
        "E3",
        "sockets of this machine's services",
        """
    import glob
    for path in ["$SOCKET", "/run/dbus/system_bus_socket", "/var/run/docker.sock"] + glob.glob("/tmp/ssh-*/agent.*"):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                reached.append(path)
        except OSError:
            pass
    for name in ("\\0/tmp/.X11-unix/X0", "\\0/org/freedesktop/systemd1"):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(name)
                reached.append(name)
        except OSError:
            pass""",
    ),
    escaping(
        "E4",
        "namespaces and mounts of its own",
        """
    for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x10020000):
        if libc.unshare(flag) == 0:
            reached.append("unshare %x" % flag)
    for call in ((b"tmpfs", b"/learner", b"tmpfs", 0, 0), (b"/usr", b"/usr", None, 32 | 4096, 0)):
        if libc.mount(*call) == 0:
            reached.append("mount")
    if libc.umount2(b"/proc", 2) == 0:
        reached.append("umount")
    if libc.chroot(b"/") == 0:
        reached.append("chroot")
    if os.uname().machine == "x86_64" and libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) >= 0:
        reached.append("clone with a user namespace")""",
    ),
    escaping(
        "E5",
        "letters typed into the grader's terminal",
        """
    import fcntl, termios
    for path in ("/dev/tty", "/dev/pts/0", "/dev/console", "/dev/stdin"):
        try:
            with open(path, "w") as terminal:
                fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
                reached.append(path)
        except (OSError, IndexError):
            pass""",
    ),
    escaping(
        "E6",
        "sockets through io_uring",
        """
    parameters = ctypes.create_string_buffer(120)
    if libc.syscall(425, 8, parameters) >= 0:
        reached.append("io_uring")""",
    ),
    escaping(
        "E7",
        "programs that run as root",
        """
    import glob, stat, subprocess
    if os.getuid() == 0 or os.geteuid() == 0:
        reached.append("root")
    for path in ("/usr/bin/su", "/usr/bin/sudo", "/usr/bin/mount", "/usr/bin/newgrp"):
        if os.path.exists(path):
            try:
                out = subprocess.check_output([path, "-c", "id -u"], timeout=3, stdin=subprocess.DEVNULL)
            except (OSError, subprocess.SubprocessError):
                continue
            if out.strip() == b"0":
                reached.append(path)
    try:
        os.setuid(0)
        reached.append("setuid")
    except OSError:
        pass""",
    ),
    escaping(
        "E8",
        "files of Python, the package and the home folder",
        """
    import site, sys
    places = (sys.prefix, sys.base_prefix, site.getsitepackages()[0], "$PACKAGE", "$FOLDER", "/usr/bin", "/", "/dev")
    for folder in places:
        for name in ("mmgen-was-here", "sitecustomize.py", "usercustomize.py"):
            try:
                with open(os.path.join(folder, name), "w") as file:
                    file.write("x")
                reached.append(folder)
            except OSError:
                pass
    for path in (sys.executable, "/usr/bin/env", "$PACKAGE/__init__.py"):
        try:
            os.chmod(path, 0o777)
            reached.append(path)
        except OSError:
            pass""",
    ),
    escaping(
        "E9",
        "links for the grader to follow",
        """
    for place in ("/learner/result.json", "/learner/answer", "$RESULTS/mallory.json", "$FOLDER/gradebook.csv"):
        try:
            if os.path.exists(place): os.unlink(place)
            os.symlink("$CANARY", place)
        except OSError:
            pass
    if not os.path.exists("/learner/pipe"): os.mkfifo("/learner/pipe")""",
    ),
]
