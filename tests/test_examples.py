"""Tests of the examples and of the benchmarks.

Most scripts run in this process with ``--quick``, so that torch is imported only once, and default
networks train for one epoch, without similar names. Slow tests, marked `full`, only run with
``-m "full or not full"``.
"""

import importlib
import json
import math
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from conftest import cells_of, ngram_pipeline, posix
from fastapi.testclient import TestClient

from sknamegen import CharLSTMGenerator, known_names, list_styles, load_names, load_words
from sknamegen.datasets import bundled_file, read_collection
from sknamegen.lstm import load_base

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
# Matches the call that saves a plot in the working directory.
SAVED_PLOT = re.compile(r"savefig\(\"(\w+\.png)\"")
# Starts an example from a small process. A child of pytest would inherit the peak memory of pytest.
LAUNCH_CODE = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
LAUNCHER = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
TRAINED = re.compile(
    r"process (\d) of (\d): weights (\w+), held-out loss (\S+) nats/char, training loss (\S+)"
)
full = pytest.mark.full


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs a script in a temporary folder and returns its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    n_threads = torch.get_num_threads()

    def run(script, *arguments, max_epochs=1, similar=None):
        path = ROOT / "examples" / script
        monkeypatch.syspath_prepend(path.parent)
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        if "--quick" in arguments:
            defaults = CharLSTMGenerator.__init__.__kwdefaults__
            monkeypatch.setitem(defaults, "max_epochs", max_epochs)
            monkeypatch.setitem(defaults, "similar", similar)
        capsys.readouterr()
        with joblib.parallel_config(backend="threading"):  # processes would import torch first
            runpy.run_path(str(path), run_name="__main__")
        for plot in SAVED_PLOT.findall(path.read_text("utf-8")):
            assert (tmp_path / plot).stat().st_size > 8_000
        return capsys.readouterr().out

    yield run
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    torch.set_num_threads(n_threads)


def command_of(script, *arguments, launcher=()):
    return [sys.executable, *launcher, ROOT / "examples" / script, *map(str, arguments)]


