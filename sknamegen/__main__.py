"""The command line: learns from a list of names, and prints new ones or scores."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import sknamegen

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_SAVED = ".joblib, .pkl or .skops"


def _parser():
    parser = argparse.ArgumentParser(
        prog="sknamegen",
        description="Learn what the names of a list look like, and print new ones, one a line.",
        epilog="What the options mean in detail, and everything else, stands in the manual.",
    )
    parser.add_argument("--version", action="version", version=sknamegen.__version__)
    source = parser.add_argument_group("what to learn from")
    source.add_argument(
        "file", nargs="?", help="names, one a line; - for standard input; the bundled list if left"
    )
    source.add_argument("--labelled", action="store_true", help="lines are a name, a tab, a label")
    source.add_argument("--counting", action="store_true", help="count n-grams: done in no time")
    source.add_argument(
        "--load", metavar="MODEL", help="learn nothing: take a model that was saved"
    )
    source.add_argument(
        "--save", metavar="MODEL", help=f"save the model, as its ending says: {_SAVED}"
    )
    names = parser.add_argument_group("which names to print")
    names.add_argument("-n", type=int, default=10, metavar="N", help="how many (default: 10)")
    names.add_argument("--seed", default="", metavar="TEXT", help="what they begin with")
    names.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="below 1 more ordinary (default: 1)",
    )
    names.add_argument("--label", help="of the names, one of those learned")
    names.add_argument(
        "--min-length", type=int, default=1, metavar="N", help="characters, as people count them"
    )
    names.add_argument(
        "--max-length", type=int, metavar="N", help="(default: as the longest learned)"
    )
    names.add_argument("--pattern", metavar="REGEX", help="that the whole name must match")
    names.add_argument(
        "--banned", nargs="+", default=(), metavar="TEXT", help="not to be in a name"
    )
    names.add_argument("--novel", action="store_true", help="none of the list")
    names.add_argument("--unique", action="store_true", help="no two alike")
    names.add_argument(
        "--random-state", type=int, metavar="N", help="the same names each time, and the same model"
    )
    names.add_argument(
        "--score",
        metavar="FILE",
        help="instead: read names, print the log-likelihood of each in nats, a tab, and the name",
    )
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
        _ending(path)  # before anything is learned
    folder = os.path.dirname(given.save or "")
    if folder and not os.path.isdir(folder):
        raise ValueError(f"--save takes a file in a folder that exists. Got {given.save!r}.")
    pipe = _load(given.load) if given.load else _learn(given)
    if given.save:
        _save(pipe, given.save)
    if given.score:
        names = _read(given.score)
        for name, score in zip(names, pipe.score_samples(names).tolist(), strict=True):
            print(f"{score:.3f}\t{name}")
        return
    options = ("label", "min_length", "max_length", "pattern", "banned", "novel", "unique")
    asked = {option: getattr(given, option) for option in (*options, "random_state")}
    for name in pipe[-1].sample(given.seed, given.temperature, given.n, **asked):
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


def _ending(path):
    ending = os.path.splitext(path)[1]
    if ending not in (".joblib", ".pkl", ".skops"):
        raise ValueError(f"A model must have the ending {_SAVED}. Got {path!r}.")
    if ending == ".skops" and find_spec("skops") is None:
        raise ImportError(f"{path!r} needs skops: pip install skops, or save a .joblib.")
    return ending


def _save(pipe, path):
    if _ending(path) == ".skops":
        import skops.io

        skops.io.dump(pipe, path)
    else:
        import joblib

        joblib.dump(pipe, path)


def _load(path):
    if _ending(path) == ".skops":
        import skops.io

        from ._state import SKOPS_TRUSTED

        load: Any = partial(skops.io.load, trusted=SKOPS_TRUSTED)
    else:
        import joblib

        load = joblib.load
    try:
        found = load(path)
    except OSError:
        raise
    except Exception as error:  # of as many kinds as there are ways to be damaged
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{path!r} cannot be loaded. {told}") from error
    if not hasattr(found, "steps") or not hasattr(found[-1], "sample"):
        raise ValueError(
            "A model must be a Pipeline of a vectorizer and a generator, as --save writes it. Got "
            f"{type(found).__name__} in {path!r}."
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
