// SPDX-License-Identifier: Apache-2.0
// Packets as they pass. The node shows a sample of them, and says of how many. It is asked while somebody can see them,
// and no longer: so that packets cost it nothing else.
import { Stream } from './stream.js'
import { make } from './tables.js'
import { coins, count, ms } from './text.js'

const ROWS = 100
const DRAW = 250 // ms: rows change no more often
const KINDS = [['', 'all'], ['open', 'in flight'], ['fulfilled', 'fulfilled'], ['rejected', 'rejected'], ['expired', 'expired']]
const CODES = ['F00 Bad Request', 'F01 Invalid Packet', 'F02 Unreachable', 'F03 Invalid Amount', 'F04 Insufficient Destination Amount',
  'F05 Wrong Condition', 'F06 Unexpected Payment', 'F07 Cannot Receive', 'F08 Amount Too Large', 'F99 Application Error',
  'T00 Internal Error', 'T01 Peer Unreachable', 'T02 Peer Busy', 'T03 Connector Busy', 'T04 Insufficient Liquidity', 'T05 Rate Limited',
  'T99 Application Error', 'R00 Transfer Timed Out', 'R01 Insufficient Source Amount', 'R02 Insufficient Timeout', 'R99 Application Error']
const COLUMNS = [['Time'], ['From'], ['To'], ['Outcome'], ['Takes', 'number'], ['Brings', 'number minor'], ['ms', 'number'], ['Trace id', 'minor']]

function time (text) {
  const at = new Date(text)
  const two = n => String(n).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}

function outcome (p) {
  if (p.result === 'fulfilled') return make('span', { class: 'done' }, 'fulfilled')
  if (p.result === 'open') return make('span', { class: 'off' }, 'in flight')
  if (p.result === 'unknown') return make('span', { class: 'off' }, 'not known')
  if (p.result === 'R00' && p.by === 'node') return make('span', { class: 'owes' }, 'expired')
  return make('span', { class: 'owes' }, `${p.result} by ${p.by === 'node' ? 'this node' : p.to}`)
}

/*
 * on: assetOf(account): its asset or undefined; isAccount(name); refused(problem): the token is not good any more;
 * names(words): accounts to offer
 */
export class Packets {
  constructor (get, on) {
    Object.assign(this, { get, on, rows: new Map(), waiting: new Map(), paused: false, seen: false, open: false, stream: null, round: 0, drawing: null })
    this.body = make('tbody')
    const heads = COLUMNS.map(([title, kind]) => make('th', { scope: 'col', class: kind }, title))
    const table = make('table', {}, make('caption', { class: 'unseen' }, 'Packets as they pass, the newest first'), make('thead', {}, make('tr', {}, ...heads)), this.body)
    this.scroll = make('div', { class: 'scroll passing', role: 'region', 'aria-label': 'Packets as they pass', tabindex: '0' }, table)
    this.nothing = make('p', { class: 'empty' })
    get('packets-table').replaceChildren(this.scroll, this.nothing)
    get('packets-outcome').append(...KINDS.map(([value, text]) => make('option', { value }, text)),
      make('optgroup', { label: 'rejected with' }, ...CODES.map(text => make('option', { value: text.slice(0, 3) }, text))))
    get('packets-outcome').addEventListener('change', () => this.ask())
    get('packets-account').addEventListener('input', () => this.offer())
    get('packets-account').addEventListener('change', () => this.ask())
    get('packets-pause').addEventListener('click', () => this.pause())
    // The key works within this section alone, and not where it is a letter.
    get('packets').addEventListener('keydown', event => {
      if (event.key !== 'p' || event.ctrlKey || event.altKey || event.metaKey || event.target.matches('input, select')) return
      event.preventDefault()
      this.pause()
    })
    document.addEventListener('visibilitychange', () => this.look())
    new IntersectionObserver(entries => {
      this.seen = entries.at(-1).isIntersecting
      this.look()
    }, { rootMargin: '100px' }).observe(get('packets'))
    this.draw()
  }

  // Whether the page is there at all.
  show (is) {
    this.open = is
    this.look()
  }

  look () {
    const wanted = this.open && this.seen && !this.paused && document.visibilityState === 'visible'
    if (wanted && this.stream === null) this.begin()
    if (!wanted && this.stream !== null) this.end()
  }

