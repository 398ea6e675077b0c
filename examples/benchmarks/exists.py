"""How many generated names exist, after training on lists of invented names?

    python examples/benchmarks/exists.py [--quick]

The script trains on each list of twenty names and generates names at temperature 0.6, with and
without ``exclude=known_names()``. It looks them up in lists that are not sources of `known_names`:
all names and words in 46 locales of the package Mimesis, and names of languages, countries,
currencies, scripts and cities in all locales of the Unicode CLDR (from the package Babel). The
script requires Babel, and uses Mimesis if it is installed: pip install '.[bench]'
"""

import json
from importlib.resources import files
from importlib.util import find_spec

import numpy as np
from _common import parse_arguments, print_machine
from babel import Locale, localedata
from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer
from sknamegen.datasets import known_names

LISTS = {
    "planets": """Zorvath Keldara Mirrowen Thessip Oxanvar Belquor Yundaris Pravox Ilmethe Corvessa
        Druun Ashkelar Vintora Nebrax Sollume Quendil Tavorix Ummera Jexil Hadrovar""",
    "dwarves": """Brokkun Thrainor Durgrim Gimrak Hrolfgar Bordin Kazmur Orikan Skafi Dvalgrun
        Torbek Nalin Grumdur Fundrik Hargin Belgrom Ragni Stonnar Ovrek Kildrun""",
    "start-ups": """Zentrify Lumero Klarvio Buildora Nexpath Trovely Quantive Hopperly Finzo Mediqo
        Plantiva Cloudnest Voyora Snapple Dockeo Verano Truvio Parcelo Wavely Okteo""",
}
MODELS = {
    "default": lambda: CharLSTMGenerator(random_state=0),
    "init=None": lambda: CharLSTMGenerator(init=None, random_state=0),
    "n-gram": CharNGramGenerator,
}


def strings(data):
    """Yield all strings in nested lists and dicts, case-folded."""
    if isinstance(data, str):
        yield data.casefold()
    elif isinstance(data, (list, dict)):
        for item in data.values() if isinstance(data, dict) else data:
            yield from strings(item)


def existing_names():
    """Return the existing names from each source."""
    mimesis, cldr = set(), set()
    folders = files("mimesis").joinpath("datasets").iterdir() if find_spec("mimesis") else ()
    for folder in folders:
        for file in folder.iterdir() if folder.is_dir() else ():
            if file.name.endswith(".json"):
                mimesis.update(strings(json.loads(file.read_text("utf-8"))))
    for code in localedata.locale_identifiers():
        locale = Locale.parse(code)
        tables = locale.languages, locale.territories, locale.currencies, locale.scripts
        for table in tables:
            cldr.update(strings(dict(table)))
        cldr.update(
            zone["city"].casefold() for zone in locale.time_zones.values() if "city" in zone
        )
    return {"Mimesis": mimesis, "CLDR": cldr}


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine("mimesis", "babel")
    sources = existing_names()
    print(", ".join(f"{title}: {len(names):,} names" for title, names in sources.items()))
    existing = set.union(*sources.values())
    n_states = 1 if arguments.quick else 4
    print("| list | generator | exist | with `exclude` | examples |\n|---|---|---|---|---|")
    for title, names in LISTS.items():
        for model, make in (
            MODELS.items() if not arguments.quick else [("n-gram", MODELS["n-gram"])]
        ):
            pipe = make_pipeline(CharSequenceVectorizer(), make()).fit(names.split())
            shares = []
            for exclude in (None, known_names()):
                drawn = [
                    name
                    for state in range(n_states)
                    for name in pipe[-1].sample(
                        "", 0.6, 300, novel=True, exclude=exclude, random_state=state
                    )
                ]
                shares.append(np.mean([name.casefold() in existing for name in drawn]))
            examples = ", ".join(drawn[:5])
            print(
                f"| {title} | {model} | {shares[0]:.1%} | {shares[1]:.1%} | {examples} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
