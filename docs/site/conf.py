"""The settings of Sphinx. `python -m infra.docs` writes the pages that it builds, and finishes what it has built."""

from pathlib import Path

project = "Lychgate"
author = "the contributors of Lychgate"
html_title = "Lychgate"
language = "en"

extensions = ["myst_parser"]
# Anchors as GitHub makes them, for headings of every level.
myst_heading_anchors = 6
myst_enable_extensions = ["attrs_inline"]
# `$ref` and the like are text.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
exclude_patterns = ["_site"]

html_theme = "furo"
html_static_path = ["_site/static"]
html_extra_path = ["_site/extra"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_favicon = "_site/favicon.svg"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
html_permalinks_icon = "#"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_logo": "favicon.svg",
    "dark_logo": "favicon.svg",
    "top_of_page_buttons": [],
    "light_css_variables": {
        "font-stack": 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
        "font-stack--monospace": 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace',
        "color-brand-primary": "#24503c",
        "color-brand-content": "#1f5f3f",
        "color-brand-visited": "#4b4a78",
        "color-background-primary": "#fffefa",
        "color-background-secondary": "#f3f0e8",
        "color-background-border": "#dcd6c7",
        "color-background-hover": "#e3ece2",
        "color-foreground-primary": "#1c2620",
        "color-foreground-secondary": "#4c554f",
        "color-foreground-muted": "#566059",
        "color-inline-code-background": "#f0ece2",
    },
    "dark_css_variables": {
        "color-brand-primary": "#9ad3b1",
        "color-brand-content": "#9ad3b1",
        "color-brand-visited": "#b9b4e8",
        "color-background-primary": "#131a16",
        "color-background-secondary": "#19211d",
        "color-background-border": "#2f3b35",
        "color-background-hover": "#1f3529",
        "color-foreground-primary": "#ecebe2",
        "color-foreground-secondary": "#b5bfb7",
        "color-foreground-muted": "#a8b3aa",
        "color-inline-code-background": "#1f2924",
    },
}
