"""Files of the site that are made from its pages: ``llms.txt``, and each page as Markdown.

A hook of mkdocs. The plugins that make ``llms.txt`` want the list of pages a second time; here the
navigation is the one list.
"""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.nav import Navigation, Section
from mkdocs.structure.pages import Page

_nav: list[Navigation] = []
_sources: dict[str, str] = {}


def on_nav(nav: Navigation, **kwargs: Any) -> None:
    """Keep the navigation, whose pages are read when the site has been built."""
    _nav[:] = [nav]


def on_page_markdown(markdown: str, page: Page, **kwargs: Any) -> None:
    """Keep what was written, which is what a language model reads best."""
    _sources[page.file.src_uri] = markdown


def on_post_build(config: MkDocsConfig, **kwargs: Any) -> None:
    """Write ``llms.txt``, and ``PAGE/index.md`` beside each page."""
    (nav,) = _nav
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    for section in nav.items:
        lines += ["", f"## {section.title}", ""]
        lines += [_entry(page, config) for page in _pages(section)]
    site = Path(config.site_dir)
    (site / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for page in nav.pages:
        target = site / _markdown_address(page)
        target.write_text(_sources[page.file.src_uri], encoding="utf-8")


def _pages(item: Section | Page) -> list[Page]:
    if isinstance(item, Page):
        return [item]
    return [page for child in item.children for page in _pages(child)]


def _entry(page: Page, config: MkDocsConfig) -> str:
    described = page.meta.get("description")
    link = f"- [{page.title}]({config.site_url}{_markdown_address(page)})"
    return f"{link}: {described}" if described else link


def _markdown_address(page: Page) -> str:
    return page.file.dest_uri.removesuffix(".html") + ".md"
