"""What does it take to load a saved generator and write one name, in a new process?

    python examples/benchmarks/startup.py [--quick] [--names FILE]

A Pipeline of each kind is saved with joblib. Then scripts are run in turn, each time in a new
process: one that imports joblib and scikit-learn's Pipeline only, and for each Pipeline one that
loads it and writes a name. Seconds are those from the start of the process to its end, Python's
own included, memory the most that it held: the least of several runs. Linux and macOS.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
from _common import given_names, parse_arguments, print_machine
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer

LOAD = "import joblib; print(joblib.load({file!r})[-1].sample(random_state=0), file=sys.stderr)"
# Runs a script and prints its seconds and bytes. A process begins with the peak memory of the one
# that starts it: so a small one does that, not this one, which has trained.
RUN = """
import subprocess, sys
from time import perf_counter

start = perf_counter()
done = subprocess.run([sys.executable, "-c", sys.argv[1]], check=True, stdout=subprocess.PIPE)
print(f"[{perf_counter() - start}, {done.stdout.decode()}]")
"""
PEAK = """
import resource, sys
{script}
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


def run(script, folder):
    """Return the seconds and the peak memory, in bytes, of a script in a process of its own."""
    command = [sys.executable, "-c", RUN, PEAK.format(script=script)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, cwd=folder).stdout)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("joblib")
    names, settings, repeat = given_names(arguments), {}, 7
    if arguments.quick:
        names, settings, repeat = names[::20], {"hidden_size": 16, "max_epochs": 1}, 1
    generators = {
        "LSTM": CharLSTMGenerator(random_state=0, **settings),
        "n-gram": CharNGramGenerator(),
    }
    scripts = {"import joblib, sklearn.pipeline": "import joblib, sklearn.pipeline"}
    with TemporaryDirectory() as folder:
        for title, generator in generators.items():
            file = Path(folder, f"{title}.joblib")
            joblib.dump(make_pipeline(CharSequenceVectorizer(), generator).fit(names), file)
            size = file.stat().st_size / 1e6
            scripts[f"load {title} ({size:.1f} MB), write a name"] = LOAD.format(file=file.name)
        found = {title: [] for title in scripts}
        for _ in range(repeat):  # in turn, so that a busy moment of the machine hits all of them
            for title, script in scripts.items():
                found[title].append(run(script, folder))
    print(f"{len(names)} names, the best of {repeat}")
    print(f"{'':34s} seconds   MB   ratios")
    least = {
        title: [min(column) for column in zip(*runs, strict=True)] for title, runs in found.items()
    }
    base = next(iter(least.values()))
    for title, (spent, peak) in least.items():
        ratios = f"{spent / base[0]:6.2f}{peak / base[1]:6.2f}"
        print(f"{title:34s} {spent:7.3f} {peak / 1e6:4.0f} {ratios}")


if __name__ == "__main__":
    main()
