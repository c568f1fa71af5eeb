"""Sphinx configuration: Markdown pages, no theme of our own."""

from __future__ import annotations

project = "npusim"
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
html_theme = "alabaster"
exclude_patterns = ["_build"]
