"""Settings of the manual: python -m sphinx -W --keep-going -b html .docs .docs/_build/html."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

os.environ["TQDM_DISABLE"] = "1"  # bars are for terminals

from manual import (  # noqa: E402
    copy_examples,
    draw_cards,
    find_elsewhere,
    group_parameters,
    run_blocks,
    show_types,
    skip_member,
    to_run,
    write_pages,
)

project = "sknamegen"
author = "the sknamegen authors"
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
copybutton_exclude = ".linenos, .gp, .go"  # what a session prints is not copied
default_role = "py:obj"  # a link where there is such a thing, code where there is none
suppress_warnings = ["config.cache"]  # what ran is told by the gallery itself
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# The signature says the defaults, the docstring the types.
autodoc_typehints = "none"
autosummary_generate = True
maximum_signature_line_length = 80
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = f"sknamegen {release}"
html_static_path = ["_static"]
html_extra_path = [str(write_pages(HERE / "_build" / "pages"))]
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
    "filename_pattern": to_run(),
    "download_all_examples": False,
    "reset_argv": "manual.arguments",
    "within_subsection_order": "manual.AsListed",
    "backreferences_dir": "api/examples",
    "doc_module": ("sknamegen",),
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
    "capture_repr": (),
}


def setup(app):
    """Connect what the API pages need."""
    app.connect("autodoc-process-docstring", group_parameters, priority=900)
    app.connect("autodoc-process-docstring", show_types)
    app.connect("builder-inited", draw_cards, priority=900)  # when the gallery is there
    app.connect("missing-reference", find_elsewhere)
    app.connect("source-read", run_blocks)
    app.connect("autodoc-skip-member", skip_member)
