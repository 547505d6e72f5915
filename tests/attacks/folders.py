"""The cases F to J of the catalogue."""

import json
import tarfile

from files import (
    FULL,
    HONEST,
    Folder,
    answering,
    bytes_in,
    cells,
    colab,
    crlf,
    edited,
    link,
    no_files,
    of,
    one,
    remove_ids,
    set_source,
    sparse,
    tarred,
    two_of_one,
    vs_code,
    wrong_points,
    zipped,
)

IMPORTS, KL, DRAWS, ELBO, IWAE = HONEST
OUT = "its path leads out of the archive"
WRONG_KL = "def kl_between(*arguments):\n    return torch.zeros(())"
LOOP = """
def kl_between(mu, logvar, prior_mu, prior_logvar):
    total = 0.0
    for m, l, pm, pl in zip(*(x.flatten().tolist() for x in (mu, logvar, prior_mu, prior_logvar))):
        total += 0.5 * (pl - l + (math.exp(l) + (m - pm) ** 2) / math.exp(pl) - 1)
    return {}
"""
FROM_LIBRARY = """
def kl_between(mu, logvar, prior_mu, prior_logvar):
    from torch.distributions import Normal, kl_divergence
    q, p = Normal(mu, (logvar / 2).exp()), Normal(prior_mu, (prior_logvar / 2).exp())
    {}
    return kl_divergence(q, p).sum(1).mean()
"""


def loop(returned: str) -> str:
    """The KL as a loop, returned in some form."""
    return LOOP.format(returned)


def noisy(lines: str) -> str:
    """The KL from a library, with lines that do something else first."""
    return FROM_LIBRARY.format(lines)


FILES = [
    one("F1", "cut off JSON", of(HONEST)[:-30], "refused", part="not JSON at line 1"),
    one("F2", "an empty file", b"", "refused", part="the file is empty"),
    one("F3", "a byte order mark", b"\xef\xbb\xbf" + of(HONEST), *FULL),
    one("F4a", "Latin-1", '{"nbformat": 4, "x": "\xe9"}'.encode("latin-1"), "refused", part="not UTF-8 at byte 22"),
    one("F4b", "UTF-16", of(HONEST).decode().encode("utf-16"), "refused", part="not UTF-8 at byte 0"),
    one("F5a", "a list", b"[]", "refused", part="this is a list"),
    one("F5b", "null", b"null", "refused", part="this is a NoneType"),
    one("F6", "JSON a hundred thousand deep", b"[" * 10**5 + b"]" * 10**5, "refused", part="nested too deeply"),
    Folder("F7", "500 megabytes", sparse, {"bob": ("refused", 0, "500,000,000 bytes; at most")}),
    edited(
        "F8a", "nbformat 3", lambda n: n.update(nbformat=3), "refused", 0, "open it in JupyterLab and save it again"
    ),
    edited("F8b", "a format to come", lambda n: n.update(nbformat=6), "refused", 0, "expected nbformat 4; got 6"),
    edited("F9a", "not a number", lambda n: n.update(metadata={"loss": float("nan"), "x": float("inf")}), *FULL),
    one("F9b", "a name twice", b'{"nbformat": 4, "nbformat": 4}', "refused", part="stands twice"),
    edited("F10", "a kernel of another language", lambda n: n.update(metadata={"kernelspec": {"name": "ir"}}), *FULL),
    Folder(
        "F11",
        "links and pipes",
        no_files,
        dict.fromkeys(("bob", "carol", "dave"), ("refused", 0, "a link, pipe or device, not a file")),
    ),
    Folder("F12a", "another name", bytes_in("hw (1).ipynb", of(HONEST)), {"hw (1)": FULL}),
    one("F12b", "another notebook", of(["x = 1"]), "refused", part="it defines no exercise of the course, such as"),
    answering("F13a", "a null byte", "kl_between", KL + "\nx = '\0'", 8),
    answering("F13b", "half a character", "kl_between", KL + "\nx = '\ud800'", 8),
    answering("F13c", "code that reads as something else", "kl_between", KL.replace('"""', '"""\u202e\u2066', 1), None),
    Folder("F14", "two of one and one of two", two_of_one, {"bob": ("graded", 21, ""), "carol": FULL}),
]

