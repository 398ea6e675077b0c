"""Would a reader keep the generated names? A blind test.

    python examples/benchmarks/blind.py write FOLDER
    python examples/benchmarks/blind.py tally FOLDER READER.json READER.json
    python examples/benchmarks/blind.py tally-sets FOLDER READER.json READER.json

``write`` trains the systems on thirty names of each of 24 lists, and writes two sheets for readers.
FOLDER/names.json contains the names of each system. The lists and the names of earlier systems come
from ``--names FILE`` (default: ``blind/names.json`` beside this script). ``--suffix ', new'``
distinguishes the new names from earlier names. ``--systems NAME NAME`` limits both sheets to some
systems.

FOLDER/sheet.txt shows the thirty names of each list, then new names of all systems, the names of
earlier systems, and real names that no system has seen, mixed. A reader who has seen only the sheet
marks each name and writes a JSON file. ``tally`` prints the share of names that the readers would
keep, and the similarity to the nearest training name (1 − Levenshtein distance / length of the
longer name).

FOLDER/sets.txt shows the thirty names and the eight names of each system as a set. Another reader
counts, for each set, the names that can be used together. ``tally-sets`` prints the share of these
among eight names. Names that a system lacks are not used.

The lists are the first 38 names of each list in ``unseen.json``. No list was invented, because
language models like the names that language models invent.

The script uses markovify if it is installed: pip install '.[bench]'
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

from sknamegen import CharLSTMGenerator, CharNGramGenerator

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
BRIEF_OF_SETS = """\
You are demanding: a game writer, novelist or product namer who asked for eight more names like the
thirty names of each list, all for the same work. For each numbered set, count the names that you
would use together in this work, from 0 to 8:

* Leave out each name that is not good by itself: garbage, broken or misspelt, clearly not a name of
  this kind, or merely passable.
* Names that are too alike cannot be used together, because readers of the work would confuse them.
  Count only one of them.

