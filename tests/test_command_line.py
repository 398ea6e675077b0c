"""Tests of the command ``python -m sknamegen``."""

import io
import os
import pickle
import re
import subprocess
import sys
from functools import partial
from threading import Timer

import joblib
import pytest
from conftest import list_words, posix
from sklearn.pipeline import make_pipeline

import sknamegen
from sknamegen import CharLSTMGenerator, CharNGramGenerator, load_names
from sknamegen.__main__ import main
from sknamegen.datasets import known_names, load_words, words_like, words_of

NAMES = ["Ambermoor", "Ashwick", "Brackenfell", "Oakhollow", "Ravensby", "Larkmoor", "Fennick"]
NO_EFFECT = "these options have no effect: "
NEW, KNOWN = "Ambermoo", "Ambermoor"
HOUSES = "Old Harbour", "Silver Hound", "Red Barn", "Blue Stone", "River Mill", "Zorvath"
TABLE = 'surname,land\n"Rossi, jr",IT\n Bianchi ,IT\nMüller,DE\n,DE\nSchmidt,DE\n'


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command in a folder with names.txt. Return the status, output lines and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Timer, "start", lambda timer: None)  # progress depends on the machine
    for name in ("max_epochs", "num_networks"):
        monkeypatch.setitem(CharLSTMGenerator.__init__.__kwdefaults__, name, 1)
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    saved_stdin = os.dup(0)

    def run(*arguments, stdin=b""):
        reader, writer = os.pipe()
        os.write(writer, stdin if isinstance(stdin, bytes) else stdin.encode())
        os.close(writer)
        os.dup2(reader, 0)
        os.close(reader)
        status = main(list(map(str, arguments)))
        out, error = capsys.readouterr()
        return status, out.splitlines(), error

    yield run
    os.dup2(saved_stdin, 0)
    os.close(saved_stdin)


def shell(command, *, stdin=None, **variables):
    """Run a shell command in which `sknamegen` is the tested package, without progress."""
    command = command.replace("sknamegen", f'"{sys.executable}" -m sknamegen --quiet')
    options = {"input": stdin, "env": os.environ | variables, "timeout": 120}
    process = subprocess.run(command, shell=True, capture_output=True, **options)
    return process.returncode, process.stdout.decode(), process.stderr.decode()


def test_new_and_different_names_are_printed_one_per_line(run):
    options = "names.txt", "--counting", "-n", 50, "--temperature", 0.4, "--random-state", 0
    status, names, error = run(*options)
    assert (status, error) == (0, "")
    assert len(set(names)) == 50
    assert not set(names) & set(NAMES)
    _, names, _ = run(*options, "--allow-known")
    assert len(set(names)) == 50
    assert set(names) & set(NAMES)
    _, names, _ = run(*options, "--allow-repeats", "--best-of", 1)
    assert len(set(names)) < 50 == len(names)
    assert not set(names) & set(NAMES)


@pytest.mark.parametrize(
    ("options", "expected", "advice"),
    [
        (["-n", 1], [NEW], ""),
        (["-n", 2], [NEW], "Raise --temperature, lower -n, or pass --allow-known."),
        (["-n", 2, "--exclude", "names.txt"], [NEW], "or pass --allow-known."),
        (["-n", 2, "--allow-known"], [NEW, KNOWN], ""),
        (["-n", 4, "--allow-known"], [NEW, KNOWN], "Raise --temperature, lower -n."),
        (["-n", 4, "--allow-repeats"], [NEW] * 4, ""),
    ],
)
def test_too_few_names_are_an_error_after_the_names(run, options, expected, advice):
    pattern = "--pattern", f"{NEW}|{KNOWN}", "--temperature", 3, "--random-state", 1
    status, names, error = run("names.txt", "--counting", *pattern, *options)
    assert (status, sorted(names)) == (bool(advice), expected)
    assert error.endswith(f"{advice}\n" * bool(advice))
    assert error.startswith(f"sknamegen: error: Found only {len(names)} of {options[1]}") == status
    assert error.count("\n") <= 1


@pytest.mark.full
def test_models_without_hashes_generate_with_a_message(run):
    pipe = make_pipeline(sknamegen.CharSequenceVectorizer(), CharNGramGenerator()).fit(NAMES)
    pipe[-1].forget_names()
    joblib.dump(pipe, "model.joblib")
    options = "--load", "model.joblib", "--seed", "Am", "-n", 30, "--random-state", 0
    reason = "Training names are not excluded: the generator has forgotten them."
    message = f"sknamegen: warning: {reason}"
    status, names, error = run(*options)
    assert (status, len(set(names)), error) == (0, 30, f"{message}\n")
    assert run(*options, "--allow-known")[::2] == (0, "")
    status, names, error = run(*options, "--temperature", 0)
    assert (status, len(names)) == (1, 1)
    assert error.startswith(f"{message}\nsknamegen: error: Found only 1 of 30 names")


