// SPDX-License-Identifier: Apache-2.0
'use strict'
// One timer of Node's for all engines of a thread. A process has as many engines as connections of
// clients, and a timer of its own would be a tenth of what such a connection takes while it is idle.
const startTimer = setTimeout
const stopTimer = clearTimeout
/** Milliseconds. All three are Node's own, also where a test of the application's replaces them later. */
const now = performance.now.bind(performance)
/** Timers of Node's may come so much before their time, in ms. */
const EARLY = 1

/** Engines by the time of their next turn: a heap, the earliest first. Each knows its place. */
const heap = []
let timer = null
let timerAt = Infinity
/** Those in it that want the process to go on. */
let wanting = 0
let waking = false

function put (place, engine) {
  heap[place] = engine
  engine.timerPlace = place
}

/** Moves the one at this place to where it belongs. */
function rise (place) {
  const engine = heap[place]
  while (place > 0) {
    const above = (place - 1) >> 1
    if (heap[above].timerAt <= engine.timerAt) break
    put(place, heap[above])
    place = above
  }
  put(place, engine)
}

function sink (place) {
  const engine = heap[place]
  for (;;) {
    let below = 2 * place + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && heap[below + 1].timerAt < heap[below].timerAt) below++
    if (heap[below].timerAt >= engine.timerAt) break
    put(place, heap[below])
    place = below
  }
  put(place, engine)
}

function refer () {
  if (!timer || typeof timer.ref !== 'function') return
  wanting > 0 ? timer.ref() : timer.unref()
}

/** The timer that is there may be earlier than it needs to be: then nobody is due when it comes. */
function arm () {
  if (waking) return
  const at = heap.length > 0 ? heap[0].timerAt : Infinity
  if (timer && timerAt <= at && at !== Infinity) return
  if (timer) stopTimer(timer)
  timer = null
  timerAt = at
  if (at === Infinity) return
  timer = startTimer(wake, Math.max(at - now(), 0))
  if (wanting === 0) refer()
}

function wake () {
  timer = null
  timerAt = Infinity
  const due = now() + EARLY
  waking = true
  try {
    // Each once: who is due again at once is so in the next round.
    for (let left = heap.length; left > 0 && heap.length > 0 && heap[0].timerAt <= due; left--) {
      const engine = heap[0]
      remove(engine)
      engine.turn()
    }
  } finally {
    waking = false
    arm()
  }
}

/** Its turn is at this time at the latest, of now(). */
function set (engine, at) {
  if (engine.timerAt <= at) return
  engine.timerAt = at
  if (engine.timerPlace < 0) {
    if (engine.timerWanted && ++wanting === 1) refer()
    heap.push(engine)
    engine.timerPlace = heap.length - 1
  }
  rise(engine.timerPlace)
  arm()
}

function remove (engine) {
  const place = engine.timerPlace
  if (place < 0) return
  engine.timerPlace = -1
  engine.timerAt = Infinity
  const last = heap.pop()
  if (last !== engine) {
    put(place, last)
    rise(place)
    sink(last.timerPlace)
  }
  if (engine.timerWanted && --wanting === 0) refer()
  if (heap.length === 0) arm()
}

/** Whether the process goes on for its next turn. */
function want (engine, wanted) {
  if (engine.timerWanted === wanted) return
  engine.timerWanted = wanted
  if (engine.timerPlace < 0) return
  wanting += wanted ? 1 : -1
  if (wanting === (wanted ? 1 : 0)) refer()
}

module.exports = { now, set, remove, want }