Judge each set by eye and by itself. Judge style and form, not whether the names exist. Write a JSON
file: an object with the title of each list and the counts of its sets in order, such as
{"islands": [5, 0, ...], ...}."""


def sampled(make, temperature, random_state, **options):
    """Return a function from thirty names to eight new names."""

    def new_names(names):
        new = {"unique": True, "novel": True, "on_shortfall": "warn", "random_state": random_state}
        return make().fit(names).sample("", temperature, N_NEW, **new, **options)

    return new_names


def invented(random_state, **options):
    """Return the same with `invent`."""

    def new_names(names):
        new = {"near": names, "on_shortfall": "warn", "random_state": random_state}
        return default().fit(names).invent(N_NEW, **new, **options)

    return new_names


def default():
    return CharLSTMGenerator(random_state=0)


# Systems must not share a random state, or their names begin alike.
SYSTEMS = {
    "default, temperature 0.7": sampled(default, 0.7, 1),
    "counting, temperature 0.7": sampled(CharNGramGenerator, 0.7, 3),
    "default, best without diversity_penalty": invented(5, diversity_penalty=0),
    "default, invent": invented(6),
}
if Chain:
    SYSTEMS["markovify"] = lambda names: markov_names(names, N_NEW)


def numbered(title, systems):
    """Return the names of all systems in the order of the sheet, with the systems of each."""
    return shuffled(title, [(name, system) for system in systems for name in systems[system]])


def numbered_sets(title, systems):
    """Return the sets of names in the order of their sheet, with the systems of each."""
    return shuffled(title, [(tuple(names), system) for system, names in systems.items() if names])


def shuffled(title, pairs):
    """Return distinct names or sets in an order that depends on the title, with their systems."""
    owners = {}
    for item, system in pairs:
        owners.setdefault(item, []).append(system)
    return random.Random(title).sample(sorted(owners.items()), len(owners))


def write(folder, lists, suffix, wanted):
    """Let the wanted systems generate names, and write both sheets and the names."""
    warnings.simplefilter("ignore", UserWarning)  # too few new names
    current = {f"{system}{suffix}": new_names for system, new_names in SYSTEMS.items()}
    known = {*current, *(system for entry in lists.values() for system in entry["systems"])}
    wanted = known if wanted is None else set(wanted)
    if unknown := wanted - known:
        raise ValueError(f"--systems must be among {sorted(known)}. Got {sorted(unknown)}.")
    sheet, sets = [BRIEF], [BRIEF_OF_SETS]
    for title, entry in lists.items():
        systems = {key: names for key, names in entry["systems"].items() if key in wanted}
        for system, new_names in current.items():
            if system in wanted:
                systems[system] = new_names(entry["train"])
        entry["systems"] = systems
        heading = f"## {title}\nThirty names: {', '.join(entry['train'])}"
        to_mark = lines(name for name, _ in numbered(title, systems))
        sheet.append(f"{heading}\nMark:\n{to_mark}")
        to_count = lines(", ".join(names) for names, _ in numbered_sets(title, systems))
        sets.append(f"{heading}\nHow many would you use together?\n{to_count}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sheet.txt").write_text("\n\n".join(sheet) + "\n", "utf-8")
    (folder / "sets.txt").write_text("\n\n".join(sets) + "\n", "utf-8")
    content = json.dumps(lists, ensure_ascii=False, indent=0)
    (folder / "names.json").write_text(content + "\n", "utf-8")


def lines(texts):
    """Return numbered lines."""
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))


def answers(readers, title, n):
    """Return the marks or counts of a list, as an array of shape (readers, n)."""
    for reader in readers:
        if len(reader[title]) != n:
            raise ValueError(f"Expected {n} numbers for {title!r}. Got {len(reader[title])}.")
    return np.array([reader[title] for reader in readers])


def tally(folder, readers):
    """Print the share of names that readers would keep, with standard errors over the lists."""
    lists = json.loads((folder / "names.json").read_text("utf-8"))
    figures, agreed = {}, []
    for title, entry in lists.items():
        rows = numbered(title, entry["systems"])
        marks = answers(readers, title, len(rows))
        agreed += ((marks >= 4) == (marks[0] >= 4)).all(axis=0).tolist()
        for system, names in entry["systems"].items():
            of_system = marks[:, [system in owners for _, owners in rows]]
            if names:
                nearest = cdist(names, entry["train"], scorer=Levenshtein.normalized_similarity)
                row = *(of_system >= 4).mean(axis=1), (of_system == 1).mean(), nearest.max(1).mean()
                figures.setdefault(system, []).append((len(names), *row))
    print(f"| names of | lists | names | kept | {titles(readers)} | garbage | similarity |")
    print(f"|{'---|' * (6 + len(readers))}")
    for system, rows in figures.items():
        n_names, *by_reader, garbage, similarity = np.transpose(rows)
        kept = np.mean(by_reader, axis=0)
        cells = f"{len(kept)} | {n_names.sum():.0f} | {mean_and_error(kept)}"
        means = *map(np.mean, by_reader), garbage.mean(), similarity.mean()
        print(f"| {system} | {cells} | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    print(f"\nThe readers agree on keeping {np.mean(agreed):.0%} of the names.")


def titles(readers):
    """Return the titles of the columns of readers."""
    return " | ".join(f"reader {number}" for number in range(1, len(readers) + 1))


def mean_and_error(shares):
    """Return the mean over the lists and its standard error."""
    error = shares.std(ddof=1) / len(shares) ** 0.5 if len(shares) > 1 else np.nan
    return f"{shares.mean():.2f} ± {error:.2f}"


def tally_sets(folder, readers):
    """Print the share of eight names used together, with standard errors over the lists."""
    lists = json.loads((folder / "names.json").read_text("utf-8"))
    shares = {}
    for title, entry in lists.items():
        sets = numbered_sets(title, entry["systems"])
        counts = answers(readers, title, len(sets))
        sizes = [len(names) for names, _ in sets]
        if (counts < 0).any() or (counts > sizes).any():
            raise ValueError(f"Expected 0 to {sizes} for {title!r}. Got {counts.tolist()}.")
        for system in entry["systems"]:
            of_system = counts[:, [system in owners for _, owners in sets]]  # empty without names
            shares.setdefault(system, []).append(of_system.sum(axis=1) / N_NEW)
    print(f"| names of | lists | used together | {titles(readers)} |")
    print(f"|{'---|' * (3 + len(readers))}")
    for system, rows in shares.items():
        by_reader = np.transpose(rows)  # (readers, lists)
        means = " | ".join(f"{share:.2f}" for share in by_reader.mean(axis=1))
        print(f"| {system} | {len(rows)} | {mean_and_error(by_reader.mean(axis=0))} | {means} |")


TALLIES = {"tally": tally, "tally-sets": tally_sets}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["write", *TALLIES], help="what to do")
    parser.add_argument("folder", type=Path, help="folder of the sheets and the names")
    parser.add_argument("readers", nargs="*", type=Path, help="JSON files of the readers")
    parser.add_argument("--names", default=KEPT, type=Path, help="lists and earlier names")
    parser.add_argument("--suffix", default="", help="added to the systems, such as ', new base'")
    parser.add_argument("--systems", nargs="+", help="systems on the sheets (default: all)")
    parser.add_argument("--quick", action="store_true", help="smoke test with one of the lists")
    arguments = parser.parse_args()
    if arguments.command in TALLIES:
        readers = [json.loads(path.read_text("utf-8")) for path in arguments.readers]
        TALLIES[arguments.command](arguments.folder, readers)
        return
    lists = json.loads(arguments.names.read_text("utf-8"))
    if arguments.quick:
        lists = dict([*lists.items()][:1])
    print_machine("markovify")
    write(arguments.folder, lists, arguments.suffix, arguments.systems)


if __name__ == "__main__":
    main()
