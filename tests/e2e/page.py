#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator's page in Debian's chromium: at two sizes, light and dark, in every state that it has.

usage: page.py FOLDER_OF_PROGRAMS FOLDER_OF_EXAMPLES [TEST...]

RILL_PICTURES=FOLDER: keeps a picture of each state. Prints TAP.
"""

import json
import os
import re
import signal
import socket
import sys

from harness import run_tests
from chrome import Browser
from connector import TWO_ASSETS, Connector, receive, send
from rillctl import ctl

CASES = []
PICTURES = os.environ.get("RILL_PICTURES")
OPERATED = TWO_ASSETS + "admin: {port: PORT, tokens: env:TOKEN_OPERATOR}\n"
SIZES = [(1280, 900, False), (1280, 900, True), (375, 800, False), (375, 800, True)]

# WCAG 2.2, 1.4.3: each text against what is behind it.
CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number)
  const light = rgb => rgb.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor)
      if (colour.length === 3 || colour[3] === 1) return colour
    }
    return parse(getComputedStyle(document.documentElement).getPropertyValue('background-color'))
  }
  const bad = []
  let count = 0
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement
    if (!walker.currentNode.textContent.trim() || !e.checkVisibility() || e.matches('.unseen, .skip, :disabled, script, style, noscript *')) continue
    const style = getComputedStyle(e)
    const [a, b] = [light(parse(style.color)), light(behind(e))].sort((x, y) => y - x)
    const size = parseFloat(style.fontSize)
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    count++
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) bad.push(`${walker.currentNode.textContent.trim()} ${style.color} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`)
  }
  return { count, bad }
})()"""

# What a screen reader is told: names of what can be used, headings of tables, landmarks.
NAMED = """(() => {
  const bad = []
  for (const e of document.querySelectorAll('button, input, select, a, dialog, [role=region], canvas, table')) {
    if (!e.checkVisibility()) continue
    const label = e.labels?.length > 0 ? e.labels[0].textContent : null
    const by = e.getAttribute('aria-labelledby')
    const name = (by ? document.getElementById(by)?.textContent : null) ?? e.getAttribute('aria-label') ?? label ?? e.caption?.textContent ?? e.textContent
    if (!name.trim()) bad.push(e.outerHTML.slice(0, 200))
  }
  for (const table of document.querySelectorAll('table')) {
    if ([...table.querySelectorAll('thead th')].some(th => th.scope !== 'col')) bad.push('a column without a scope')
    if ([...table.tBodies[0].rows].some(row => row.querySelector('th[scope=row]') === null)) bad.push('a row without a heading: ' + table.caption.textContent)
  }
  for (const landmark of ['header', 'nav[aria-label]', 'main', 'h1']) if (document.querySelectorAll(landmark).length !== 1) bad.push(landmark)
  for (const section of document.querySelectorAll('main > section')) if (!document.getElementById(section.getAttribute('aria-labelledby'))) bad.push(section.id)
  return bad
})()"""


def case(function):
    CASES.append(function)
    return function


def operated(t, config, port=0):
    c = Connector(t, "c", config.replace("PORT", str(port)))
    known(c)
    return c


def known(c):
    c.admin = int(re.search(r"operators on port (\d+)", c.program.until("operators on port", "err")).group(1))
    c.url = f"http://127.0.0.1:{c.admin}/"
    c.program.read_along()


def shown(b, c):
    """The page with its token, as a person gives it."""
    b.size(1280, 900)
    b.open(c.url)
    b.until("document.activeElement.id === 'token'")
    b.type("operator-token")
    b.key("Enter", text="\r")
    b.until("!document.getElementById('main').hidden && document.querySelectorAll('#assets-table tbody tr, #assets-table .empty:not([hidden])').length > 0")


