"""Sphinx's settings for the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import minigrad

project = "minigrad"
version = release = minigrad.__version__
project_copyright = "the minigrad developers, MIT licence"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md"]
exclude_patterns = ["docs/**/*.png", "docs/**/*.gif"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings: list[str] = []
nitpicky = True

html_theme = "pydata_sphinx_theme"
html_title = "minigrad"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
#: What runs the blocks in a tab, if build.py has laid it out.
_run = Path(__file__).parents[2] / "build" / "site" / "static"
if _run.exists():
    html_static_path.append(str(_run))
    html_css_files.append("run/run.css")
    html_js_files = ["run/run.js"]
html_extra_path = [str(Path(__file__).parent / "root")]
html_sidebars: dict[str, list[str]] = {f"docs/{page}": [] for page in ("index", "start")}
html_show_sourcelink = False
html_copy_source = False
html_use_index = False  # the search finds names; the index would be empty
html_theme_options: dict[str, Any] = {
    "navigation_with_keys": True,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_context = {"default_mode": "auto"}