def test_contradictory_options_are_usage_errors(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--demo", "--suffix", "a", "--pattern", "a"])
    assert "argument --pattern: not allowed with argument --suffix" in capsys.readouterr()[1]


def test_exclude_options(run, tmp_path):
    options = "names.txt", "--counting", "-n", 200, "--temperature", 0.5, "--random-state", 0
    _, names, _ = run(*options)
    (tmp_path / "taken.txt").write_text("\n".join(names[:100]).upper())
    status, remaining, error = run(*options, "--exclude", "taken.txt")
    assert (status, error) == (0, "")
    assert not set(names[:100]) & set(remaining)
    options, known = ("--style", "female", "--counting", "--random-state", 0), known_names()
    assert not any(name in known for name in run(*options, "-n", 50)[1])
    assert sum(name in known for name in run(*options, "-n", 50, "--allow-known")[1]) > 10
    status, names, error = run(*options, "-n", 1, "--pattern", "Laria|Maria")
    assert (status, names, "were excluded" in error) == (1, [], True)


def test_names_are_typical_by_default(run):
    """They are those of `invent`."""
    options = "names.txt", "--counting", "-n", 30, "--random-state", 0
    _, names, _ = run(*options)
    generator = CharNGramGenerator().fit(NAMES)
    assert names == generator.invent(30, random_state=0)
    assert run(*options, "--min-p", 0.3)[1] != names != run(*options, "--best-of", 2)[1]
    assert min(map(len, run(*options, "--min-length", 1, "--best-of", 1)[1])) < 7
    assert run(*options, "--max-length", 6)[0] == 0
    run(*options, "--save", "m.joblib")
    for option, n, match in (
        ("--min-p", 7, "min_p must be in [0, 1]. Got 7"),
        ("--best-of", 10**7, "-n times best_of must be at most"),
    ):
        status, names, error = run("--load", "m.joblib", option, n)
        assert (status, names) == (1, [])
        assert match in error
    status, names, error = run(*options[:3], 3, "--pattern", "A[^m].{0,2}")
    assert (status, len(names)) == (0, 3)
    assert error == "sknamegen: warning: Too few names are typical: the last 3 are less so.\n"


@pytest.mark.full
def test_an_lstm_avoids_near_copies_of_a_short_list(run):
    options, near = ("names.txt", "-n", 20, "--random-state", 0), known_names(near=NAMES)
    assert not any(name in near for name in run(*options)[1])
    assert any(name in near for name in run(*options, "--counting")[1])
    assert any(name in near for name in run(*options, "--allow-known")[1])
    options = "--style", "indie_bands", "-n", 100, "--random-state", 0
    near = known_names(near=load_names("indie_bands"))  # names of several words
    assert not any(name in near for name in run(*options)[1])
    assert any(name in near for name in run(*options, "--allow-known")[1])


def test_styles_are_bundled_lists(run):
    options = "--counting", "-n", 50, "--allow-known", "--temperature", 0.3, "--random-state", 0
    for title in ("dragons", "female"):
        _, names, _ = run("--style", title, *options)
        assert len(set(names) & set(load_names(title))) > 5
    assert run("--demo", *options) == run("--style", "dragons", *options)
    status, lines, _ = run("--list-styles")
    assert status == 0
    assert dict(line.split(": ") for line in lines) == {
        group: ", ".join(titles) for group, titles in sknamegen.list_styles().items()
    }


def test_what_takes_long_is_reported_unless_quiet(run, monkeypatch):
    class Impatient(Timer):
        def start(self):
            assert self.interval == 2
            self.function(*self.args)

    monkeypatch.setattr("sknamegen.__main__.Timer", Impatient)
    options = "names.txt", "--counting", "--save", "m.joblib"
    _, _, error = run(*options)
    steps = "reading names", "training on 7 names", "generating names", "saving 'm.joblib'"
    assert re.findall("(?m)^sknamegen: (.*ing .*)$", error) == [*steps]
    _, _, error = run("--load", "m.joblib", "--score", "names.txt")
    steps = "loading 'm.joblib'", "reading names", "scoring names"
    assert error.splitlines() == [f"sknamegen: {step}" for step in steps]
    status, names, error = run("names.txt", "--counting", "--quiet")
    assert (status, len(names), error) == (0, 10, "")


@pytest.mark.parametrize("model_options", [["--counting"], []])
def test_random_state_reproduces_the_names(run, model_options):
    options = *model_options, "-n", 5, "--random-state", 3
    first = run("names.txt", *options)
    assert (first[0], len(first[1])) == (0, 5)
    for file in ([], ["-"]) if model_options else (["-"],):
        assert run(*file, *options, stdin="\n".join(NAMES)) == first


def test_constraint_options(run, tmp_path):
    (tmp_path / "some.txt").write_text("M\nk\n")
    demo = "--style", "female", "--counting", "-n", 30
    constraint = ["--seed", "Le", "--min-length", 6, "--max-length", 8]
    constraint += ["--pattern", ".*[ae]", "--banned-file", "some.txt"]
    _, names, _ = run(*demo, *constraint, "--banned", "x", "--banned", "tt", "--banned", ",")
    assert len(names) == 30
    for name in names:
        assert name.startswith("Le")
        assert 6 <= len(name) <= 8
        assert name[-1] in "ae"
        assert not any(text in name.lower() for text in ("x", "tt", "m", "k"))
    _, names, _ = run(*demo, "--seed", "Ma", "--suffix", "a")
    assert len(names) == 30
    assert all(name.startswith("Ma") and name.endswith("a") for name in names)


@pytest.mark.parametrize("ending", ["joblib", "pkl", "skops"])
def test_models_are_saved_and_loaded(run, ending):
    model = f"model.{ending}"
    _, names, _ = run("names.txt", "--counting", "--save", model, "--random-state", 0)
    assert run("--load", model, "--random-state", 0) == (0, names, "")
    _, scores, _ = run("--load", model, "--score", "-", stdin="\n".join([*NAMES, "Xqzw", ""]))
    rows = [line.split("\t") for line in scores]
    assert [name for _, name in rows] == [*NAMES, "Xqzw"]
    *likely, unlikely = (float(score) for score, _ in rows)
    assert -30 < min(likely) < 0
    assert unlikely < min(likely)


@posix
@pytest.mark.parametrize("ending", ["joblib", "pkl", "skops", "html"])
def test_a_full_disk_keeps_the_old_file(run, tmp_path, ending):
    import resource

    model = f"model.{ending}"
    assert run("names.txt", "--counting", "--save", model)[0] == 0
    old = (tmp_path / model).read_bytes()
    assert ending != "html" or b"<title>Model</title>" in old
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, hard))
    try:
        status, _, error = run("names.txt", "--counting", "--save", model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (status, "File too large" in error) == (1, True)
    assert (tmp_path / model).read_bytes() == old
    assert {path.name for path in tmp_path.iterdir()} == {"names.txt", model}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("missing.txt", "There is no file 'missing.txt'."),
        ("names.txt --save folder.joblib", "--save must name a file in an existing folder"),
        ("twice.csv --column name", "The file has 2 columns 'name'. Its columns are name, name."),
        ("names.txt --save model.txt", ".html. Got 'model.txt'"),
        ("names.txt --save nowhere/model.pkl", "Got 'nowhere/model.pkl'"),
        ("names.txt --save model.skops", "'model.skops' requires skops. Run pip install skops"),
        ("names.txt --load model.pkl", "FILE, --load, --style and --demo are mutually exclusive"),
        ("--style ork", "title must be the title of a list in the collection, such as 'dragons'"),
        ("names.txt --column name", "The file has no column 'name'. Its columns are Ambermoor."),
        ("names.txt --column 2", "Each line must have a column 2. Got ['Ambermoor']"),
        ("names.txt --header", "--label-column and --header require --column"),
        ("names.txt --encoding utf-99", "unknown encoding: utf-99"),
        ("--load names.html", "A model file must end in .joblib"),
        ("--load other.pkl", "Got dict in 'other.pkl'"),
        ("--load empty.joblib", "'empty.joblib' cannot be loaded. EOFError"),
        ("- --score -", "Standard input can be read only once"),
        ("", "Standard input contains no names"),
        ("names.txt --banned a,b", "must be one string. Got 'a,b'. Repeat it"),
        ("names.txt --no-similar --similar names.txt", f"With --no-similar, {NO_EFFECT}--similar"),
        ("--load m.pkl --column 1 --counting", f"With --load, {NO_EFFECT}--column, --counting"),
        ("--load m.pkl --score names.txt --label-column 2", f"--load, {NO_EFFECT}--label-col"),
        ("--demo --header", f"With --demo, {NO_EFFECT}--header"),
        ("--load m.pkl --score names.txt --clean", f"With --load, {NO_EFFECT}--clean"),
        ("--demo --clean", f"With --demo, {NO_EFFECT}--clean"),
        ("--list-styles -n 10", f"With --list-styles, {NO_EFFECT}-n"),  # also if it is the default
        ("--load other.pkl --words own", "--words own requires the list"),
        ("--load other.pkl --words like", "--words like requires the list"),
        ("names.txt --words like --save m.pkl", "--save does not store words: names from the file"),
        ("names.txt --words own --save m.html", "--save does not store words: names from the file"),
        ("names.txt --min-words 3 --max-words 2", "Got min_words=3 and max_words=2."),
        ("names.txt --seed 42", "For reproducible names, pass --random-state 42."),
        ("names.txt --seed Ж", "error: seed 'Ж' contains 'Ж', outside the model's alphabet"),
        ("names.txt --title Villages", "--title requires --save with a web page (.html)"),
        ("names.txt -n -1", "-n must be an int >= 0 and <= 10,000,000. Got -1"),
        ("names.txt --pattern (", "error: pattern must be a valid regular expression"),
        (
            "names.txt --counting --temperature 1e-8 --min-length 11",
            "too rare at temperature 1e-08",
        ),
        ("names.txt --suffix 42", "the model matches pattern='(?s).*42'"),
        ("names.txt --words-file digits.txt", "--words-file requires at least one word"),
        ("names.txt --words-file japanese.txt", "error: words must contain a word"),
        ("table.csv --column na\x1bme", "Its columns are na\\u202eme, land"),
        ("table.csv --column 1", "end with a quote, before the separator. Got '\"Ashwick,DE"),
        ("lines.csv --column 1", "A name must be on one line. Got 'Ashwick,DE\\nOakhollow"),
    ],
)
def test_errors_are_one_line_before_training(run, tmp_path, arguments, message, monkeypatch):
    (tmp_path / "other.pkl").write_bytes(pickle.dumps({}))
    (tmp_path / "empty.joblib").touch()
    (tmp_path / "digits.txt").write_text("12")
    (tmp_path / "folder.joblib").mkdir()
    (tmp_path / "twice.csv").write_text("name,name\nAmbermoor,DE\n")
    (tmp_path / "japanese.txt").write_text("日本", "utf-8")
    table = 'na\u202eme,land\nAmbermoor,DE\n"Ashwick,DE\nOakhollow"\n"Ravensby",DE\n'
    (tmp_path / "lines.csv").write_text(table, "utf-8")
    (tmp_path / "table.csv").write_text(table.replace('hollow"', "hollow"), "utf-8")
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setattr(CharLSTMGenerator, "fit", lambda *a, **k: pytest.fail("fit was called"))
    status, lines, error = run(*arguments.split())
    assert (status, lines) == (1, [])
    assert error.startswith("sknamegen: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert error[:-1].isprintable()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("names.txt --tempature 1", "unrecognized arguments: --tempature 1. Did you mean --temp"),
        ("names.txt --zzz", "unrecognized arguments: --zzz\n"),
        ("--words names.txt", "Put the file of names before --words."),
    ],
)
def test_errors_of_options_say_what_to_type(run, capsys, arguments, hint):
    with pytest.raises(SystemExit, match="2"):
        run(*arguments.split())
    assert hint in capsys.readouterr().err


