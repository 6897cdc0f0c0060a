"""Hooks of mkdocs, for `make docs`: README.md is the first page, and every relative link leads somewhere.

Pages keep their one source. A link is written as it holds in the repository, where GitHub shows it; on the site it leads to
the page that is made of that file or, for a file that is none, to the repository that REPOSITORY names. Without one, its
words stand without a link.
"""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

README, FIRST = "README.md", "index.md"
LINK = re.compile(r"(?P<image>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Adds the first page."""
    files.append(File.generated(config, FIRST, abs_src_path=str(_root(config) / README)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """The page with its links as they hold on the site; PluginError names a file that is not there."""
    source = Path(page.file.abs_src_path)
    pages = {Path(file.abs_src_path).resolve(): file.src_uri for file in files if file.abs_src_path}
    parts = re.split(r"(^```.*?^```$|`[^`\n]+`)", markdown, flags=re.MULTILINE | re.DOTALL)  # code has no links

    def moved(link: re.Match[str]) -> str:
        name, hash_, heading = link["target"].partition("#")
        if not name or "://" in name or name.startswith("mailto:"):
            return link[0]
        file = (source.parent / name).resolve()
        if not file.exists():
            raise PluginError(f"{source.name}: {link['target']} leads to no file")
        if file in pages:
            place = os.path.relpath(pages[file], Path(page.file.src_uri).parent)
            return f"{link['image']}[{link['words']}]({place}{hash_}{heading})"
        if not config.repo_url:
            return link["words"]
        path = file.relative_to(_root(config)).as_posix()
        return f"[{link['words']}]({config.repo_url.rstrip('/')}/tree/HEAD/{path}{hash_}{heading})"

    return "".join(part if number % 2 else LINK.sub(moved, part) for number, part in enumerate(parts))


def _root(config: Any) -> Path:
    return Path(config.config_file_path).resolve().parent