def looked_at(b, name, stale=False):
    """In each size and colour: nothing is cut off, can be read, has a name, and went wrong."""
    for width, height, dark in SIZES:
        b.size(width, height, dark)
        b.run("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
        where = (name, width, "dark" if dark else "light")
        assert b.run("document.documentElement.scrollWidth") <= width, where
        contrast = b.run(CONTRAST)
        assert contrast["count"] > 3 and contrast["bad"] == [], (where, contrast)
        assert b.run(NAMED) == [], (where, b.run(NAMED))
        if PICTURES:
            b.picture(os.path.join(PICTURES, f"{name}-{width}-{'dark' if dark else 'light'}.png"), whole=True)
    b.size(1280, 900)
    assert stale or b.problems == [], b.problems


def stayed_here(b, c):
    assert b.requests and all(url.startswith(c.url) or url.startswith("data:") for _, url in b.requests), b.requests
    assert all(method == "GET" for method, _ in b.requests), b.requests
    assert not any("operator-token" in url for _, url in b.requests)


def text(b, where):
    return b.run(f"document.querySelector({json.dumps(where)}).innerText")


@case
def a_token_is_asked_for(t):
    """It is kept in the tab alone, and forgotten when it is wrong or no longer wanted."""
    c = operated(t, OPERATED.replace("env:TOKEN_OPERATOR", "[env:TOKEN_OPERATOR, {token: env:TOKEN_PROMETHEUS, scopes: metrics}]"))
    with Browser() as b:
        b.size(1280, 900)
        b.open(c.url)
        b.until("!document.getElementById('login').hidden && document.activeElement.id === 'token'")
        assert b.run("document.getElementById('main').hidden") and text(b, "#state") == "token needed"
        b.problems.clear()  # the console says that the answer was 401
        looked_at(b, "login")
        b.type("wrong-token")
        b.key("Enter", text="\r")
        b.until("document.getElementById('refused').innerText.includes('does not know')")
        assert b.run("sessionStorage.length") == 0
        b.type("prometheus-token")  # it is known, and may not look
        b.key("Enter", text="\r")
        b.until("document.getElementById('refused').innerText.includes('it has not the scope read')")
        assert b.run("sessionStorage.length") == 0
        b.type("operator-token")
        b.key("Enter", text="\r")
        b.until("!document.getElementById('main').hidden")
        assert b.run("document.getElementById('login').hidden")
        assert b.run("JSON.stringify([localStorage.length, document.cookie, Object.values(sessionStorage)])") == '[0,"",["operator-token"]]'
        b.open(c.url)  # again, in the same tab
        b.until("!document.getElementById('main').hidden && document.getElementById('state').innerText === 'ready'")
        b.run("document.getElementById('forget').click()")
        b.until("!document.getElementById('login').hidden")
        assert b.run("sessionStorage.length") == 0
        stayed_here(b, c)
    c.stop()


@case
def nothing_yet(t):
    """A node on which nothing has happened."""
    c = operated(t, OPERATED)
    with Browser() as b:
        shown(b, c)
        b.until("document.getElementById('tile-open').innerText === '0'")
        b.problems.clear()
        assert text(b, "#rejects-table") == "No packet was rejected."
        assert text(b, "#entries-table") == "None since the node was started."
        looked_at(b, "empty")
    c.stop()


@case
def what_a_node_does(t):
    """Payments, rejects and settlements are there within seconds, and the plots have them."""
    c = operated(t, OPERATED.replace("credit: 1000000", "credit: 9000000") + "  \n")
    with Browser() as b:
        shown(b, c)
        b.problems.clear()
        r = receive(t, c.link("bob"))
        for i in range(4):
            done = send(t, r.path, 200000 + i, c.link("alice"))
        p = t.rill("ping", "g.nowhere", "--link", c.link("alice"), "--count", "2")
        p.end()
        ctl(c, "settle", "alice", "3.00USD", "--in", "--note", "<b>bank</b> \"7\"", "--who", "maria")
        del done
        b.until("document.getElementById('accounts-table').innerText.replaceAll('\u202f', '').includes('\u22127997.06')")
        b.until("document.getElementById('entries-table').innerText.includes('<b>bank</b> \"7\"')")
        b.until("document.getElementById('rejects-table').innerText.includes('F02 Unreachable')")
        b.until("[...document.querySelectorAll('#log li b')].some(e => e.innerText === 'account')")
        b.until("document.getElementById('text-packets').innerText.includes('fulfilled')")
        assert b.run("Chart.getChart('plot-packets').data.datasets[0].data.some(point => point.y > 0)")
        assert b.run("Chart.getChart('plot-times').data.datasets[1].data.some(point => point.y > 0)")
        assert text(b, "#tile-up") == "1" and "of 2" in text(b, "#tile-accounts")
        looked_at(b, "busy")
        # The details of an account, by keyboard, and back to where it was.
        b.run("document.querySelector('#accounts-table tbody button').focus()")
        b.key("Enter", text="\r")
        b.until("document.getElementById('account').open")
        assert "T04" in text(b, "#account") or "F02" in text(b, "#account"), text(b, "#account")
        assert text(b, "#account-limits").replace("\n", " ") == (
            "Largest packet no limit Packets a second from it no limit Amount a second from it no limit "
            "Packets a second to it no limit Amount a second to it no limit"), text(b, "#account-limits")
        looked_at(b, "details")
        b.key("Escape")
        b.until("!document.getElementById('account').open")
        assert b.run("document.activeElement.dataset.key") == "alice"
        # What is new waits while it is paused.
        b.run("document.getElementById('pause').click()")
        assert b.run("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
        stayed_here(b, c)
    c.stop()
    r.kill()


@case
def by_keyboard(t):
    """First the way to the content; and who is where can be seen."""
    c = operated(t, OPERATED)
    with Browser() as b:
        shown(b, c)
        b.problems.clear()
        b.run("document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex')")
        b.key("Tab")
        assert b.run("document.activeElement.className") == "skip", b.run("document.activeElement.outerHTML")
        assert b.run("document.activeElement.getBoundingClientRect().top") >= 0
        seen = set()
        for _ in range(60):
            b.key("Tab")
            where = b.run("(e => [e.tagName, e.id || e.innerText.slice(0, 30), getComputedStyle(e).outlineStyle, parseFloat(getComputedStyle(e).outlineWidth)])(document.activeElement)")
            if where[0] == "BODY":
                break
            assert where[2] != "none" and where[3] >= 2, where
            seen.add(where[1])
        assert {"forget", "accounts-filter", "routes-filter", "pause", "log", "alice",
                "packets-account", "packets-outcome", "packets-pause"} <= seen, seen
        # Sorted by the keyboard, and said so.
        b.run("[...document.querySelectorAll('#accounts-table thead button')].find(e => e.innerText.startsWith('Balance')).focus()")
        b.key("Enter", text="\r")
        assert b.run("[...document.querySelectorAll('#accounts-table th[aria-sort]')].map(th => th.innerText.split(' ')[0] + th.ariaSort).join()") == "Balanceascending"
        assert b.problems == [], b.problems
    c.stop()


@case
def a_thousand_accounts(t):
    """50 of them are in the document; sorting and finding take no time that anybody notices."""
    many = "".join(f"  a{i}: {{relation: peer, asset: USD/2, tokens: env:TOKEN_A, credit: {i}}}\n".replace("TOKEN_A,", f"TOKEN_A{i},") for i in range(1000))
    c = operated(t, OPERATED.replace("rates:", many + "rates:"))
    with Browser() as b:
        shown(b, c)
        b.until("document.querySelector('#accounts-table .pages').innerText.includes('of 1002')")
        b.problems.clear()
        assert b.run("document.querySelectorAll('#accounts-table tbody tr').length") == 50
        took = b.run("""(() => {
          const start = performance.now()
          for (const button of document.querySelectorAll('#accounts-table thead button')) button.click()
          const find = document.getElementById('accounts-filter')
          find.value = 'a77'
          find.dispatchEvent(new Event('input'))
          return performance.now() - start
        })()""")
        assert took < 5000, took  # ten sorts and a search
        assert b.run("document.querySelectorAll('#accounts-table tbody tr').length") == 11
        b.run("(find => { find.value = 'zzz'; find.dispatchEvent(new Event('input')) })(document.getElementById('accounts-filter'))")
        assert text(b, "#accounts-table") == "Nothing of this name."
        b.run("(find => { find.value = ''; find.dispatchEvent(new Event('input')) })(document.getElementById('accounts-filter'))")
        before = text(b, "#accounts-table tbody")
        b.run("[...document.querySelectorAll('#accounts-table .pages button')].find(e => e.innerText === 'Next').click()")
        assert text(b, "#accounts-table tbody") != before
        looked_at(b, "many")
        r = receive(t, c.link("bob"))
        send(t, r.path, 1000, c.link("alice"))
        b.until("[...document.querySelectorAll('#log li')].some(e => e.innerText.includes('alice'))")
    c.stop()
    r.kill()


@case
def limits_of_packets(t):
    """What an account may send and be sent is in its details, each with its unit."""
    c = operated(t, OPERATED.replace("tokens: env:TOKEN_ALICE", "tokens: env:TOKEN_ALICE, max-packet: 123456789, packets-a-second: 2500, "
                                     "amount-a-second: 700000, packets-to-a-second: 31, amount-to-a-second: 5"))
    with Browser() as b:
        shown(b, c)
        b.until("document.querySelector('#accounts-table [data-key=alice]') !== null")
        b.problems.clear()
        b.run("document.querySelector('#accounts-table [data-key=alice]').focus()")
        b.key("Enter", text="\r")
        b.until("document.getElementById('account').open")
        said = dict(zip(text(b, "#account-limits").split("\n")[::2], text(b, "#account-limits").split("\n")[1::2]))
        assert said == {"Largest packet": "1\u202f234\u202f567.89 USD", "Packets a second from it": "2\u202f500", "Amount a second from it": "7\u202f000.00 USD",
                        "Packets a second to it": "31", "Amount a second to it": "0.05 USD"}, said
        looked_at(b, "limits")
        stayed_here(b, c)
    c.stop()


@case
def what_is_outstanding(t):
    """What an engine was asked for and has not confirmed is shown, with why, until it is ended."""
    with socket.socket() as nobody:  # a port at which nobody answers
        nobody.bind(("127.0.0.1", 0))
        engine = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        c = operated(t, OPERATED.replace("tokens: env:TOKEN_BOB", f"tokens: env:TOKEN_BOB, settlement: {{engine: '{engine}', threshold: 1000, settle-to: 100}}"))
        with Browser() as b:
            shown(b, c)
            b.problems.clear()
            assert text(b, "#outstanding-table") == "Nothing is outstanding."
            r = receive(t, c.link("bob"))
            send(t, r.path, 200000, c.link("alice"))
            b.until("document.querySelectorAll('#outstanding-table tbody tr').length === 1")
            b.until("!document.querySelector('#outstanding-table tbody').innerText.includes('–')")
            known = ctl(c, "outstanding", "--json").json()["outstanding"][0]
            row = text(b, "#outstanding-table tbody tr")
            assert row.startswith("bob") and engine in row and known["key"] in row and "EUR" in row, row
            b.until(f"document.querySelector('#outstanding-table tbody').innerText.includes({json.dumps(known['problem'])})")
            looked_at(b, "outstanding")
            ctl(c, "settle", "bob", "--end", known["key"], "--paid", "--who", "maria")
            b.until("document.querySelector('#outstanding-table .empty').checkVisibility()")
            assert text(b, "#outstanding-table") == "Nothing is outstanding."
            stayed_here(b, c)
        c.stop()
        r.kill()


@case
def thousands_of_routes(t):
    """The node gives a thousand at a time: the page goes on and back by keyboard, and finds what is in none of those that it has."""
    many = "".join(line(i) for i in range(2500))
    c = operated(t, OPERATED + "routes:\n" + many)
    with Browser() as b:
        shown(b, c)
        b.until("document.querySelector('#routes-table .pages').innerText.includes('of 1000')")
        b.problems.clear()
        assert text(b, "#routes-part") == "1\u202f000 routes by prefix, from g.r0000 to g.r0999. There are more after these.", text(b, "#routes-part")
        assert b.run("document.getElementById('routes-before').disabled")
        looked_at(b, "routes")
        b.run("document.getElementById('routes-next').focus()")
        b.key("Enter", text="\r")
        part(b, "1\u202f000 routes by prefix, from g.r1000 to g.r1999. There are more before and after these.")
        assert b.run("document.activeElement.id") == "routes-next"
        assert b.run("document.querySelector('#routes-table tbody th').innerText") == "g.r1000"
        b.key("Enter", text="\r")
        part(b, "503 routes by prefix, from g.r2000 to g.x.bob. There are more before these.")
        # Where there is nothing to go on to, whoever is there is on the way back.
        assert b.run("document.activeElement.id") == "routes-before"
        assert b.run("document.getElementById('routes-next').disabled")
        looked_at(b, "routes-last")
        b.key("Enter", text="\r")
        part(b, "1\u202f000 routes by prefix, from g.r1000 to g.r1999. There are more before and after these.")
        # The node finds it, though the page does not have it.
        find(b, "routes-filter", "g.r249")
        b.until("document.querySelectorAll('#routes-table tbody tr').length === 10")
        assert not b.run("document.getElementById('routes-parts').checkVisibility()")
        find(b, "routes-filter", "")
        part(b, "1\u202f000 routes by prefix, from g.r0000 to g.r0999. There are more after these.")
        # What changes is seen in the part that is shown; when nothing of it is left, the first one is.
        b.run("document.getElementById('routes-next').click()")
        part(b, "1\u202f000 routes by prefix, from g.r1000 to g.r1999. There are more before and after these.")
        routes_are(c, many, range(1200))
        part(b, "203 routes by prefix, from g.r1000 to g.x.bob. There are more before these.")
        find(b, "routes-filter", "g.r")
        part(b, "1\u202f000 routes by prefix, from g.r0000 to g.r0999. There are more after these.")
        b.run("document.getElementById('routes-next').click()")
        part(b, "200 routes by prefix, from g.r1000 to g.r1199. There are more before these.")
        routes_are(c, "".join(line(i) for i in range(1200)), range(20))
        b.until("!document.getElementById('routes-parts').checkVisibility() && document.querySelectorAll('#routes-table tbody tr').length === 20")
        stayed_here(b, c)
    c.stop()


def line(i):
    return f"  - {{prefix: g.r{i:04}, account: bob}}\n"


def routes_are(c, before, numbers):
    with open(c.path, encoding="utf-8") as f:
        config = f.read()
    assert before in config
    with open(c.path, "w", encoding="utf-8") as f:
        f.write(config.replace(before, "".join(line(i) for i in numbers)))
    ctl(c, "reload")


def part(b, said):
    b.until(f"document.getElementById('routes-part').innerText === {json.dumps(said)}")


def find(b, where, words):
    b.run(f"(e => {{ e.value = {json.dumps(words)}; e.dispatchEvent(new Event('input')) }})(document.getElementById('{where}'))")


def showing(b):
    """The packets are on the screen, and those who watch are asked for."""
    b.run("document.getElementById('packets').scrollIntoView()")
    b.until("document.querySelector('#packets-table .empty, #packets-table tr') !== null")


def rows(b, what):
    return b.run("[...document.querySelectorAll('#packets-table tbody tr')].filter(row => row.innerText.includes("
                 + json.dumps(what) + ")).length")


@case
def packets_as_they_pass(t):
    """Each state of it: none, under way, fulfilled, rejected, expired, paused, and filtered."""
    c = operated(t, OPERATED)
    with Browser() as b:
        shown(b, c)
        showing(b)
        b.problems.clear()
        b.until("document.getElementById('packets-count').innerText === 'No such packet in the last second.'")
        assert text(b, "#packets-table") == "No such packet has passed while this was shown."
        looked_at(b, "packets-none")
        showing(b)
        # Under way while the receiver is stopped, and then fulfilled; or expired.
        r = receive(t, c.link("bob"))
        r.process.send_signal(signal.SIGSTOP)
        payer = t.rill("send", r.path, "12345", "--link", c.link("alice"), "--json")
        b.until("[...document.querySelectorAll('#packets-table tbody tr')].some(row => row.innerText.includes('in flight'))")
        looked_at(b, "packets-open")
        showing(b)
        p = t.rill("trace", "g.x.bob.nobody", "--link", c.link("alice"), "--packet-time", "2", "--timeout", "4")
        b.until("[...document.querySelectorAll('#packets-table tbody tr')].some(row => row.innerText.includes('expired'))")
        p.kill()
        r.process.send_signal(signal.SIGCONT)
        assert payer.end() == 0, payer.text
        b.until("[...document.querySelectorAll('#packets-table tbody tr')].some(row => row.innerText.includes('fulfilled') && row.innerText.includes(' USD'))")
        b.until("![...document.querySelectorAll('#packets-table tbody tr')].some(row => row.innerText.includes('in flight'))")
        p = t.rill("ping", "g.nowhere", "--link", c.link("alice"), "--count", "2")
        p.end()
        b.until("[...document.querySelectorAll('#packets-table tbody tr')].some(row => row.innerText.includes('F02 by this node'))")
        # An id is what the log of packets and others know a packet by.
        assert b.run("[...document.querySelectorAll('#packets-table code')].every(e => /^[0-9a-f]{32}$/.test(e.innerText))")
        # The newest is above the others.
        times = b.run("[...document.querySelectorAll('#packets-table tbody th')].map(e => e.innerText)")
        assert times == sorted(times, reverse=True) and re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", times[0]), times
        # Nothing of it is read out by itself, but that it is paused.
        assert b.run("document.querySelectorAll('#packets [aria-live], #packets [role=status], #packets [role=log], #packets [role=alert]').length") == 1
        assert text(b, "#packets-said") == ""
        looked_at(b, "packets")
        showing(b)
        # By outcome, by account; a code that no packet had; an account that is not there.
        choose(b, "packets-outcome", "F02")
        another(t, c, "g.elsewhere")
        b.until("document.querySelectorAll('#packets-table tbody tr').length > 0")
        assert rows(b, "F02 by this node") == b.run("document.querySelectorAll('#packets-table tbody tr').length")
        choose(b, "packets-outcome", "")
        choose(b, "packets-account", "bob")
        another(t, c, "g.elsewhere")  # is not to or from bob
        done = send(t, r.path, 700, c.link("alice"))
        b.until("[...document.querySelectorAll('#packets-table tbody tr')].some(row => row.innerText.includes('fulfilled'))")
        assert rows(b, "F02 by this node") == 0, done
        choose(b, "packets-account", "nobody")
        b.until("document.querySelector('#packets-table .empty').innerText === 'There is no account of this name.'")
        choose(b, "packets-account", "")
        stayed_here(b, c)
    c.stop()
    r.kill()


def choose(b, where, value):
    b.run(f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('change')) }})(document.getElementById('{where}'))")
    # The node has been asked by then: what passes from now on is seen.
    b.until("document.getElementById('packets-count').innerText !== ''")


