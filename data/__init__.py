"""The bundled lists, read by :func:`sknamegen.datasets.load_names`."""
