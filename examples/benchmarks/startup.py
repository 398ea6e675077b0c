"""How long does a new process take to load a saved generator and sample a name?

    python examples/benchmarks/startup.py [--quick] [--names FILE]

The script saves a Pipeline for each generator with joblib. Each measurement runs in a new process:
the baseline only imports joblib and scikit-learn's Pipeline, and the others load a Pipeline and
sample a name. The script prints the total seconds of the process, including the start of Python,
and its peak memory. Both are minimums over several runs. The script runs on Linux and macOS.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
from _common import input_names, parse_arguments, print_machine
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer

LOAD = "import joblib; print(joblib.load({file!r})[-1].sample(random_state=0), file=sys.stderr)"
# Prints the seconds and peak bytes of a script. A process inherits its parent's peak memory, so a
# small process starts each script.
RUN = """
import subprocess, sys
from time import perf_counter

start = perf_counter()
process = subprocess.run([sys.executable, "-c", sys.argv[1]], check=True, stdout=subprocess.PIPE)
print(f"[{perf_counter() - start}, {process.stdout.decode()}]")
"""
PEAK = """
import resource, sys
{script}
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


def run(script, folder):
    """Return the seconds and the peak memory (bytes) of a script in a new process."""
    command = [sys.executable, "-c", RUN, PEAK.format(script=script)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, cwd=folder).stdout)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("joblib")
    names, settings, repeat = input_names(arguments), {}, 7
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
            scripts[f"load {title} ({size:.1f} MB), sample once"] = LOAD.format(file=file.name)
        results = {title: [] for title in scripts}
        for _ in range(repeat):  # alternate, so that other load affects all scripts equally
            for title, script in scripts.items():
                results[title].append(run(script, folder))
    print(f"{len(names)} names, best of {repeat} runs")
    print(f"{'':34s} seconds   MB   ratios")
    best = {
        title: [min(column) for column in zip(*runs, strict=True)]
        for title, runs in results.items()
    }
    base = next(iter(best.values()))
    for title, (duration, peak) in best.items():
        ratios = f"{duration / base[0]:6.2f}{peak / base[1]:6.2f}"
        print(f"{title:34s} {duration:7.3f} {peak / 1e6:4.0f} {ratios}")


if __name__ == "__main__":
    main()
