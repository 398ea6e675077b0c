"""The command line: learns from a list of names, and prints new ones or scores."""

import argparse
import csv
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import sknamegen

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_ENDINGS = ".joblib", ".pkl", ".skops"
_EXAMPLES = """
examples:
  cat names.txt | sknamegen -n 5
  sknamegen people.csv --column surname --label-column country --label IT
  sknamegen names.txt --save names.joblib && sknamegen --load names.joblib --pattern '.*(ia|o)'
"""


def _parser():
    parser = argparse.ArgumentParser(
        prog="sknamegen",
        description="Learn what the names of a list look like, and print new ones, one a line.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=sknamegen.__version__)
    switch: Any = {"action": "store_true"}
    number: Any = {"type": int, "metavar": "N"}
    column: Any = {"metavar": "COLUMN"}
    endings = ", ".join(_ENDINGS)
    add = parser.add_argument_group("what to learn from").add_argument
    add("file", nargs="?", help="names, one a line; standard input if left out, or with -")
    add("--demo", help="the bundled English female first names instead of a file", **switch)
    add("--column", help="of a CSV or TSV file: its name, or its number from 1", **column)
    add("--label-column", help="likewise, of the labels", **column)
    add("--header", help="leave out the first line, if columns are numbers", **switch)
    add("--labelled", help="each line is a name, a tab and a label", **switch)
    add("--encoding", default="utf-8", help="of all files (default: utf-8)")
    add("--counting", help="count n-grams, which takes no time, instead of training", **switch)
    add("--load", metavar="MODEL", help="use a saved model instead of learning")
    saved = f"save the model to a file ending in {endings}, or as a web page ending in .html"
    add("--save", metavar="MODEL", help=saved)
    group = parser.add_argument_group("which names to print")
    add = group.add_argument
    add("-n", default=10, help="how many (default: 10)", **number)
    add("--seed", default="", metavar="TEXT", help="beginning of the names")
    add("--temperature", type=float, default=1.0, metavar="T", help="(default: 1)")
    add("--label", help="of the names, one of those learned")
    add("--min-length", default=1, help="in characters (default: 1)", **number)
    add("--max-length", help="(default: of the longest training name)", **number)
    ends = group.add_mutually_exclusive_group().add_argument
    ends("--suffix", metavar="TEXT", help="end of the names")
    ends("--pattern", metavar="REGEX", help="that the whole name must match")
    add("--banned", nargs="+", default=(), metavar="TEXT", help="must not occur in a name")
    add("--novel", help="no training names", **switch)
    add("--exclude", metavar="FILE", help="no names of a file, one a line")
    add("--exclude-known", help="no names of people, towns and brands, and no words", **switch)
    add("--unique", help="no name twice", **switch)
    add("--random-state", help="gives the same names each time, and the same model", **number)
    scores = "print the log-likelihood of each name of a file in nats, a tab, and the name instead"
    add("--score", metavar="FILE", help=scores)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        None: those of the process.

    Returns
    -------
    status : int
        For the process: 0, or 1 after an error, of which one line stands on standard error. Wrong
        options end it with 2.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if not (given.file or given.load or given.demo):
        if sys.stdin is None or sys.stdin.isatty():
            parser.error("FILE, names on standard input, --load or --demo is needed. Got none.")
        given.file = "-"
    try:
        _run(given)
        if sys.stdout is not None:  # it may be closed
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read the names has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, TypeError, ImportError, LookupError, csv.Error) as error:
        print(f"sknamegen: error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(given):
    if bool(given.load) + bool(given.demo) + bool(given.file) > 1:
        raise ValueError("FILE, --load and --demo are different things to use. Got several.")
    if [given.file, given.score, given.exclude].count("-") > 1:
        raise ValueError("Standard input can be read once only. Pass the other names as a file.")
    is_page = (given.save or "").endswith(".html")
    for path in filter(None, (given.load, None if is_page else given.save)):
        _library(path)  # before anything is learned
    folder = os.path.dirname(given.save or "")
    if folder and not os.path.isdir(folder):
        raise ValueError(f"--save takes a file in a folder that exists. Got {given.save!r}.")
    exclude = _excluded(given)
    pipe = _load(given.load) if given.load else _learn(given)
    if is_page:
        sknamegen.save_page(pipe, given.save)
    elif given.save:
        _library(given.save).dump(pipe, given.save)
    if given.score:
        names, _ = _read(given.score, given)
        for name, score in zip(names, pipe.score_samples(names).tolist(), strict=True):
            print(f"{score:.3f}\t{_shown(name)}")
        return
    names = ("label", "min_length", "max_length", "pattern", "banned", "novel", "unique")
    options = {name: getattr(given, name) for name in (*names, "random_state")}
    options["exclude"] = exclude
    if given.suffix is not None:
        options["pattern"] = f"(?s).*{re.escape(given.suffix)}"
    _check_output(pipe[-1].alphabet_)
    for name in pipe[-1].sample(given.seed, given.temperature, given.n, **options):
        print(_shown(name))


def _excluded(given):
    """Return what `exclude` takes."""
    from .datasets import known_names, read_lines

    if given.exclude is None:
        return known_names() if given.exclude_known else None
    source = 0 if given.exclude == "-" else given.exclude
    names = list(read_lines(source, given.encoding))
    if not given.exclude_known:
        return names
    return known_names() | names


def _shown(name):
    """Return a name with escapes for what would control a terminal."""
    controls = {letter for letter in name if unicodedata.category(letter) in ("Cc", "Zl", "Zp")}
    return name.translate(str.maketrans({letter: ascii(letter)[1:-1] for letter in controls}))


def _check_output(letters: Iterable[str]) -> None:
    """Print what standard output cannot show as "?", and say so."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "".join(letters).encode(encoding)
    except UnicodeEncodeError as error:
        letter = error.object[error.start]
        print(
            f"sknamegen: standard output is in {encoding}, which has no {letter!a}: such "
            "letters are printed as ?. Set PYTHONIOENCODING=utf-8 to print them.",
            file=sys.stderr,
        )
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def _read(path, given):
    """Return the names of a file, and their labels, None without any."""
    from .datasets import read_lines

    source = 0 if path == "-" else path
    lines = read_lines(source, given.encoding, strip=not given.column)
    if given.column:
        return _read_columns(lines, given)
    if given.label_column or given.header:
        raise ValueError("--label-column and --header need --column, that of the names.")
    names = list(lines)
    if given.labelled:
        pairs = [name.rpartition("\t") for name in names]
        if not all(name and label for name, _, label in pairs):
            raise ValueError("With --labelled each line must be a name, a tab and a label.")
        names, _, labels = map(list, zip(*pairs, strict=True))
        return names, labels
    for mark, what in ((",", "comma"), ("\t", "tab")):
        if all(mark in name for name in names):
            print(
                f"sknamegen: warning: all lines hold a {what}. For a column of a CSV or TSV file "
                "pass --column.",
                file=sys.stderr,
            )
    return names, None


def _read_columns(lines, given):
    """Return a column of names, without empty ones, and one of labels, None without any."""
    first = next(lines)
    delimiter = max("\t,;", key=first.count)
    rows = csv.reader([first, *lines], delimiter=delimiter)
    columns = [column for column in (given.column, given.label_column) if column is not None]
    header = next(rows) if given.header or not all(map(str.isdecimal, columns)) else None
    places = []
    for column in columns:
        if not column.isdecimal() and column not in (header or ()):
            raise ValueError(
                f"The file has no column {column!r}. It has {', '.join(header or ())}."
            )
        places.append(int(column) - 1 if column.isdecimal() else (header or []).index(column))
    picked = []
    for row in rows:
        if not 0 <= max(places) < len(row) or min(places) < 0:
            raise ValueError(f"Column {max(places) + 1} must be in each line. Got {row!r:.80}.")
        if name := row[places[0]].strip():
            picked.append((name, *(row[place].strip() for place in places[1:])))
    if not picked:
        raise ValueError(f"Column {given.column} must hold names. Got none.")
    names, *labels = map(list, zip(*picked, strict=True))
    return names, labels[0] if labels else None


def _learn(given) -> "Pipeline":
    from sklearn.pipeline import Pipeline

    from .datasets import load_names
    from .lstm import CharLSTMGenerator
    from .ngram import CharNGramGenerator
    from .vectorizer import CharSequenceVectorizer

    names, labels = (load_names("female"), None) if given.demo else _read(given.file, given)
    if not given.score:
        _check_output({letter for name in names for letter in name})
    is_watched = sys.stderr.isatty()
    generator: Any = CharNGramGenerator()
    if not given.counting:
        options = {"verbose": int(is_watched), "random_state": given.random_state}
        generator = CharLSTMGenerator(**options)
    if is_watched:
        print(f"Learning from {len(names):,} names", file=sys.stderr)
    pipe = Pipeline([("windows", CharSequenceVectorizer()), ("generator", generator)])
    with redirect_stdout(sys.stderr):
        return pipe.fit(names, labels)


def _library(path) -> Any:
    """Return the module that saves and loads files of such a name."""
    ending = os.path.splitext(path)[1]
    if ending not in _ENDINGS:
        raise ValueError(f"A model must have the ending {', '.join(_ENDINGS)}. Got {path!r}.")
    if ending == ".skops" and find_spec("skops") is None:
        raise ImportError(f"{path!r} needs skops: pip install skops, or save a .joblib.")
    return import_module("skops.io" if ending == ".skops" else "joblib")


def _load(path):
    library = _library(path)
    options = {"trusted": sknamegen.SKOPS_TRUSTED} if path.endswith(".skops") else {}
    try:
        found = library.load(path, **options)
    except OSError:
        raise
    except Exception as error:  # of as many kinds as there are ways to be damaged
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path!r} cannot be loaded. {reason}") from error
    if not hasattr(found, "steps") or not hasattr(found[-1], "sample"):
        raise ValueError(
            "A model must be a Pipeline of a vectorizer and a generator, as --save writes it. Got "
            f"{type(found).__name__} in {path!r}."
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
