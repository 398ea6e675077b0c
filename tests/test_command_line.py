"""Tests of the command ``python -m sknamegen``."""

import os
import pickle
import pty
import resource
import shlex
import subprocess
import sys

import joblib
import pytest
from sklearn.pipeline import make_pipeline

import sknamegen
from sknamegen import CharLSTMGenerator, CharNGramGenerator, load_names
from sknamegen.__main__ import main
from sknamegen.datasets import known_names

NAMES = ["Ambermoor", "Ashwick", "Brackenfell", "Oakhollow", "Ravensby", "Larkmoor", "Fennick"]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command in a folder with names.txt. Return the status, output lines and errors."""
    monkeypatch.chdir(tmp_path)
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
    """Run a shell command in which `sknamegen` is the tested package."""
    command = command.replace("sknamegen", f"{shlex.quote(sys.executable)} -m sknamegen")
    env = os.environ | variables
    process = subprocess.run(
        command, shell=True, input=stdin, capture_output=True, env=env, timeout=120
    )
    return process.returncode, process.stdout.decode(), process.stderr.decode()


def test_new_and_different_names_are_printed_one_per_line(run):
    options = "names.txt", "--counting", "-n", 50, "--temperature", 0.4, "--random-state", 0
    for explicit in ([], ["--novel"], ["--unique"], ["--novel", "--unique"]):
        status, names, error = run(*options, *explicit)
        assert (status, error) == (0, "")
        assert len(set(names)) == 50
        assert not set(names) & set(NAMES)
    _, names, _ = run(*options, "--allow-known")
    assert len(set(names)) == 50
    assert set(names) & set(NAMES)
    _, names, _ = run(*options, "--allow-repeats")
    assert len(set(names)) < 50 == len(names)
    assert not set(names) & set(NAMES)


def test_default_temperature_is_seven_tenths(run):
    options = "names.txt", "--counting", "--random-state", 0
    assert run(*options) == run(*options, "--temperature", 0.7) != run(*options, "--temperature", 1)


NEW, KNOWN = "Ambermoo", "Ambermoor"


@pytest.mark.parametrize(
    ("options", "expected", "message"),
    [
        (["-n", 1], {NEW}, ""),
        (["-n", 2], {NEW, KNOWN}, "the last 1 may be training names or duplicates"),
        (["-n", 4], {NEW, KNOWN}, "the last 3 may be training names or duplicates"),
        (["-n", 4, "--allow-known"], {NEW, KNOWN}, "the last 2 may be duplicates"),
        (["-n", 4, "--allow-repeats"], {NEW}, ""),
        (["-n", 4, "--novel"], {NEW}, "the last 3 may be duplicates"),
        (["-n", 4, "--exclude", "names.txt"], {NEW}, "the last 3 may be training names or dup"),
        (["-n", 2, "--unique"], {NEW, KNOWN}, "the last 1 may be training names"),
        (["-n", 3, "--unique"], set(), "error: Found only 2 of 3 names"),
        (["-n", 2, "--novel", "--unique"], set(), "error: Found only 1 of 2 names"),
    ],
)
def test_too_few_names_are_completed_with_other_names(run, options, expected, message):
    pattern = "--pattern", f"{NEW}|{KNOWN}", "--temperature", 3, "--random-state", 1
    status, names, error = run("names.txt", "--counting", *pattern, *options)
    assert status == error.startswith("sknamegen: error")
    assert message in error
    assert error.count("\n") == bool(message)
    assert (set(names), len(names)) == (expected, options[1] if expected else 0)
    if KNOWN in expected and "--allow-known" not in options:
        assert names[:2] == [NEW, KNOWN]


@pytest.mark.parametrize("boundary", [False, True])
def test_models_without_hashes_generate_with_a_message(run, boundary):
    windows = sknamegen.CharSequenceVectorizer(boundary=boundary)
    training = NAMES if boundary else [" ".join(NAMES)]
    pipe = make_pipeline(windows, CharNGramGenerator()).fit(training)
    pipe[-1].forget_names()
    joblib.dump(pipe, "model.joblib")
    options = "--load", "model.joblib", "--seed", "Am", "-n", 30, "--random-state", 0
    kind = "without hashes of names" if boundary else "of running text"
    message = f"sknamegen: warning: Training names are not excluded from a model {kind}."
    status, names, error = run(*options)
    assert (status, len(set(names)), error) == (0, 30, f"{message}\n")
    assert run(*options, "--allow-known") == (0, names, "")
    _, names, error = run(*options, "--temperature", 0)
    assert (len(names), len(set(names))) == (30, 1)
    assert error == f"{message} Too few names qualify: the last 29 may be duplicates.\n"
    status, names, error = run(*options, "--novel")
    assert (status, names) == (1, [])
    assert "novel=True requires a generator fitted to names" in error


@pytest.mark.parametrize("options", [("--novel", "--allow-known"), ("--unique", "--allow-repeats")])
def test_contradictory_options_are_usage_errors(options, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--demo", *options])
    assert (
        f"argument {options[1]}: not allowed with argument {options[0]}" in capsys.readouterr()[1]
    )


def test_exclude_options(run, tmp_path):
    options = "names.txt", "--counting", "-n", 200, "--temperature", 0.5, "--random-state", 0
    _, names, _ = run(*options)
    (tmp_path / "taken.txt").write_text("\n".join(names[:100]).upper())
    status, remaining, error = run(*options, "--exclude", "taken.txt")
    assert (status, error) == (0, "")
    assert not set(names[:100]) & set(remaining)
    real_names = known_names()
    assert sum(name in real_names for name in remaining) > 0
    _, remaining, _ = run(*options, "--exclude", "taken.txt", "--exclude-known")
    assert not any(name in real_names or name in names[:100] for name in remaining)
    _, remaining, _ = run(*options, "--exclude-known")
    assert not any(name in real_names for name in remaining)
    assert set(names[:100]) & set(remaining)
    status, remaining, error = run(*options, "--exclude", "missing.txt")
    assert (status, remaining) == (1, [])
    assert "missing.txt" in error


def test_demo_uses_the_bundled_list(run):
    _, names, _ = run("--demo", "--counting", "-n", 200, "--allow-known", "--temperature", 0.3)
    assert len(set(names) & set(load_names("female"))) > 20


@pytest.mark.parametrize("model_options", [["--counting"], []])
def test_random_state_reproduces_the_names(run, model_options):
    first = run("names.txt", *model_options, "-n", 5, "--random-state", 3)
    assert first[0] == 0
    assert len(first[1]) == 5
    for file in ([], ["-"]):
        stdin = "\n".join(NAMES)
        assert run(*file, *model_options, "-n", 5, "--random-state", 3, stdin=stdin) == first


def test_constraint_options(run):
    constraint = ["--seed", "Mar", "--min-length", 6, "--max-length", 8, "--pattern", ".*[ae]"]
    _, names, _ = run("--demo", "--counting", "-n", 30, *constraint, "--banned", "x", "tt")
    assert len(names) == 30
    for name in names:
        assert name.startswith("Mar")
        assert 6 <= len(name) <= 8
        assert name[-1] in "ae"
        assert "x" not in name
        assert "tt" not in name
    _, names, _ = run("--demo", "--counting", "--seed", "Ma", "--suffix", "a", "-n", 20)
    assert len(names) == 20
    assert all(name.startswith("Ma") and name.endswith("a") for name in names)
    with pytest.raises(SystemExit, match="2"):
        run("--demo", "--suffix", "a", "--pattern", ".*")


def test_label_option(run):
    lines = [f"{name}\ta" for name in NAMES] + [f"{name.upper()}\tb" for name in NAMES]
    labelled = ["-", "--labelled", "--counting", "-n", 20, "--random-state", 0]
    _, names, _ = run(*labelled, "--label", "b", stdin="\n".join(lines))
    assert sum(name.isupper() for name in names) > 12
    status, _, error = run(*labelled, "--label", "c", stdin="\n".join(lines))
    assert status == 1
    assert "label must be one of 'a', 'b'. Got 'c'" in error


@pytest.mark.parametrize("ending", ["joblib", "pkl", "skops"])
def test_models_are_saved_and_loaded(run, ending):
    model = f"model.{ending}"
    _, names, _ = run("names.txt", "--counting", "--save", model, "--random-state", 0)
    assert run("--load", model, "--random-state", 0) == (0, names, "")
    _, scores, _ = run("--load", model, "--score", "names.txt")
    rows = [line.split("\t") for line in scores]
    assert [name for _, name in rows] == NAMES
    assert all(-30 < float(score) < 0 for score, _ in rows)
    _, unlikely, _ = run("--load", model, "--score", "-", stdin="Xqzw\n\n")
    assert float(unlikely[0].split("\t")[0]) < min(float(score) for score, _ in rows)


@pytest.mark.parametrize("ending", ["joblib", "pkl", "skops", "html"])
def test_a_full_disk_keeps_the_old_file(run, tmp_path, ending):
    model = f"model.{ending}"
    assert run("names.txt", "--counting", "--save", model)[0] == 0
    old = (tmp_path / model).read_bytes()
    assert ending != "html" or b"<title>Names</title>" in old
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
        (["missing.txt"], "No such file"),
        (["names.txt", "--save", "model.txt"], ".html. Got 'model.txt'"),
        (["names.txt", "--save", "nowhere/model.pkl"], "Got 'nowhere/model.pkl'"),
        (
            ["names.txt", "--save", "model.skops"],
            "'model.skops' requires skops. Run pip install skops",
        ),
        (["names.txt", "--load", "model.pkl"], "FILE, --load and --demo are mutually exclusive"),
        (
            ["names.txt", "--column", "name"],
            "The file has no column 'name'. Its columns are Ambermoor.",
        ),
        (["names.txt", "--column", "2"], "Each line must have a column 2. Got ['Ambermoor']"),
        (["names.txt", "--column", "0"], "Each line must have a column 0"),
        (["names.txt", "--header"], "--label-column and --header require --column"),
        (["names.txt", "--encoding", "utf-99"], "unknown encoding: utf-99"),
        (["--load", "missing.pkl"], "No such file"),
        (["--load", "names.html"], "A model file must end in .joblib"),
        (["--load", "other.pkl"], "Got dict in 'other.pkl'"),
        (["--load", "empty.joblib"], "'empty.joblib' cannot be loaded. EOFError"),
        (["-", "--score", "-"], "Standard input can be read only once"),
        (["names.txt", "--exclude", ""], "No such file"),
        (["-"], "Standard input contains no names"),
        ([], "Standard input contains no names"),
        (["names.txt", "--labelled"], "a name, a tab and a label"),
        (["names.txt", "--labelled", "--column", "1"], "--labelled and --column are mutually"),
        (["names.txt", "--counting", "--seed", "Ж"], "contains characters outside the model"),
    ],
)
def test_errors_are_one_line(run, tmp_path, arguments, message, monkeypatch):
    (tmp_path / "other.pkl").write_bytes(pickle.dumps({}))
    (tmp_path / "empty.joblib").touch()
    monkeypatch.setitem(sys.modules, "skops", None)
    for kind in (CharLSTMGenerator, CharNGramGenerator):  # only the last case trains
        if "--counting" not in arguments:
            monkeypatch.setattr(kind, "fit", lambda *a, **k: pytest.fail("fit was called"))
    status, lines, error = run(*arguments)
    assert (status, lines) == (1, [])
    assert error.startswith("sknamegen: error: ")
    assert message in error
    assert error.count("\n") == 1


def test_closed_pipe_is_not_an_error():
    command = [sys.executable, "-m", "sknamegen", "--demo", "--counting", "-n", "50000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def test_terminal_without_input_is_an_error():
    """The command does not wait for input from the keyboard."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "sknamegen"]
    process = subprocess.run(command, stdin=terminal, capture_output=True, text=True, timeout=60)
    os.close(controller)
    os.close(terminal)
    assert process.returncode == 2
    assert "no input. Pass FILE, --demo" in process.stderr


