"""Command line: train on a list of names, and print generated names or scores."""

import argparse
import csv
import os
import re
import sys
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import sknamegen

from ._state import replaced_file
from ._words import split_words

# Extensions of model files.
_EXTENSIONS = ".joblib", ".pkl", ".skops"
_EXAMPLES = """
examples:
  cat names.txt | sknamegen -n 5
  sknamegen people.csv --column surname --label-column country --label IT
  sknamegen names.txt --save names.joblib && sknamegen --load names.joblib --pattern '.*(ia|o)'
"""


def _parser():
    parser = argparse.ArgumentParser(
        prog="sknamegen",
        description="Train on a list of names and print new names, one per line.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=sknamegen.__version__)
    switch: Any = {"action": "store_true"}
    number: Any = {"type": int, "metavar": "N"}
    column: Any = {"metavar": "COLUMN"}
    add = parser.add_argument_group("training").add_argument
    add("file", nargs="?", help="file of names, one per line (default, or -: standard input)")
    add("--demo", help="train on the bundled English female first names", **switch)
    add("--column", help="column of names (CSV or TSV): header, or number starting at 1", **column)
    add("--label-column", help="column of labels: header, or number starting at 1", **column)
    add("--header", help="skip the first line if columns are given by number", **switch)
    add("--labelled", help="each line of the file contains a name, a tab and a label", **switch)
    add("--encoding", default="utf-8", help="encoding of all files (default: utf-8)")
    add("--counting", help="use a fast n-gram model instead of an LSTM", **switch)
    add("--load", metavar="MODEL", help="load a saved model instead of training")
    save = f"save the model as a file ({', '.join(_EXTENSIONS)}) or as a web page (.html)"
    add("--save", metavar="MODEL", help=save)
    group = parser.add_argument_group("generation")
    add = group.add_argument
    add("-n", default=10, help="number of names (default: 10)", **number)
    add("--seed", default="", metavar="TEXT", help="beginning of the names")
    add("--temperature", type=float, default=0.7, metavar="T", help="randomness (default: 0.7)")
    add("--label", help="label of the names")
    add("--min-length", default=1, help="minimum length in characters (default: 1)", **number)
    add("--max-length", help="maximum length (default: longest training name)", **number)
    ends = group.add_mutually_exclusive_group().add_argument
    ends("--suffix", metavar="TEXT", help="end of the names")
    ends("--pattern", metavar="REGEX", help="regular expression for the whole name")
    add("--banned", nargs="+", default=(), metavar="TEXT", help="strings not allowed in names")
    add("--words", help="use only English words and the words of the list", **switch)
    add("--own-words", help="use only the words of the list", **switch)
    add("--words-file", metavar="FILE", help="use only the words in a file (and those above)")
    known = group.add_mutually_exclusive_group().add_argument
    off: Any = {"action": "store_false", "default": None}
    known("--allow-known", help="allow training names (excluded by default)", dest="novel", **off)
    known("--novel", help="fail if too few names are new", **switch, default=None)
    add("--exclude", metavar="FILE", help="exclude the names in a file, one per line")
    add("--exclude-known", help="exclude known people, towns, brands and words", **switch)
    repeats = group.add_mutually_exclusive_group().add_argument
    repeats("--allow-repeats", help="allow duplicates (excluded by default)", dest="unique", **off)
    repeats("--unique", help="fail if too few names are different", **switch, default=None)
    add("--random-state", help="random seed for reproducible training and names", **number)
    add("--score", metavar="FILE", help="print the log-likelihood of each name in a file, in nats")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Command-line arguments, by default those of the process.

    Returns
    -------
    status : int
        Exit status: 0 on success, 1 on an error (with one line on standard error), 130 after
        Ctrl-C. Invalid options exit with 2.
    """
    parser = _parser()
    args = parser.parse_args(arguments)
    if not (args.file or args.load or args.demo):
        if sys.stdin is None or sys.stdin.isatty():
            parser.error("no input. Pass FILE, --demo, --load, or names on standard input.")
        args.file = "-"
    try:
        _run(args)
        if sys.stdout is not None:  # None if it is closed
            sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, TypeError, ImportError, LookupError, csv.Error) as error:
        print(f"sknamegen: error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(args):
    if bool(args.load) + bool(args.demo) + bool(args.file) > 1:
        raise ValueError("FILE, --load and --demo are mutually exclusive. Pass only one of them.")
    if [args.file, args.score, args.exclude, args.words_file].count("-") > 1:
        raise ValueError("Standard input can be read only once. Pass the other names in a file.")
    save = args.save and _save_function(args.save)  # raises errors before training
    names = [] if args.exclude is None else list(_lines(args.exclude, args))
    exclude = sknamegen.datasets.known_names() | names if args.exclude_known else names or None
    own, labels = (None, None) if args.load else _training_names(args)
    words = _words(own, args)
    pipe = _load(args.load) if own is None else _fit(own, labels, args)
    if save:
        with replaced_file(args.save) as temporary:
            save(pipe, temporary)
    if args.score:
        names, _ = _read_names(args.score, args)
        for name, score in zip(names, pipe.score_samples(names).tolist(), strict=True):
            print(f"{score:.3f}\t{_escape_controls(name)}")
        return
    keys = "label", "min_length", "max_length", "pattern", "banned", "random_state"
    options = {key: getattr(args, key) for key in keys}
    options |= {"exclude": exclude, "words": words}
    if args.suffix is not None:
        options["pattern"] = f"(?s).*{re.escape(args.suffix)}"
    _check_output(pipe[-1].alphabet_)
    for name in _sample(pipe[-1], args, options):
        print(_escape_controls(name))


def _sample(generator, args, options):
    """Generate new, different names. If there are too few, add others and print a message."""
    arguments, names, message = (args.seed, args.temperature, args.n), [], ""
    required = {"novel": bool(args.novel), "unique": bool(args.unique)}
    wanted = {"novel": args.novel is not False, "unique": args.unique is not False}
    if args.novel is None and generator.name_hashes_ is None:
        wanted["novel"] = False
        kind = "of running text" if generator.max_length_ is None else "without hashes of names"
        message = f" Training names are not excluded from a model {kind}."
    kinds = {"novel": "training names", "unique": "duplicates"}
    allowed = " or ".join(kinds[key] for key in kinds if wanted[key] > required[key])
    if allowed:
        with suppress(ValueError), warnings.catch_warnings(action="ignore"):
            names = generator.sample(*arguments, **options, **wanted, on_shortfall="warn")
    if n_missing := args.n - len(names):
        others = generator.sample(*arguments, **options, **required)  # raises all other errors
        names += sorted(others, key=set(names).__contains__)[:n_missing]
        if allowed:
            message += f" Too few names qualify: the last {n_missing:,} may be {allowed}."
    if message:
        print(f"sknamegen: warning:{message}", file=sys.stderr)
    return names


def _lines(path, args, strip=True):
    source = 0 if path == "-" else path
    return sknamegen.datasets.read_lines(source, args.encoding, strip=strip)


def _escape_controls(name):
    """Escape the control characters and line separators of a name."""
    controls = {char for char in name if unicodedata.category(char) in ("Cc", "Zl", "Zp")}
    return name.translate(str.maketrans({char: ascii(char)[1:-1] for char in controls}))


def _check_output(characters: Iterable[str]) -> None:
    """Print characters that standard output cannot encode as "?", after a message."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "".join(characters).encode(encoding)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        print(
            f"sknamegen: standard output uses the encoding {encoding}, which lacks {character!a}. "
            "Missing characters are printed as ?. Set PYTHONIOENCODING=utf-8 to print them.",
            file=sys.stderr,
        )
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def _read_names(path, args):
    """Return the names in a file, and their labels or None."""
    if args.column and args.labelled:
        raise ValueError("--labelled and --column are mutually exclusive. Pass --label-column.")
    if (args.label_column or args.header) and not args.column:
        raise ValueError("--label-column and --header require --column, which selects the names.")
    lines = list(_lines(path, args, strip=not args.column))
    if args.column:
        return _read_columns(lines, args)
    has_tabs = all("\t" in line for line in lines)
    if args.labelled:
        if not has_tabs:
            raise ValueError("With --labelled, each line must contain a name, a tab and a label.")
        return zip(*(line.rsplit("\t", 1) for line in lines), strict=True)
    if has_tabs or all("," in line for line in lines):
        print(
            f"sknamegen: warning: all lines contain a {'tab' if has_tabs else 'comma'}. To read a "
            "column of a CSV or TSV file, pass --column.",
            file=sys.stderr,
        )
    return lines, None


