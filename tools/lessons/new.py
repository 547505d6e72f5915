"""Makes the skeleton of a lesson: its source, its entry in the register, one exercise, an empty list of checks.

    make lesson NAME=16_captions

All files are written or none, and none is overwritten. FILL IN stands wherever something is to be written; a test
fails as long as a lesson holds one.
"""

import re
import sys
from pathlib import Path

from mmgen_course.data.atomic import replacing

ROOT = Path(__file__).resolve().parents[2]
SKELETON = Path(__file__).parent / "skeleton"
FILL_IN = "FILL IN"
REGISTER = "notebooks/lessons.toml"


def skeleton(name: str, root: Path = ROOT) -> dict[Path, str]:
    """Map each file of a new lesson to its text; the register is among them, with the lesson in its place.

    Args:
        name: NN_name, such as 16_captions.
        root: of the repository.

    Raises:
        ValueError: it is no name of a lesson, there is such a lesson, or another has its number.
    """
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", name):
        raise ValueError(f"expected a name such as 16_captions, two digits and words in lower case; got {name!r}")
    number = name[:2]
    register = (root / REGISTER).read_text(encoding="utf-8")
    exercise = f"exercise_{number}"
    words = {"NUMBER": str(int(number)), "TITLE": _title(register, name), "LESSON": name, "EXERCISE_NAME": exercise}
    exercises = root / "mmgen_course" / "exercises" / "lessons" / f"lesson_{number}"
    return {
        root / "notebooks" / "source" / f"{name}.py": _filled("lesson", words),
        exercises / "__init__.py": f'"""The exercises of lesson {name}, one a file."""\n',
        exercises / f"{exercise}.py": _filled("exercise", words),
        root / "tests" / "alternatives" / f"lesson_{number}" / f"{exercise}.py": _filled("alternative", words),
        root / "tests" / "equations" / f"lesson_{number}.py": _filled("checks", words),
        root / REGISTER: registered(register, name),
    }


def _filled(file: str, words: dict[str, str]) -> str:
    text = (SKELETON / f"{file}.txt").read_text(encoding="utf-8")
    return re.sub("|".join(words), lambda found: words[found[0]], text)


def registered(register: str, name: str) -> str:
    """Return the text of the register with the lesson in its place; one that was to come is there now.

    Raises:
        ValueError: the lesson is there, or another has its number.
    """
    head, *entries = re.split(r"^(?=\[\[lesson\]\])", register, flags=re.MULTILINE)
    written = f'does = "{FILL_IN}"\nreading = 30\n'
    for place, entry in enumerate(entries):
        known = _value(entry, "name")
        if known == name and "to_come = true\n" in entry:
            return head + "".join([*entries[:place], entry.replace("to_come = true\n", written), *entries[place + 1 :]])
        if known[:2] == name[:2]:
            raise ValueError(f"{REGISTER} has a lesson {known}; choose another name or number")
    title = _title(register, name)
    new = f'[[lesson]]\nname = "{name}"\ntitle = "{title}"\nstage = "Further on"\nlabel = "{title.lower()}"\n{written}'
    before = [entry for entry in entries if _value(entry, "name") < name]
    after = entries[len(before) :]
    before = [entry.rstrip("\n") + "\n\n" for entry in before]
    return head + "".join(before) + new + ("\n" if after else "") + "".join(after)


def _title(register: str, name: str) -> str:
    """Return the title that the register announces, or the one that the name makes."""
    for entry in register.split("[[lesson]]")[1:]:
        if _value(entry, "name") == name:
            return _value(entry, "title")
    return name[3:].replace("_", " ").capitalize()


def _value(entry: str, key: str) -> str:
    found = re.search(rf'^{key} = "(.*)"$', entry, flags=re.MULTILINE)
    return found[1] if found else ""


def write(files: dict[Path, str], overwrite: Path) -> None:
    """Write all files or none.

    Args:
        files: path -> text.
        overwrite: the one among them that is there already.

    Raises:
        FileExistsError: another is there already.
    """
    if there := [str(path) for path in files if path.exists() and path != overwrite]:
        raise FileExistsError(f"{', '.join(there)}: there already, and nothing was written")
    made: list[Path] = []
    try:
        for path, text in files.items():
            made += [folder for folder in reversed(path.parents) if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            made += [] if path == overwrite else [path]
            with replacing(path) as partial:  # the register comes last: nothing is undone after it
                partial.write_text(text, encoding="utf-8", newline="\n")
    except BaseException:
        for path in reversed(made):
            if path.is_dir():
                path.rmdir()
            elif path.exists():
                path.unlink()
        raise


def main(arguments: list[str], root: Path = ROOT) -> None:
    """Make a lesson; exit 2 where its name is missing or taken, 1 where its files cannot be written."""
    try:
        [name] = arguments or [""]
        files = skeleton(name, root)
    except ValueError as error:
        print(f"tools.lessons.new: {error}", file=sys.stderr)
        sys.exit(2)
    try:
        write(files, root / REGISTER)
    except OSError as error:
        sys.exit(f"tools.lessons.new: {error}")
    for path in files:
        print(path.relative_to(root))


if __name__ == "__main__":
    main(sys.argv[1:])
