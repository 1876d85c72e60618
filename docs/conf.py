"""Sphinx configuration of the site: pages of this folder, and the reference from the docstrings."""

import importlib
import inspect
import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).parents[1]
SOURCE = "https://github.com/xnorloom/xnorloom/blob/main"

project = "xnorloom"
copyright = "the xnorloom contributors"
release = version = version_of("xnorloom")

extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
# README.md is the index of the folder on GitHub; index.md is that of the site.
exclude_patterns = ["README.md", "api/*/modules.rst"]

html_theme = "furo"
html_title = f"xnorloom {release}"
html_static_path: list[str] = []

# A section has the address that GitHub gives it.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

# One page per module, from the docstrings.
apidoc_modules = [
    {"path": f"../{root}/{package}", "destination": f"api/{package}", "separate_modules": True,
     "module_first": True, "exclude_patterns": ["**/__main__.py"]}
    for root, package in [("hdl", "xnorloom"), ("sim", "xnorloom_sim"),
                          ("boards", "xnorloom_boards")]
]
apidoc_automodule_options = {"members"}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
napoleon_google_docstring = False
# Fields of a dataclass are described once, by its docstring.
napoleon_use_ivar = True
napoleon_custom_sections = [("Members", "params_style")]

# A reference in a docstring must have a target, but for names of other packages.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(amaranth|collections|enum|numpy|torch)\..*")]


def _link_to_repository(app: Sphinx, name: str, text: list[str]) -> None:
    """Turn links to files outside this folder into links to the repository."""
    folder = (ROOT / "docs" / name).parent

    def target(match: re.Match[str]) -> str:
        place = (folder / match[1]).resolve()
        if place.is_relative_to(ROOT / "docs") or not place.exists():
            return match[0]
        return f"]({SOURCE}/{place.relative_to(ROOT).as_posix()}{match[2]})"
    text[0] = re.sub(r"\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)", target, text[0])


def _leave_out_members(app: Sphinx, name: str, text: list[str]) -> None:
    """Leave out members of packages that a page of their own describes.

    These are all names of the two public faces, and functions with the name of their module.
    """
    folder, _, package = name.rpartition("/")
    if folder == f"api/{package}" and package != "xnorloom_boards":
        text[0] = text[0].replace("   :members:\n", "", 1)
    modules = re.findall(rf"^   {re.escape(package)}\.(\w+)$", text[0], re.M)
    if folder.startswith("api/") and modules:
        members = f"   :exclude-members: {', '.join(modules)}\n"
        text[0] = text[0].replace("   :members:\n", "   :members:\n" + members, 1)


def _signature(app: Sphinx, what: str, name: str, thing: object, options: object,
               signature: str | None, returned: str | None) -> tuple[str | None, str | None]:
    """Give components the signature of their own ``__init__``, without that of Amaranth's class."""
    if what == "class" and signature is not None and "src_loc_at" in signature:
        own = inspect.signature(thing.__init__)
        parameters = [parameter.replace(annotation=parameter.empty)
                      for parameter in own.parameters.values() if parameter.name != "self"]
        signature = str(inspect.Signature(parameters))
    return signature, returned


def _types_are_prose(app: Sphinx, document: nodes.document) -> None:
    """Make text of the types of parameters, such as "bool array of shape (neurons,)"."""
    for reference in list(document.findall(addnodes.pending_xref)):
        # Only a role in a docstring knows whether it warns.
        if reference["refdomain"] == "py" and "refwarn" not in reference:
            reference.replace_self(reference.children)


def _imported(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref,
              content: nodes.TextElement) -> nodes.reference | None:
    """Resolve a name that is global where the docstring was written."""
    # Other processes may have read the docstrings.
    thing: object = importlib.import_module(node["py:module"]) if node.get("py:module") else None
    owner = getattr(thing, node.get("py:class") or "", None)
    if isinstance(owner, type):
        thing = sys.modules[owner.__module__]
    for part in node["reftarget"].split("."):
        thing = getattr(thing, part, None)
    if not hasattr(thing, "__qualname__"):
        return None
    target = f"{thing.__module__}.{thing.__qualname__}"
    return env.get_domain("py").resolve_xref(env, node["refdoc"], app.builder, node["reftype"],
                                             target, node, content)


def setup(app: Sphinx) -> None:
    """Register the hooks of this file."""
    app.connect("doctree-read", _types_are_prose)
    app.connect("missing-reference", _imported)
    app.connect("source-read", _link_to_repository)
    app.connect("autodoc-process-signature", _signature)
    app.connect("source-read", _leave_out_members)
