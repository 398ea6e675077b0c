"""Would a reader keep the generated names? A blind test.

    python examples/benchmarks/blind.py write FOLDER
    python examples/benchmarks/blind.py tally FOLDER READER.json READER.json

``write`` trains the systems on thirty names of each of 24 lists. FOLDER/sheet.txt is what a reader
sees: the thirty names, then new names of all systems, the names of earlier systems, and real names
that no system has seen, mixed. FOLDER/names.json contains the names of each system. The lists and
the names of earlier systems come from ``--names FILE`` (default: ``blind/names.json`` beside this
script). ``--suffix ', new'`` distinguishes the new names from earlier names. A reader who has seen
only the sheet marks each name and writes a JSON file. ``tally`` prints the share of names that the
readers would keep, and the similarity to the nearest training name (1 − Levenshtein distance /
length of the longer name).

The lists are the first 38 names of each list in ``unseen.json``. No list was invented, because
language models like the names that language models invent.

The script requires rapidfuzz, and uses markovify if it is installed: pip install '.[bench,metrics]'
"""

import argparse
import json
import random
import warnings
from pathlib import Path

import numpy as np
from _common import print_machine
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from style import Chain, markov_names

from sknamegen import CharLSTMGenerator, CharNGramGenerator, known_names

KEPT = Path(__file__).parent / "blind" / "names.json"
N_NEW = 8
BRIEF = """\
You are demanding: a game writer, novelist or product namer who asked for more names like the thirty
names of each list. Mark each numbered name by eye, by itself:

1 garbage: unpronounceable, broken, clearly not a name of this kind
2 poor: would not use it
3 passable
4 good: would use it
5 excellent

Judge style and form, not whether the name exists. Write a JSON file: an object with the title of
each list and the marks of its names in order, such as {"islands": [4, 2, ...], ...}."""


def sampled(make, temperature, random_state, **options):
    """Return a function from thirty names to eight new names."""

    def new_names(names):
        new = {"unique": True, "novel": True, "on_shortfall": "warn", "random_state": random_state}
        return make().fit(names).sample("", temperature, N_NEW, **new, **options)

    return new_names


def typical(make, random_state):
    """Return the same with the settings of the command line."""

    def new_names(names):
        options = {"min_p": 0.1, "best_of": 20, "min_length": min(map(len, names))}
        has_words = np.median([name.count(" ") for name in names]) > 0
        exclude = known_names(near=() if has_words or make is CharNGramGenerator else names)
        return sampled(make, 0.7, random_state, exclude=exclude, **options)(names)

    return new_names


def default():
    return CharLSTMGenerator(random_state=0)


# Systems must not share a random state, or their names begin alike.
SYSTEMS = {
    "default, temperature 0.7": sampled(default, 0.7, 1),
    "default, settings of the command line": typical(default, 2),
    "counting, temperature 0.7": sampled(CharNGramGenerator, 0.7, 3),
    "counting, settings of the command line": typical(CharNGramGenerator, 4),
}
if Chain:
    SYSTEMS["markovify"] = lambda names: markov_names(names, N_NEW)


def numbered(title, systems):
    """Return the names of all systems in the order of the sheet, with the systems of each."""
    owners = {}
    for system, names in systems.items():
        for name in names:
            owners.setdefault(name, []).append(system)
    return random.Random(title).sample(sorted(owners.items()), len(owners))


def write(folder, lists, suffix):
    """Let all systems generate names, and write the sheet and the names."""
    warnings.simplefilter("ignore", UserWarning)  # too few new names
    parts = [BRIEF]
    for title, entry in lists.items():
        for system, new_names in SYSTEMS.items():
            entry["systems"][f"{system}{suffix}"] = new_names(entry["train"])
        rows = enumerate(numbered(title, entry["systems"]), 1)
        to_mark = "\n".join(f"{number}. {name}" for number, (name, _) in rows)
        parts.append(f"## {title}\nThirty names: {', '.join(entry['train'])}\nMark:\n{to_mark}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sheet.txt").write_text("\n\n".join(parts) + "\n", "utf-8")
    content = json.dumps(lists, ensure_ascii=False, indent=0)
    (folder / "names.json").write_text(content + "\n", "utf-8")


def tally(folder, readers):
    """Print the share of names that readers would keep, with standard errors over the lists."""
    lists = json.loads((folder / "names.json").read_text("utf-8"))
    figures, agreed = {}, []
    for title, entry in lists.items():
        rows = numbered(title, entry["systems"])
        for reader in readers:
            if len(reader[title]) != len(rows):
                raise ValueError(
                    f"Expected {len(rows)} marks of {title!r}. Got {len(reader[title])}."
                )
        marks = np.array([reader[title] for reader in readers])  # (readers, names)
        agreed += ((marks >= 4) == (marks[0] >= 4)).all(axis=0).tolist()
        for system, names in entry["systems"].items():
            of_system = marks[:, [system in owners for _, owners in rows]]
            if names:
                nearest = cdist(names, entry["train"], scorer=Levenshtein.normalized_similarity)
                row = *(of_system >= 4).mean(axis=1), (of_system == 1).mean(), nearest.max(1).mean()
                figures.setdefault(system, []).append((len(names), *row))
    titles = " | ".join(f"reader {number}" for number in range(1, len(readers) + 1))
    print(f"| names of | lists | names | kept | {titles} | garbage | similarity |")
    print(f"|{'---|' * (6 + len(readers))}")
    for system, rows in figures.items():
        n_names, *by_reader, garbage, similarity = np.transpose(rows)
        kept = np.mean(by_reader, axis=0)
        error = kept.std(ddof=1) / len(kept) ** 0.5 if len(kept) > 1 else np.nan
        cells = f"{len(kept)} | {n_names.sum():.0f} | {kept.mean():.2f} ± {error:.2f}"
        means = *map(np.mean, by_reader), garbage.mean(), similarity.mean()
        print(f"| {system} | {cells} | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    print(f"\nThe readers agree on keeping {np.mean(agreed):.0%} of the names.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["write", "tally"], help="what to do")
    parser.add_argument("folder", type=Path, help="folder of the sheet and the names")
    parser.add_argument("readers", nargs="*", type=Path, help="JSON files of marks, for tally")
    parser.add_argument("--names", default=KEPT, type=Path, help="lists and earlier names")
    parser.add_argument("--suffix", default="", help="added to the systems, such as ', new base'")
    parser.add_argument("--quick", action="store_true", help="smoke test with one of the lists")
    arguments = parser.parse_args()
    if arguments.command == "tally":
        readers = [json.loads(path.read_text("utf-8")) for path in arguments.readers]
        tally(arguments.folder, readers)
        return
    lists = json.loads(arguments.names.read_text("utf-8"))
    if arguments.quick:
        lists = dict([*lists.items()][:1])
    print_machine("markovify")
    write(arguments.folder, lists, arguments.suffix)


if __name__ == "__main__":
    main()
