#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real browser (Debian's chromium) asks `rill receive --spsp` from a page of another origin, as a
wallet or a site with Web Monetization does: CORS as RFC 9 says, judged by who enforces it.

usage: browser.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

Prints TAP.
"""

import base64
import http.server
import json
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import harness
from harness import run_with_node
from spsp_server import serve

CASES = []
PAGE = """<!doctype html><title>a page of another origin</title><script>
async function ask (url, options) {
  try {
    const answer = await fetch(url, options)
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
  } catch (err) {
    return { error: String(err) }
  }
}
(async () => {
  const answers = []
  for (const [url, options] of QUESTIONS) answers.push(await ask(url, options))
  await fetch('/answers', { method: 'POST', body: JSON.stringify(answers) })
})()
</script>
"""


def case(function):
    CASES.append(function)
    return function


class Site:
    """A page that asks, and where it says what it was answered. It allows no other origin."""

    def __init__(self, questions):
        site = self
        self.answers = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = PAGE.replace("QUESTIONS", json.dumps(questions)).encode()
                self.reply(body, "text/html" if self.path == "/" else "application/spsp4+json")

            def do_POST(self):
                site.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.reply(b"", "text/plain")

            def reply(self, body, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def browse(questions):
    """What the page was answered."""
    site = Site(questions)
    folder = tempfile.mkdtemp(prefix="rill-browser-")
    browser = subprocess.Popen(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--no-first-run", "--no-proxy-server",
         f"--user-data-dir={folder}", "--remote-debugging-port=0", site.url + "/"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        return site.answers.get(timeout=harness.LIMIT)
    except queue.Empty:
        raise AssertionError(f"the browser did not answer; it has ended: {browser.poll()}") from None
    finally:
        browser.terminate()
        try:
            browser.wait(10)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()
        site.close()
        shutil.rmtree(folder, ignore_errors=True)


@case
def a_page_of_another_origin_gets_an_answer(t):
    p = serve(t, "--user", "alice")
    stranger = Site([])
    try:
        plain, asking, missing, refused = browse([
            [f"{p.url}/alice", {"headers": {"Accept": "application/spsp4+json"}}],
            # A header that a browser asks about first, by OPTIONS.
            [f"{p.url}/alice", {"headers": {"Accept": "application/spsp4+json",
                                            "Web-Monetization-Id": "dcd479ad-7d8d-4210-956a-13c14b8c67eb"}}],
            [f"{p.url}/nobody", {"headers": {"Accept": "application/spsp4+json"}}],
            # So that it is known to look: this server allows nobody.
            [f"{stranger.url}/alice", {"headers": {"Accept": "application/spsp4+json"}}],
        ])
    finally:
        stranger.close()
    secrets = set()
    for answer in (plain, asking):
        assert answer.get("status") == 200 and answer["type"] == "application/spsp4+json", answer
        credentials = json.loads(answer["text"])
        assert len(base64.b64decode(credentials["shared_secret"])) == 32, credentials
        secrets.add(credentials["shared_secret"])
    assert len(secrets) == 2, "each query is for one payer"
    assert missing.get("status") == 404 and json.loads(missing["text"])["id"] == "InvalidReceiverError", missing
    assert "error" in refused, refused
    p.process.send_signal(signal.SIGTERM)
    assert p.end() == 0, p.text


@case
def what_a_page_was_given_can_be_paid(t):
    p = serve(t, "--user", "alice")
    [answer] = browse([[f"{p.url}/alice", {"headers": {"Accept": "application/spsp4+json"}}]])
    sender = t.rill("send", "--json", "--link", t.link("payer"), "--credentials",
                    t.file("answer.json", answer["text"]), "--amount", "1234")
    assert sender.end() == 0 and sender.events()[-1]["delivered"] == "1234", sender.text


if __name__ == "__main__":
    sys.exit(run_with_node(CASES))