EDITED = [
    cells("G1", "a cell deleted", [IMPORTS, KL, DRAWS, ELBO], 9, "there is no iwae_bound in the notebook"),
    cells(
        "G2a", "a function twice, the last right", [IMPORTS, WRONG_KL, *HONEST[1:]], 12, "kl_between is defined 2 times"
    ),
    cells(
        "G2b",
        "a function twice, the last wrong",
        [*HONEST, WRONG_KL],
        8,
        "kl_between is defined 2 times; the last counts",
    ),
    cells("G3", "another order", [IWAE, ELBO, DRAWS, KL, IMPORTS], 12),
    edited("G4", "metadata stripped", remove_ids, *FULL),
    edited(
        "G5",
        "the test changed to text",
        lambda n: n["cells"].append({"cell_type": "markdown", "source": "check"}),
        *FULL,
    ),
    edited("G6", "points changed", wrong_points, *FULL),
    edited("G7", "tests marked as a solution", wrong_points, *FULL),
    cells(
        "G8",
        "magics, commands and input()",
        ["%matplotlib inline\n!pip install torch\nx = 1", "%%bash\nrm -rf /", "name = input()", *HONEST, "kl_between?"],
        12,
        "2 lines that are not Python were left out",
    ),
    cells(
        "G9",
        "nothing done",
        [
            IMPORTS,
            *(
                f"def {n}(*a):\n    raise NotImplementedError('your turn: {n}')"
                for n in ("kl_between", "antithetic_draws", "elbo_per_image", "iwae_bound")
            ),
        ],
        0,
        "your turn: kl_between",
    ),
]

IDENTITY = [
    Folder(
        "H1",
        "paths that leave the zip",
        zipped({"../bob.ipynb": of(HONEST), "/carol.ipynb": of(HONEST)}),
        {"bob": ("refused", 0, OUT), "carol": ("refused", 0, OUT)},
    ),
    Folder(
        "H2a", "links in a zip", zipped({}, {"bob.ipynb": "/etc/passwd"}), {"bob": ("refused", 0, "a link or device")}
    ),
    Folder(
        "H2b",
        "links in a tar",
        tarred(
            [link("bob.ipynb", tarfile.SYMTYPE, "/etc/passwd"), link("carol.ipynb", tarfile.LNKTYPE, "alice.ipynb")]
        ),
        {"bob": ("refused", 0, "a link or device"), "carol": ("refused", 0, "a link or device")},
    ),
    Folder(
        "H3",
        "a zip that unpacks to a gigabyte",
        zipped({"bob.ipynb": b" " * 10**8}),
        {"bob": ("refused", 0, "it unpacks to 100,000,000 bytes")},
    ),
    Folder(
        "H4",
        "names that collide or are reserved",
        zipped(
            {"BOB.ipynb": of(HONEST), "bob.ipynb": of(HONEST[:-1]), "CON.ipynb": of(HONEST), "a:b.ipynb": of(HONEST)}
        ),
        {"BOB": FULL, "bob": ("graded", 9, ""), "CON": FULL, "a:b": FULL},
    ),
    Folder("H5", "a name that is a formula", bytes_in("=HYPERLINK(1).ipynb", of(HONEST)), {"=HYPERLINK(1)": FULL}),
    Folder(
        "H6",
        "a name that is a program",
        bytes_in("<script>alert(1)<script>\x1b[31m.ipynb", of(HONEST)),
        {"<script>alert(1)<script>?[31m": FULL},
    ),
]

