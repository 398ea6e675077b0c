"""Train on a list of names and print new names, one per line.

examples:
  sknamegen --style dragons -n 5
  cat names.txt | sknamegen -n 5
  sknamegen people.csv --column surname --label-column country --label IT
  sknamegen names.txt --save names.joblib && sknamegen --load names.joblib --pattern '.*(ia|o)'
  sknamegen novel.txt --text --max-length 1000
"""  # noqa: D405, D406, D407  # the end of the help

import argparse
import codecs
import os
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from tempfile import TemporaryFile
from threading import Timer

import sknamegen

from ._state import replaced_file

# Options that affect how names or similar names are read, and others that affect --score.
_TABLE, _SIMILAR = {"clean", "column", "label_column", "header"}, {"similar", "no_similar"}
_SCORING = {"file", "demo", "style", "encoding", "counting", "load", "save", "title", "quiet"}
_SCORING |= {"random_state", "score"} | _SIMILAR
# Options for running text.
_TEXT = {"text", "file", "load", "save", "encoding", "quiet", "counting", "n", "seed", "min_p"}
_TEXT |= {"temperature", "max_length", "pattern", "suffix", "banned", "banned_file", "random_state"}
# Default number of characters of a text after its seed.
_TEXT_LENGTH = 500
# What to do about names that --clean fixes, about garbled names, and about others.
_ADVICE = (
    "--clean fixes",
    "Garbled (check --encoding, or run ftfy)",
    "Maybe intended (else edit FILE)",
)
# Characters that move the cursor, end a line or change the direction of text.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class _Parser(argparse.ArgumentParser):
    """Parser whose errors say what to type instead."""

    def error(self, message):
        unknown = re.search("unrecognized arguments: (-[^ =]+)", message)
        close = get_close_matches(unknown[1] if unknown else "", self._option_string_actions, n=1)
        if close:
            message += f". Did you mean {close[0]}?"
        if "argument --words: invalid choice" in message:
            message += ". Put the file of names before --words."
        super().error(message)


def _parser():
    parser = _Parser("sknamegen")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, _, parser.epilog = (__doc__ or "").partition("\n\n")  # None with -OO
    parser.add_argument("--version", action="version", version=sknamegen.__version__)
    add = parser.add_argument_group("training").add_argument
    switch = partial(add, action="store_true")
    add("file", nargs="?", help="file of names, one per line (default, or -: standard input)")
    switch("--text", help="learn the file as running text, and write text")
    add("--style", help="train on a bundled list, such as dragons")
    switch("--demo", help="short for --style dragons")
    switch("--list-styles", help="print the titles of the bundled styles, and exit")
    add("--column", help="column of names (CSV or TSV): header, or number starting at 1")
    labels = "column of labels: header, or number starting at 1"
    add("--label-column", metavar="COLUMN", help=labels)
    switch("--header", help="skip the first line if columns are given by number")
    switch("--clean", help="fix bullets, numbers, quotes and blanks, and drop comments")
    add("--encoding", default="utf-8", help="encoding of all files (default: utf-8)")
    switch("--quiet", help="do not report progress and suspicious names")
    switch("--counting", help="use a fast n-gram model instead of an LSTM")
    similar = "file of related names to learn, too (default for short lists: bundled names)"
    add("--similar", metavar="FILE", help=similar)
    switch("--no-similar", help="learn only the names of the list")
    add("--load", metavar="MODEL", help="load a saved model instead of training")
    save = "save the model as a file (.joblib, .pkl, .skops) or as a web page (.html)"
    add("--save", metavar="MODEL", help=save)
    add("--title", help="title of the web page (default: from its file name)")
    _add_generation_options(parser)
    return parser


