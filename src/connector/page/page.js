// SPDX-License-Identifier: Apache-2.0
// The page: it asks for all once, and is told from then on what changes.
import { ask, Refused, Stream, token } from './stream.js'
import { make, Table } from './tables.js'
import { Packets } from './packets.js'
import { Plot } from './plots.js'
import { clock, coins, count, ms, rate, used, when, whole, worth } from './text.js'

const get = id => document.getElementById(id)
const LOG = 100
const STALE = 3000 // ms after which what an account did is not what it does

const state = { accounts: new Map(), rejects: new Map(), entries: [], paused: false, started: false }
let stream = null

// ---- parts of rows ----

function amount (units, scale) {
  const text = coins(units, scale)
  return units.startsWith('-') ? make('span', { class: 'owes' }, text) : text
}

function limit (account) {
  const part = used(account)
  if (part === null) return make('span', { class: 'off' }, 'no limit')
  if (account.credit === '0') return make('span', { class: 'off' }, 'no credit')
  const bar = make('i')
  bar.style.width = `${part * 100}%`
  return make('span', {}, make('span', { class: part > 0.9 ? 'meter full' : 'meter', 'aria-hidden': 'true' }, bar),
    `${Math.round(part * 100)}\u202f% of ${whole(account.credit, account.asset.scale)}`)
}

function asset (a) {
  return `${a.code}/${a.scale}`
}

function prefixOf (route) {
  return route.prefix || '(all that is left)'
}

function live (account, what) {
  return account.seen !== undefined && Date.now() - account.seen < STALE ? account[what] : 0
}

function name (account) {
  return make('button', { type: 'button', class: 'link', 'data-key': account.name, onclick: () => showAccount(account) }, account.name)
}

const accounts = new Table(get('accounts-table'), 'Accounts', [
  { title: 'Account', cell: name, by: a => a.name, head: true },
  { title: 'Relation', cell: a => a.relation, by: a => a.relation, minor: true },
  { title: 'Asset', cell: a => asset(a.asset), by: a => asset(a.asset) },
  { title: 'Balance', cell: a => amount(a.balance, a.asset.scale), by: a => worth(a.balance, a.asset.scale), number: true },
  { title: 'Held', cell: a => a.held === '0' ? '0' : coins(a.held, a.asset.scale), by: a => worth(a.held, a.asset.scale), number: true, minor: true, down: true },
  { title: 'Credit used', cell: limit, by: a => used(a) ?? -1, down: true },
  { title: 'Links', cell: a => a.sessions > 0 ? String(a.sessions) : make('span', { class: 'off' }, 'away'), by: a => a.sessions, number: true },
  { title: 'Fulfilled/s', cell: a => rate(live(a, 'fulfilled')), by: a => live(a, 'fulfilled'), number: true, down: true },
  { title: 'Rejected/s', cell: a => rate(live(a, 'refused')), by: a => live(a, 'refused'), number: true, minor: true, down: true },
  { title: 'Packets', cell: a => count(a.packets.from), by: a => a.packets.from, number: true, minor: true, down: true }
], {
  empty: 'The configuration has no accounts.',
  by: 0,
  match: (a, words) => `${a.name} ${a.relation} ${asset(a.asset)}`.toLowerCase().includes(words)
})

const rejectColumns = [
  { title: 'Code', cell: r => make('span', {}, make('b', {}, r.code ?? ''), ` ${r.name}`), by: r => r.code ?? '', head: true },
  { title: 'Account', cell: r => r.account, by: r => r.account },
  { title: 'By', cell: r => r.by ?? 'this node', by: r => r.by ?? '' },
  { title: 'Count', cell: r => count(r.count), by: r => r.count, number: true, down: true },
  { title: 'Last message', cell: r => r.message || '–', long: true },
  { title: 'Last', cell: r => when(r.last), by: r => r.last, minor: true, down: true }
]
const rejects = new Table(get('rejects-table'), 'Rejects', rejectColumns, { empty: 'No packet was rejected.', by: 3, descending: true })
const accountRejects = new Table(get('account-rejects'), 'Rejects of the account', rejectColumns.filter(c => c.title !== 'Account'), { empty: 'None was.', by: 2, descending: true })

