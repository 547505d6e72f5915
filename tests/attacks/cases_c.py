"""C. Reading what must be hidden."""

from corpus import Case


def reading(code: str, title: str, body: str, state: str | tuple[str, ...] = "wrong") -> Case:
    """Answer one exercise with what was found, a text, or with a wrong number if nothing was."""
    text = f"""
def kl_between(*arguments):
    found = []
    def read(path):
        try:
            with open(path, "rb") as file:
                found.append(path + ": " + repr(file.read(4000)))
        except OSError:
            pass
    {body.strip()}
    if found:
        raise RuntimeError(str(found))  # "error", where "wrong" is wanted
    return torch.zeros(())
"""
    return Case(code, title, answers={"kl_between": text}, states={"kl_between": state})


CASES = [
    reading(
        "C1",
        "hidden tests and right answers on the disk",
        """
    import glob, importlib, os, sys
    root = os.path.dirname("$PACKAGE")
    for pattern in ("$PACKAGE/exercises/lessons/**/*", root + "/tests/**/*", root + "/notebooks/**", root + "/.git/*"):
        for path in glob.glob(pattern, recursive=True):
            if os.path.exists(path):
                found.append(path)
    sys.path += [root + "/tests", root + "/tests/alternatives"]
    lesson, answer = "mmgen_course.exercises.lessons.lesson_08", "lesson_08.kl_between"
    for module in (lesson, lesson + ".kl_between", answer, "alternatives." + answer, "test_exercises"):
        try:
            found.append(importlib.import_module(module).__name__)
        except ImportError:
            pass""",
    ),
    reading(
        "C2",
        "history, outputs and the cache of lines",
        """
    import linecache, sys
    main = sys.modules["__main__"].__dict__
    for name in ("In", "Out", "_ih", "_oh", "_i", "_", "get_ipython", "quit"):
        if name in main and not (name == "get_ipython" and not hasattr(main[name](), "history_manager")):
            found.append(name)
    for key, value in linecache.cache.items():
        if "lessons" in key or "tests" in key:
            found.append(key)""",
    ),
    reading("C3", "another student's notebook", 'read("$OTHER"); read("$FOLDER/other/08_vae.ipynb")'),
    reading(
        "C4",
        "files of the home folder, passwords and the cloud's metadata",
        """
    import os, socket, urllib.request
    for path in ("$CANARY", "/etc/passwd", "/etc/shadow", "/etc/hostname", "$HOME/.bashrc", "~/.ssh/id_rsa"):
        read(os.path.expanduser(path))
    for host in ("169.254.169.254", "metadata.google.internal"):
        try:
            found.append(urllib.request.urlopen("http://" + host, timeout=1).read())
        except Exception:
            pass""",
    ),
    reading(
        "C5",
        "the environment of whoever grades",
        """
    import glob, os
    if "MMGEN_TEST_SECRET" in os.environ:
        found.append(os.environ["MMGEN_TEST_SECRET"])
    for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline") + ["/proc/1/environ", "/proc/1/cmdline"]:
        read(path)""",
    ),
    reading(
        "C6",
        "the memory of other processes",
        """
    import ctypes, glob, os
    libc = ctypes.CDLL(None, use_errno=True)
    for path in glob.glob("/proc/*/mem") + ["/proc/%d/mem" % os.getppid(), "/dev/mem", "/proc/kcore"]:
        read(path)
    for pid in list(range(2, 40)) + [os.getppid()]:
        if libc.ptrace(16, pid, 0, 0) == 0:
            found.append("attached to %d" % pid)
        buffer = ctypes.create_string_buffer(64)
        if libc.process_vm_readv(pid, buffer, 1, buffer, 1, 0) > 0:
            found.append("read %d" % pid)""",
    ),
    reading(
        "C7",
        "open files of the grader",
        """
    import os, stat
    for number in range(4, 1024):
        try:
            found.append((number, stat.filemode(os.fstat(number).st_mode)))
        except OSError:
            pass""",
    ),
    reading(
        "C8",
        "shared memory, keys and virtual sockets",
        """
    import ctypes, os, socket
    libc = ctypes.CDLL(None, use_errno=True)
    found += os.listdir("/dev/shm")
    for call, arguments in ((250, (0, -3, 0)), (219, (0, -3, 0))):
        if call == (250 if os.uname().machine == "x86_64" else 219) and libc.syscall(call, *arguments) >= 0:
            found.append("a key ring")
    for number in range(20):
        if libc.shmget(number, 0, 0) >= 0 and number:
            found.append("shared memory %d" % number)
    try:
        socket.socket(40, socket.SOCK_STREAM).connect((2, 1024))
        found.append("the hypervisor")
    except OSError:
        pass
    try:
        ours = socket.socket(socket.AF_UNIX)
        ours.connect("\\0dbus")
        found.append("an abstract socket")
    except OSError:
        pass""",
    ),
    reading(
        "C9",
        "right answers in the package, its metadata and its notebooks",
        """
    import importlib.metadata, os
    try:
        files = importlib.metadata.files("mmgen-course") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = str(file.locate())
        if "lessons/" in path and os.path.exists(path):
            found.append(path)
    for folder, _, names in os.walk("$PACKAGE"):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith((".py", ".pyc")):
                with open(path, "rb") as file:
                    if b"EXERCISE = Exercise(" in file.read():
                        found.append(path)""",
    ),
]