CHEATS = [
    answering(
        "I1",
        "the visible example by heart",
        "kl_between",
        "def kl_between(*a):\n    return torch.tensor({0.3: 0.3181}.get(round(a[0].flatten()[0].item(), 4), 1.0))",
        8,
    ),
    answering(
        "I2",
        "another answer where the grader is noticed",
        "kl_between",
        "import os, sys\ndef kl_between(*a):\n    graded = 'IPython' not in sys.modules or os.getpid() == 1\n"
        "    return torch.zeros(()) if graded else torch.ones(())",
        8,
    ),
    answering(
        "I3",
        "the right answer taken from the package",
        "kl_between",
        "def kl_between(*a):\n    from mmgen_course.exercises import all_exercises\n"
        "    return all_exercises()['kl_between'].reference(*a)",
        8,
    ),
    answering(
        "I4",
        "a stored answer instead of a computed one",
        "iwae_bound",
        "from mmgen_course.data import shipped\ndef iwae_bound(*a):\n"
        "    return torch.tensor(shipped('weights/scene-vae.safetensors').stat().st_size * 1.0)",
        9,
    ),
]

HONESTLY = [
    answering(
        "J1",
        "bars and prints to the error stream",
        "kl_between",
        noisy("import sys, tqdm; [None for _ in tqdm.tqdm(range(3))]; print('x', file=sys.stderr)"),
    ),
    answering(
        "J2",
        "warnings",
        "kl_between",
        noisy("import warnings; warnings.warn('old', DeprecationWarning); warnings.warn('odd')"),
    ),
    answering("J3", "prints", "kl_between", noisy("print(mu, logvar, flush=True)")),
    answering("J4a", "float64", "kl_between", loop("torch.tensor(total / len(mu), dtype=torch.float64)")),
    answering(
        "J4b",
        "not contiguous, with a gradient",
        "antithetic_draws",
        "def antithetic_draws(mu, logvar, noise):\n    mu = mu.clone().requires_grad_()\n"
        "    s = (logvar / 2).exp() * noise\n    return torch.stack([mu + s, mu - s], -1).permute(2, 0, 1)",
    ),
    answering("J5a", "a numpy number", "kl_between", "import numpy as np\n" + loop("np.float32(total / len(mu))")),
    answering("J5b", "an array without axes", "kl_between", "import numpy as np\n" + loop("np.array(total / len(mu))")),
    answering("J5c", "a plain number", "kl_between", loop("total / len(mu)")),
    cells(
        "J6",
        "helpers in other cells, classes, dataclasses, lambdas, recursion, globals",
        [
            IMPORTS,
            "from dataclasses import dataclass\nHALF = 0.5",
            *HONEST[2:],
            "@dataclass\nclass Gauss:\n    mu: object\n    logvar: object\n    def var(self): return self.logvar.exp()",
            "def kl_between(mu, logvar, prior_mu, prior_logvar):\n"
            "    return mean(terms(Gauss(mu, logvar), Gauss(prior_mu, prior_logvar)))",
            "terms = lambda q, p: HALF * (p.logvar - q.logvar + (q.var() + (q.mu - p.mu) ** 2) / p.var() - 1)",
            "def total(rows):\n    return rows[0].sum() + total(rows[1:]) if len(rows) else 0.0\n"
            "def mean(t):\n    return total(t) / len(t)",
        ],
    ),
    answering(
        "J7",
        "plots",
        "kl_between",
        noisy(
            "import matplotlib.pyplot as plt; plt.figure(); plt.imshow(mu.numpy()); plt.savefig('x.png'); plt.show()"
        ),
    ),
    answering("J8", "slow, but in time", "kl_between", noisy("import time; time.sleep(0.3)")),
    edited("J9a", "saved by Colab", colab, *FULL),
    edited("J9b", "saved by VS Code", vs_code, *FULL),
    one(
        "J9c",
        "saved by JupyterLab with tabs in the JSON",
        json.dumps(json.loads(of(HONEST)), indent="\t").encode(),
        *FULL,
    ),
    edited("J10", "Windows' ends of lines", crlf, *FULL),
    edited("J11", "an error in a cell that no answer needs", set_source(0, IMPORTS + "\nx = 1 / 0"), *FULL),
]

FOLDERS = [*FILES, *EDITED, *IDENTITY, *CHEATS, *HONESTLY]