def _read_columns(lines, args):
    """Return the non-empty names in a column, and their labels or None."""
    rows = csv.reader(lines, delimiter=max("\t,;", key=lines[0].count))
    columns = [column for column in (args.column, args.label_column) if column is not None]
    header = next(rows) if args.header or not all(map(str.isdecimal, columns)) else []
    indices = []
    for column in columns:
        if not column.isdecimal() and column not in header:
            raise ValueError(
                f"The file has no column {column!r}. Its columns are {', '.join(header)}."
            )
        indices.append(int(column) - 1 if column.isdecimal() else header.index(column))
    entries = []
    for row in rows:
        if not 0 <= min(indices) <= max(indices) < len(row):
            raise ValueError(f"Each line must have a column {max(indices) + 1}. Got {row!r:.80}.")
        entry = [row[index].strip() for index in indices]
        if entry[0]:
            entries.append(entry)
    if not entries:
        raise ValueError(f"Column {args.column} must contain at least one name. Got none.")
    names, *labels = zip(*entries, strict=True)
    return names, labels[0] if labels else None


def _training_names(args):
    """Return the names to train on, and their labels or None."""
    return (sknamegen.load_names("female"), None) if args.demo else _read_names(args.file, args)


def _words(names, args):
    """Return the words that are allowed, or None. `names` is None for a loaded model."""
    if args.own_words and names is None:
        raise ValueError(
            "--own-words requires the list of names, which a model file does not contain. Pass its "
            "words with --words-file."
        )
    words = sknamegen.datasets.load_words() if args.words else frozenset[str]()
    if args.words_file:
        words |= sknamegen.datasets.words_of(_lines(args.words_file, args))
    if args.words or args.own_words:
        words |= sknamegen.datasets.words_of(names or [])
        if names is None:
            print(
                "sknamegen: warning: a model file does not contain the words of its list. To allow "
                "them, pass --words-file.",
                file=sys.stderr,
            )
    elif names and not args.words_file and _have_known_words(names):
        print(
            "sknamegen: most names consist of several English words. To generate only real words, "
            "pass --words.",
            file=sys.stderr,
        )
    return words if args.words or args.own_words or args.words_file else None


