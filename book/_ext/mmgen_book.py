r"""A small extension of the book: equations keep their numbers, pages load what they use, buttons have their names.

A name is what a screen reader says of a button, and what a reader says to press it.
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

UNUSED = ("thebe", "THEBE_JS_URL", "sphinx-book-theme-comments")
# of the themes: names that are not what stands there, words of pictures inside a button that has a name, and a sidebar
# that belongs to no part of the page
NAMED = {
    ' aria-label="Toggle hidden content"': "",
    'search-button-field search-button__button pst-js-only" title="Search" aria-label="Search"': (
        'search-button-field search-button__button pst-js-only" title="Search"'
    ),
    ' title="Light"></i>': "></i>",
    ' title="Dark"></i>': "></i>",
    ' title="System Settings"></i>': "></i>",
    'id="pst-primary-sidebar" class': 'id="pst-primary-sidebar" role="complementary" aria-label="The book" class',
}


def load_mathjax_once(app: Sphinx, config: Config) -> None:
    """Leave MathJax to the pages that have formulas; Jupyter Book puts each script of _static on every page."""
    config.html_js_files = [file for file in config.html_js_files if file != config.mathjax_path]


def keep_tags(app: Sphinx, doctree: nodes.document) -> None:
    r"""Hand displayed equations with a \tag to MathJax as they stand: inside Sphinx's split no \tag is allowed."""
    for node in doctree.findall(nodes.math_block):
        tex = node.astext()
        if r"\tag{" in tex:
            node["nowrap"] = True
            node.children = [nodes.Text(rf"\[{tex}\]")]


def drop_unused(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Leave out the scripts of Thebe, which needs a server on the network and complains on every page without one."""
    context["default_mode"] = "auto"  # light or dark as the reader's system says; unset, the theme complains
    context["script_files"] = [
        script
        for script in context["script_files"]
        if not any(word in f"{script} {getattr(script, 'attributes', {}).get('body')}" for word in UNUSED)
    ]
    context["css_files"] = [style for style in context["css_files"] if "thebe" not in str(style)]


def name_buttons(app: Sphinx, failed: Exception | None) -> None:
    """Mend in the written pages what is fixed text of the themes."""
    for page in Path(app.outdir).glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for fixed, better in NAMED.items():
            text = text.replace(fixed, better)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect them."""
    app.connect("config-inited", load_mathjax_once)
    app.connect("doctree-read", keep_tags)
    app.connect("html-page-context", drop_unused, priority=900)
    app.connect("build-finished", name_buttons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