def test_output_that_cannot_be_written_is_found_before_training(run, monkeypatch):
    def fail(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(CharLSTMGenerator, "fit", lambda *a, **k: pytest.fail("fit was called"))
    with monkeypatch.context() as patch:
        patch.setattr("sknamegen.__main__.TemporaryFile", fail)
        status, _, error = run("names.txt", "--save", "m.joblib")
    assert status == 1
    assert error == "sknamegen: error: --save cannot write 'm.joblib': Permission denied.\n"
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        status, _, error = run("names.txt")
    assert (status, "Standard output is closed" in error) == (1, True)


def test_names_are_printed_if_saving_fails(run, monkeypatch):
    def fail(pipe, args):
        raise OSError("No space left on device")

    monkeypatch.setattr("sknamegen.__main__._save", fail)
    status, names, error = run("names.txt", "--counting", "-n", 3, "--save", "m.joblib")
    assert (status, len(names)) == (1, 3)
    assert error == "sknamegen: error: No space left on device\n"


def test_score_accepts_no_option_of_the_generation(run, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    section = capsys.readouterr().out.partition("generation:")[2].partition("\n\n")[0]
    options = re.findall(r"(?m)^  (--?[\w-]+)((?: [A-Z]+)*)", section)
    assert len(options) > 15
    for flag, values in options:
        if flag not in ("--score", "--random-state"):
            given = ["1"] * values.count(" ")
            error = run("names.txt", "--score", "names.txt", flag, *given)[2]
            assert f"no effect: {flag}. Omit" in error


@pytest.mark.full
def test_words_options(run, tmp_path):
    (tmp_path / "words.txt").write_text("old stone\nriver")
    options = "--counting", "-n", 20, "--allow-known", "--allow-repeats"
    own, given = words_of(HOUSES), words_of(["old stone river"])
    allowed = {
        ("--words",): load_words() | own,
        ("--words", "like"): {*words_like(HOUSES)},
        ("--words", "own"): own,
        ("--words-file", "words.txt"): given,
        ("--words", "--words-file", "words.txt"): load_words() | own,
        ("--words", "own", "--words-file", "words.txt"): own | given,
    }
    for arguments, words in allowed.items():
        status, names, error = run(*options, *arguments, stdin="\n".join(HOUSES))
        assert (status, error, len(names)) == (0, "", 20)
        assert words_of(names) <= words
    plain = *options, "--words", "none", "--min-p", 0, "--best-of", 1
    status, names, error = run(*plain, "--save", "m.joblib", stdin="\n".join(HOUSES))
    assert status == 0
    assert not words_of(names) <= load_words()
    loaded = "--load", "m.joblib", *options[1:]
    for arguments, text in (options, "\n".join(HOUSES)), (loaded, b""):
        _, names, error = run(*arguments, stdin=text)  # words like those of the list
        assert words_of(names) <= {*words_like(HOUSES)}
        assert error == ""
    status, names, error = run(*loaded, "--words")
    assert (status, len(names)) == (0, 20)
    assert words_of(names) <= load_words()
    assert error.startswith("sknamegen: warning: a model file lacks the words of its list")
    _, names, error = run(*loaded, "--words-file", "words.txt")
    assert words_of(names) <= given
    assert error == ""


@pytest.mark.full
def test_number_of_words(run):
    """It is that of the list, if names consist of words."""
    words = "--allow-known", "--words", "like", "--min-p", 0, "--best-of", 1, "--random-state", 0
    houses = "\n".join([*HOUSES[:5] * 8, "Zorvath"])

    def counts(*more):
        status, names, _ = run("--counting", "-n", 30, *words, *more, stdin=houses)
        assert (status, len(names)) == (0, 30)
        return {len(list_words(name)) for name in names}

    assert counts() == {2}
    assert counts("--min-words", 1, "--max-words", 1) == {1}
    assert counts("--min-words", 3, "--max-words", 3, "--max-length", 25) == {3}
    status, names, error = run("--counting", *words, "--pattern", "[^ ]*", stdin=houses)
    assert (status, names, "and has at least 2 words" in error) == (1, [], True)
    assert counts("--pattern", "[^ ]*", "--min-words", 1) == {1}
    free = "--words", "none", "--min-p", 0, "--best-of", 1
    _, names, _ = run("--counting", "-n", 300, *free, stdin=houses)
    assert {1} < {len(list_words(name)) for name in names}


@pytest.mark.filterwarnings("default:words_like knows")
def test_names_without_english_words(run):
    german = ["Zum Goldenen Hirsch", "Alte Post", "Schwarzer Adler", "Zur Krone"]
    error = run("--counting", "-n", 1, "--words", "like", stdin="\n".join(german))[2]
    assert error.startswith("sknamegen: warning: words_like knows English words, and less")


@pytest.mark.parametrize("ending", ["joblib", "html"])
def test_save_reports_the_file_and_its_counts(run, ending, monkeypatch, tmp_path):
    message = f"sknamegen: saved 'm.{ending}'."
    counts = " It contains n-gram counts, which reveal what it was trained on."
    options = "--save", f"m.{ending}", "-n", 0, *["--title", "A & B"] * (ending == "html")
    assert run("names.txt", "--counting", *options) == (0, [], f"{message}{counts}\n")
    for has_counts in (True, False):
        make = partial(CharLSTMGenerator, ngram_counts=has_counts, hidden_size=8, init=None)
        monkeypatch.setattr(sknamegen, "CharLSTMGenerator", make)
        error = run("names.txt", *options)[2]
        assert error == f"{message}{counts * has_counts}\n"
    if ending == "html":
        assert "<title>A &amp; B</title>" in (tmp_path / "m.html").read_text("utf-8")


@pytest.mark.full
@posix
def test_closed_pipe_is_not_an_error():
    options = "--style female --counting -n 15000 --min-p 0 --best-of 1 --quiet"
    command = [sys.executable, "-m", "sknamegen", *options.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


@posix
def test_terminal_without_input_is_an_error():
    """The command does not wait for input from the keyboard."""
    import pty

    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "sknamegen"]
    process = subprocess.run(command, stdin=terminal, capture_output=True, text=True, timeout=60)
    os.close(controller)
    os.close(terminal)
    assert process.returncode == 2
    assert "no input. Pass FILE, --style" in process.stderr


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (TABLE, ["--column", "surname", "--label-column", "land"]),
        (TABLE, ["--column", "1", "--label-column", "2", "--header"]),
        (TABLE.replace("\n", "\r\n"), ["--column", "1", "--label-column", "land"]),
        (TABLE.replace("surname", "Surname"), ["--column", "surname", "--label-column", "LAND"]),
        (TABLE.split("\n", 1)[1], ["--column", "1", "--label-column", "2"]),
        ("\ufeff" + TABLE, ["--column", "surname", "--label-column", "land"]),
        (TABLE.replace('"Rossi, jr"', "Rossi").replace(",", ";"), ["--column", "surname"]),
        (TABLE.replace('"Rossi, jr"', "Rossi").replace(",", "\t"), ["--column", "1", "--header"]),
    ],
)
def test_column_options(run, table, columns):
    assert run("--counting", *columns, "--save", "m.joblib", stdin=table)[0] == 0
    names = ["Rossi, jr" if '"' in table else "Rossi", "Bianchi", "Müller", "Schmidt"]
    expected = CharNGramGenerator().fit(names).name_hashes_
    assert joblib.load("m.joblib")[-1].name_hashes_.tolist() == expected.tolist()
    if "--label-column" in columns:
        options = "--counting", *columns, "-n", 50, "--random-state", 0, "--label"
        german, italian = (run(*options, label, stdin=table)[1] for label in ("DE", "IT"))
        n_german, n_italian = (sum(name[-1] in "rt" for name in x) for x in (german, italian))
        assert n_german > 2 * n_italian
        status, _, error = run(*options, "FR", stdin=table)
        assert (status, "label must be one of 'DE', 'IT'. Got 'FR'" in error) == (1, True)