def _have_known_words(names):
    """Return whether most names consist of several English words."""
    several = [words for words in split_words(names) if len(words) > 1]
    if len(several) <= len(names) / 2:
        return False
    known = sknamegen.datasets.load_words()
    return sum(known.issuperset(words) for words in several) > len(names) / 2


def _fit(names, labels, args):
    from sklearn.pipeline import Pipeline

    is_terminal = sys.stderr.isatty()
    if is_terminal:
        print(f"Training on {len(names):,} names", file=sys.stderr)
    lstm = sknamegen.CharLSTMGenerator(verbose=int(is_terminal), random_state=args.random_state)
    generator = sknamegen.CharNGramGenerator() if args.counting else lstm
    pipe = Pipeline([("windows", sknamegen.CharSequenceVectorizer()), ("generator", generator)])
    with redirect_stdout(sys.stderr):
        return pipe.fit(names, labels)


def _save_function(path):
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise ValueError(f"--save must name a file in an existing folder. Got {path!r}.")
    return sknamegen.save_page if path.endswith(".html") else _serializer(path).dump


def _serializer(path):
    """Return the module that saves and loads the file, chosen by its extension."""
    extension = os.path.splitext(path)[1]
    if extension not in _EXTENSIONS:
        expected = ", ".join(_EXTENSIONS)
        raise ValueError(f"A model file must end in {expected}, a web page in .html. Got {path!r}.")
    if extension == ".skops" and find_spec("skops") is None:
        raise ImportError(f"{path!r} requires skops. Run pip install skops, or use .joblib.")
    return import_module("skops.io" if extension == ".skops" else "joblib")


def _load(path):
    serializer = _serializer(path)
    options = {"trusted": sknamegen.SKOPS_TRUSTED} if path.endswith(".skops") else {}
    try:
        model = serializer.load(path, **options)
    except Exception as error:  # damaged files raise many types of errors
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path!r} cannot be loaded. {reason}") from error
    if not hasattr(model, "steps") or not hasattr(model[-1], "sample"):
        raise ValueError(
            "A model file must contain a Pipeline with a vectorizer and a generator, as saved by "
            f"--save. Got {type(model).__name__} in {path!r}."
        )
    return model


if __name__ == "__main__":
    sys.exit(main())