def _add_generation_options(parser):
    group = parser.add_argument_group("generation")
    add = group.add_argument
    number = partial(add, type=int, metavar="N")
    number("-n", default=10, help="number of names (default: 10), or of texts (default: 1)")
    add("--seed", default="", metavar="TEXT", help="beginning of the names")
    add("--temperature", type=float, metavar="T", help="randomness (default: 0.8)")
    add("--label", help="label of the names")
    min_p = "minimum share of the most probable character's probability (default: 0.05)"
    add("--min-p", type=float, metavar="P", help=min_p)
    number("--best-of", help="candidates for each name (default: 60)")
    number("--min-length", help="minimum length (default: shortest training name)")
    longest = f"longest training name, or {_TEXT_LENGTH} more than --seed with --text"
    number("--max-length", help=f"maximum length (default: {longest})")
    ends = group.add_mutually_exclusive_group().add_argument
    ends("--suffix", metavar="TEXT", help="end of the names")
    ends("--pattern", metavar="REGEX", help="regular expression for the whole name")
    banned = "string not allowed in names (may be repeated)"
    add("--banned", action="append", default=[], metavar="TEXT", help=banned)
    add("--banned-file", metavar="FILE", help="file of strings not allowed in names, one per line")
    words = "after FILE: use only the words of the list, and English words (all, or like them; "
    words += "like is the default for names of several English words, none limits no words)"
    add("--words", nargs="?", const="all", choices=("all", "like", "own", "none"), help=words)
    add("--words-file", metavar="FILE", help="use only the words in a file (and those above)")
    number("--min-words", help="minimum number of words (default with words: as in the list)")
    number("--max-words", help="maximum number of words (default with words: as in the list)")
    switch = partial(add, action="store_true")
    switch("--allow-known", help="allow training names and other known names (excluded by default)")
    add("--exclude", metavar="FILE", help="exclude the names in a file, one per line")
    switch("--allow-repeats", help="allow duplicates (excluded by default)")
    number("--random-state", help="random seed for reproducible training and names")
    add("--score", metavar="FILE", help="print the log-likelihood of each name in a file, in nats")


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
        Ctrl-C. Options that cannot be parsed exit with 2.
    """
    parser = _parser()
    args = parser.parse_args(arguments)
    unset = argparse.Namespace(**dict.fromkeys(vars(args)))
    options = vars(parser.parse_args(arguments, unset)).items()
    args.style = "dragons" if args.demo else args.style
    if not (args.file or args.load or args.list_styles) and args.style is None:
        if sys.stdin is None or sys.stdin.isatty():
            parser.error("no input. Pass FILE, --style, --load, or names on standard input.")
        args.file = "-"
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115  # None if it is closed
    try:
        with warnings.catch_warnings(action="always", category=UserWarning):
            warnings.showwarning = lambda message, *_: _report(f"warning: {_in_options(message)}")
            _run(args, {option for option, value in options if value is not None})
        print(end="", flush=True)
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, TypeError, ImportError, LookupError) as error:
        message = str(error)
        if isinstance(error, FileNotFoundError) and error.filename:
            message = f"There is no file {error.filename!r}."
        _report(f"error: {message}")
        return 1
    return 0


def _run(args, given):
    if sys.stdout is None:
        raise OSError("Standard output is closed, so names cannot be printed.")
    _check_options(args, given)
    if args.quiet or args.style is not None:
        warnings.simplefilter("ignore", sknamegen.datasets.NamesWarning)
    if args.list_styles:
        _print([f"{kind}: {', '.join(titles)}" for kind, titles in sknamegen.list_styles().items()])
        return
    pipe, is_text = None, args.text
    if args.load:
        with _reported(f"loading {args.load!r}", args):
            pipe = _load(args.load)
        is_text = pipe[-1].max_length_ is None
        if args.text and not is_text:
            raise ValueError(f"--text requires a model of running text. {args.load!r} is of names.")
    if is_text and args.score is None:
        if not args.text:
            _check_options(args, given | {"text"})
        args.n = args.n if "n" in given else 1
        _write_texts(pipe or _fit([_read_text(args)], None, args, _text_options(args)), args)
    else:
        _run_names(pipe, args)


def _run_names(pipe, args):
    """Train on names unless a model is given, and print names or scores."""
    own, labels, options = None, None, {}  # all files are read before training
    with _reported("reading names", args):
        if args.style is not None:
            own = sknamegen.load_names(args.style)
        elif args.file:
            own, labels = _read_names(args.file, args)
            own, labels = _clean(own, labels, args) if args.clean else (own, labels)
        if args.score is None:
            options = _sample_options(own, args)
        else:
            scored, _ = _read_names(args.score, args)
    if own is not None:
        pipe = _fit(own, labels, args, options)
    shortfall = ""
    if args.score is None:
        with _reported("generating names", args):
            try:
                names = _invent(pipe[-1], args, options, own)
            except sknamegen._generator.ShortfallError as error:
                advice = ", or pass --allow-known" * (not args.allow_known)
                shortfall = f"{error.message} Raise --temperature, lower -n{advice}."
                names = error.names
        _print(list(map(_escape, names)))
    else:
        with _reported("scoring names", args):
            scores = zip(pipe.score_samples(scored).tolist(), scored, strict=True)
        _print([f"{score:.3f}\t{_escape(name)}" for score, name in scores])
    if args.save:  # after the names, which an error would lose
        _save(pipe, args)
    if shortfall:
        raise ValueError(shortfall)


def _check_options(args, given):
    """Raise an error for options that contradict each other or have no effect."""
    from ._validation import check_n_samples

    if len(given & {"file", "load", "demo", "style"}) > 1:
        raise ValueError("FILE, --load, --style and --demo are mutually exclusive. Pass only one.")
    files = args.file, args.score, args.exclude, args.words_file, args.banned_file, args.similar
    if files.count("-") > 1:
        raise ValueError("Standard input can be read only once. Pass the other names in a file.")
    if args.save and given & {"words", "words_file"} and args.words != "none":
        raise ValueError(
            "--save does not store words: names from the file would not be limited to them. Save "
            "it without --words and --words-file, and pass --words-file with --load."
        )
    if "text" in given and str(args.save).endswith(".html"):
        raise ValueError("A web page generates names. Save text as .joblib, .pkl or .skops.")
    if args.load and args.words in ("like", "own"):
        raise ValueError(f"--words {args.words} requires the list. With --load, pass --words-file.")
    if args.title is not None and not str(args.save).endswith(".html"):
        raise ValueError("--title requires --save with a web page (.html).")
    check_n_samples(args.n, 1 if args.best_of is None else args.best_of, "-n")
    for text in args.banned:
        if not text or "," in text.strip(","):
            raise ValueError(
                f"--banned must be one string. Got {text!r}. Repeat it, or pass --banned-file."
            )
    table = {"clean", "label_column"} if "score" in given else _TABLE
    useless = {"load": table | _SIMILAR | {"counting"}, "demo": table, "style": table}
    useless |= {"no_similar": {"similar"}, "counting": _SIMILAR, "text": given - _TEXT}
    useless |= {"score": given - _TABLE - _SCORING, "list_styles": given - {"list_styles", "quiet"}}
    for option, others in useless.items():
        if option in given and given & others:
            flags = ", ".join(map(_flag, sorted(given & others)))
            raise ValueError(
                f"With {_flag(option)}, these options have no effect: {flags}. Omit them."
            )
    if args.save:
        _check_save(args)


def _check_save(args):
    """Raise an error if the file for --save cannot be written."""
    folder = os.path.dirname(args.save) or "."
    if os.path.isdir(args.save) or not os.path.isdir(folder):
        raise ValueError(f"--save must name a file in an existing folder. Got {args.save!r}.")
    try:
        if os.path.isfile(args.save):
            open(args.save, "ab").close()
        if os.path.isfile(args.save) or not os.path.exists(args.save):
            TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"--save cannot write {args.save!r}: {error.strerror}.") from None
    if not args.save.endswith(".html"):
        _serializer(args.save)  # raises errors for other endings


def _flag(option):
    """Return an option as it is typed."""
    return f"-{'-' * (len(option) > 1)}{option.replace('_', '-')}"


def _sample_options(names, args):
    """Return the given parameters of `sample`. `names` is None for a loaded model."""
    from ._text.words import usual_numbers

    keys = ["label", "min_length", "max_length", "min_words", "max_words", "pattern"]
    keys += ["temperature", "min_p", "best_of", "random_state"]
    options = {key: getattr(args, key) for key in keys}
    if args.suffix is not None:
        options["pattern"] = f"(?s).*{re.escape(args.suffix)}"
    options["banned"] = args.banned + _lines(args.banned_file, args)
    options["exclude"] = _lines(args.exclude, args)
    options["words"] = _words(names, args)
    if names and options["words"] and args.min_words is args.max_words is None:
        numbers = map(len, sknamegen.datasets.split_words(names))
        options["min_words"], _, options["max_words"] = usual_numbers(numbers)
    options = {name: value for name, value in options.items() if value is not None}
    return options | ({"words": None} if args.words == "none" else {})


def _invent(generator, args, options, own):
    """Return new names. `own` is the list, or None for a loaded model."""
    from ._generator import fitted

    if own is None:  # Otherwise, the options were checked before training.
        _check(fitted(generator).corpus, args, options)
    options = options | {"known": args.allow_known}
    # The best candidates are often almost copies. With n-grams from a short list, most are.
    if own and len(own) < 200 and not (args.counting or args.allow_known):
        options["near"] = own
    if args.allow_known:
        options["novel"] = False
    return generator.invent(args.n, seed=args.seed, unique=not args.allow_repeats, **options)


def _check(corpus, args, options):
    """Raise an error for invalid options, before training or generating names.

    If the seed is an unknown number, suggest --random-state.
    """
    from ._sampling.cache import Cache
    from ._sampling.constraint import SampleRequest
    from ._sampling.lookahead import possible_prefixes

    unknown = set(args.seed) - set(corpus.alphabet_.tolist())
    if unknown and args.seed.isdecimal():
        raise ValueError(
            f"--seed is the beginning of the names. Got {args.seed!r}, but the list contains no "
            f"{min(unknown)!r}. For reproducible names, pass --random-state {args.seed}."
        )
    request = SampleRequest(
        **{name: options[name] for name in options.keys() & SampleRequest._fields}
    )
    request.decoding(options.get("temperature", 1))
    possible_prefixes(corpus, Cache(), [args.seed], request)
    if args.label is not None:
        corpus.label_index(args.label)


def _lines(path, args, strip=True):
    """Return the non-empty lines of a file, or none without a path."""
    read = sknamegen.datasets.read_lines
    return [] if path is None else [*read(0 if path == "-" else path, args.encoding, strip=strip)]


def _escape(text):
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def _in_options(warning):
    """Return a warning that recommends options of the command in place of functions."""
    text = str(warning)
    for advice, option in zip(sknamegen._data.cleaning.ADVICE, _ADVICE, strict=True):
        text = text.replace(advice, option)
    return text


def _report(message):
    """Print a message in one line on standard error."""
    print(f"sknamegen: {_escape(message)}", file=sys.stderr)


def _print(lines):
    """Print lines."""
    _write("\n".join([*lines, ""]))


def _write(text):
    """Print text. Characters that standard output cannot encode become escape sequences."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end="", flush=True)


