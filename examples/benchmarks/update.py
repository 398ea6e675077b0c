"""Run the benchmarks and update the tables in README.md.

    pip install -e '.[bench,plot,test]'
    python examples/benchmarks/update.py [SCRIPT ...]

A comment such as ``<!-- fit.py -->`` in README.md precedes the output of the command in it. Without
arguments, the script runs all of these commands, which takes hours. With arguments, it runs the
commands that contain one of them.
"""

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
BLOCK = re.compile(r"<!-- (\w+\.py[^\n]*) -->\n.*?<!-- end -->", re.DOTALL)


def run(command):
    """Return the output of a benchmark."""
    script, *arguments = command.split()
    return subprocess.run(
        [sys.executable, FOLDER / script, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=FOLDER,
    ).stdout


def fenced(output):
    """Return output in which everything but Markdown tables is a block of code."""
    parts, is_table = [], None
    for line in output.strip().splitlines():
        if line.startswith("|") != is_table and line:
            is_table = line.startswith("|")
            parts.append([])
        parts[-1].append(line)
    texts = ["\n".join(part).strip() for part in parts]
    return "\n\n".join(x if x.startswith("|") else f"```text\n{x}\n```" for x in texts)


def main():
    for command in BLOCK.findall(README.read_text("utf-8")):
        if not sys.argv[1:] or any(part in command for part in sys.argv[1:]):
            print(command, flush=True)
            block = f"<!-- {command} -->\n{fenced(run(command))}\n<!-- end -->"
            text = README.read_text("utf-8")  # which may have changed in the meantime
            text = BLOCK.sub(lambda old, c=command, new=block: new if old[1] == c else old[0], text)
            README.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
