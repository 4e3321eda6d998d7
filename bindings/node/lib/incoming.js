// SPDX-License-Identifier: Apache-2.0
'use strict'
// Packets that have come and wait for their answer, of all engines of a thread. Their names are
// numbers of 32 bits, one after the other: the same comes again after four thousand million packets.
// A name's low bits are its place. A Map would leave a table behind with every few hundred packets,
// each of which points at the next: once one is old, none goes before the garbage collector's slow run.
const LAST_NAME = 0xfffffffe

let places = new Array(256).fill(undefined)
let count = 0
let next = 1

/** Two that have one place in the larger one would have had one before. */
function grow () {
  const before = places
  places = new Array(2 * before.length).fill(undefined)
  for (const waiting of before) if (waiting !== undefined) places[waiting.low & (places.length - 1)] = waiting
}

/** Gives it its name, as `low`. */
function add (waiting) {
  if (2 * ++count > places.length) grow()
  const mask = places.length - 1
  while (places[next & mask] !== undefined) next = next % LAST_NAME + 1
  waiting.low = next
  places[next & mask] = waiting
  next = next % LAST_NAME + 1
}

/** Undefined: none of that name waits. */
function get (name) {
  const waiting = places[name & (places.length - 1)]
  return waiting !== undefined && waiting.low === name ? waiting : undefined
}

/** One that was added. */
function remove (waiting) {
  places[waiting.low & (places.length - 1)] = undefined
  count--
}

function all () {
  return places.filter(waiting => waiting !== undefined)
}

module.exports = { add, get, remove, all }