@contextmanager
def _reported(what, args, delay=2):
    """Report what is being done if it takes longer than `delay` seconds, unless --quiet."""
    timer = Timer(delay, _report, [what])
    if not args.quiet:
        with suppress(RuntimeError):  # systems without threads
            timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _read_names(path, args):
    """Return the names in a file, and their labels or None."""
    if (args.label_column or args.header) and not args.column:
        raise ValueError("--label-column and --header require --column, which selects the names.")
    lines = _lines(path, args, strip=not args.column)
    if args.column:
        columns = [int(c) if c.isdecimal() else c for c in (args.column, args.label_column) if c]
        return (*sknamegen.datasets.read_columns(lines, columns, args.header), None)[:2]
    rows = re.sub('"[^"]*"', "", "\n".join(lines)).split("\n")  # without line breaks in cells
    # "Smith, John" is a name.
    if any(all(re.search(mark, row) for row in rows) for mark in ("\t", ";", ",(?! )")):
        raise ValueError(
            "Without --column, each line must contain one name. Got a table, such as "
            f"{lines[0]!r:.80}. Pass --column with the header or number of the column of names."
        )
    return lines, None


def _clean(names, labels, args):
    """Return cleaned names and labels, and report the changes unless --quiet."""
    datasets = sknamegen.datasets
    with warnings.catch_warnings(action="ignore", category=datasets.NamesWarning):  # `fit` warns
        names, labels, report = datasets.clean_names(names, labels)
    if report and not args.quiet:
        _report(f"cleaned: {', '.join(f'{kind} ({n:,})' for kind, n in report.items())}.")
    return names, labels


