"""B. Forged results."""

from corpus import Case

LAST_WORDS = """
def kl_between(*arguments):
    import atexit, os, threading, time, weakref
    def rewrite(*_):
        for path in ("$RESULTS/other.json", "$FOLDER/gradebook.csv", "/learner/result.json"):
            try:
                open(path, "w").write('{"points": 100}')
            except OSError:
                pass
    class Late:
        def __del__(self): rewrite()
    global late
    late = Late()
    atexit.register(rewrite)
    def wait():
        while True:
            time.sleep(0.01)
            rewrite()
    threading.Thread(target=wait, daemon=True).start()
    return torch.zeros(())
"""


def answering(code: str, title: str, body: str, state: str | tuple[str, ...]) -> Case:
    """Answer one exercise with this body."""
    text = f"def kl_between(mu, logvar, prior_mu, prior_logvar):\n    {body.strip()}\n"
    return Case(code, title, answers={"kl_between": text}, states={"kl_between": state})


CASES = [
    answering("B1", "an exit in the function", "import os; os._exit(0)", "error"),
    answering("B2a", "sys.exit in the function", "import sys; sys.exit(0)", "error"),
    Case(
        "B2b",
        "sys.exit in the cell of an exercise",
        answers={"kl_between": "import sys\nsys.exit(0)\ndef kl_between(*a): return sys\n"},
        states={"kl_between": ("wrong", "error")},
    ),
    Case(
        "B2c",
        "an exit in a cell that an exercise needs",
        answers={"kl_between": "import os\nx = os._exit(0)\ndef kl_between(*a): return x\n"},
        states={"kl_between": "error"},
    ),
    answering(
        "B3",
        "a results file written first, and made read-only",
        """
    import json, os
    for path in ("$RESULTS/mallory.json", "$RESULTS/other.json", "result.json", "score", "/learner/results.json"):
        try:
            with open(path, "w") as file:
                json.dump({"score": 100, "points": 100}, file)
            os.chmod(path, 0o400)
        except OSError:
            pass
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "B4",
        "a printed score",
        """
    import os, sys
    print("PASSED 100/100"); print('{"score": 100}'); sys.stderr.write("SCORE: 100\\n")
    os.write(1, b"\\n100\\n")
    return torch.zeros(())""",
        "wrong",
    ),
    answering(
        "B5a",
        "an answer on the channel before the question",
        """
    import socket, torch
    from mmgen_course.grading import protocol
    channel = socket.socket(fileno=3)
    for number in range(5):
        answer = {"id": number, "state": "answered", "value": torch.zeros(()), "changed": None, "notes": []}
        protocol.send(channel, answer)
    channel.detach()
    return torch.zeros(())""",
        "protocol",
    ),
    answering(
        "B5b",
        "a verdict instead of a value",
        """
    import gc, socket
    from mmgen_course.grading import protocol
    channel = socket.socket(fileno=3)
    protocol.send(channel, {"id": 0, "state": "right", "points": 4, "notes": []})
    channel.detach()
    return torch.zeros(())""",
        "protocol",
    ),
    answering("B6a", "garbage on the channel", 'import os; os.write(3, b"\\xff" * 100); return 0', "protocol"),
    answering(
        "B6b",
        "a message nested a hundred thousand deep",
        """
    import os, struct
    text = b"[" * 100_000 + b"]" * 100_000
    os.write(3, struct.pack("!II", len(text), 0) + text)
    return 0""",
        "protocol",
    ),
    answering(
        "B6c",
        "a message of four gigabytes",
        """
    import os, struct
    os.write(3, struct.pack("!II", 0xFFFFFFFF, 0xFFFFFFFF) + b"[" * 1000)
    return 0""",
        "protocol",
    ),
    answering(
        "B6d",
        "a tensor of more bytes than came",
        """
    import json, os, struct
    value = {"tensor": "float64", "shape": [1 << 40, 1 << 30]}
    text = json.dumps({"dict": {"id": {"int": "0"}, "value": value}}).encode()
    os.write(3, struct.pack("!II", len(text), 8) + text + b"x" * 8)
    return 0""",
        "protocol",
    ),
    answering("B6e", "the channel closed", "import os, time; os.close(3); time.sleep(60)", "protocol"),
    answering(
        "B7a",
        "a pickle as the answer",
        """
    import os, pickle
    class Run:
        def __reduce__(self): return (os.system, ("touch $FOLDER/pwned",))
    return pickle.dumps(Run())""",
        "wrong",
    ),
    answering(
        "B7b",
        "a pickle on the channel",
        """
    import os, pickle, struct
    class Run:
        def __reduce__(self): return (os.system, ("touch $FOLDER/pwned",))
    data = pickle.dumps(Run())
    os.write(3, struct.pack("!II", len(data), 0) + data)
    return 0""",
        "protocol",
    ),
    answering(
        "B8",
        "the gradebook changed",
        """
    import glob, os, sqlite3
    seen = [path for path in ("$FOLDER", "$RESULTS", "$FOLDER/gradebook.csv") if os.path.exists(path)]
    for path in glob.glob("/*/gradebook*") + glob.glob("/*/*/gradebook*") + glob.glob("$FOLDER/*"):
        open(path, "a").write("mallory,100")
    if seen: raise RuntimeError(str(seen))
    return torch.zeros(())""",
        "wrong",
    ),
    Case(
        "B9", "code that runs at the end, or later", answers={"kl_between": LAST_WORDS}, states={"kl_between": "wrong"}
    ),
    answering("B10a", "not a number", "return float('nan')", "wrong"),
    answering("B10b", "infinity in a tensor", "return torch.full((), float('inf'))", "wrong"),
    answering("B10c", "True for a number", "return True", "wrong"),
    answering("B10d", "an integer of a million digits", "return 10 ** (10**6)", "wrong"),
    answering("B10e", "half a character", "return '\\ud800'", "wrong"),
    answering("B10f", "a list that holds itself", "x = []; x.append(x); return x", ("wrong", "error")),
    answering("B10g", "a generator without end", "return iter(int, 1)", "wrong"),
    answering(
        "B10h",
        "an object whose every method raises",
        """
    class Bad:
        def __getattribute__(self, name): raise RuntimeError(name)
        def __repr__(self): raise RuntimeError
    return Bad()""",
        ("wrong", "error"),
    ),
    answering(
        "B10i",
        "an error whose text raises",
        """
    class Bad(Exception):
        def __str__(self): raise SystemExit
    raise Bad""",
        "error",
    ),
]
