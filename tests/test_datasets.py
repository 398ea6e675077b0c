import pickle
import sys
import tracemalloc
from pathlib import PurePosixPath
from zipfile import ZipFile

import numpy as np
import pytest

from sknamegen import iter_names, load_names, read_names
from sknamegen.datasets import bundled_file, known_names, list_styles


def test_bundled_lists_of_names():
    female, male = load_names("female"), load_names("male")
    assert (len(female), len(male)) == (4951, 3898)
    assert female[0] == "Aaren"
    assert male[-1].startswith("Z")
    assert all(name and name == name.strip() for name in female + male)
    names, labels = load_names(return_X_y=True)
    assert names == load_names() == female + male
    assert labels.tolist() == ["female"] * 4951 + ["male"] * 3898
    names, labels = load_names("male", return_X_y=True)
    assert names == male
    assert set(labels) == {"male"}


@pytest.mark.full
def test_every_list_of_the_collection_can_be_loaded():
    with bundled_file("collection.zip").open("rb") as file, ZipFile(file) as archive:
        paths = [PurePosixPath(path) for path in archive.namelist()]
        assert file.seek(0, 2) <= 2_300_000
    titles = [path.stem for path in paths]
    assert len(set(titles)) == len(titles) > 1000
    for title in titles:
        names = load_names(title)
        assert names
        assert all(name and name == name.strip() for name in names)
        assert len(set(names)) == len(names) or title in ("female", "male")
    for title, name in {"it_IT_surnames": "Rossi", "FR_towns": "Lyon", "airports": None}.items():
        assert name is None or name in load_names(title)


def test_styles_are_invented_lists():
    styles = list_styles()
    assert len(styles) == 10
    assert {len(titles) for titles in styles.values()} == {30}
    assert "dragons" in styles["people"]
    lists = [load_names(title) for titles in styles.values() for title in titles]
    assert 60 < min(map(len, lists)) <= max(map(len, lists)) <= 70
    # Invented names are not known names. Few of them exist, and the hashes have false positives.
    known = known_names()
    assert np.mean([name in known for names in lists for name in names]) < 0.015


def test_unknown_title():
    match = r"title must be the title of .*, or 'all'\. Got 'dragon'\. Did you mean 'dragons'\?"
    with pytest.raises(ValueError, match=match):
        load_names("dragon")
    with pytest.raises(ValueError, match=r"Got 'q7'\. list_styles\(\) returns all styles\."):
        load_names("q7")
    with pytest.raises(TypeError, match=r"title must be a str\. Got 7\."):
        load_names(7)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_read_names(tmp_path, newline, encoding):
    """A byte order mark is skipped."""
    path = tmp_path / "names.txt"
    path.write_bytes(newline.join(["  Zoë ", "", "\tAnna Maria", " ", "Åsa"]).encode(encoding))
    names = read_names(path, encoding=encoding.removesuffix("-sig"))
    assert names == ["Zoë", "Anna Maria", "Åsa"]
    assert next(iter_names(str(path), encoding=encoding.removesuffix("-sig"))) == names


@pytest.mark.parametrize(
    ("text", "options", "names"),
    [
        ("name,town\nZoë , Bath\n,Ely\nÅsa,Lund\n", {"column": "name"}, ["Zoë", "Åsa"]),
        ("name,town\nZoë , Bath\n,Ely\n", {"column": 2, "header": True}, ["Bath", "Ely"]),
        ('Zoë\t"Bath, Ely"\nÅsa\t"a ""b"""', {"column": 2}, ["Bath, Ely", 'a "b"']),
        ("1;2020\n7;Zoë\n", {"column": "2020"}, ["Zoë"]),
        ('"Doe, Zoë";4\n"Roe, Åsa";5\n', {"column": 1}, ["Doe, Zoë", "Roe, Åsa"]),
        ("name, town\nÅsa, Lund\n", {"column": "town"}, ["Lund"]),
    ],
)
def test_read_a_column(tmp_path, text, options, names):
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    assert read_names(tmp_path / "table.csv", **options) == names


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"column": "town"}, ValueError, "The file has no column 'town'. Its columns are name, x"),
        ({"column": 3}, ValueError, "Each line must have a column 3"),
        ({"header": True}, ValueError, "header requires column"),
        ({"column": 0}, ValueError, "column must be an int >= 1"),
        ({"column": 1.5}, TypeError, "column must be an int >= 1"),
        ({"column": 1, "header": "yes"}, ValueError, "header must be"),
        ({"column": "name", "max_names": 1}, ValueError, "more than max_names=1 names"),
    ],
)
def test_missing_columns(tmp_path, options, error, match):
    (tmp_path / "table.csv").write_text("name,x\nAnna,1\n")
    with pytest.raises(error, match=match):
        read_names(tmp_path / "table.csv", **options)


@pytest.mark.parametrize(
    ("path", "content", "error", "match"),
    [
        ("names.txt", "\n \t\n", ValueError, "names.txt' contains no names"),
        ("names.txt", "Anna\n" * 99 + "Zoë", ValueError, "not in the encoding .utf-8..*latin-1"),
        ("nothing.txt", "", FileNotFoundError, "nothing.txt"),
        # `open` would treat a number as a file descriptor and close it.
        (3, "", TypeError, "path must be a str or path-like"),
        (b"names.txt", "", TypeError, "path must be a str or path-like"),
    ],
)
def test_bad_files(tmp_path, monkeypatch, path, content, error, match):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text(content, encoding="latin-1")
    for read in (read_names, lambda path: list(iter_names(path, chunk_size=2))):
        with pytest.raises(error, match=match):
            read(path)


