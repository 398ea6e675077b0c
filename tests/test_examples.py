"""The examples and the README run as a newcomer runs them."""

import math
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sknamegen import load_names

ROOT = Path(__file__).parents[1]


# Started by pytest itself, an example would begin with the peak memory that pytest has reached.
START = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def run(script, *arguments, cwd, launcher=()):
    """Run an example elsewhere, so that it cannot lean on the checkout; return what it prints."""
    python = sys.executable
    command = [python, *launcher, ROOT / "examples" / script, *map(str, arguments)]
    done = subprocess.run(
        [python, "-c", START, *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def numbers(pattern, text):
    return [float(number) for number in re.findall(pattern, text)]


def test_every_example_is_tested():
    tested = Path(__file__).read_text("utf-8")
    for script in (ROOT / "examples").rglob("*.py"):
        if not script.name.startswith("_"):
            assert f'run("{script.relative_to(ROOT / "examples").as_posix()}"' in tested


def test_generate_names(tmp_path):
    printed = run("generate_names.py", cwd=tmp_path)
    (held_out,) = numbers(r"Held out: +(\S+) nats", printed)
    assert 1.5 < held_out < 1.857  # the best of the notebook's recipe on such a split
    assert len(numbers(r"Epoch \d+/12: (\S+) nats/char", printed)) == 12
    assert numbers(r"Temperature (\S+):", printed) == [0.2, 0.5, 1.0, 1.2]


@pytest.mark.parametrize(
    "lines",
    [
        ["Ottilie"],
        ["Ada", "Eve"],
        ["李娜", "王芳", "张伟"] * 7,
        ["שרה", "דוד", "👩‍👩‍👧", "Zoë", "x" * 60] * 4,
    ],
)
def test_generate_names_from_a_file(tmp_path, lines):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    printed = run("generate_names.py", path, cwd=tmp_path)
    assert len(numbers(r"Held out: +(\S+) nats", printed)) == (len(lines) > 1)
    assert f"From {lines[0][:3]!r}: " in printed or len(lines) > 1


def test_baby_names(tmp_path):
    printed = run("baby_names.py", cwd=tmp_path)
    (anyhow,) = numbers(r"whatever the label: (\S+) nats", printed)
    (given,) = numbers(r"given the label: +(\S+)", printed)
    assert given < anyhow - 0.03
    known = set(load_names())
    for label in ("female", "male"):
        (new,) = re.findall(rf"^New, {label}: (.*)", printed, re.MULTILINE)
        (likely,) = re.findall(rf"^Most likely new, {label}: (.*)  \(", printed, re.MULTILINE)
        assert len(set(new.split("  ")) - known) == 8
        assert len(set(likely.split("  ")) - known) == 6
    for wish, pattern in {
        "four to six letters": ".{4,6}",
        "L…a or M…e": "L.*a|M.*e",
        "without r and th": "(?i)(?!.*(r|th)).*",
        "double letters": r".*(aa|ee|ll|nn|rr|ss|tt).*",
    }.items():
        (written,) = re.findall(rf"^{wish}: (.*)", printed, re.MULTILINE)
        assert len(written.split("  ")) == 6
        assert all(re.fullmatch(pattern, name) for name in written.split("  "))
    shares = numbers(r"(\S+)% of the names are like that by themselves", printed)
    assert len(shares) == 4
    assert all(1 < share < 90 for share in shares)
    (new,) = numbers(r"(\d+)% of 400 names are new", printed)
    assert abs(new - 75) < 9


def test_few_names(tmp_path):
    printed = run("few_names.py", cwd=tmp_path)
    assert len(numbers(r"Learned from (?:scratch|the base) in (\S+) s", printed)) == 2
    for wish, pattern in {"'Am'": "Am.*", "9 letters": ".{9}", "in 'or'": ".+or"}.items():
        (written,) = re.findall(rf"^From the base, .*{wish}: (.*)", printed, re.MULTILINE)
        assert len(written.split("  ")) == 6
        assert all(re.fullmatch(pattern, name) for name in written.split("  "))
    path = tmp_path / "names.txt"
    path.write_text("\n".join(["Łucja", "Żaneta", "Bożena", "Grażyna", "Zofia"]), encoding="utf-8")
    assert "5 names, such as Łucja" in run("few_names.py", path, cwd=tmp_path)


def test_make_base(tmp_path):
    """A base is made, twice the same, and can be started from."""
    for file in ("a.npz", "b.npz"):
        printed = run("make_base.py", file, "--quick", "--without", "pl_PL,ru_RU", cwd=tmp_path)
        assert re.search(r"^100 lists: \S+ nats/char", printed, re.MULTILINE)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    printed = run("benchmarks/few_names.py", "--quick", "--base", "a.npz", cwd=tmp_path)
    assert re.search(r"^ +20 .* zu_ZA last \S", printed, re.MULTILINE)


def test_product_names(tmp_path):
    printed = run("product_names.py", cwd=tmp_path)
    (new,), (expected,) = (numbers(rf"{word} (\d\.\d+)", printed) for word in ("new:", "expected"))
    assert abs(new - expected) < 0.07
    for line in ("clean", "drug", "software", "easy to say", "most likely"):
        assert re.search(rf"^{line}: \S+  \S", printed, re.MULTILINE)


def test_plots(tmp_path):
    printed = run("plots.py", cwd=tmp_path)
    assert re.findall(r"After epoch (\d+)", printed) == ["4", "8", "12"]
    for name in ("loss", "next_char", "temperature"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_grid_search_at_home_and_on_dask(tmp_path):
    at_home = run("grid_search.py", cwd=tmp_path)
    rows = re.findall(r"^ +(6|10) +(64|128) +(0.01|0.03) +(-\S+)", at_home, re.MULTILINE)
    assert len({row[:3] for row in rows}) == 8
    scores = [float(row[3]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert "From 'Mar': Mar" in at_home

    on_dask = run("search_on_dask.py", cwd=tmp_path)
    assert "2 workers, 2 threads" in on_dask
    assert re.findall(r"^ +(6|10) +(64|128) +(0.01|0.03) +(-\S+)", on_dask, re.MULTILINE) == rows


def test_two_processes_share_an_optuna_study(tmp_path):
    def search(n_trials):
        return run("optuna_search.py", "study.db", n_trials, cwd=tmp_path)

    assert "1 trials here, 1 in the study" in search(1)
    with ThreadPoolExecutor() as pool:
        printed = list(pool.map(search, [2, 2]))
    for out in printed:
        assert "2 trials here" in out
        (best,) = numbers(r"Best: (\S+) nats/char with", out)
        assert best < 2.6
        assert "From 'Mar': Mar" in out
    assert max(numbers(r"(\d+) in the study", "".join(printed))) == 5


def test_two_processes_train_one_model(tmp_path):
    launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    both = run("train_distributed.py", cwd=tmp_path, launcher=launcher)
    alone = run("train_distributed.py", cwd=tmp_path)
    line = r"process (\d) of (\d): weights (\w+), held out (\S+) nats/char"
    first, second = sorted(re.findall(line, both))
    (single,) = re.findall(line, alone)
    assert [first[:2], second[:2], single[:2]] == [("0", "2"), ("1", "2"), ("0", "1")]
    assert first[2:] == second[2:]
    assert abs(float(first[3]) - float(single[3])) < 0.03


def test_train_from_large_file(tmp_path):
    printed = run("train_from_large_file.py", 150_000, cwd=tmp_path)
    assert "150000 names in" in printed
    assert numbers(r"at most (\S+) GB", printed)[0] < 1
    entropy = 4 * math.log(55) / 9  # four syllables of 55, nine characters with the end
    losses = numbers(r"(\S+) nats/char", printed)
    assert len(losses) == 2
    assert all(entropy < loss < 2.1 for loss in losses)


def test_lstm_or_counting(tmp_path):
    printed = run("lstm_or_counting.py", cwd=tmp_path)
    assert re.findall(r"^(\d+) names$", printed, re.MULTILINE) == ["50", "4944"]
    rows = re.findall(r"^ +(\d) +(-\S+) .* (Char\w+)\(", printed, re.MULTILINE)
    assert [rank for rank, _, _ in rows] == list("1234567") * 2
    assert rows[7][2] == "CharLSTMGenerator"


def test_a_killed_training_goes_on(tmp_path):
    """The example is killed in the middle, by a signal that nothing can catch, and run again."""
    command = [sys.executable, "-u", ROOT / "examples/checkpoint.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("Epoch 4/"):
                process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    printed = run("checkpoint.py", cwd=tmp_path)
    (n_done,) = numbers(r"Going on after epoch (\d+) of 12", printed)
    assert 3 <= n_done < 12
    assert printed.count("Epoch ") == 12 - n_done
    (held_out,) = numbers(r"Trained for 12 epochs. Held out: (\S+) nats", printed)
    assert 1.6 < held_out < 1.76
    assert run("checkpoint.py", cwd=tmp_path).count("Epoch ") == 0


def test_next_char_baseline(tmp_path):
    printed = run("next_char_baseline.py", cwd=tmp_path)
    baseline, lstm = numbers(r"(\S+) nats per character", printed)
    assert lstm < baseline < 2.2


def test_notebook(tmp_path):
    printed = run("notebook.py", cwd=tmp_path)
    text = " ".join(f"{name}\n" for name in (ROOT / "data" / "female.txt").read_text().split())
    assert f"total chars: {len(set(text))}\n" in printed
    assert f"Number of sequences: {len(text) - 10}\n" in printed
    assert repr([text[i : i + 10] for i in range(7, 15)]) in printed
    assert repr(list(text[17:25])) in printed
    losses = numbers(r"Epoch \d/2: (\S+) nats/char", printed)
    assert len(losses) == 8
    assert losses == sorted(losses, reverse=True)
    assert numbers(r"diversity: (\S+)", printed) == [0.2, 0.5, 1.0, 1.2] * 4
    generated = re.findall(
        r'seed: "(.{10})"\n\nGenerated\n(.{30})\n(?=\n---|$)', printed, re.DOTALL
    )
    assert len(generated) == 16
    assert all(written.startswith(seed) for seed, written in generated)


def test_readme():
    """The Python blocks of the README, one after another as one script."""
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks
    exec("\n".join(blocks), {"__name__": "readme"})


def test_benchmark_of_fit(tmp_path):
    printed = run("benchmarks/fit.py", "--quick", cwd=tmp_path)
    assert numbers(r"all counted +(\S+) s", printed)
    assert len(numbers(r"fit / bare loop = (\S+)", printed)) in (1, 2)  # 2 where bfloat16 is


def test_benchmark_of_quality(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(f"{a}{b}na" for a in "ABCDEFGHKL" for b in "aeiou"))
    printed = run("benchmarks/quality.py", "--quick", "--names", path, cwd=tmp_path)
    assert "20 to learn from, 30 held out" in printed
    losses = numbers(r"(?m)^  \w.{22} +(\d\.\d+) ", printed)
    assert len(losses) == 11
    assert losses[0] > losses[1]


def test_benchmark_of_sampling(tmp_path):
    printed = run("benchmarks/sampling.py", "--quick", cwd=tmp_path)
    assert len(numbers(r"(\S+) names/s", printed)) == 2


def test_benchmark_of_scale(tmp_path):
    printed = run("benchmarks/scale.py", "--quick", cwd=tmp_path)
    for step in ("transform", "fit, one epoch", "score_samples", "sample", "fit by counting"):
        assert numbers(rf"(?m)^{step} +\S+ +\S+ +(\S+)$", printed)


def test_benchmark_of_scaling(tmp_path):
    printed = run("benchmarks/scaling.py", "--quick", cwd=tmp_path)
    assert numbers(r"law: (\S+) ms", printed)
    assert len(re.findall(r"^ +[\d,]+ +[\d,]+( +[\d.]+ \w+){4}$", printed, re.MULTILINE)) == 5


def test_benchmark_of_search(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(f"{a}{b}na" for a in "ABCDEFGH" for b in "aeiou"))
    printed = run("benchmarks/search.py", "--quick", "--names", path, cwd=tmp_path)
    assert "same scores: True" in printed


def test_benchmark_of_wishes(tmp_path):
    printed = run("benchmarks/wishes.py", "--quick", cwd=tmp_path)
    kinds = re.findall(r"(?m)^.*: (Char\w+), [\d,]+ free names/s$", printed)
    assert kinds == ["CharLSTMGenerator", "CharNGramGenerator"] * 2
    shares = numbers(r"(?m)^.{17} +\S+% +[\d,]+ +[\d.]+ +(\d\.\d+)", printed)
    assert len(shares) == 4 * 16
    assert all(0 <= share <= 1 for share in shares)
    assert max(shares) == 1  # counts guide themselves