@pytest.mark.parametrize("separator", [",", "\t", ";", " ;"])
def test_a_table_without_column_is_an_error(run, separator, tmp_path):
    """A name may contain a comma and a space."""
    table = "\n".join(f"{name}{separator}DE" for name in NAMES)
    (tmp_path / "table.csv").write_text(table)
    for arguments in (["--counting"], ["names.txt", "--counting", "--score", "table.csv"]):
        status, lines, error = run(*arguments, stdin=table)
        assert (status, lines) == (1, [])
        assert f"Got a table, such as {table.splitlines()[0]!r}. Pass --column" in error
    names = table.replace(separator, ", ")
    assert run("--counting", stdin=names)[0] == 0
    assert run("--counting", stdin=f"{table}\nAshwick")[0] == 0
    cells = table.replace(f"{separator}DE", f'{separator}"a\n, b"')  # with line breaks
    assert "Got a table, such as " in run("--counting", stdin=cells)[2]


@pytest.mark.parametrize(
    ("quoted", "names"),
    [
        ('"Rossi"', ["Rossi"]),
        ('"Rossi', None),
        ('"Ro"ssi', None),
        ('R"ossi"', ['R"ossi"']),
        ('"Ro""ssi"', ['Ro"ssi']),
    ],
)
@pytest.mark.parametrize("text", ["DE", '"a\nb"'])
def test_quotes_of_tables(run, quoted, names, text):
    """Line breaks in another column are allowed."""
    table = f"Rossi,DE\n{quoted},{text}\nRossi,DE\n"
    options = "--demo", "--counting", "--score", "-", "--column", "1"
    status, lines, error = run(*options, stdin=table)
    if names is None:
        assert status == 1
        assert f"Got '{quoted}," in error
    else:
        assert status == 0
        assert [line.split("\t")[1] for line in lines] == ["Rossi", *names, "Rossi"]