const assets = new Table(get('assets-table'), 'Assets', [
  { title: 'Asset', cell: asset, head: true },
  { title: 'Owed to accounts', cell: a => coins(a.owed_to_accounts, a.scale), number: true },
  { title: 'Owed by accounts', cell: a => coins(a.owed_by_accounts, a.scale), number: true },
  { title: 'Exchange', cell: a => coins(a.exchange, a.scale), number: true },
  { title: 'Outside', cell: a => coins(a.outside, a.scale), number: true }
], { empty: 'No account has an asset yet.' })

const rates = new Table(get('rates-table'), 'Rates', [
  { title: 'Pair', cell: p => `${p.from.code} to ${p.to.code}`, by: p => p.from.code + p.to.code, head: true },
  { title: 'Pays', cell: p => `${coins(p.units, p.from.scale)} ${p.from.code}`, number: true },
  { title: 'Brings', cell: p => p.state === 'good' ? `${coins(p.brings, p.to.scale)} ${p.to.code}` : '–', number: true },
  { title: 'Spread', cell: p => `${(Number(p.spread) * 100).toFixed(2)}\u202f%`, number: true, minor: true },
  { title: 'Price', cell: p => p.state === 'good' ? 'good' : make('span', { class: 'owes' }, p.state) }
], { empty: 'All accounts have the same asset.' })

const routes = new Table(get('routes-table'), 'Routes', [
  { title: 'Prefix', cell: prefixOf, by: r => r.prefix, head: true },
  { title: 'By', cell: r => r.account ?? 'this node', by: r => r.account ?? '' },
  { title: 'From', cell: r => r.kind, by: r => r.kind },
  { title: 'Hops', cell: r => r.kind === 'learnt' ? String(r.hops) : '–', by: r => r.hops, number: true, minor: true },
  { title: 'Packets take it', cell: r => r.away ? 'its neighbour is away' : r.taken ? 'yes' : 'no', by: r => String(r.taken) }
], { empty: 'No route begins so.', by: 0 })

const outstanding = new Table(get('outstanding-table'), 'Outstanding at engines', [
  { title: 'Account', cell: o => o.open ? o.account : make('span', {}, o.account, make('span', { class: 'off' }, ' (not in the configuration)')), by: o => o.account, head: true },
  { title: 'Amount', cell: o => `${coins(o.amount, o.asset.scale)} ${o.asset.code}`, by: o => worth(o.amount, o.asset.scale), number: true, down: true },
  { title: 'Since', cell: o => when(o.begun), by: o => o.begun },
  { title: 'Tries', cell: o => count(o.tries), by: o => o.tries, number: true, down: true },
  { title: 'Problem', cell: o => o.problem ?? '–', long: true },
  { title: 'Engine', cell: o => o.engine, by: o => o.engine, minor: true },
  { title: 'Key', cell: o => make('code', {}, o.key), minor: true }
], { empty: 'Nothing is outstanding.', by: 2 })

const entries = new Table(get('entries-table'), 'Settlements', [
  { title: 'Time', cell: e => when(e.at), head: true },
  { title: 'Account', cell: e => e.account },
  { title: 'Kind', cell: e => e.kind },
  { title: 'Amount', cell: e => `${coins(e.amount, Number(e.asset.split('/').pop()))} ${e.asset.split('/')[0]}`, number: true },
  { title: 'By', cell: e => e.who, minor: true },
  { title: 'Note', cell: e => e.note || '–', long: true, minor: true }
], { empty: 'None since the node was started.' })

const passing = new Packets(get, {
  assetOf: account => state.accounts.get(account)?.asset,
  isAccount: account => state.accounts.has(account),
  names: words => [...state.accounts.keys()].filter(account => account.toLowerCase().includes(words)).slice(0, 20),
  refused: problem => refused(problem)
})

const packets = new Plot(get('plot-packets'), ['fulfilled', 'rejected'], value => rate(value))
const times = new Plot(get('plot-times'), ['median', '99 of 100 within'], value => ms(value))

// ---- all at once ----