TABLE = 'surname,land\n"Rossi, jr",IT\n Bianchi ,IT\nMüller,DE\n,DE\nSchmidt,DE\n'


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (TABLE, ["--column", "surname", "--label-column", "land"]),
        (TABLE, ["--column", "1", "--label-column", "2", "--header"]),
        (TABLE.split("\n", 1)[1], ["--column", "1", "--label-column", "2"]),
        ("\ufeff" + TABLE, ["--column", "surname", "--label-column", "land"]),
        (TABLE.replace('"Rossi, jr"', "Rossi").replace(",", ";"), ["--column", "surname"]),
        (TABLE.replace('"Rossi, jr"', "Rossi").replace(",", "\t"), ["--column", "1", "--header"]),
    ],
)
def test_column_options(run, table, columns, monkeypatch):
    recorded = {}
    fit = CharNGramGenerator.fit
    monkeypatch.setattr(
        CharNGramGenerator, "fit", lambda self, X, y=None: fit(self, recorded.setdefault("X", X), y)
    )
    status, _, error = run("--counting", *columns, stdin=table)
    assert (status, error) == (0, "")
    windows = sknamegen.CharSequenceVectorizer().fit(["a"])
    names = [name.replace(", jr", "") for name in windows.inverse_transform(recorded["X"])]
    assert names == ["Rossi", "Bianchi", "Müller", "Schmidt"]
    if "--label-column" in columns:
        _, names, _ = run("--counting", *columns, "--label", "DE", stdin=table)
        assert len(names) == 10
        assert run("--counting", *columns, "--label", "FR", stdin=table)[0] == 1