def run_process(script, *arguments, cwd, launcher=()):
    """Run a script in a separate process and return its output."""
    process = subprocess.run(
        [sys.executable, "-c", LAUNCH_CODE, *command_of(script, *arguments, launcher=launcher)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert process.returncode == 0, process.stderr
    assert "Warning" not in process.stderr
    return process.stdout


def numbers(pattern, text):
    return [float(number) for number in re.findall(pattern, text)]


def line(start, text):
    """Return the rest of the line that starts with a pattern."""
    (rest_of_line,) = re.findall(rf"^{start} *(.*)", text, re.MULTILINE)
    return rest_of_line


def test_every_example_is_tested():
    tested = Path(__file__).read_text("utf-8")
    for script in SCRIPTS:
        assert re.search(rf'run(_process)?\(\s*"{script.name}"', tested), script


def test_every_example_says_how_to_run_it(run, capsys):
    """The docstring, which is also the text of --help, names the extra that the script requires."""
    listed = (ROOT / "examples/README.md").read_text("utf-8")
    for script in SCRIPTS:
        _, docstring, code = script.read_text("utf-8").split('"""', 2)
        assert f"examples/{script.name}" in docstring
        assert f"`{script.name}`" in listed
        extras = [set(re.findall(r"pip install -e '\.\[(.*?)\]'", x)) for x in (code, docstring)]
        assert extras[0] == extras[1], script
    with pytest.raises(SystemExit, match="0"):
        run("generate_names.py", "--help")
    assert "This example shows" in capsys.readouterr().out


def test_missing_packages_are_reported_first(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r"This example requires .*: pip install -e '\.\[plot\]'"):
        run("plots.py", "--help")


def test_generate_names(run):
    printed = run("generate_names.py", "--quick")
    epochs = re.findall(r"Epoch (\d+)/2: \S+ nats/char", printed)  # once per network
    assert epochs
    assert epochs.count("1") == epochs.count("2") == len(epochs) / 2
    assert numbers(r"Temperature (\S+):", printed) == [0.2, 0.5, 1.0, 1.2]
    sampled = re.findall(r"^Temperature .*?:  (\S+)", printed, re.MULTILINE)
    assert len({name[:2] for name in sampled}) > 1  # the names have different beginnings


@full
def test_generate_names_from_the_whole_list(run, monkeypatch):
    """Three of ten epochs are enough to beat n-grams (1.76) and the notebook (1.857)."""
    monkeypatch.setitem(CharLSTMGenerator.__init__.__kwdefaults__, "max_epochs", 3)
    (held_out,) = numbers(r"Held-out loss: (\S+) nats", run("generate_names.py"))
    assert 1.6 < held_out < 1.72


@full
@pytest.mark.parametrize("lines", [["Ottilie"], ["שרה", "Zoë", "👩‍👩‍👧", "x" * 60] * 4])
def test_generate_names_from_a_file(run, tmp_path, lines):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    printed = run("generate_names.py", path)
    assert len(numbers(r"Held-out loss: (\S+) nats", printed)) == (len(lines) > 1)
    assert f"Starting with {lines[0][:3]!r}: " in printed or len(lines) > 1


@full
def test_baby_names(run):
    printed = run("baby_names.py", "--quick")
    training_names = set(load_names()[::10])
    for label in ("female", "male"):
        assert len(set(line(f"New {label} names:", printed).split("  ")) - training_names) == 8
        likely = line(f"Most probable new {label} names:", printed).split("  (")[0]
        assert len(set(likely.split("  ")) - training_names) == 6
    constraints = {"four to six letters": ".{4,6}", "L…a or M…e": "L.*a|M.*e"}
    constraints |= {"without r and th": "(?i)(?!.*(r|th)).*"}
    constraints |= {"double letters": ".*(aa|ee|ll|nn|rr|ss|tt).*"}
    for constraint, pattern in constraints.items():
        sampled = line(f"{constraint}:", printed).split("  ")
        assert len(sampled) == 6
        assert all(re.fullmatch(pattern, name) for name in sampled)
    shares = numbers(r"(\S+)% of 400 names are novel", printed)
    assert len(shares) == 3
    assert shares[0] == min(shares)


@full
def test_few_names(run, tmp_path):
    printed = run("few_names.py", "--quick")
    assert len(numbers(r"Trained from (?:scratch|the base) in (\S+) s", printed)) == 2
    for constraint, pattern in {"'Am'": "Am.*", "9 letters": ".{9}", "in 'or'": ".+or"}.items():
        sampled = line(f"From the base, .*{constraint}:", printed).split("  ")
        assert len(sampled) == 6
        assert all(re.fullmatch(pattern, name) for name in sampled)
    path = tmp_path / "names.txt"
    path.write_text("\n".join(["Łucja", "Żaneta", "Bożena", "Grażyna", "Zofia"]), encoding="utf-8")
    assert "5 names, such as Łucja" in run("few_names.py", path, "--quick")


@full
def test_gather_collection(run, tmp_path, monkeypatch):
    """The bundled lists come from their packages. Excluded names are in no list."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    gather = importlib.import_module("gather_collection")
    gathered = gather.faker_lists() | gather.us_lists() | gather.town_lists()
    gathered["medicines"] = gather.medicines()
    for title in ("it_IT_surnames", "ja_JP_first_names", "US_surnames", "FR_towns", "medicines"):
        names = set(filter(None, map(gather.clean, gathered[title])))
        assert len(names & set(load_names(title))) > 0.9 * len(load_names(title))
    (tmp_path / "own.txt").write_text("rome\nSmith\n")
    excluded = "pl_PL,IT_towns,orcs,own.txt"
    assert "a.zip: " in run("gather_collection.py", "a.zip", "--quick", "--without", excluded)
    lists, reduced = gather.read_collection(), gather.read_collection("a.zip")
    out = {"people/pl_PL_first_names", "people/pl_PL_surnames"}
    out |= {"towns/IT_towns", "invented/people/orcs"}
    assert lists.keys() - reduced.keys() == out
    excluded = {name.lower() for path in out for name in lists[path]} | {"rome", "smith"}
    assert not excluded & {name.lower() for names in reduced.values() for name in names}
    with pytest.raises(FileNotFoundError, match="FR_villages"):
        run("gather_collection.py", "c.zip", "--without", "pl_PL,FR_villages")
    gather.write_known(lists, "known.npz")
    assert (tmp_path / "known.npz").read_bytes() == bundled_file("known.npz").read_bytes()


def test_words_that_a_kind_repeats(monkeypatch, capsys):
    """They are taken off long lists of things only."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    gather = importlib.import_module("gather_collection")
    girls, boys = (load_names(title)[:300] for title in ("female", "male"))
    changes = {"Bank of Ulm": "Ulm", "Old-Bank Hall": "Old Hall", "Ulm and Bank": "Ulm"}
    kept = ["Banka", "Mill & Sons", *(f"The {name}" for name in boys)]
    names = [*(f"Bank {name}" for name in girls), *changes, "The bank", *kept]
    lists = {"things/banks": names, "things/few": names[:300], "towns/of_banks": names}
    cleaned = gather.without_repeated_words(lists)
    expected = sorted({*girls, *changes.values(), *kept})
    assert cleaned == lists | {"things/banks": expected}
    assert capsys.readouterr()[0].startswith("things/banks, 606 names without ['bank'], now ")


@full
def test_make_base(run, tmp_path):
    """Two runs write the same file, which contains only arrays."""
    run("gather_collection.py", "some.zip", "--quick", "--without", "hr_HR")
    for file in ("a.npz", "b.npz"):
        printed = run("make_base.py", file, "--quick", "--collection", "some.zip")
        assert re.search(r"^Epoch 1/1: \S+ nats/char", printed, re.MULTILINE)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load("a.npz", allow_pickle=False) as base:
        arrays = {name: base[name] for name in base}
    alphabet = arrays.pop("alphabet").tolist()
    assert {*"\3abcxyzABC"} <= {*alphabet}
    assert len(arrays["head.bias"]) == len(alphabet)
    assert all(np.isfinite(array).all() for array in arrays.values())


@full
def test_make_list_vectors(run):
    """The bundled vectors are those of the bundled base and collection."""
    assert run("make_list_vectors.py", "v.npz", "--quick").startswith("112 lists, ")
    with np.load("v.npz") as made, bundled_file("list_vectors.npz").open("rb") as file:
        projection, vectors = np.load(file).values()
        assert made["projection"].shape == projection.shape
    for text, bundled in list(zip(read_collection().values(), vectors, strict=True))[::40]:
        names = text.split("\n")[:-1]
        if len(names) <= 80:
            vector = load_base().hidden_states(names).mean(axis=0) @ projection
            np.testing.assert_allclose(bundled, vector, atol=0.02)


@full
def test_make_word_vectors(run, tmp_path):
    """Words near in the package are near. Function words have no vector."""
    rng = np.random.default_rng(0)
    words = sorted(load_words())
    vectors = {word: [*rng.integers(-9, 9, 100).tolist(), 0] for word in words}
    vectors["harbor"], vectors["cider"] = vectors["anger"], vectors["plum"]
    (tmp_path / "vectors.json").write_text(json.dumps({"vectors": vectors}))
    printed = run("make_word_vectors.py", "v.npz", "vectors.json")
    assert re.fullmatch(r"3\d,\d{3} of 40,106 words, \S+ bytes\n", printed)
    with np.load("v.npz") as made, bundled_file("word_vectors.npz").open("rb") as file:
        bundled = dict(np.load(file))
        np.testing.assert_array_equal(made["n_lists"], bundled["n_lists"])
        packed = dict(zip(words, made["vectors"].tolist(), strict=True))
    assert packed["harbor"] == packed["anger"] != packed["cider"] == packed["plum"]
    assert not any(packed["the"] + packed["without"])


@full
def test_names_of_words(run):
    # Names of words are rarer without similar names, which would take longer.
    printed = run("names_of_words.py", "--quick", similar="auto")
    for kind in ("beers", "taverns"):
        assert len(line(f"{kind}:", printed).split(", ")) == 6
    alliterations = line("taverns with alliteration:", printed).split(", ")
    assert len({*alliterations}) == 6
    assert all(len({word[0].lower() for word in name.split()}) == 1 for name in alliterations)


def test_blends(run):
    printed = run("blends.py", "--quick")
    kinds = re.findall(r"(?m)^ *\d+%? (\w+).*: [^,\n]+(?:, [^,\n]+){5}$", printed)
    assert kinds == ["Japanese"] * 5
    middle, pure = map(int, re.findall(r"(\d+)% of", printed))
    assert middle > 1.5 * pure


@full
def test_customers(run):
    """Sampled names are as frequent as in the original table, unless they must be novel."""
    printed = run("customers.py", "--quick")
    assert numbers(r"(\d+)% real names", printed)[0] == 100
    sampled, invented, in_place = numbers(r"(\d+)% real names", printed)[1:]
    assert sampled > 30
    assert invented == in_place == 0
    shares = numbers(r"(?m)^  first .*distinct  \S+ ([\d.]+)%", printed)
    assert shares[1] == pytest.approx(shares[0], rel=0.15)
    assert shares[3] == shares[0]


@full
def test_faker_provider(run):
    printed = run("faker_provider.py", "--quick")
    assert len(re.findall(r"^  \w+ \w+ +\w+\.\w+@example\.\w+ +[+\d]", printed, re.MULTILINE)) == 8
    assert "Same rows with the same seed: True" in printed
    unique, novel = numbers(r"(\d+)%", line("invented", printed))
    assert unique == 100
    assert novel > 95  # the training list contains only some real names


def test_generated_names_in_pandas(run, monkeypatch):
    monkeypatch.setattr("sknamegen.pseudonyms._BLOCK", 2000)
    printed = run("generated_names_in_pandas.py", "--quick")
    assert len(re.findall(r"^ *(?:fe)?male +\d\d +\w+$", printed, re.MULTILINE)) == 6
    n_names, n_pseudonyms = numbers(r"(\d+)", line("Names and pseudonyms:", printed))
    assert n_names == n_pseudonyms > 15
    assert line("Pseudonyms that exist elsewhere:", printed) == "0"
    real, pseudonymized = numbers(r"(\d+)", line("Rows after joining, real and hidden:", printed))
    assert real == pseudonymized


@full
def test_plots(run, tmp_path):
    printed = run("plots.py", "--quick")
    assert re.findall(r"After epoch (\d+)", printed)[0] == "4"
    for name in ("loss", "next_char"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@full
def test_grid_search(run, tmp_path):
    """The candidates are n-gram models and the default LSTM."""
    path = tmp_path / "names.txt"
    path.write_text("\n".join(load_names("male")[::2]), encoding="utf-8")
    printed = run("grid_search.py", path, "--quick")
    rows = re.findall(r"(?m)^((?:n-grams|LSTM), .*?) +(-\d\.\d+) +\d\.\d+ +\d+\.\d$", printed)
    assert set(dict(rows)) == {"n-grams, order=4", "n-grams, order=6", "LSTM, default"}
    scores = [float(score) for _, score in rows]
    assert scores == sorted(scores, reverse=True)
    assert len(line("New names:", printed).split()) >= 6


@full
def test_search_on_dask(run):
    """Search on an existing cluster. The manual runs the example without an address."""
    distributed = pytest.importorskip("dask.distributed")
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=2, **options) as cluster:
        printed = run("search_on_dask.py", cluster.scheduler_address, "--quick")
    assert "2 workers, 2 threads" in printed
    scores = numbers(r"(?m)^ *(-\d\.\d+) .* \{'", printed)
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert "Starting with 'Mar': Mar" in printed


@full
def test_two_processes_share_an_optuna_study(run, tmp_path):
    printed = run("optuna_search.py", "s.db", 1, "--quick")
    assert "1 trials in this process, 1 in the study" in printed
    command = command_of("optuna_search.py", "s.db", 1, "--quick")
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        output = run("optuna_search.py", "s.db", 1, "--quick")
        other_output = process.stdout.read()
    assert process.returncode == 0
    for printed in (output, other_output):
        assert "1 trials in this process" in printed
        assert numbers(r"Best: (\S+) nats/char with", printed)
        assert "Starting with 'Mar': Mar" in printed
    assert max(numbers(r"(\d+) in the study", output + other_output)) == 3


@full
def test_two_processes_train_as_well_as_one(run, tmp_path):
    output = run_process("train_distributed.py", "--quick", cwd=tmp_path, launcher=LAUNCHER)
    single_output = run("train_distributed.py", "--quick")
    first, second = sorted(TRAINED.findall(output))
    (single,) = TRAINED.findall(single_output)
    assert [first[:2], second[:2], single[:2]] == [("0", "2"), ("1", "2"), ("0", "1")]
    assert first[2:] == second[2:]
    assert abs(float(first[3]) - float(single[3])) < 0.05
    assert abs(float(first[4]) - float(single[4])) < 0.02


@full
@posix
def test_train_from_large_file_in_little_memory(tmp_path):
    printed = run_process("train_from_large_file.py", 60_000, cwd=tmp_path)
    assert "60000 names in" in printed
    assert numbers(r"peak memory (\S+) GB", printed)[0] < 1
    entropy = 4 * math.log(55) / 9  # four of 55 syllables in nine characters, including the end
    losses = numbers(r"(\S+) nats/char", printed)
    assert len(losses) == 2
    assert all(entropy < loss < 2.1 for loss in losses)


@full
def test_killed_training_resumes(run, tmp_path):
    command = [sys.executable, "-u", *command_of("checkpoint.py", "--quick")[1:]]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        for printed in process.stdout:
            if printed.startswith("Epoch 4/"):
                process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    printed = run("checkpoint.py", "--quick")
    (n_done,) = numbers(r"Resuming after epoch (\d+) of 12", printed)
    assert 3 <= n_done < 12
    assert printed.count("Epoch ") == 12 - n_done
    assert numbers(r"Trained for 12 epochs. Held-out loss: (\S+) nats", printed)
    assert run("checkpoint.py", "--quick").count("Epoch ") == 0


def test_notebook(run):
    """The manual shows the output of the full size."""
    printed = run("notebook.py", "--quick")
    names = load_names("female")[::20]
    text = " ".join(f"{name}\n" for name in names)
    assert f"total chars: {len(set(text))}\n" in printed
    assert f"Number of sequences: {len(text) - 10}\n" in printed
    assert repr([text[i : i + 10] for i in range(7, 15)]) in printed
    assert repr(list(text[17:25])) in printed
    losses = numbers(r"Epoch \d/2: (\S+) nats/char", printed)
    assert len(losses) == 8
    assert losses[-1] == min(losses)
    assert numbers(r"diversity: (\S+)", printed) == [0.2, 0.5, 1.0, 1.2] * 4
    pattern = r'(?s)seed: "(.{10})"\n\nGenerated\n(.{30})\n(?=\n---|$)'
    generated = re.findall(pattern, printed)
    assert len(generated) == 16
    assert all(sampled.startswith(seed) for seed, sampled in generated)


@full
def test_benchmark_of_running_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(" ".join(load_names("female")[::4]), "utf-8")
    printed = run_process("benchmarks/text.py", path, "--quick", cwd=tmp_path)
    models, _, notebook = printed.partition("\n\n| female names as text")
    rows = cells_of(models)[1:]
    assert [row[2] for row in rows] == ["default", "quick settings", "n-grams"]
    assert all(1 < float(row[3]) < 4 and float(row[-1]) > 100 for row in rows)
    assert 1 < float(cells_of(f"| {notebook}")[1][1]) < 8
    rows = cells_of(run_process("benchmarks/text.py", path, "--quick", "--ablation", cwd=tmp_path))
    assert len(rows) == 3
    assert float(rows[-1][1].split()[0]) > -0.2


@full
def test_interrupts_at_any_time(tmp_path):
    """Every interrupt ends the call, and no thread remains.

    An interrupt inside the cleanup itself may leave a count changed until the next call.
    """
    printed = run_process("benchmarks/interrupts.py", "--quick", cwd=tmp_path)
    message = ": 5 of 5 calls ended, 0 half-fitted, 0 threads left, same score: True"
    assert printed.count(message) == 7, printed
    changes = numbers(r" lines: thread counts changed (\d+) times", printed)
    assert len(changes) == 2, printed
    assert sum(changes) <= 1, printed


def test_training_names_can_be_recovered_from_counts(run):
    """All names can be recovered, so the documentation must not promise otherwise."""
    rows = cells_of(run("benchmarks/recover.py", "--quick"))[1:]
    assert len(rows) == 2
    assert all(cell.startswith("100%, ") for _, *cells in rows for cell in cells)


def test_web_service_returns_names_and_error_messages(names, tmp_path, monkeypatch):
    joblib.dump(ngram_pipeline().fit(names), tmp_path / "names.joblib")
    monkeypatch.setenv("MODEL", str(tmp_path / "names.joblib"))
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "benchmarks"))
    client = TestClient(importlib.import_module("_app").app)
    response = client.get("/names", params={"seed": "Ma", "n": 3, "pattern": ".*a"})
    assert response.status_code == 200
    assert len(response.json()) == 3
    assert all(name.startswith("Ma") and name.endswith("a") for name in response.json())
    for query, error in (("seed=%D0%96", "outside the model"), ("pattern=(", "regular expression")):
        response = client.get(f"/names?{query}")
        assert response.status_code == 422
        assert error in response.json()["detail"]
    assert client.get("/names?n=0").status_code == 422