async function load () {
  const [node, all, rejected, owned, prices, recent, asked] = await Promise.all(
    ['/v1/node', '/v1/accounts', '/v1/rejects', '/v1/assets', '/v1/rates', '/v1/entries', '/v1/outstanding'].map(ask))
  showNode(node)
  const before = state.accounts
  state.accounts = new Map(all.accounts.map(a => [a.name, { ...before.get(a.name), ...a }]))
  state.rejects = new Map(rejected.rejects.map(r => [rejectKey(r), r]))
  state.entries = recent.entries
  accounts.set([...state.accounts.values()])
  rejects.set([...state.rejects.values()])
  entries.set(state.entries)
  outstanding.set(asked.outstanding)
  showMoney(owned, prices)
  await ways.load()
  showUp()
}

function showNode (node) {
  get('address').textContent = node.address
  get('version').textContent = 'Rill ' + node.version
  document.title = `${node.address} – Rill`
  showState(node.state)
}

function showState (text) {
  get('state').textContent = text
  get('state').dataset.state = text === 'ready' ? 'good' : text === 'connecting' ? 'wait' : 'bad'
}

function showMoney (owned, prices) {
  assets.set(owned.assets)
  rates.set(prices.pairs)
  get('rates-base').textContent = prices.base ? `priced in ${prices.base}` : ''
}

function showUp () {
  let up = 0
  for (const a of state.accounts.values()) up += a.sessions > 0
  get('tile-up').textContent = count(up)
  get('tile-accounts').textContent = `of ${count(state.accounts.size)}`
}

// There may be a million routes. The node gives a thousand at a time, by prefix, and says where the next ones begin.
const ways = {
  before: [], // where the parts before this one begin
  after: '', // where this one does
  next: null,

  async load () {
    const asked = this.after
    const prefix = get('routes-filter').value.trim()
    const query = new URLSearchParams(Object.entries({ prefix, after: asked }).filter(([, value]) => value))
    const found = await ask('/v1/routes' + (query.size > 0 ? '?' + query : ''))
    if (asked !== this.after || prefix !== get('routes-filter').value.trim()) return // somebody went on meanwhile
    if (found.routes.length === 0 && this.before.length > 0) return this.begin() // these are gone
    this.next = found.next ?? null
    routes.set(found.routes)
    this.show(found.routes)
  },

  begin () {
    Object.assign(this, { before: [], after: '', next: null })
    return this.load()
  },

  show (all) {
    const more = [this.before.length > 0 && 'before', this.next !== null && 'after'].filter(Boolean).join(' and ')
    get('routes-parts').hidden = this.next === null && this.before.length === 0
    get('routes-part').textContent = more ? `${count(all.length)} routes by prefix, from ${prefixOf(all[0])} to ${prefixOf(all.at(-1))}. There are more ${more} these.` : ''
    this.enable(get('routes-before'), this.before.length > 0, get('routes-next'))
    this.enable(get('routes-next'), this.next !== null, get('routes-before'))
  },

  // Who is on a button that cannot be used any more is on the other one.
  enable (button, is, other) {
    const focus = document.activeElement === button
    button.disabled = !is
    if (focus && !is) {
      other.disabled = false
      other.focus()
    }
  },

  turn (on) {
    if (on && this.next === null) return
    if (on) {
      this.before.push(this.after)
      this.after = this.next
    } else {
      this.after = this.before.pop() ?? ''
    }
    routes.page = 0
    loadRoutes()
  }
}

function rejectKey (r) {
  return JSON.stringify([r.account, r.code, r.by, r.triggered_by])
}

// However often it is called, it runs once in so many milliseconds.
function atMost (wait, run) {
  let timer = null
  return () => {
    timer ??= setTimeout(() => {
      timer = null
      Promise.resolve(run()).catch(problem => { if (problem instanceof Refused) refused(problem) })
    }, wait)
  }
}

const drawAccounts = atMost(1000, () => {
  if (document.visibilityState === 'visible') accounts.set([...state.accounts.values()])
  showUp()
})
const drawRejects = atMost(1000, () => rejects.set([...state.rejects.values()]))
const loadRoutes = atMost(300, () => ways.load())
const findRoutes = atMost(300, () => ways.begin())
const loadOutstanding = atMost(1000, async () => outstanding.set((await ask('/v1/outstanding')).outstanding))
const loadMoney = atMost(2000, async () => showMoney(await ask('/v1/assets'), await ask('/v1/rates')))
const loadAll = atMost(300, load)

// ---- what happens ----