def test_encodings(run, tmp_path):
    (tmp_path / "latin.txt").write_bytes("Zoë\nChloë\nNoël\n".encode("latin-1"))
    options = ["latin.txt", "--counting", "-n", 40, "--random-state", 0]
    status, names, _ = run(*options, "--encoding", "latin-1")
    assert status == 0
    assert any("ë" in name for name in names)
    assert "not in the encoding 'utf-8'" in run(*options)[2]


@pytest.mark.full
@pytest.mark.parametrize("options", ["-n 40", "--score -"])
def test_characters_that_cannot_be_encoded_are_escaped(options):
    stdin = "Zoë\nChloë\nNoël\n".encode()
    command = f"sknamegen {'--demo' if '--score' in options else ''} --counting {options}"
    status, out, error = shell(command, stdin=stdin, PYTHONIOENCODING="ascii")
    assert (status, error) == (0, "")
    assert r"o\xeb" in out


def test_control_characters_are_escaped(run):
    """They move the cursor of a terminal or reverse the direction of text."""
    stdin = "a\x1b[31mb\u202e\na\x1b[32mb\u2066\na👩\u200d🌾\u200d"
    _, names, error = run("--counting", "-n", 40, "--temperature", 0.2, stdin=stdin)
    _, scores, _ = run("--demo", "--counting", "--score", "-", stdin=stdin)
    printed = "".join([*names, *scores, error])
    assert not {"\x1b", "\u202e", "\u2066"} & set(printed)
    assert "\\x1b[3" in "".join(names)
    assert all(text in "".join(scores) for text in ("\\x1b[31mb\\u202e", "\\u2066", "👩\u200d🌾"))