def test_the_base_has_not_seen_the_lists_of_the_benchmarks():
    lists = json.loads((ROOT / "examples/benchmarks/unseen.json").read_text("utf-8"))
    names = {name for of_kind in lists.values() for of_list in of_kind.values() for name in of_list}
    known = {name for text in read_collection().values() for name in text.split("\n")}
    assert len(names) > 10_000
    assert not {*map(str.casefold, names)} & {*map(str.casefold, known)}


@full
@pytest.mark.parametrize("options", [[], ["--given"]], ids=str)
def test_benchmark_of_decoding(run, options):
    printed = run("benchmarks/decoding.py", "--quick", *options)
    lines = re.findall(r"(?m)^\S.*% +[\d.]+%" + r" +([\d.]+)" * 6 + "$", printed)
    assert len(lines) > 1
    errors, lists, single, different, *_ = np.array(lines, dtype=float).T
    assert errors.mean() < 2
    assert 0.2 < lists.mean() < 1.3  # systematic sampling reduces the variation
    assert single.mean() == pytest.approx(1, abs=0.3)
    assert 0.9 < different.mean() < 1.2  # and repeats fewer names


def test_names_of_a_batch_are_alike_by_their_letters_or_their_beginnings():
    style = importlib.import_module("style")
    names = ["Anna", "ANNE", "Bob", "Zoë"]
    assert style.commonest_opening(names) == 2 / 4
    assert style.nearest_in_batch(names) == pytest.approx((0.75 + 0.75 + 1 / 3 + 1 / 3) / 4)
    names = ["Corneliusselberg", "Cornmill"]  # 5 and 5 of 24 letters match, and four begin both
    assert style.nearest_in_batch(names) == pytest.approx(0.9)