const take = {
  account (e) {
    const a = state.accounts.get(e.account)
    if (a === undefined) return loadAll()
    Object.assign(a, { balance: e.balance, held: e.held, coming: e.coming, sessions: e.sessions, seen: Date.now() })
    a.fulfilled = e.seconds > 0 ? e.packets.fulfilled / e.seconds : 0
    a.refused = e.seconds > 0 ? e.packets.rejected / e.seconds : 0
    a.packets.from += e.packets.fulfilled + e.packets.rejected
    a.packets.rejected += e.packets.rejected
    a.packets.to += e.packets.sent
    loadMoney()
  },
  link (e) {
    const a = state.accounts.get(e.account)
    if (a === undefined) return loadAll()
    a.sessions = e.sessions
    loadRoutes()
  },
  rejects (e) {
    const key = rejectKey(e)
    const r = state.rejects.get(key) ?? { ...e, count: 0 }
    state.rejects.set(key, { ...r, count: r.count + e.count, message: e.message, last: e.at })
    drawRejects()
  },
  node (e) {
    const seconds = Math.max(e.seconds, 0.001)
    const at = new Date(e.at)
    const done = e.packets.fulfilled / seconds
    const refused = e.packets.rejected / seconds
    showState(e.state)
    get('tile-fulfilled').textContent = rate(done)
    get('tile-rejected').textContent = rate(refused)
    get('tile-p50').textContent = ms(e.packet_ms?.p50)
    get('tile-p99').textContent = ms(e.packet_ms?.p99)
    get('tile-books').textContent = ms(e.books_ms?.p99)
    get('tile-open').textContent = count(e.open)
    packets.add(at.getTime() / 1000, [done, refused])
    times.add(at.getTime() / 1000, [e.packet_ms?.p50 ?? null, e.packet_ms?.p99 ?? null])
    state.now = { at, done, refused, p50: e.packet_ms?.p50, p99: e.packet_ms?.p99 }
    drawAccounts()
  },
  entry (e) {
    state.entries = [e, ...state.entries].slice(0, 100)
    entries.set(state.entries)
    loadMoney()
    loadOutstanding()
  },
  routes: loadRoutes,
  reload: loadAll,
  lost: loadAll
}

function tell (name, e) {
  switch (name) {
    case 'account': return `${e.account}: ${count(e.packets.fulfilled)} fulfilled, ${count(e.packets.rejected)} rejected, ${count(e.packets.sent)} sent to it; balance ${coins(e.balance, Number(e.asset.split('/').pop()))} ${e.asset.split('/')[0]}`
    case 'link': return e.up ? `${e.account} is connected` : `${e.account} is away`
    case 'rejects': return `${e.account}: ${count(e.count)} with ${e.code ?? e.name} by ${e.by ?? 'this node'}${e.message ? ': ' + e.message : ''}`
    case 'entry': return `${e.account}: ${e.kind} ${coins(e.amount, Number(e.asset.split('/').pop()))} ${e.asset.split('/')[0]}, by ${e.who}`
    case 'routes': return `${count(e.changes)} changes; ${count(e.prefixes)} prefixes`
    case 'reload': return `the configuration is loaded: ${e.changes} changes, by ${e.who}`
    case 'lost': return e.events === null ? 'something was missed: the node was started again' : `${count(e.events)} events were missed`
    default: return null
  }
}

const pending = []
const drawLog = atMost(250, () => {
  get('log').prepend(...pending.splice(0).reverse())
  while (get('log').children.length > LOG) get('log').lastChild.remove()
})

function log (name, e) {
  const text = tell(name, e)
  if (text === null || state.paused) return
  pending.push(make('li', {}, make('time', {}, clock(e.at ? new Date(e.at) : new Date())), make('b', {}, name), make('span', {}, text)))
  if (pending.length > LOG) pending.shift()
  drawLog()
}

// ---- one account ----

function list (where, facts) {
  get(where).replaceChildren(...facts.flatMap(([term, text]) => [make('dt', {}, term), make('dd', {}, text)]))
}

function limitsOf (account) {
  const { limits, asset: { code, scale } } = account
  const money = units => units === null ? 'no limit' : `${coins(units, scale)} ${code}`
  const number = n => n === null ? 'no limit' : count(n)
  return [
    ['Largest packet', money(limits.max_packet)],
    ['Packets a second from it', number(limits.packets_a_second)], ['Amount a second from it', money(limits.amount_a_second)],
    ['Packets a second to it', number(limits.packets_to_a_second)], ['Amount a second to it', money(limits.amount_to_a_second)]
  ]
}

