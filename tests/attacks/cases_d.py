"""D. Using up what there is: time, memory, disk, processes, output. The next student must not notice.

D17, a grab of a GPU's memory, is not among them: notebooks are graded on the processor, no device of a GPU is in the
sandbox, and the machines that run these tests have none.
"""

from corpus import Case

LATE = ("right", "timeout")  # an answer at the deadline may be either, and is one of the two


def hungry(code: str, title: str, body: str, state: str | tuple[str, ...], seconds: float = 5.0) -> Case:
    """Answer one exercise with a body that does not give back what it takes."""
    text = f"import ctypes, os, signal, sys, threading, time\ndef kl_between(*arguments):\n    {body.strip()}\n"
    return Case(code, title, answers={"kl_between": text}, states={"kl_between": state}, seconds=seconds)


CASES = [
    hungry("D1", "a loop without end", "while True: pass", "timeout", seconds=1.5),
    hungry("D2", "a long sleep", "time.sleep(10**6)", "timeout", seconds=1.5),
    hungry(
        "D3",
        "every signal ignored",
        """
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True: pass""",
        "timeout",
        seconds=1.5,
    ),
    hungry("D4", "a fork bomb", "while True: os.fork()", ("limit", "timeout", "error")),
    hungry(
        "D5",
        "a bomb of threads",
        """
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()""",
        ("limit", "error"),
    ),
    hungry("D6a", "a list without end", "x = []\n    while True: x.append(bytes(10**6))", ("error", "limit")),
    hungry("D6b", "a tensor of 80 gigabytes", "return torch.ones(10**10, dtype=torch.float64)", "error"),
    hungry(
        "D6c",
        "mapped memory, written page by page",
        """
    import mmap
    maps = []
    while True:
        maps.append(mmap.mmap(-1, 1 << 26))
        maps[-1].write(b"1" * (1 << 26))""",
        ("error", "limit", "timeout"),
    ),
    hungry(
        "D6d",
        "memory in ten children",
        """
    for _ in range(10):
        if not os.fork():
            x = bytearray(300 << 20)
            time.sleep(60)
    time.sleep(60)""",
        ("limit", "timeout"),
    ),
    hungry(
        "D7a",
        "a flood of output",
        """
    for _ in range(2000):
        print("x" * 10**5); sys.stderr.write("y" * 10**5)
    return torch.zeros(())""",
        "wrong",
    ),
    hungry(
        "D7b",
        "a loop without end that prints",
        'while True: print("passed"); os.write(1, b"x" * 10**6)',
        "timeout",
        seconds=1.5,
    ),
    hungry("D8a", "an answer of 200 megabytes", "return torch.zeros(5 * 10**7)", ("error", "protocol")),
    hungry("D8b", "an answer of two million parts", "return [[0] * 2000] * 1000", ("error", "timeout")),
    hungry(
        "D8c",
        "a flood on the channel",
        """
    while True:
        os.write(3, b"\\0\\0\\0\\2\\0\\0\\0\\0{}" * 1000)""",
        "protocol",
    ),
    hungry(
        "D9",
        "a full disk",
        """
    try:
        with open("fill", "wb") as file:
            while True: file.write(b"0" * 10**6)
    except OSError:
        pass
    for number in range(100):
        try:
            with open("/dev/shm/%d" % number, "wb") as file: file.write(b"0" * 10**6)
        except OSError:
            break
    return torch.zeros(())""",
        "wrong",
    ),
    hungry(
        "D10",
        "a disk full of empty files",
        """
    try:
        for number in range(10**6): open("f%d" % number, "w").close()
    except OSError:
        pass
    return torch.zeros(())""",
        "wrong",
    ),
    hungry(
        "D11",
        "a process that outlives its parent",
        """
    if not os.fork():
        os.setsid()
        if not os.fork():
            for number in (1, 2, 13, 15): signal.signal(number, signal.SIG_IGN)
            while True: time.sleep(1)
        os._exit(0)
    os.wait()
    return torch.zeros(())""",
        "wrong",
    ),
    Case(
        "D12",
        "an answer at the deadline",
        answers={
            "kl_between": """
import time
def kl_between(mu, logvar, prior_mu, prior_logvar):
    time.sleep(0.1999)
    moved = (mu - prior_mu) ** 2 / prior_logvar.exp()
    return (prior_logvar - logvar + (logvar - prior_logvar).exp() + moved - 1).sum(dim=1).mean() / 2
"""
        },
        states={"kl_between": LATE},
        seconds=1.0,
    ),
    hungry(
        "D13",
        "one call that holds the interpreter's lock",
        "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
        "timeout",
        seconds=1.5,
    ),
    hungry("D14a", "a read of address zero", "ctypes.string_at(0)", "error"),
    hungry("D14b", "an abort", "os.abort()", ("error", "timeout")),
    hungry("D14c", "a corrupted heap", "ctypes.memset(id(0), 0, 10**6)", ("error", "timeout", "wrong", "protocol")),
    hungry("D15a", "a recursion without end", "f = lambda n: f(n + 1)\n    return f(0)", "error"),
    hungry(
        "D15b",
        "a recursion until the stack is used up",
        "sys.setrecursionlimit(10**9)\n    f = lambda n: f(n + 1)\n    return f(0)",
        ("error", "limit"),
    ),
    hungry(
        "D16",
        "every process killed",
        """
    for pid in (-1, 0, 1, os.getppid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    os.killpg(0, signal.SIGTERM)
    return torch.zeros(())""",
        ("wrong", "error"),
    ),
]