@full
def test_benchmark_of_styles(run):
    """The table of the manual has four names of each style and four new names."""
    lists = {title: load_names(title) for titles in list_styles().values() for title in titles}
    chapter = (ROOT / ".docs/guide/styles.md").read_text("utf-8")
    assert set(re.findall(r"(?m)^\| `(.+?)` ", chapter)) == lists.keys()
    for table in (chapter, run("benchmarks/styles.py", "--quick")):
        rows = re.findall(r"(?m)^\| `(.+?)` \| (.+) \| (.+) \|$", table)
        assert rows
        for title, names, new_names in rows:
            names, new_names = names.split(" · "), new_names.split(" · ")
            assert len(names) == len(set(new_names)) == 4
            assert set(names) <= set(lists[title])
            assert not set(new_names) & set(lists[title])


@full
def test_benchmark_of_scripts(run):
    """The manual shows these numbers. Names of countries depend on the version of Babel."""
    rows = cells_of(run("benchmarks/scripts.py"))
    shown = cells_of((ROOT / ".docs/guide/scripts.md").read_text("utf-8"))
    assert [[row[0], *row[-2:]] for row in shown] == [[row[0], *row[-2:]] for row in rows]
    known, lists = known_names(), read_collection()
    texts = [text for path, text in lists.items() if path.startswith("people/")]
    assert all(name in known for text in texts for name in text.split("\n")[:-1])
    n_scripts = [row[0] for row in rows].index("language")
    counts = [int(cell.replace(",", "")) for row in rows[1:n_scripts] for cell in row[2:6]]
    groups = [path.partition("/")[0] for path in lists]
    names = [{*text.split("\n")[:-1]} for text in lists.values()]
    for column, group in enumerate(("people", "towns", "things", "invented")):
        of_group = [x for x, kind in zip(names, groups, strict=True) if kind == group]
        assert sum(counts[column::4]) == len(set.union(*of_group))


