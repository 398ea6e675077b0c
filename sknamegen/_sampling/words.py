"""Automata of names without banned strings, of words in a list, and with a number of words.

For words, a name is read in the units of `spell`. Words and what separates them form a
non-deterministic automaton, because an apostrophe may be inside a word or between two words.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import inf

import numpy as np

from .._parallel import MAX_CELLS
from .._text.unicode import decompose
from .._text.words import APOSTROPHE, fold_word, is_letter, is_mark, words_in
from .._types import Bools, Ints
from .._validation import check_strings
from .automaton import Part, determinize, too_large_error

# The unit that stands for everything that separates words.
_SEPARATOR = " "
# The unit that stands for any letter with its marks.
_LETTER = "a"


def spell(text: str) -> str:
    """Return the units of a text: its folded letters and marks, apostrophes, and separators."""
    units = fold_word(decompose(text))
    kept = {unit for unit in units if is_letter(unit) or is_mark(unit) or unit == APOSTROPHE}
    return "".join(unit if unit in kept else _SEPARATOR for unit in units)


def banned_part(characters: list[str], banned: tuple[str, ...], max_length: int) -> Part:
    """Return an automaton that searches for banned strings [1]_.

    `banned` comes from `check_banned`. Characters are compared with it in case-folded form.

    References
    ----------
    .. [1] A. V. Aho and M. J. Corasick, "Efficient String Matching: An Aid to Bibliographic
       Search", Communications of the ACM, 1975.
    """
    folded = [character.casefold() for character in characters]
    longest = max_length * max(map(len, folded), default=0)
    children, is_end = _trie(string for string in banned if len(string) <= longest)
    columns = {unit: column for column, unit in enumerate(sorted(set("").union(*children)))}
    # All characters without a column share the last one, which leads to the start state.
    if len(children) * len(columns) > MAX_CELLS:
        raise too_large_error()
    after = np.zeros((len(children), len(columns) + 1), dtype=np.int32)
    is_banned, suffixes, nodes = np.array(is_end), [0] * len(children), [0]
    for node in nodes:  # breadth first
        suffix = suffixes[node]  # the longest one that is a node
        is_banned[node] |= is_banned[suffix]
        after[node] = after[suffix]
        for unit, child in children[node].items():
            suffixes[child] = int(after[node, columns[unit]])
            after[node, columns[unit]] = child
            nodes.append(child)
    after[is_banned[after]] = -1
    return _spelled(after, np.ones(len(after), dtype=bool), columns, folded)


def word_part(characters: list[str], words: frozenset[str], max_length: int) -> Part:
    """Return an automaton that reads names whose words are in a list.

    Parameters
    ----------
    characters : list of str
        The characters of names.
    words : frozenset of str
        Their words are allowed. A name has at least one word.
    max_length : int
        Maximum length of a name, in characters.

    Raises
    ------
    ValueError
        If no word consists of these characters and is short enough.
    """
    spellings, columns = _units(characters)
    folded = words_in(check_strings("words", words, True))
    units = str.maketrans({character: spell(character) for character in set("").union(*folded)})
    by_character = {word.translate(units) for word in folded}
    # A composed character with a mark of a lower class after it is not in canonical order.
    marked = (word for word in folded if not word.isascii())
    spelled = by_character.union(map(spell, marked))
    longest, known = max_length * max(map(len, spellings)), "".join(columns)
    usable = sorted(word for word in spelled if len(word) <= longest and not word.strip(known))
    if not usable:
        raise ValueError(
            "words must contain a word that consists of letters of the training names and is not "
            f"longer than max_length. Got {sorted(words)!r:.80}."
        )
    children, is_end = _trie(usable)
    # Merge equivalent nodes. Children have greater numbers, so they are merged first.
    merged, register = list(range(len(children))), dict[object, int]()
    for node in reversed(range(len(children))):
        children[node] = {unit: merged[child] for unit, child in children[node].items()}
        merged[node] = register.setdefault((is_end[node], *children[node].items()), node)
    # The root is the place between two words. Before the first word, a name may not end.
    start, is_end[0] = len(children), True
    children.append(children[0])
    is_end.append(False)
    marks = list(filter(is_mark, columns))

    def successors(nodes: frozenset[int], length: int) -> dict[int, frozenset[int]]:
        """Return the nodes of the trie after each unit."""
        followers = defaultdict[str, set[int]](set)
        for node in nodes:
            for unit, child in children[node].items():
                followers[unit].add(child)
        outside = nodes & {0, start}
        may_end = {0} if any(is_end[node] for node in nodes) else set[int]()
        for unit in (APOSTROPHE, _SEPARATOR):
            followers[unit] |= outside | may_end
        for unit in marks:
            followers[unit] |= outside
        return {columns[u]: frozenset(followers[u]) for u in columns if followers.get(u)}

    transitions, states = determinize(frozenset([start]), successors, len(columns))
    accepts = np.array([any(is_end[node] for node in nodes) for nodes in states])
    return _spelled(transitions, accepts, columns, spellings)


def count_part(characters: list[str], low: int, high: float) -> Part:
    """Return an automaton that reads names of `low` to `high` words, as in `words_of`."""
    spellings, columns = _units(characters)
    most = low if high == inf else int(high) + 1  # no need to count further

    def successors(state: tuple[int, str], length: int) -> dict[int, tuple[int, str]]:
        """Return the number of words and the kind of the last unit after each unit."""
        count, last = state
        after = dict[int, tuple[int, str]]()
        for unit, column in columns.items():
            if is_letter(unit):
                after[column] = min(count + (last == _SEPARATOR), most), _LETTER
            elif last == _LETTER and (is_mark(unit) or unit == APOSTROPHE):
                after[column] = count, unit if unit == APOSTROPHE else _LETTER
            else:
                after[column] = count, _SEPARATOR
        return {column: pair for column, pair in after.items() if pair[0] <= high}

    transitions, states = determinize((0, _SEPARATOR), successors, len(columns))
    accepts = np.array([low <= count for count, _ in states])
    return _spelled(transitions, accepts, columns, spellings)


def _units(characters: list[str]) -> tuple[list[str], dict[str, int]]:
    """Return the units of each character, and a column for each unit and a separator."""
    spellings = list(map(spell, characters))
    units = sorted({_SEPARATOR}.union(*spellings))
    return spellings, {unit: column for column, unit in enumerate(units)}


def _trie(words: Iterable[str]) -> tuple[list[dict[str, int]], list[bool]]:
    """Return the children of each node by unit, and whether a word ends. The root is node 0."""
    children, is_end = [dict[str, int]()], [False]
    for word in words:
        node = 0
        for unit in word:
            node = children[node].setdefault(unit, len(children))
            if node == len(children):
                children.append({})
                is_end.append(False)
        is_end[node] = True
    return children, is_end


def _spelled(transitions: Ints, accepts: Bools, columns: dict[str, int], texts: list[str]) -> Part:
    """Return an automaton that reads characters as the columns in their texts.

    Units without a column belong to the column after all others.
    """
    spellings = [tuple(columns.get(unit, len(columns)) for unit in text) for text in texts]
    class_ids = {spelling: number for number, spelling in enumerate(dict.fromkeys(spellings))}
    transitions = np.vstack([transitions, np.full_like(transitions[:1], -1)])  # of state -1
    after = np.empty((len(accepts), len(class_ids)), dtype=np.int32)
    for spelling, class_id in class_ids.items():
        after[:, class_id] = np.arange(len(accepts))
        for column in spelling:
            after[:, class_id] = transitions[after[:, class_id], column]
    return after, accepts, np.array([class_ids[spelling] for spelling in spellings])