@pytest.mark.filterwarnings("default::sknamegen.datasets.NamesWarning")
def test_warnings_are_one_line(run, monkeypatch):
    make = partial(CharLSTMGenerator, hidden_size=8, init=None)
    monkeypatch.setattr(sknamegen, "CharLSTMGenerator", make)
    _, _, error = run("-n", 0, stdin="\n".join([*NAMES, "Smith,Bob"]))
    message = "The list contains suspicious names. Maybe intended (else edit FILE): comma (1, such"
    assert error == f"sknamegen: warning: {message} as 'Smith,Bob').\n"
    assert run("-n", 0, "--quiet", stdin="\n".join([*NAMES, "Smith,Bob"]))[2] == ""


@pytest.mark.parametrize("labels", [[], ["--label-column", "race"]])
def test_clean_repairs_sloppy_names_and_drops_others_with_their_labels(run, labels, tmp_path):
    """Each kind is reported once, in the words of the command line."""
    elves = ["# elves", "- Elowen", '"""Thalor"""', "???", "Sylvar (dead)", "Mirael"]
    dwarves = ["* Borin", "Durun", "Gimrun", "FranÃ§ois"]
    rows = [*(f"{name},elf" for name in elves), *(f"{name},dwarf" for name in dwarves)]
    (tmp_path / "table.csv").write_text("\n".join(["name,race", *rows]), "utf-8")
    names = ["Elowen", "Thalor", "Sylvar (dead)", "Mirael", "Borin", "Durun", "Gimrun", "FranÃ§ois"]
    options = "table.csv", "--column", "name", *labels, "--counting", "-n", 1, "--random-state", 0
    _, _, error = run(*options)
    assert error.count("\n") == 1
    found = re.findall("--clean fixes|--encoding|edit FILE|[a-z ]+(?= \\(\\d)", error)
    kinds = ["comments", "bullets", "quotes", "punctuation"]
    assert [text.strip() for text in found] == [
        *("--clean fixes", *kinds, "--encoding", "mojibake", "edit FILE", "note in parentheses")
    ]
    assert "clean_names" not in error
    _, _, error = run(*options, "--clean", "--save", "m.joblib")
    changes = "comments (1), bullets (2), quotes (1), punctuation (1)"
    assert error.startswith(f"sknamegen: cleaned: {changes}.\nsknamegen: warning: ")
    assert "--clean fixes" not in error
    generator = joblib.load("m.joblib")[-1]
    y = ["elf"] * 4 + ["dwarf"] * 4 if labels else None
    expected = CharNGramGenerator().fit(names, y)
    assert generator.score_samples(names, y).tolist() == expected.score_samples(names, y).tolist()
    assert run(*options, "--clean", "--quiet")[2] == ""