def test_blind_test(run, tmp_path):
    """A reader who keeps exactly the real names finds them."""
    printed = run("benchmarks/blind.py", "write", "sheet", "--quick", "--suffix", ", again")
    assert printed.startswith("Machine: ")
    (title, entry), *others = json.loads(Path("sheet/names.json").read_text("utf-8")).items()
    assert not others
    assert max(len(names) for names in entry["systems"].values()) == 8
    shown = Path("sheet/sheet.txt").read_text("utf-8")
    assert f"## {title}\nThirty names: {', '.join(entry['train'])}\nMark:\n1. " in shown
    listed = re.findall(r"(?m)^\d+\. (.*)$", shown)
    assert set(listed) == {name for names in entry["systems"].values() for name in names}
    assert len(set(listed)) == len(listed)
    marks = [5 if name in entry["systems"]["real names"] else 1 for name in listed]
    for file, reader in {"a.json": marks, "b.json": [3] * len(listed)}.items():
        Path(file).write_text(json.dumps({title: reader}))
    printed = run("benchmarks/blind.py", "tally", "sheet", "a.json", "b.json")
    row = r"(?m)^\| real names \| 1 \| 8 \| 0\.50 .* \| 1\.00 \| 0\.00 \| 0\.00 "
    assert re.search(row, printed)
    sets = re.findall(r"(?m)^\d+\. (.*)$", Path("sheet/sets.txt").read_text("utf-8"))
    assert sorted(sets) == sorted({", ".join(names) for names in entry["systems"].values()} - {""})


