"""The command line: learns from a list of names, and prints new ones or scores."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import sknamegen

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_ENDINGS = ".joblib", ".pkl", ".skops"


def _parser():
    parser = argparse.ArgumentParser(
        prog="sknamegen",
        description="Learn what the names of a list look like, and print new ones, one a line.",
        epilog="The manual describes the options in detail, and everything else.",
    )
    parser.add_argument("--version", action="version", version=sknamegen.__version__)
    switch: Any = {"action": "store_true"}
    number: Any = {"type": int, "metavar": "N"}
    endings = ", ".join(_ENDINGS)
    add = parser.add_argument_group("what to learn from").add_argument
    add("file", nargs="?", help="names, one a line; - for standard input (default: bundled names)")
    add("--labelled", help="each line is a name, a tab and a label", **switch)
    add("--counting", help="count n-grams, which takes no time, instead of training", **switch)
    add("--load", metavar="MODEL", help="use a saved model instead of learning")
    add("--save", metavar="MODEL", help=f"save the model to a file ending in {endings}")
    add = parser.add_argument_group("which names to print").add_argument
    add("-n", default=10, help="how many (default: 10)", **number)
    add("--seed", default="", metavar="TEXT", help="beginning of the names")
    add("--temperature", type=float, default=1.0, metavar="T", help="(default: 1)")
    add("--label", help="of the names, one of those learned")
    add("--min-length", default=1, help="in characters (default: 1)", **number)
    add("--max-length", help="(default: of the longest training name)", **number)
    add("--pattern", metavar="REGEX", help="that the whole name must match")
    add("--banned", nargs="+", default=(), metavar="TEXT", help="must not occur in a name")
    add("--novel", help="no training names", **switch)
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
    given = _parser().parse_args(arguments)
    try:
        _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the names has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, TypeError, ImportError) as error:
        print(f"sknamegen: error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(given):
    if given.load and (given.file or given.labelled or given.counting):
        raise ValueError("--load takes a model as it is: leave FILE, --labelled, --counting.")
    if given.file == given.score == "-":
        raise ValueError(
            "Standard input cannot be both: give FILE or the names to score as a file."
        )
    for path in filter(None, (given.load, given.save)):
        _library(path)  # before anything is learned
    folder = os.path.dirname(given.save or "")
    if folder and not os.path.isdir(folder):
        raise ValueError(f"--save takes a file in a folder that exists. Got {given.save!r}.")
    pipe = _load(given.load) if given.load else _learn(given)
    if given.save:
        _library(given.save).dump(pipe, given.save)
    if given.score:
        names = _read(given.score)
        for name, score in zip(names, pipe.score_samples(names).tolist(), strict=True):
            print(f"{score:.3f}\t{name}")
        return
    names = ("label", "min_length", "max_length", "pattern", "banned", "novel", "unique")
    options = {name: getattr(given, name) for name in (*names, "random_state")}
    for name in pipe[-1].sample(given.seed, given.temperature, given.n, **options):
        print(name)


def _read(path):
    from .datasets import read_names

    if path != "-":
        return read_names(path)
    names = [line.strip() for line in sys.stdin]
    if not any(names):
        raise ValueError("Standard input must hold names, one a line. Got none.")
    return list(filter(None, names))


def _learn(given) -> "Pipeline":
    from sklearn.pipeline import Pipeline

    from .datasets import load_names
    from .lstm import CharLSTMGenerator
    from .ngram import CharNGramGenerator
    from .vectorizer import CharSequenceVectorizer

    names, labels = _read(given.file) if given.file else load_names("female"), None
    if given.labelled:
        pairs = [name.rpartition("\t") for name in names]
        if not all(name and label for name, _, label in pairs):
            raise ValueError("With --labelled each line must be a name, a tab and a label.")
        names, _, labels = map(list, zip(*pairs, strict=True))
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