def another(t, c, destination):
    p = t.rill("ping", destination, "--link", c.link("alice"), "--count", "1")
    p.end()


@case
def packets_are_paused_by_keyboard(t):
    """The button, and a key that works in this section alone. While it is paused the node is not asked."""
    c = operated(t, OPERATED)
    with Browser() as b:
        shown(b, c)
        showing(b)
        b.problems.clear()
        b.until("document.getElementById('packets-count').innerText !== ''")
        b.run("document.getElementById('packets-pause').focus({preventScroll: true})")
        b.key("Enter", text="\r")
        b.until("document.getElementById('packets-said').innerText === 'Packets are paused.'")
        assert text(b, "#packets-count") == "Paused." and text(b, "#packets-pause") == "Go on"
        assert b.run("document.getElementById('packets-pause').getAttribute('aria-pressed')") == "true"
        another(t, c, "g.nowhere")
        b.until("[...document.querySelectorAll('#rejects-table tbody tr')].some(row => row.innerText.includes('F02'))")
        assert b.run("document.querySelectorAll('#packets-table tbody tr').length") == 0
        looked_at(b, "packets-paused")
        showing(b)
        b.run("document.getElementById('packets-pause').focus({preventScroll: true})")
        b.key("p", code="KeyP", text="p")
        b.until("document.getElementById('packets-said').innerText === 'Packets go on.'")
        b.until("document.getElementById('packets-count').innerText !== ''")
        another(t, c, "g.elsewhere")
        b.until("document.querySelectorAll('#packets-table tbody tr').length === 1")
        # In a field it is a letter, and elsewhere nothing.
        b.run("document.getElementById('packets-account').focus({preventScroll: true})")
        b.key("p", code="KeyP", text="p")
        b.run("document.getElementById('accounts-filter').focus({preventScroll: true})")
        b.key("p", code="KeyP", text="p")
        assert text(b, "#packets-pause") == "Pause"
        assert b.run("[document.getElementById('packets-account').value, document.getElementById('accounts-filter').value].join()") == "p,p"
        assert b.problems == [], b.problems
    c.stop()


