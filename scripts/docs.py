#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs.py OUT: makes one site of the documents, the man pages and the API reference.

Every link of the site is followed, with its anchor: one that leads nowhere fails the build.
Markdown is read by python3-markdown, man pages by mandoc, headers by doxygen.
"""

import html
import html.parser
import os
import re
import shutil
import subprocess
import sys
import urllib.parse

import markdown

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What a reader meets first stands first: (source, page, name in the menu).
PAGES = [
    ("README.md", "index.html", "Rill"),
    ("docs/tutorial.md", "tutorial.html", "Tutorial"),
    ("docs/from-ilp-protocol-stream.md", "from-ilp-protocol-stream.html", "From ilp-protocol-stream"),
    ("docs/real-network.md", "real-network.html", "A real network"),
    ("docs/connector.md", "connector.html", "A connector"),
    ("docs/faq.md", "faq.html", "Questions"),
    ("docs/glossary.md", "glossary.html", "Glossary"),
    ("docs/architecture.md", "architecture.html", "Architecture"),
    ("docs/release-notes.md", "release-notes.html", "Release notes"),
    ("docs/reasons.md", "reasons.html", "Reasons"),
    ("docs/protocol.md", "protocol.html", "Protocol"),
    ("docs/reliability.md", "reliability.html", "Reliability"),
    ("docs/security.md", "security.html", "Security"),
    ("docs/performance.md", "performance.html", "Performance"),
    ("CONTRIBUTING.md", "contributing.html", "Contributing"),
    ("SECURITY.md", "reporting.html", "Reporting a fault"),
]
MANUALS = [("man/rill.1", "rill.1.html", "rill(1)"), ("man/rillctl.1", "rillctl.1.html", "rillctl(1)"),
           ("man/rilld.1", "rilld.1.html", "rilld(1)")]
REFERENCE = ("reference/index.html", "API reference")

STYLE = """
:root { color-scheme: light dark; --line: #8884; --link: #06c; }
@media (prefers-color-scheme: dark) { :root { --link: #6af; } }
* { box-sizing: border-box; }
body { margin: 0; font: 17px/1.55 system-ui, sans-serif; display: flex; }
nav { flex: 0 0 13em; padding: 1.5em 1em; border-right: 1px solid var(--line); min-height: 100vh; }
nav a { display: block; padding: .15em .5em; text-decoration: none; }
nav a[aria-current] { font-weight: bold; border-left: 3px solid var(--link); }
main { flex: 1; min-width: 0; max-width: 52em; padding: 1.5em 2em 6em; }
a { color: var(--link); }
pre { overflow-x: auto; padding: .8em 1em; border: 1px solid var(--line); border-radius: 6px; }
code, pre { font: 0.88em/1.45 ui-monospace, monospace; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1em 0; }
th, td { border: 1px solid var(--line); padding: .3em .7em; text-align: left; vertical-align: top; }
img { max-width: 100%; background: #fff; }
a.permalink { color: inherit; text-decoration: none; }
.manual-text h1 { font-size: 1.3em; }
.manual-text h2 { font-size: 1.1em; }
table.head, table.foot { display: none; }
@media (max-width: 46em) {
  body { display: block; }
  nav { min-height: 0; border-right: 0; border-bottom: 1px solid var(--line); }
  nav a { display: inline-block; }
  main { padding: 1em; }
}
"""

LINK = re.compile(r'(href|src)="([^"]*)"')


class Broken(Exception):
    """The site cannot be made; the text says why."""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def run(command, **options):
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)
    if made.returncode != 0:
        raise Broken(f"{' '.join(command)}:\n{made.stdout}{made.stderr}")
    return made.stdout


def anchor(text, separator):
    """A heading's anchor, as hosts of repositories make it."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", separator)


# ---- from a source to the body of a page ----

def nested(text):
    """Lists inside of lists are indented by two or three spaces, which this reader of Markdown does
    not take for inside: it wants four."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else
                   re.sub(r"^ {2,3}(?=\S)", "    ", part, flags=re.MULTILINE) for part in parts)


def of_markdown(source, out):
    text = markdown.markdown(nested(read(source)), output_format="html", extensions=["extra", "toc"],
                             extension_configs={"toc": {"slugify": anchor}})
    return LINK.sub(lambda link: f'{link[1]}="{moved(source, link[2], out)}"', text)


def moved(source, target, out):
    """A link of a document as it must be in the site. A file that is no page of the site is copied."""
    address, mark, rest = target.partition("#")
    if not address or urllib.parse.urlsplit(target).scheme:
        return target
    path = os.path.normpath(os.path.join(os.path.dirname(source), address))
    for known, page, _ in PAGES + MANUALS:
        if path == known:
            return page + mark + rest
    whole = os.path.join(ROOT, path)
    if os.path.isfile(whole):
        place = os.path.join(out, "files", path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(whole, place)
        return f"files/{path}{mark}{rest}"
    if os.path.isdir(whole):
        return folder(path, out)
    raise Broken(f"{source}: there is no {target}")


def folder(path, out):
    """A page that lists the files of a folder of the sources, with copies of them."""
    page = f"files/{path}/index.html"
    names = sorted(os.path.relpath(os.path.join(base, name), ROOT)
                   for base, _, found in os.walk(os.path.join(ROOT, path))
                   for name in found if not name.startswith("."))
    items = []
    for name in names:
        place = os.path.join(out, "files", name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(os.path.join(ROOT, name), place)
        inside = os.path.relpath(name, path)
        items.append(f'<li><a href="{inside}">{html.escape(inside)}</a></li>')
    write(out, page, f"<h1>{html.escape(path)}</h1>\n<ul>\n" + "\n".join(items) + "\n</ul>", path)
    return page


def of_manual(source):
    names = "|".join(re.escape(name) for _, _, name in MANUALS)
    text = run(["mandoc", "-Thtml", "-O", "fragment", source])
    text = re.sub(rf"<b>(\w+)</b>\((\d)\)",
                  lambda seen: (f'<a href="{seen[1]}.{seen[2]}.html">{seen[1]}({seen[2]})</a>'
                                if re.fullmatch(names, f"{seen[1]}({seen[2]})") else seen[0]), text)
    return text


# ---- pages ----

def write(out, page, body, title):
    up = "../" * page.count("/")
    menu = []
    for target, name in [(page_of, name) for _, page_of, name in PAGES + MANUALS] + [REFERENCE]:
        here = ' aria-current="page"' if target == page else ""
        menu.append(f'<a href="{up}{target}"{here}>{html.escape(name)}</a>')
    place = os.path.join(out, page)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "w", encoding="utf-8") as file:
        file.write(f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="stylesheet" href="{up}style.css">
</head>
<body>
<nav aria-label="Documents">
{chr(10).join(menu)}
</nav>
<main>
{body}
</main>
</body>
</html>
""")


def reference(out):
    settings = read("Doxyfile") + f'\nOUTPUT_DIRECTORY = "{out}"\nHTML_OUTPUT = reference\n'
    run(["doxygen", "-"], input=settings)
    for page, wanted in (("index.html", ["librill-net"]),
                         ("error_8h.html", re.findall(r"RILL_ERR_\w+(?= =)", read("include/rill/error.h")))):
        with open(os.path.join(out, "reference", page), encoding="utf-8") as file:
            text = file.read()
        for word in wanted:
            if word not in text:
                raise Broken(f"the reference's {page} does not have {word}")


# ---- the links of the finished site ----

class Anchors(html.parser.HTMLParser):
    """The anchors and links of one page."""

    def __init__(self, text):
        super().__init__()
        self.anchors = set()
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def dead_links(out):
    pages = {}
    for base, _, names in os.walk(out):
        for name in names:
            if name.endswith(".html"):
                path = os.path.join(base, name)
                with open(path, encoding="utf-8") as file:
                    pages[path] = Anchors(file.read())
    for path, page in sorted(pages.items()):
        for link in page.links:
            split = urllib.parse.urlsplit(link)
            if split.scheme or split.netloc or link.startswith("javascript:"):
                continue
            target = path
            if split.path:
                target = os.path.normpath(os.path.join(os.path.dirname(path),
                                                       urllib.parse.unquote(split.path)))
            if not os.path.exists(target):
                yield f"{os.path.relpath(path, out)}: no {link}"
            elif split.fragment and target in pages and \
                    urllib.parse.unquote(split.fragment) not in pages[target].anchors:
                yield f"{os.path.relpath(path, out)}: no anchor {link}"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: docs.py OUT")
    out = os.path.abspath(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    try:
        with open(os.path.join(out, "style.css"), "w", encoding="utf-8") as file:
            file.write(STYLE)
        for source, page, name in PAGES:
            title = name if name == "Rill" else f"{name} - Rill"
            write(out, page, of_markdown(source, out), title)
        for source, page, name in MANUALS:
            write(out, page, of_manual(source), name)
        reference(out)
    except Broken as broken:
        sys.exit(f"docs: {broken}")
    dead = list(dead_links(out))
    if dead:
        sys.exit("docs: links that lead nowhere:\n" + "\n".join(dead))
    print(f"{out}/index.html")


if __name__ == "__main__":
    main()
