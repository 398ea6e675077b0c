"""Lists of names: rows, sequences, statistics, similar names, and cleaning."""