@pytest.mark.parametrize("chunk_size", [1, 3, 1000])
def test_chunks_of_a_file_contain_all_names(tmp_path, capsys, chunk_size, monkeypatch):
    path = tmp_path / "names.txt"
    names = load_names("female")[:50]
    path.write_text("\n \n".join(names), encoding="utf-8")
    chunks = list(iter_names(path, chunk_size=chunk_size))
    assert [name for chunk in chunks for name in chunk] == names
    assert {len(chunk) for chunk in chunks[:-1]} <= {chunk_size}
    assert list(iter_names(path, chunk_size=chunk_size, verbose=1)) == chunks
    assert capsys.readouterr().err == ""  # no terminal, so no progress bar
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(iter_names(path, chunk_size=chunk_size, verbose=1)) == chunks
    assert "100%" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"chunk_size must be an int >= 1\. Got 0"):
        next(iter_names(path, chunk_size=0))


def test_read_names_uses_bounded_memory(tmp_path):
    path = tmp_path / "names.txt"
    with open(path, "wb") as file:
        file.write(b"Ada\nEve\n")
        file.truncate(2**30)  # 1 GiB in a single line
    tracemalloc.start()
    with pytest.raises(ValueError, match="a line of more than 10,000 characters, after 2 names"):
        read_names(path)
    path.write_text("x" * 10_000 + "\nAda\n")
    assert read_names(path) == ["x" * 10_000, "Ada"]
    with open(path, "wb") as file:
        file.write(b"Ada\n" * 100_000)
    with pytest.raises(ValueError, match=r"more than max_names=500 names\. Pass a larger"):
        read_names(path, max_names=500)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()
    assert len(read_names(path, max_names=100_000)) == 100_000
    with pytest.raises(ValueError, match=r"max_names must be an int >= 1\. Got 0\."):
        read_names(path, max_names=0)


def test_known_names():
    assert len(bundled_file("known.npz").read_bytes()) <= 700_000
    names = known_names()
    assert all(name in names for name in ("Marina", "marina", "MARINA", "Zürich", "Zu\u0308rich"))
    assert all(name in names for name in load_names())
    rng = np.random.default_rng(0)
    invented = ["".join(row) for row in rng.choice([*"bcdfghjklmnpqrstvwxz"], (50_000, 12))]
    share = np.mean([name in names for name in invented])
    assert share < 0.0015  # false positive rate of 1 in 1,200
    extended = names | ["Bresnu\u0308 Xq", "Vzqlmo"]
    assert "BRESNÜ xq" in extended
    assert "bresnü xq" not in names
    assert "Vzqlmo" in extended | []
    with pytest.raises(TypeError, match=r"names must be an iterable of str, or .* Got 'Anna'"):
        names | "Anna"
    near = known_names(near=["Velorane", "Quemby"])
    for known in (near, near | ["Xq"]):
        assert all(name in known for name in ("VELORANNE", "Velorune", "Velora", "Marina"))
        assert "Vexumine" not in known
    assert "Veloranne" not in names
    with pytest.raises(TypeError, match="only their hashes are stored"):
        list(known_names())
    with pytest.raises(TypeError, match=r"near must be an iterable of str. Got 'Anna'"):
        known_names(near="Anna")


def test_near_copies_of_names_of_several_words_have_more_words_or_fewer():
    names = ["Old Miller Bitter", "Glass Antlers", "Lazy Otter IPA", "O’Hara-Smith"]
    near = known_names(near=names)
    for known in (near, near | ["Xq"], pickle.loads(pickle.dumps(near))):
        for name in ("Old Miller", "miller  BITTER", "Miller", "The Glass Antlers", "O'Hara Smith"):
            assert name in known, name
        for name in ("The Lazy Otter IPA Club", "Glassantlers"):
            assert name in known, name
        for name in ("Lazy Badger IPA", "Glass Badgers", "Lazy IPA", "Bitter Old Miller", "", "7"):
            assert name not in known, name
    assert not any(name in known_names() for name in (*names, "Old Miller"))


def test_near_copies_of_a_list_with_names_of_one_word_and_of_several():
    near = known_names(near=["Ale", "Quemborough", "Old Miller Bitter", "Lazy Otter Ale"])
    for name in ("Ales", "Quembrough", "Quemborough Inn", "Old Miller", "Lazy Otter"):
        assert name in near, name
    for name in ("Golden Ale", "Ale of Qworn", "Lazy Badger Ale", "Old Qworn Bitter", "Qworn"):
        assert name not in near, name


def test_near_copies_agree_with_a_slow_comparison_of_words():
    def contains(words, others):
        n = len(others)
        return any(words[i : i + n] == others for i in range(len(words) - n + 1))

    rng = np.random.default_rng(0)
    names = [" ".join(rng.choice([*"bdfg"], n)) for n in rng.integers(2, 6, 500)]
    near = known_names(near=names[:15])
    words = [name.split() for name in names]
    expected = [any(contains(a, b) or contains(b, a) for b in words[:15]) for a in words]
    assert [name in near for name in names] == expected
    assert 50 < sum(expected) < 450
