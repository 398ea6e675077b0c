"""``python -m sknamegen`` as a user types it."""

import os
import pickle
import pty
import shlex
import subprocess
import sys

import pytest

import sknamegen
from sknamegen import CharLSTMGenerator, CharNGramGenerator, load_names
from sknamegen.__main__ import main
from sknamegen.datasets import known_names

NAMES = ["Ambermoor", "Ashwick", "Brackenfell", "Oakhollow", "Ravensby", "Larkmoor", "Fennick"]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command line in an empty folder; return its status, its lines and its errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    kept = os.dup(0)

    def run(*arguments, given=b""):
        reader, writer = os.pipe()
        os.write(writer, given if isinstance(given, bytes) else given.encode())
        os.close(writer)
        os.dup2(reader, 0)
        os.close(reader)
        status = main(list(map(str, arguments)))
        out, error = capsys.readouterr()
        return status, out.splitlines(), error

    yield run
    os.dup2(kept, 0)
    os.close(kept)


def shell(line, *, given=None, **variables):
    """Run a line of a shell, in which `sknamegen` is this one."""
    line = line.replace("sknamegen", f"{shlex.quote(sys.executable)} -m sknamegen")
    environment = os.environ | variables
    done = subprocess.run(
        line, shell=True, input=given, capture_output=True, env=environment, timeout=120
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_names_are_printed_one_a_line(run):
    status, names, error = run("names.txt", "--counting", "-n", 20, "--novel", "--unique")
    assert (status, error) == (0, "")
    assert len(set(names)) == 20
    assert not set(names) & set(NAMES)


def test_names_are_excluded(run, tmp_path):
    options = "names.txt", "--counting", "-n", 200, "--temperature", 0.5, "--random-state", 0
    _, names, _ = run(*options)
    (tmp_path / "taken.txt").write_text("\n".join(names[:100]).upper())
    status, others, error = run(*options, "--exclude", "taken.txt")
    assert (status, error) == (0, "")
    assert not set(names[:100]) & set(others)
    known = known_names()
    assert sum(name in known for name in others) > 0
    _, others, _ = run(*options, "--exclude", "taken.txt", "--exclude-known")
    assert not any(name in known or name in names[:100] for name in others)
    _, others, _ = run(*options, "--exclude-known")
    assert not any(name in known for name in others)
    assert set(names[:100]) & set(others)
    status, others, error = run(*options, "--exclude", "missing.txt")
    assert (status, others) == (1, [])
    assert "missing.txt" in error


def test_the_bundled_list_is_a_demonstration(run):
    _, names, _ = run("--demo", "--counting", "-n", 200, "--temperature", 0.3)
    assert len(set(names) & set(load_names("female"))) > 20


@pytest.mark.parametrize("how", [["--counting"], []])
def test_a_random_state_gives_the_same_names(run, how):
    first = run("names.txt", *how, "-n", 5, "--random-state", 3)
    assert first[0] == 0
    assert len(first[1]) == 5
    for file in ([], ["-"]):
        given = "\n".join(NAMES)
        assert run(*file, *how, "-n", 5, "--random-state", 3, given=given) == first


def test_what_can_be_asked_of_names(run):
    asked = ["--seed", "Mar", "--min-length", 6, "--max-length", 8, "--pattern", ".*[ae]"]
    _, names, _ = run("--demo", "--counting", "-n", 30, *asked, "--banned", "x", "tt")
    assert len(names) == 30
    for name in names:
        assert name.startswith("Mar")
        assert 6 <= len(name) <= 8
        assert name[-1] in "ae"
        assert "x" not in name
        assert "tt" not in name


def test_labels(run):
    lines = [f"{name}\ta" for name in NAMES] + [f"{name.upper()}\tb" for name in NAMES]
    labelled = ["-", "--labelled", "--counting", "-n", 20, "--random-state", 0]
    _, names, _ = run(*labelled, "--label", "b", given="\n".join(lines))
    assert sum(name.isupper() for name in names) > 12
    status, _, error = run(*labelled, "--label", "c", given="\n".join(lines))
    assert status == 1
    assert "label must be one of 'a', 'b'. Got 'c'" in error


@pytest.mark.parametrize("ending", ["joblib", "pkl", "skops"])
def test_models_are_saved_and_loaded(run, ending):
    model = f"model.{ending}"
    _, names, _ = run("names.txt", "--counting", "--save", model, "--random-state", 0)
    assert run("--load", model, "--random-state", 0) == (0, names, "")
    _, scores, _ = run("--load", model, "--score", "names.txt")
    read = [line.split("\t") for line in scores]
    assert [name for _, name in read] == NAMES
    assert all(-30 < float(score) < 0 for score, _ in read)
    _, one, _ = run("--load", model, "--score", "-", given="Xqzw\n\n")
    assert float(one[0].split("\t")[0]) < min(float(score) for score, _ in read)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.txt"], "No such file"),
        (["names.txt", "--save", "model.txt"], ".skops. Got 'model.txt'"),
        (["names.txt", "--save", "nowhere/model.pkl"], "Got 'nowhere/model.pkl'"),
        (["names.txt", "--load", "model.pkl"], "FILE, --load and --demo are different things"),
        (["names.txt", "--demo"], "FILE, --load and --demo are different things"),
        (["names.txt", "--column", "name"], "The file has no column 'name'. It has Ambermoor."),
        (["names.txt", "--column", "2"], "Column 2 must be in each line. Got ['Ambermoor']"),
        (["names.txt", "--column", "0"], "Column 0 must be in each line"),
        (["names.txt", "--header"], "--label-column and --header need --column"),
        (["names.txt", "--encoding", "utf-99"], "unknown encoding: utf-99"),
        (["names.txt", "--encoding", "utf-16"], "not in the encoding 'utf-16'"),
        (["--load", "missing.pkl"], "No such file"),
        (["--load", "other.pkl"], "Got dict in 'other.pkl'"),
        (["--load", "empty.joblib"], "'empty.joblib' cannot be loaded. EOFError"),
        (["-", "--score", "-"], "Standard input can be read once only"),
        (["names.txt", "--exclude", ""], "No such file"),
        (["-"], "Standard input holds no names"),
        ([], "Standard input holds no names"),
        (["names.txt", "--labelled"], "a name, a tab and a label"),
        (["names.txt", "--counting", "--seed", "Ж"], "holds characters the model never saw"),
        (["names.txt", "--counting", "--temperature", "-1"], "temperature must be"),
        (["names.txt", "--counting", "--pattern", "("], "pattern"),
    ],
)
def test_errors_are_one_line(run, tmp_path, arguments, message, monkeypatch):
    (tmp_path / "other.pkl").write_bytes(pickle.dumps({}))
    (tmp_path / "empty.joblib").touch()
    for kind in (CharLSTMGenerator, CharNGramGenerator):  # none but the last three learn
        if "--counting" not in arguments:
            monkeypatch.setattr(kind, "fit", lambda *a, **k: pytest.fail("it has learned"))
    status, lines, error = run(*arguments)
    assert (status, lines) == (1, [])
    assert error.startswith("sknamegen: error: ")
    assert message in error
    assert error.count("\n") == 1


