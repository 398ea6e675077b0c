"""Sphinx configuration: sphinx-build -j auto -W --keep-going .docs .docs/_build/html."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

os.environ["TQDM_DISABLE"] = "1"  # no progress bars in the pages

from manual import (  # noqa: E402
    copy_examples,
    document_constants,
    draw_cards,
    gallery_pattern,
    group_parameters,
    link_external,
    link_shared,
    run_blocks,
    save_pages,
    shorten_signature,
    skip_member,
)

project = "sknamegen"
author = "the sknamegen developers"
release = version = installed_version("sknamegen")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "kept"]
templates_path = ["_templates"]
copybutton_exclude = ".linenos, .gp, .go"  # do not copy session output
default_role = "py:obj"  # link known objects, show other text as code
suppress_warnings = ["config.cache"]  # sphinx_gallery_conf contains objects that cannot be pickled
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Signatures of functions show the defaults, and docstrings show the types.
autodoc_typehints = "none"
autosummary_generate = True
maximum_signature_line_length = 80
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = f"sknamegen {release}"
html_static_path = ["_static"]
html_extra_path = [str(save_pages(HERE / "_build" / "pages"))]
html_css_files = ["manual.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars: dict[str, list[str]] = {
    "getting_started": [],
    "game_writers": [],
    "benchmarks": [],
    "changelog": [],
}
html_theme_options = {
    "logo": {"text": "sknamegen"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
}
copyright = f"{author}, BSD-3-Clause"

sphinx_gallery_conf = {
    "examples_dirs": copy_examples(HERE / "_build" / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": gallery_pattern(),
    "parallel": True,  # as many processes as -j
    "download_all_examples": False,
    "reset_argv": "manual.no_arguments",
    "within_subsection_order": "manual.ReadmeOrder",
    "backreferences_dir": "api/examples",
    "doc_module": ("sknamegen",),
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
    "capture_repr": (),
}


def setup(app):
    """Connect the handlers of manual.py."""
    app.connect("autodoc-process-docstring", group_parameters, priority=900)
    app.connect("autodoc-process-docstring", document_constants)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("builder-inited", draw_cards, priority=900)  # after Sphinx-Gallery
    app.connect("missing-reference", link_external)
    app.connect("missing-reference", link_shared)
    app.connect("source-read", run_blocks)
    app.connect("autodoc-skip-member", skip_member)