def _words(names, args):
    """Return the words that are allowed, or None. `names` is None for a loaded model."""
    if args.words in (None, "none") and not args.words_file:
        return None
    texts = _lines(args.words_file, args)
    if args.words:
        texts += names or []
    if not texts:
        _report("warning: a model file lacks the words of its list. Pass them in --words-file.")
    words = sknamegen.datasets.words_in(texts)
    if args.words in ("all", "like"):
        is_like = args.words == "like"
        words |= {*(sknamegen.words_like(names) if is_like else sknamegen.load_words())}
    if not words:
        option = "--words-file" if args.words_file else "--words own"
        raise ValueError(f"{option} requires at least one word. Got only digits or symbols.")
    return words


def _fit(names, labels, args, options):
    from sklearn.pipeline import Pipeline

    from ._data.corpus import Names
    from ._text.unicode import missing_letters

    verbose = int(sys.stderr.isatty() and not args.quiet)
    similar = _lines(args.similar, args) if args.similar else None if args.no_similar else "auto"
    if args.counting:
        generator = sknamegen.CharNGramGenerator(order=7 if args.text else 5)
    else:
        params = {"similar": similar, "verbose": verbose, "random_state": args.random_state}
        generator = sknamegen.CharLSTMGenerator(**params)
    windows = sknamegen.CharSequenceVectorizer(boundary=not args.text)
    size = f"{len(names[0]):,} characters" if args.text else f"{len(names):,} names"
    with _reported(f"training on {size}", args, delay=0 if verbose else 2):
        X = windows.fit_transform(names)  # once, because this checks all names
        if options:
            letters = () if args.text or args.counting or not similar else missing_letters(names)
            read = Names.read(None, X, labels, alphabet=letters)
            corpus, _ = read.corpus.with_names(read)
            _check(corpus, args, options)
        with redirect_stdout(sys.stderr):
            generator.fit(X, labels)
    return Pipeline([("windows", windows), ("generator", generator)])