def test_what_is_missing_to_save_is_said_before_learning(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setattr(CharLSTMGenerator, "fit", lambda *a, **k: pytest.fail("it has learned"))
    status, _, error = run("names.txt", "--save", "model.skops")
    assert status == 1
    assert "'model.skops' needs skops: pip install skops" in error


def test_version(run, capsys):
    with pytest.raises(SystemExit, match="0"):
        run("--version")
    assert capsys.readouterr().out == f"{sknamegen.__version__}\n"


def test_wrong_options(run, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("--colour", "red")
    assert "unrecognized arguments: --colour" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error():
    command = [sys.executable, "-m", "sknamegen", "--demo", "--counting", "-n", "50000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def test_names_that_are_piped_in_are_learned():
    status, out, error = shell("printf 'Xaxa\\nXuxu\\nXixi\\n' | sknamegen --counting -n 20")
    assert (status, error) == (0, "")
    assert set("".join(out.split())) <= set("Xxaui")


def test_on_a_terminal_something_to_learn_from_is_asked_for():
    """Instead of waiting for what is typed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sknamegen"]
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert "FILE, names on standard input, --load or --demo is needed" in done.stderr


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
def test_a_column_of_a_table(run, table, columns, monkeypatch):
    learned = {}
    fit = CharNGramGenerator.fit
    monkeypatch.setattr(
        CharNGramGenerator, "fit", lambda self, X, y=None: fit(self, learned.setdefault("X", X), y)
    )
    status, _, error = run("--counting", *columns, given=table)
    assert (status, error) == (0, "")
    windows = sknamegen.CharSequenceVectorizer().fit(["a"])
    names = [name.replace(", jr", "") for name in windows.inverse_transform(learned["X"])]
    assert names == ["Rossi", "Bianchi", "Müller", "Schmidt"]
    if "--label-column" in columns:
        _, names, _ = run("--counting", *columns, "--label", "DE", given=table)
        assert len(names) == 10
        assert run("--counting", *columns, "--label", "FR", given=table)[0] == 1


@pytest.mark.parametrize(("mark", "what"), [(",", "comma"), ("\t", "tab")])
def test_lines_that_look_like_a_table_are_warned_of(run, mark, what):
    given = "\n".join(f"{name}{mark}DE" for name in NAMES)
    status, _, error = run("--counting", given=given)
    assert status == 0
    assert (
        f"warning: all lines hold a {what}. For a column of a CSV or TSV file pass --column"
        in error
    )


def test_encodings(run, tmp_path):
    (tmp_path / "latin.txt").write_bytes("Zoë\nChloë\nNoël\n".encode("latin-1"))
    options = ["--counting", "-n", 40, "--random-state", 0]
    status, names, _ = run("latin.txt", *options, "--encoding", "latin-1")
    assert status == 0
    assert any("ë" in name for name in names)
    assert "not in the encoding 'utf-8'" in run("latin.txt", *options)[2]


def test_letters_that_cannot_be_printed_are_replaced_and_said():
    given = "Zoë\nChloë\nNoël\n".encode()
    status, out, error = shell("sknamegen --counting -n 40", given=given, PYTHONIOENCODING="ascii")
    assert status == 0
    assert "?" in out
    assert "standard output is in ascii, which has no '\\xeb'" in error


def test_what_would_control_a_terminal_is_escaped():
    given = b"a\x1b[31mb\na\x1b[32mb\n"
    status, out, _ = shell("sknamegen --counting -n 40 --temperature 0.2", given=given)
    assert status == 0
    assert "\x1b" not in out
    assert "\\x1b[3" in out


def test_a_closed_output_is_no_error():
    assert shell("sknamegen --demo --counting >&-") == (0, "", "")


def test_a_suffix_ends_the_names(run):
    _, names, _ = run("--demo", "--counting", "--seed", "Ma", "--suffix", "a", "-n", 20)
    assert len(names) == 20
    assert all(name.startswith("Ma") and name.endswith("a") for name in names)
    with pytest.raises(SystemExit, match="2"):
        run("--demo", "--suffix", "a", "--pattern", ".*")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_no_library(option):
    script = (
        "import sys\nfrom sknamegen.__main__ import main\n"
        f"try:\n    main(['{option}'])\nfinally:\n"
        "    print(*{'numpy', 'scipy', 'sklearn', 'torch'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    assert option == "--version" or "cat names.txt | sknamegen" in done.stdout


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


def test_an_interrupt_during_imports_ends_it_with_130():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, b"")
