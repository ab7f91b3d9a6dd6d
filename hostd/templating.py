"""Templates to text. The only module that touches jinja2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


class Templates:
    """The files of ``templates/``, rendered. HTML is escaped; a missing name is an error, never blank."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=select_autoescape(("html", "html.j2")),
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, **values: Any) -> str:
        """The template ``name`` with ``values``.

        Raises jinja2.TemplateError when a value that the template uses is missing.
        """
        return self._environment.get_template(name).render(**values)