def _read_text(args):
    """Return the whole text of a file, without a byte order mark."""
    codec = "utf-8-sig" if codecs.lookup(args.encoding).name == "utf-8" else args.encoding
    path = 0 if args.file == "-" else args.file
    try:
        with open(path, encoding=codec, closefd=path != 0) as file:
            return file.read()
    except UnicodeError as error:
        message = f"The text is not in {args.encoding!r} ({error}). Pass --encoding."
        raise ValueError(message) from error


def _text_options(args):
    """Return the parameters of `stream` for running text."""
    from ._generator import INVENT_SETTINGS

    options = INVENT_SETTINGS | _sample_options(None, args)
    options.setdefault("max_length", len(args.seed) + _TEXT_LENGTH)
    used = "temperature", "max_length", "min_p", "pattern", "banned"
    return {name: value for name, value in options.items() if name in used}


def _write_texts(pipe, args):
    """Print texts as they are drawn, and save the model."""
    from ._validation import random_generator

    options, rng = _text_options(args), random_generator(args.random_state)
    for number in range(args.n):
        if number:
            _print([""])
        drawn = pipe[-1].stream(args.seed, **options, random_state=rng)
        for part in chain([args.seed], drawn):
            _write("".join(x if x in "\n\t" else _escape(x) for x in part))
        _print([""])
    if args.save:
        _save(pipe, args)


def _privacy_note(generator):
    """Return a note if the file of a generator contains n-gram counts."""
    has_counts = getattr(generator, "has_ngram_counts_", True)
    return " It contains n-gram counts, which reveal what it was trained on." * has_counts


def _save(pipe, args):
    """Save a model or a web page."""
    with _reported(f"saving {args.save!r}", args):
        if args.save.endswith(".html"):
            sknamegen.save_page(pipe, args.save, args.title)
        else:
            with replaced_file(args.save) as temporary:
                _serializer(args.save).dump(pipe, temporary)
    _report(f"saved {args.save!r}.{_privacy_note(pipe[-1])}")


def _serializer(path):
    """Return the module that saves and loads the file, chosen by its extension."""
    extension = os.path.splitext(path)[1]
    if extension not in (".joblib", ".pkl", ".skops"):
        raise ValueError(
            f"A model file must end in .joblib, .pkl or .skops, a web page in .html. Got {path!r}."
        )
    if extension == ".skops" and find_spec("skops") is None:
        raise ImportError(f"{path!r} requires skops. Run pip install skops, or use .joblib.")
    return import_module("skops.io" if extension == ".skops" else "joblib")


def _load(path):
    serializer = _serializer(path)
    options = {"trusted": sknamegen.SKOPS_TRUSTED} if path.endswith(".skops") else {}
    try:
        model = serializer.load(path, **options)
    except FileNotFoundError:
        raise
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