@case
def more_packets_than_can_be_shown(t):
    """A sample, with both numbers; the document keeps 100. One packet that waits is found among them."""
    c = operated(t, OPERATED.replace("tokens: env:TOKEN_ALICE", "tokens: env:TOKEN_ALICE, max-packet: 20, packets-a-second: 1000"))
    with Browser() as b:
        shown(b, c)
        showing(b)
        b.problems.clear()
        b.until("document.getElementById('packets-count').innerText !== ''")
        r = receive(t, c.link("bob"))
        payer = t.rill("send", r.path, "60000", "--link", c.link("alice"), "--json")
        line = b.until("/^Showing [\\d\u202f]+ of [\\d\u202f]+ packets of the last second: a sample\\.$/.test(document.getElementById('packets-count').innerText)"
                       " && document.getElementById('packets-count').innerText")
        some, all_of_them = (int(n.replace("\u202f", "")) for n in re.findall("[\\d\u202f]+", line)[:2])
        assert 0 < some <= 140 and some < all_of_them, line
        b.until("document.querySelectorAll('#packets-table tbody tr').length === 100")
        assert payer.end() == 0, payer.text
        b.until("document.getElementById('packets-count').innerText === 'No such packet in the last second.'")
        assert b.run("document.querySelectorAll('#packets-table tbody tr').length") <= 100
        looked_at(b, "packets-sample")
    c.stop()
    r.kill()


