"""Open every page of the built site in headless Chromium, wide and narrow, light and dark, and print what is wrong.

In: the folder that ``mkdocs build`` wrote. Out: one line per fault, a picture of every page in each look with
``--pictures FOLDER``, and exit code 1 if there is a fault. It is run by hand, since it needs a browser:

    .venv/bin/pip install -e ".[docs]" playwright && .venv/bin/mkdocs build
    .venv/bin/python docs/look_at_site.py build/site --chromium /usr/bin/chromium --pictures build/pictures

A fault is a message or error of the console, a request that fails or leaves this machine, a page that is wider than
the window, a table or formula that is left as text, an image without a text for readers who do not see it, or a search
that does not find a page.
"""

import argparse
import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
CANCELLED = "net::ERR_ABORTED"  # the page was left before the index of the search had come
PATIENCE_MS = 180_000
"""The longest wait for a page or a picture, on a busy machine."""
SEARCHES = ("phonon", "thermostat", "fine-tune")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip

# What a reader would notice in a page that is laid out: strings, each of them one fault.
LAYOUT = r"""() => {
  const faults = [], root = document.documentElement, text = [];
  if (root.scrollWidth > root.clientWidth) faults.push(`wider than the window: ${root.scrollWidth} px`);
  for (const image of document.images) {
    if (!image.naturalWidth) faults.push(`no image: ${image.src}`);
    if (!image.alt.trim()) faults.push(`no text for the image ${image.src}`);
  }
  const walk = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.parentElement.closest("pre, code, script, style")) text.push(walk.currentNode.data);
  }
  for (const [what, pattern] of [
    ["TeX", /\$[^$\n]+\$|\\frac|\\mathrm|\\\[/], ["a table", /\|\s*-{3,}/], ["a link", /\]\([^)\s]+\)/],
    ["a fence", /```/], ["a role", /:(class|func|meth|mod|data|attr):/], ["bold", /\*\*\w[^*]*\*\*/],
  ]) {
    const found = text.join("").match(pattern);
    if (found) faults.push(`${what} left as text: ${found[0]}`);
  }
  return faults;
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, without a line per request."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def serve(site: Path) -> str:
    """Serve a folder on this machine from a thread of its own; its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def main() -> int:
    """Look at all pages; 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("--chromium", default=None, help="the browser; by default the one that playwright installs")
    parser.add_argument("--pictures", type=Path, default=None, help="folder for a picture per page and look")
    arguments = parser.parse_args()
    pages = sorted(page.relative_to(arguments.site).as_posix() for page in arguments.site.rglob("*.html"))
    address, faults = serve(arguments.site), 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=list(QUIET))
        for width in WIDTHS:
            for scheme in SCHEMES:
                for fault in look(browser, address, pages, width, scheme, arguments.pictures):
                    faults += 1
                    print(f"{width} px, {scheme}: {fault}", flush=True)
        browser.close()
    print(f"{len(pages)} pages, {len(WIDTHS) * len(SCHEMES)} looks: {faults} faults")
    return 1 if faults or not pages else 0


def look(
    browser: Browser, address: str, pages: list[str], width: int, scheme: str, pictures: Path | None
) -> Iterator[str]:
    """Faults of all pages in one look, and of the search."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page, heard = context.new_page(), list[str]()
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on(
        "requestfailed",
        lambda request: None if request.failure == CANCELLED else heard.append(f"failed: {request.url}"),
    )
    page.on("response", lambda answer: heard.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None)
    page.on("request", lambda request: None if is_local(request.url, address) else heard.append(f"left: {request.url}"))
    for name in pages:
        page.goto(f"{address}/{name}", wait_until="networkidle")
        yield from (f"{name}: {fault}" for fault in [*heard, *page.evaluate(LAYOUT)])
        heard.clear()
        if pictures is not None:
            target = pictures / f"{width}-{scheme}" / f"{name.removesuffix('.html')}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=target, full_page=True)
    for words in SEARCHES:
        yield from (f"search for {words}: {fault}" for fault in [*searched(page, address, words), *heard])
    context.close()


def is_local(url: str, address: str) -> bool:
    """Whether a request stays on this machine."""
    return url.startswith((address, "data:", "blob:"))


def searched(page: Page, address: str, words: str) -> list[str]:
    """What is wrong with a search, as a reader types it."""
    page.goto(f"{address}/index.html", wait_until="networkidle")
    page.keyboard.press("/")
    page.keyboard.type(words)
    results = page.locator(".md-search-result__item")
    results.first.wait_for(state="attached", timeout=PATIENCE_MS)
    return [] if results.count() > 1 else ["fewer than two pages"]


if __name__ == "__main__":
    sys.exit(main())
