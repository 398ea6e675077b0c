"""How do time and memory grow with the number of names?

    python examples/benchmarks/scale.py [--quick]

Each size runs in its own process, to measure peak memory. The script runs on Linux and macOS.
"""

import json
import resource
import subprocess
import sys
import tracemalloc

from _common import many_names, median_seconds, parse_arguments, print_machine, seconds

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer

STEPS = ("transform", "fit, one epoch", "score_samples", "sample", "fit n-grams")


def peak_bytes():
    """Return the peak memory of the process in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(n):
    """Return the times and memory of all steps for n names."""
    # Exclude library setup on first use.
    warm_up = CharSequenceVectorizer().fit_transform(many_names(min(n, 2000)))
    CharLSTMGenerator(max_epochs=1, random_state=0).fit(warm_up).sample(n_samples=1000)
    names = many_names(n)
    vectorizer = CharSequenceVectorizer().fit(names)
    tracemalloc.start()
    windows = vectorizer.transform(names)
    transform_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected_bytes = 4 * (windows.shape[1] + windows.shape[2] - 1) * n
    # A fixed size, because the default depends on the number of names.
    sizes = {"num_networks": 1, "hidden_size": 256}
    generator = CharLSTMGenerator(**sizes, max_epochs=1, random_state=0)
    repeat = 3 if 100 < n <= 50_000 else 1
    times = [
        median_seconds(lambda: vectorizer.transform(names), 3),
        min(seconds(lambda: generator.fit(windows)) for _ in range(repeat)),
        min(seconds(lambda: generator.score_samples(windows)) for _ in range(repeat)),
        min(seconds(lambda: generator.sample(n_samples=n)) for _ in range(repeat)),
        min(seconds(lambda: CharNGramGenerator().fit(windows)) for _ in range(3)),
    ]
    return {
        "times": times,
        "peak": peak_bytes(),
        "transform_ratio": transform_peak / expected_bytes,
    }


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    sizes = [60] if arguments.quick else [5000, 50_000, 1_000_000]
    results = {}
    for n in sizes:
        command = [sys.executable, __file__, "--measure", str(n)]
        process = subprocess.run(command, check=True, capture_output=True, text=True)
        results[n] = json.loads(process.stdout.splitlines()[-1])
    print("microseconds / name" + "".join(f"{n:>12,}" for n in sizes) + "   last / first")
    for i, step in enumerate(STEPS):
        times = [results[n]["times"][i] / n * 1e6 for n in sizes]
        cells = "".join(f"{t:12.2f}" for t in times) + f"{times[-1] / times[0]:15.2f}"
        print(f"{step:19s}{cells}")
    peaks = "".join(f"{results[n]['peak'] / 1e6:12,.0f}" for n in sizes)
    print(f"{'peak memory, MB':19s}{peaks}")
    n = sizes[-1]
    print(f"\ntransform of {n:,} names: {n / results[n]['times'][0]:,.0f} names/s")
    print(
        f"peak memory of transform: {results[n]['transform_ratio']:.2f} times "
        "4 bytes x (longest + window + 1) x names"
    )


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measure(int(sys.argv[-1]))))
    else:
        main()
