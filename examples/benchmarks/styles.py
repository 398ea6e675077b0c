"""What do the bundled styles and names generated in them look like?

    python examples/benchmarks/styles.py > styles.md

The script fits a generator to each invented list, and prints a table for each group of lists, with
four names of each list and four new names. The tables are part of the manual's chapter on styles.
"""

import argparse
import random

from sknamegen import CharLSTMGenerator, list_styles, load_names

N_NAMES = 4


def new_names(names, random_state):
    """Return new names that do not exist elsewhere."""
    generator = CharLSTMGenerator(random_state=0).fit(names)
    return generator.invent(N_NAMES, near=names, random_state=random_state)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smoke test with two styles")
    arguments = parser.parse_args()
    styles = {"people": ["orcs", "dragons"]} if arguments.quick else list_styles()
    for group, titles in styles.items():
        print(
            f"### {group.capitalize()}\n\n| style | names of the list | new names |\n|---|---|---|"
        )
        for title in titles:
            names = load_names(title)
            rng = random.Random(title)
            shown = rng.sample(names, N_NAMES), new_names(names, rng.getrandbits(32))
            cells = " | ".join(" · ".join(names) for names in shown)
            print(f"| `{title}` | {cells} |", flush=True)
        print()


if __name__ == "__main__":
    main()
