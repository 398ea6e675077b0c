"""How long do 500 test users take, and how many of their names are real?

    python examples/benchmarks/users.py [--quick]

The script runs the recipe of the manual's chapter on test data, and makes as many users with Faker.
It counts the distinct names, and the users with a first name or surname in `known_names`. The
script requires Faker: pip install '.[base]'
"""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from _common import parse_arguments, print_machine, print_row, seconds
from faker import Faker

from sknamegen.datasets import known_names

CHAPTER = Path(__file__).parents[2] / ".docs/guide/uses.md"


def from_recipe(n):
    """Return n users of the manual's recipe: full names, user names and e-mail addresses."""
    code = re.search(r"```python\n(.*?)```", CHAPTER.read_text("utf-8"), re.DOTALL)[1]
    namespace = {}
    with redirect_stdout(io.StringIO()):
        exec(code.replace('"n_samples": 500', f'"n_samples": {n}'), namespace)
    return namespace["users"]


def from_faker(n):
    """Return n users of Faker."""
    Faker.seed(0)
    fake = Faker("en_US")
    return [
        (f"{fake.first_name()} {fake.last_name()}", fake.user_name(), fake.ascii_safe_email())
        for _ in range(n)
    ]


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine("faker")
    n, known = 50 if arguments.quick else 500, known_names()
    titles = "full names", "surnames", "user names", "e-mail addresses", "with a known name"
    print_row("source", "seconds", *titles)
    print_row(*["---"] * 7)
    for source, make in {"recipe": from_recipe, "Faker": from_faker}.items():
        users = []
        duration = seconds(lambda make=make, users=users: users.extend(make(n)))
        names, logins, addresses = zip(*users, strict=True)
        surnames = [name.split()[-1] for name in names]
        n_distinct = [len(set(column)) for column in (names, surnames, logins, addresses)]
        n_known = sum(any(word in known for word in name.split()) for name in names)
        print_row(source, f"{duration:.1f}", *n_distinct, n_known)


if __name__ == "__main__":
    main()
