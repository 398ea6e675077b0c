"""How long does a web service take to start and to answer, and how much memory has a worker?

Two workers of uvicorn serve the app of the chapter on serving, with a default LSTM and with counts.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import joblib
from _common import given_names, parse_arguments, print_machine
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer

PORT, N_WORKERS, N_REQUESTS = 8765, 2, 300
HERE = Path(__file__).parent


def get(query):
    """Ask for names; return the seconds that it took."""
    start = time.perf_counter()
    with urlopen(f"http://127.0.0.1:{PORT}/names?{query}") as answer:
        answer.read()
    return time.perf_counter() - start


def wait(process):
    """Wait until the service answers; return the seconds since its start."""
    start = time.perf_counter()
    while process.poll() is None:
        try:
            get("n=1")
            return time.perf_counter() - start
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("The service has ended.")


def memory(process):
    """Return the proportional megabytes of each worker: shared pages count in part."""
    found = []
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        rollup = Path(f"/proc/{child}/smaps_rollup").read_text()
        kilobytes = int(rollup.split("Pss:")[1].split()[0])
        found.append(kilobytes / 1000)
    return sorted(found)[-N_WORKERS:]


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("fastapi", "uvicorn")
    names = given_names(arguments)[:: 50 if arguments.quick else 1]
    n_requests = 5 if arguments.quick else N_REQUESTS
    for generator in (CharLSTMGenerator(random_state=0), CharNGramGenerator()):
        pipe = make_pipeline(CharSequenceVectorizer(), generator).fit(names)
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "names.joblib")
            joblib.dump(pipe, model)
            command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "_app:app"]
            command += ["--port", str(PORT), "--workers", str(N_WORKERS), "--log-level", "warning"]
            with subprocess.Popen(command, env=os.environ | {"MODEL": model}) as process:
                try:
                    started = wait(process)
                    print(f"{type(generator).__name__}: first answer after {started:.1f} s")
                    for query in ("n=1", "n=10&seed=Ma", "n=10&pattern=.*x.*"):
                        seconds = sorted(get(query) for _ in range(n_requests))
                        with ThreadPoolExecutor(8) as pool:
                            start = time.perf_counter()
                            list(pool.map(get, [query] * n_requests))
                            rate = n_requests / (time.perf_counter() - start)
                        print(
                            f"  {query:22} median {statistics.median(seconds) * 1000:6.1f} ms, "
                            f"slowest of 20 {seconds[-max(1, n_requests // 20)] * 1000:6.1f} ms, "
                            f"{rate:5.0f} answers/s from 8 clients",
                            flush=True,
                        )
                    print(f"  memory of a worker: {max(memory(process)):.0f} MB", flush=True)
                finally:
                    process.terminate()


if __name__ == "__main__":
    main()