async function showAccount (account) {
  const facts = [
    ['Relation', account.relation], ['Asset', asset(account.asset)], ['Address', account.address ?? '–'],
    ['Balance', coins(account.balance, account.asset.scale)], ['Held', coins(account.held, account.asset.scale)],
    ['Coming', coins(account.coming, account.asset.scale)],
    ['It may owe', account.credit === null ? 'any amount' : coins(account.credit, account.asset.scale)],
    ['We may owe it', account.most === null ? 'any amount' : coins(account.most, account.asset.scale)],
    ['Links', String(account.sessions)],
    ['Packets', `${count(account.packets.from)} from it, ${count(account.packets.rejected)} of them rejected; ${count(account.packets.to)} to it`]
  ]
  get('account-title').textContent = account.name
  list('account-facts', facts)
  list('account-limits', limitsOf(account))
  accountRejects.set([...state.rejects.values()].filter(r => r.account === account.name))
  get('account').dataset.of = account.name
  get('account').showModal()
}

// ---- whether the node is there ----

function showPage (is) {
  for (const id of ['main', 'sections']) get(id).hidden = !is
  get('login').hidden = is
  get('forget').hidden = !is || token.get() === null
  passing.show(is)
}

function refused (problem) {
  stream?.stop()
  stream = null
  const wrong = token.get() !== null
  token.forget()
  showPage(false)
  showState('connecting')
  get('state').textContent = 'token needed'
  get('away').textContent = ''
  get('refused').textContent = wrong ? problem.message : ''
  get('token').focus()
}

function away (since, problem) {
  get('away').textContent = `The node does not answer since ${clock(since)}. Trying again by itself.`
  get('away').title = problem
  showState('away')
  if (!state.gap) {
    state.gap = true
    packets.add(Date.now() / 1000, [null, null])
    times.add(Date.now() / 1000, [null, null])
  }
}

function begin () {
  showState('connecting')
  stream = new Stream('/v1/events', {
    open: async () => {
      get('away').textContent = ''
      state.gap = false
      showPage(true)
      await load().catch(problem => problem instanceof Refused ? refused(problem) : stream?.gone(problem.message))
    },
    event: (name, data) => {
      take[name]?.(data)
      log(name, data)
    },
    away,
    refused
  })
  stream.run()
}

get('login').addEventListener('submit', event => {
  event.preventDefault()
  token.set(get('token').value.trim())
  get('token').value = ''
  begin()
})
get('forget').addEventListener('click', () => {
  token.forget()
  refused()
})
get('accounts-filter').addEventListener('input', event => accounts.find(event.target.value))
get('routes-filter').addEventListener('input', findRoutes)
get('routes-before').addEventListener('click', () => ways.turn(false))
get('routes-next').addEventListener('click', () => ways.turn(true))
get('account-close').addEventListener('click', () => get('account').close())
// The row may have been drawn anew meanwhile.
get('account').addEventListener('close', event => {
  document.querySelector(`#accounts-table [data-key="${CSS.escape(event.target.dataset.of)}"]`)?.focus()
})
get('pause').addEventListener('click', event => {
  state.paused = !state.paused
  event.target.setAttribute('aria-pressed', String(state.paused))
  event.target.textContent = state.paused ? 'Go on' : 'Pause'
})
// What a picture shows, in words, for who does not see it; not more often than can be listened to.
setInterval(() => {
  const now = state.now
  if (!now) return
  get('text-packets').textContent = `At ${clock(now.at)}: ${rate(now.done)} fulfilled and ${rate(now.refused)} rejected a second.`
  get('text-times').textContent = now.p50 == null ? `At ${clock(now.at)}: no packet was fulfilled.` : `At ${clock(now.at)}: median ${ms(now.p50)} ms, 99 of 100 within ${ms(now.p99)} ms.`
}, 5000)
// No event tells what an engine has said.
setInterval(() => { if (stream?.since === null && outstanding.rows.length > 0 && document.visibilityState === 'visible') loadOutstanding() }, 3000)
// What no event tells: prices that become too old, and counts that were read while packets came.
setInterval(() => { if (stream?.since === null && document.visibilityState === 'visible') loadAll() }, 60000)

begin()
