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
const NUMBERS = 20

const inbox = new Uint8Array(INBOX_BYTES)
const arena = {
  native,
  INBOX_BYTES,
  HEAD_WORDS,
  RECORD_WORDS,
  inbox,
  inboxWords: new Uint32Array(inbox.buffer),
  records: new Uint32Array(HEAD_WORDS + MAX_RECORDS * RECORD_WORDS),
  numbers: new BigUint64Array(NUMBERS),
  slab: null,

  /** Outgoing packets stay in the old one, for whoever has them. */
  newSlab () {
    arena.slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    // Who has one packet of it does not take away the others, as with Node's own pool of Buffers.
    if (markAsUntransferable) markAsUntransferable(arena.slab.buffer)
    native.arena(arena.slab, arena.inbox, arena.records, arena.numbers)
  }
}
arena.newSlab()

module.exports = arena