def test_sets_of_the_blind_test(run):
    """Equal sets are shown once, and a name that a system lacks is not used."""
    systems = {"a": [*"ABCDEFGH"], "b": ["Bob", "Bo"], "c": [], "d": ["Bob", "Bo"], "e": ["Dag"]}
    lists = {title: {"train": ["Anna"], "systems": systems} for title in ("first", "second")}
    Path("names.json").write_text(json.dumps(lists))
    options = "--names", "names.json", "--systems", "d", "c", "b", "a"
    for folder in ("sheet", "again"):
        run("benchmarks/blind.py", "write", folder, *options)
    shown = Path("sheet/sets.txt").read_text("utf-8")
    assert shown == Path("again/sets.txt").read_text("utf-8")
    used = {
        "x.json": {"first": {"A": 8, "Bob": 2}, "second": {"A": 4, "Bob": 0}},
        "y.json": {"first": {"A": 6, "Bob": 1}, "second": {"A": 2, "Bob": 1}},
        "z.json": {"first": {"A": 9, "Bob": 2}, "second": {"A": 8, "Bob": 2}},
    }
    order = {}
    for part in shown.split("\n## ")[1:]:
        rows = re.findall(r"(?m)^\d\. (.*)$", part)
        assert sorted(rows) == ["A, B, C, D, E, F, G, H", "Bob, Bo"]
        order[part.split("\n")[0]] = [row.split(",")[0] for row in rows]
    for file, reader in used.items():
        counts = {title: [reader[title][name] for name in order[title]] for title in lists}
        Path(file).write_text(json.dumps(counts))
    assert cells_of(run("benchmarks/blind.py", "tally-sets", "sheet", "x.json", "y.json")) == [
        ["names of", "lists", "used together", "reader 1", "reader 2"],
        ["a", "2", "0.62 ± 0.25", "0.75", "0.50"],
        ["b", "2", "0.12 ± 0.06", "0.12", "0.12"],
        ["c", "2", "0.00 ± 0.00", "0.00", "0.00"],
        ["d", "2", "0.12 ± 0.06", "0.12", "0.12"],
    ]
    with pytest.raises(ValueError, match=r"Expected 0 to .* for 'first'\. Got .*9"):
        run("benchmarks/blind.py", "tally-sets", "sheet", "z.json")
    with pytest.raises(ValueError, match=r"--systems must be among .*Got \['f'\]"):
        run("benchmarks/blind.py", "write", "sheet", *options, "f")


