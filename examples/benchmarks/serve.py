"""How fast does a web service start and respond, and how much memory does a worker use?

Two uvicorn workers serve the app from the chapter on serving, with a default LSTM and with n-grams.
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
from _common import input_names, parse_arguments, print_machine
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer

PORT, N_WORKERS, N_REQUESTS = 8765, 2, 300
HERE = Path(__file__).parent


def request(query):
    """Request names, and return the response time in seconds."""
    start = time.perf_counter()
    with urlopen(f"http://127.0.0.1:{PORT}/names?{query}") as response:
        response.read()
    return time.perf_counter() - start


def wait(process):
    """Wait for the first response, and return the seconds since the start."""
    start = time.perf_counter()
    while process.poll() is None:
        try:
            request("n=1")
            return time.perf_counter() - start
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("The service ended before its first response.")


def memory(process):
    """Return the proportional set size of each worker in MB."""
    sizes = []
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        rollup = Path(f"/proc/{child}/smaps_rollup").read_text()
        kilobytes = int(rollup.split("Pss:")[1].split()[0])
        sizes.append(kilobytes / 1000)
    return sorted(sizes)[-N_WORKERS:]


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    print_machine("fastapi", "uvicorn")
    names = input_names(arguments)[:: 50 if arguments.quick else 1]
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
                    startup = wait(process)
                    print(f"{type(generator).__name__}: first response after {startup:.1f} s")
                    for query in ("n=1", "n=10&seed=Ma", "n=10&pattern=.*x.*"):
                        times = sorted(request(query) for _ in range(n_requests))
                        with ThreadPoolExecutor(8) as pool:
                            start = time.perf_counter()
                            list(pool.map(request, [query] * n_requests))
                            rate = n_requests / (time.perf_counter() - start)
                        print(
                            f"  {query:22} median {statistics.median(times) * 1000:6.1f} ms, "
                            f"95th percentile {times[-max(1, n_requests // 20)] * 1000:6.1f} ms, "
                            f"{rate:5.0f} requests/s from 8 clients",
                            flush=True,
                        )
                    print(f"  memory per worker: {max(memory(process)):.0f} MB", flush=True)
                finally:
                    process.terminate()


if __name__ == "__main__":
    main()
