// SPDX-License-Identifier: Apache-2.0
// Questions to the node, and what it tells by itself. EventSource cannot show a token: this reads Server-Sent Events
// from fetch.

const KEY = 'rill-token'

export class Refused extends Error {}

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: value => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY)
}

function headers () {
  const shown = token.get()
  return shown === null ? {} : { Authorization: 'Bearer ' + shown }
}

// A token that is not known, or that may not look (its scopes).
async function checkToken (answer) {
  if (answer.status === 401) throw new Refused('The node does not know this token.')
  if (answer.status !== 403) return
  throw new Refused((await answer.json().catch(() => ({}))).error ?? 'This token may not do that.')
}

export async function ask (path) {
  const answer = await fetch(path, { headers: headers(), cache: 'no-store', signal: AbortSignal.timeout(15000) })
  await checkToken(answer)
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? 'HTTP status ' + answer.status)
  return answer.json()
}

// Whole lines out of pieces, and events out of lines. The last id is where to go on.
function reader (onEvent, onId) {
  let rest = ''
  let event = { name: 'message', data: [], id: null }
  return text => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) {
      if (line === '') {
        if (event.id !== null) onId(event.id)
        if (event.data.length > 0) onEvent(event.name, JSON.parse(event.data.join('\n')))
        event = { name: 'message', data: [], id: null }
        continue
      }
      const at = line.indexOf(':')
      const field = at < 0 ? line : line.slice(0, at)
      const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '')
      if (field === 'event') event.name = value
      else if (field === 'data') event.data.push(value)
      else if (field === 'id') event.id = value
    }
  }
}

// Follows for ever. on.open(first), on.event(name, data), on.away(since, problem), on.refused().
export class Stream {
  constructor (path, on) {
    this.path = path
    this.on = on
    this.last = null
    this.since = null
    this.wait = 500
    this.stopped = false
  }

  stop () {
    this.stopped = true
    this.abort?.abort()
  }

  async run () {
    while (!this.stopped) {
      try {
        await this.follow()
        this.gone('it ended')
      } catch (problem) {
        if (this.stopped) return
        if (problem instanceof Refused) return this.on.refused(problem)
        this.gone(problem.message)
      }
      await new Promise(resolve => setTimeout(resolve, this.wait))
      this.wait = Math.min(this.wait * 2, 10000)
    }
  }

  gone (problem) {
    if (this.stopped) return
    this.since ??= new Date()
    this.on.away(this.since, problem)
  }

  async follow () {
    this.abort = new AbortController()
    // The node says something every 15 seconds at least.
    let watch
    const alive = () => {
      clearTimeout(watch)
      watch = setTimeout(() => this.abort.abort(), 40000)
    }
    alive()
    try {
      const asked = headers()
      if (this.last !== null) asked['Last-Event-ID'] = this.last
      const answer = await fetch(this.path, { headers: asked, cache: 'no-store', signal: this.abort.signal })
      await checkToken(answer)
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? 'HTTP status ' + answer.status)
      const wasAway = this.since !== null
      this.since = null
      this.wait = 500
      this.on.open(wasAway)
      const decode = reader(this.on.event, id => { this.last = id })
      const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { value, done } = await pieces.read()
        if (done) return
        alive()
        decode(value)
      }
    } finally {
      clearTimeout(watch)
    }
  }
}
