"""``python -m sknamegen`` as a user types it."""

import io
import pickle
import subprocess
import sys

import pytest

import sknamegen
from sknamegen import CharLSTMGenerator, CharNGramGenerator, load_names
from sknamegen.__main__ import main

NAMES = ["Ambermoor", "Ashwick", "Brackenfell", "Oakhollow", "Ravensby", "Larkmoor", "Fennick"]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command line in an empty folder; return its status, its lines and its errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")

    def run(*arguments, given=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        status = main(list(map(str, arguments)))
        out, error = capsys.readouterr()
        return status, out.splitlines(), error

    return run


def test_names_are_printed_one_a_line(run):
    status, names, error = run("names.txt", "--counting", "-n", 20, "--novel", "--unique")
    assert (status, error) == (0, "")
    assert len(set(names)) == 20
    assert not set(names) & set(NAMES)


def test_the_bundled_list_is_the_default(run):
    _, names, _ = run("--counting", "-n", 200, "--temperature", 0.3)
    assert len(set(names) & set(load_names("female"))) > 20


@pytest.mark.parametrize("how", [["--counting"], []])
def test_a_random_state_gives_the_same_names(run, how):
    first = run("names.txt", *how, "-n", 5, "--random-state", 3)
    assert first[0] == 0
    assert len(first[1]) == 5
    assert run("-", *how, "-n", 5, "--random-state", 3, given="\n".join(NAMES)) == first


def test_what_can_be_asked_of_names(run):
    asked = ["--seed", "Mar", "--min-length", 6, "--max-length", 8, "--pattern", ".*[ae]"]
    _, names, _ = run("--counting", "-n", 30, *asked, "--banned", "x", "tt")
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
        (["names.txt", "--load", "model.pkl"], "--load takes a model as it is"),
        (["--load", "missing.pkl"], "No such file"),
        (["--load", "other.pkl"], "Got dict in 'other.pkl'"),
        (["--load", "empty.joblib"], "'empty.joblib' cannot be loaded. EOFError"),
        (["-", "--score", "-"], "Standard input cannot be both"),
        (["-"], "Standard input must hold names"),
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
    command = [sys.executable, "-m", "sknamegen", "--counting", "-n", "50000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