@pytest.mark.full
@posix
@pytest.mark.parametrize(
    ("command", "status", "n_lines"),
    [
        ("sknamegen --demo --counting 2>&-", 0, 10),
        ("sknamegen --demo --counting -n -1 2>&-", 1, 0),
        ("sknamegen --demo --counting --temperature 0 2>&- >&-", 1, 0),
    ],
)
def test_a_closed_standard_error_is_no_error_but_a_closed_output_is(command, status, n_lines):
    code, out, error = shell(command)
    assert (code, len(out.splitlines()), error) == (status, n_lines, "")


def test_similar_names_come_from_a_file_or_are_left_out(run, tmp_path):
    (tmp_path / "others.txt").write_text("Gunthorpe\nZeal\n")
    options = {"--similar others.txt": {"Gunthorpe", "Zeal"}, "--no-similar": set()}
    for option, expected in options.items():
        status, _, error = run("names.txt", "-n", 1, *option.split(), "--save", "m.joblib")
        assert status == 0, error
        assert set(joblib.load("m.joblib")[-1].similar_names_) == expected
    # Without the option, names of the collection provide all letters.
    assert run("names.txt", "-n", 1, "--seed", "Z", "--quiet")[0] == 0


@pytest.mark.parametrize(
    ("option", "expected"),
    [("--help", "cat names.txt | sknamegen"), ("--version", f"{sknamegen.__version__}\n")],
)
def test_help_imports_no_library(option, expected):
    script = (
        "import sys\nfrom sknamegen.__main__ import main\n"
        f"try:\n    main(['{option}'])\nfinally:\n"
        "    print(*{'numpy', 'scipy', 'sklearn', 'torch'} & sys.modules.keys(), file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (process.returncode, process.stderr.strip()) == (0, "")
    assert expected in process.stdout


INTERRUPTED = """
import signal, sys

class Interrupt:
    def find_spec(self, name, *arguments):
        if name == "sklearn":
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
from sknamegen.__main__ import main

sys.exit(main(["--demo", "--counting"]))
"""


def test_interrupt_during_imports_exits_with_130():
    process = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, timeout=60)
    assert (process.returncode, process.stderr) == (130, b"")


