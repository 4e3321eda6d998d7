// SPDX-License-Identifier: Apache-2.0
'use strict'
// Memory that the addon and JavaScript both see, one for all engines of a thread. addon/addon.h
// has the other side of these numbers.
const { markAsUntransferable } = require('worker_threads')
const native = require('./native')

const SLAB_BYTES = 1 << 20
const INBOX_BYTES = 256 * 1024
const HEAD_WORDS = 16
const RECORD_WORDS = 16
const MAX_RECORDS = 2048
const NUMBERS = 32
const RECORDS_AT = NUMBERS * 8
const RECORD_COUNT = HEAD_WORDS + MAX_RECORDS * RECORD_WORDS
const INBOX_AT = RECORDS_AT + RECORD_COUNT * 4

function make () {
  const memory = new ArrayBuffer(INBOX_AT + INBOX_BYTES)
  const arena = {
    native,
    INBOX_BYTES,
    HEAD_WORDS,
    RECORD_WORDS,
    inbox: new Uint8Array(memory, INBOX_AT),
    inboxWords: new Uint32Array(memory, INBOX_AT),
    records: new Uint32Array(memory, RECORDS_AT, RECORD_COUNT),
    numbers: new BigUint64Array(memory, 0, NUMBERS),
    slab: null,

    /** Outgoing packets stay in the old one, for whoever has them. */
    newSlab () {
      arena.slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      // Who has one packet of it does not take away the others, as with Node's own pool of Buffers.
      if (markAsUntransferable) markAsUntransferable(arena.slab.buffer)
      native.arena(arena.slab.buffer, memory)
    }
  }
  arena.newSlab()
  return arena
}

/** The addon has one memory for a thread: a second copy of these modules over the same addon takes it, too. */
if (!native.shared) native.shared = make()

module.exports = native.shared