@pytest.mark.parametrize(("separator", "word"), [(",", "comma"), ("\t", "tab")])
def test_lines_of_a_table_cause_a_warning(run, separator, word):
    stdin = "\n".join(f"{name}{separator}DE" for name in NAMES)
    status, _, error = run("--counting", stdin=stdin)
    assert status == 0
    assert (
        f"warning: all lines contain a {word}. To read a column of a CSV or TSV file, pass --column"
        in error
    )


def test_encodings(run, tmp_path):
    (tmp_path / "latin.txt").write_bytes("Zoë\nChloë\nNoël\n".encode("latin-1"))
    options = ["--counting", "-n", 40, "--random-state", 0]
    status, names, _ = run("latin.txt", *options, "--encoding", "latin-1")
    assert status == 0
    assert any("ë" in name for name in names)
    assert "not in the encoding 'utf-8'" in run("latin.txt", *options)[2]


def test_unprintable_characters_are_replaced_and_reported():
    stdin = "Zoë\nChloë\nNoël\n".encode()
    status, out, error = shell("sknamegen --counting -n 40", stdin=stdin, PYTHONIOENCODING="ascii")
    assert status == 0
    assert "?" in out
    assert "standard output uses the encoding ascii, which lacks '\\xeb'" in error


def test_control_characters_are_escaped():
    stdin = b"a\x1b[31mb\na\x1b[32mb\n"
    status, out, _ = shell("sknamegen --counting -n 40 --temperature 0.2", stdin=stdin)
    assert status == 0
    assert "\x1b" not in out
    assert "\\x1b[3" in out


def test_closed_output_is_not_an_error():
    assert shell("sknamegen --demo --counting >&-") == (0, "", "")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_no_library(option):
    script = (
        "import sys\nfrom sknamegen.__main__ import main\n"
        f"try:\n    main(['{option}'])\nfinally:\n"
        "    print(*{'numpy', 'scipy', 'sklearn', 'torch'} & sys.modules.keys(), file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert process.returncode == 0
    assert process.stderr.strip() == ""
    if option == "--version":
        assert process.stdout == f"{sknamegen.__version__}\n"
    else:
        assert "cat names.txt | sknamegen" in process.stdout


INTERRUPTED = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, *arguments):
        if name == "sklearn":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
from sknamegen.__main__ import main

sys.exit(main(["--demo", "--counting"]))
"""


def test_interrupt_during_imports_exits_with_130():
    process = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, timeout=60)
    assert (process.returncode, process.stderr) == (130, b"")