def text_of(lines):
    return "\n".join(lines)


@pytest.mark.parametrize("options", [(), ("--counting",)])
def test_running_text(run, options, tmp_path):
    """The file is read as it is. A model of text needs no --text."""
    text = "  Call me Anna.\n\n\tAnna is a name, and Ann is one, too.\n" * 9
    (tmp_path / "text.txt").write_text(text, encoding="utf-8-sig")
    options = *options, "--random-state", 0
    status, lines, error = run("text.txt", "--text", *options, "--save", "text.joblib")
    assert status == 0
    assert error.startswith("sknamegen: saved 'text.joblib'. It contains n-gram counts, which")
    assert len(text_of(lines)) == 500
    assert text_of(lines)[0] == " "  # as the text
    status, loaded, error = run("--load", "text.joblib", "--random-state", 0)
    assert (status, loaded, error) == (0, lines, "")
    limits = "-n", 2, "--max-length", 30, "--seed", "Anna"
    status, lines, _ = run("-", "--text", *options, *limits, stdin=text.replace("\n", "\r\n"))
    first, second = text_of(lines)[:30], text_of(lines)[32:]
    assert [len(part) for part in (first, second)] == [30, 30]
    assert first.startswith("Anna")
    assert second.startswith("Anna")
    limits = "--max-length", 12, "--pattern", r"Anna i[^\n]*"
    status, lines, _ = run("--load", "text.joblib", "--text", *limits, "--seed", "Anna")
    assert (status, len(lines[0]), lines[0][:6]) == (0, 12, "Anna i")


def test_text_appears_as_it_is_drawn(run, monkeypatch):
    shown, stream = [], CharNGramGenerator.stream

    def spied(*args, **options):
        for character in stream(*args, **options):
            shown.append(sys.stdout.getvalue())
            yield character

    monkeypatch.setattr(CharNGramGenerator, "stream", spied)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    text = "anna bella " * 9
    run("-", "--text", "--counting", "--max-length", 40, "--seed", "an", stdin=text)
    assert [len(part) for part in shown] == [*range(2, 40)]


def test_wrong_options_for_text_are_rejected_before_training(run):
    for options, message in (
        (("--style", "dragons"), f"With --text, {NO_EFFECT}--style. Omit them."),
        (("names.txt", "--best-of", 2), f"With --text, {NO_EFFECT}--best-of. Omit them."),
        (("names.txt", "--save", "a.html"), "A web page generates names."),
        (("names.txt", "--save", "a.txt"), "A model file must end in .joblib"),
        (("names.txt", "--seed", "7"), "--seed is the beginning of the names. Got '7'"),
        (("names.txt", "--pattern", "("), "pattern"),
        (("names.txt", "--encoding", "ascii", "--seed", "x"), "seed 'x' contains 'x'"),
    ):
        status, lines, error = run("--text", *options)
        assert (status, lines) == (1, [])
        assert message in error
    assert "Got 4 characters in row 0" in run("-", "--text", stdin="abcd")[2]
    assert "not in 'utf-8'" in run("-", "--text", stdin=b"\xff" * 90)[2]
    joblib.dump(make_pipeline(CharNGramGenerator()).fit(NAMES), "names.joblib")
    assert "--text requires a model of running" in run("--text", "--load", "names.joblib")[2]