@case
def the_node_is_away(t):
    """It says since when, and comes back by itself with what has changed."""
    c = operated(t, OPERATED)
    c.kill()
    with open(c.path, encoding="utf-8") as f:
        config = f.read()
    with open(c.path, "w", encoding="utf-8") as f:  # the same port again
        f.write(config.replace("admin: {port: 0", f"admin: {{port: {c.admin}"))
    c.start()
    known(c)
    with Browser() as b:
        shown(b, c)
        b.until("document.getElementById('state').innerText === 'ready'")
        c.kill()
        b.until("/does not answer since \\d\\d:\\d\\d:\\d\\d/.test(document.getElementById('away').innerText)")
        assert text(b, "#state") == "away" and not b.run("document.getElementById('main').hidden")
        assert b.run("document.getElementById('away').getAttribute('role')") == "status"
        b.problems.clear()
        looked_at(b, "away", stale=True)
        c.start()
        c.program.read_along()
        ctl(c, "settle", "alice", "7", "--in")
        b.until("document.getElementById('state').innerText === 'ready' && document.getElementById('away').innerText === ''")
        b.until("document.getElementById('entries-table').innerText.includes('0.07')")
        assert b.run("!document.getElementById('main').hidden && document.getElementById('login').hidden")
        stayed_here(b, c)
    c.stop()


if __name__ == "__main__":
    sys.exit(run_tests(CASES))