@pytest.mark.parametrize(
    ("command", "folder", "readers", "n_systems"),
    [
        ("tally", "blind", "reader?.json", 9),
        ("tally", "blind/together", "reader?.json", 4),
        ("tally-sets", "blind/together", "reader?_sets.json", 4),
    ],
)
def test_kept_blind_tests_have_the_figures_of_the_readme(run, command, folder, readers, n_systems):
    folder = ROOT / "examples/benchmarks" / folder
    printed = run("benchmarks/blind.py", command, folder, *sorted(folder.glob(readers)))
    table = [row for row in printed.splitlines() if row.startswith("|")]
    assert len(table) == 2 + n_systems
    assert "\n".join(table) in (ROOT / "examples/benchmarks/README.md").read_text("utf-8")


def test_readers_of_full_names(run):
    """The README shows the figures."""
    folder = ROOT / "examples/benchmarks/blind/full_names"
    printed = run("benchmarks/full_names.py", "--tally", folder)
    assert printed.strip() in (ROOT / "examples/benchmarks/README.md").read_text("utf-8")


@full
def test_benchmark_of_membership(run):
    (_, *cells) = cells_of(run("benchmarks/membership.py", "--quick", max_epochs="auto"))[1]
    areas, bits = zip(*((cell.split()[0], cell.split()[-1]) for cell in cells), strict=True)
    assert len(cells) == 4
    assert min(map(float, areas)) > 0.7
    assert min(map(float, bits)) > 5