  pause () {
    this.paused = !this.paused
    const button = this.get('packets-pause')
    button.setAttribute('aria-pressed', String(this.paused))
    button.textContent = this.paused ? 'Go on' : 'Pause'
    // The only thing here that is read out by itself.
    this.get('packets-said').textContent = this.paused ? 'Packets are paused.' : 'Packets go on.'
    this.look()
    if (this.paused) this.count('Paused.')
  }

  // Other packets are wanted from now on.
  ask () {
    this.end()
    this.rows.clear()
    this.waiting.clear()
    this.body.replaceChildren()
    this.draw()
    this.count('')
    this.look()
  }

  offer () {
    const words = this.get('packets-account').value.trim().toLowerCase()
    this.get('packets-names').replaceChildren(...this.on.names(words).map(value => make('option', { value })))
  }

  count (text, sampled = false) {
    this.get('packets-count').textContent = text
    this.get('packets-count').classList.toggle('sampled', sampled)
  }

  begin () {
    const account = this.get('packets-account').value.trim()
    const kind = this.get('packets-outcome').value
    const query = new URLSearchParams()
    if (account) query.set('account', account)
    if (kind) query.set('outcome', kind)
    const stream = this.stream = new Stream('/v1/packets/live' + (String(query) && '?' + query), {
      open: () => this.forget(),
      event: (name, data) => {
        if (stream !== this.stream) return
        if (name === 'packet') this.take(data)
        else if (name === 'count') this.passed(data)
      },
      away: (since, problem) => {
        if (stream === this.stream) this.count(`Nothing is known of packets now: ${problem}.`)
      },
      refused: problem => this.on.refused(problem)
    })
    if (this.get('packets-count').textContent === 'Paused.') this.count('')
    stream.run()
  }

  end () {
    this.stream?.stop()
    this.stream = null
  }

  // What was under way when nobody looked: how it ended is not known here.
  forget () {
    this.round++
    for (const row of this.rows.values()) {
      if (row.packet.result !== 'open') continue
      row.packet = { ...row.packet, result: 'unknown' }
      row.changed = true
    }
    this.draw()
  }

  take (packet) {
    const key = `${this.round}.${packet.number}`
    this.waiting.delete(key)
    this.waiting.set(key, packet)
    if (this.waiting.size > ROWS) this.waiting.delete(this.waiting.keys().next().value)
    this.drawing ??= setTimeout(() => {
      this.drawing = null
      this.draw()
    }, DRAW)
  }

  passed ({ seconds, passed, shown }) {
    const time = Math.round(seconds) > 1 ? `${Math.round(seconds)} seconds` : 'second'
    if (passed === 0) this.count(`No such packet in the last ${time}.`)
    else this.count(`Showing ${count(shown)} of ${count(passed)} packets of the last ${time}${passed > shown ? ': a sample' : ''}.`, passed > shown)
  }

  cells (p) {
    const amount = (units, account) => {
      const asset = units === null ? undefined : this.on.assetOf(account)
      return units === null ? '–' : asset === undefined ? `${units} units` : `${coins(units, asset.scale)} ${asset.code}`
    }
    return [time(p.came), p.from, p.to ?? '–', outcome(p), amount(p.in, p.from), amount(p.out, p.to),
      p.us === null ? '–' : ms(p.us / 1000), p.id === null ? '–' : make('code', {}, p.id)]
  }

  fill (row) {
    row.changed = false
    row.place.replaceChildren(...this.cells(row.packet).map((cell, i) =>
      make(i === 0 ? 'th' : 'td', { scope: i === 0 ? 'row' : null, class: COLUMNS[i][1] }, cell)))
  }

  // Rows stay where they are, and new ones come above them: who reads one does not lose it.
  draw () {
    const inFlight = this.get('packets-outcome').value === 'open'
    for (const [key, packet] of this.waiting) {
      const row = this.rows.get(key)
      if (row !== undefined) {
        row.packet = packet
        row.changed = true
      } else {
        const fresh = { packet, place: make('tr'), changed: true }
        this.rows.set(key, fresh)
        this.body.prepend(fresh.place)
      }
    }
    this.waiting.clear()
    for (const [key, row] of this.rows) {
      if (this.rows.size > ROWS || (inFlight && row.packet.result !== 'open')) {
        row.place.remove()
        this.rows.delete(key)
      } else if (row.changed) {
        this.fill(row)
      }
    }
    const account = this.get('packets-account').value.trim()
    this.scroll.hidden = this.rows.size === 0
    this.nothing.hidden = this.rows.size > 0
    this.nothing.textContent = account && !this.on.isAccount(account) ? 'There is no account of this name.' : 'No such packet has passed while this was shown.'
  }
}
