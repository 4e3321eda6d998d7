// SPDX-License-Identifier: Apache-2.0
'use strict'
// The saved state of a payment, and where it is kept. It is the text of `rill pay --save`.
const fs = require('fs')
const path = require('path')
const { randomBytes } = require('crypto')
const { constants } = require('os')
const arena = require('./arena')
const { PaymentError, Code } = require('./errors')

const { native } = arena
/** RILL_PAYMENT_STATE_MAX. */
const MOST_BYTES = 4096
/** What a process needs to go on, as numbers of the arena (addon/state.c). */
const NUMBERS = ['amount', 'deliver', 'rateNum', 'rateDen', 'sent', 'inDoubt', 'delivered', 'complete', 'packetLifetime']
/** What is known of the payment's money: all of them but the last. */
const SUMS = NUMBERS.slice(0, -1)
/** RILL_NEVER, of packets whose expiry nobody knows. */
const NEVER = 2n ** 64n - 1n
const NS_OF_MS = 1000000n
/** Clocks differ: so many milliseconds more. */
const GRACE = 1000

/** A state: address, secret, NUMBERS as bigint but for complete, and incoming: a URL, or ''. */
function parse (bytes) {
  if (bytes.length >= MOST_BYTES) throw new PaymentError(Code.MALFORMED, 'it is too long to be the saved state of a payment')
  const [first, second] = native.readState(bytes)
  if (typeof first === 'number') throw new PaymentError(first, second)
  const state = { address: first, secret: second, incoming: incomingOf(bytes) }
  NUMBERS.forEach((name, i) => { state[name] = arena.numbers[i] })
  state.complete = state.complete !== 0n
  return state
}

/** What `rill pay` notes beside it: the wallet's incoming payment that was made for this payment alone. */
function incomingOf (bytes) {
  try {
    const url = JSON.parse(bytes.toString()).incoming_payment
    return typeof url === 'string' ? url : ''
  } catch {
    return ''
  }
}

function withIncoming (bytes, url) {
  if (!url) return bytes
  const more = Buffer.from(`,"incoming_payment":${JSON.stringify(url)}}\n`)
  const all = Buffer.concat([bytes.subarray(0, bytes.length - 2), more])
  return all.length < MOST_BYTES ? all : bytes
}

function serialize (state) {
  NUMBERS.forEach((name, i) => { arena.numbers[i] = BigInt(state[name]) })
  const bytes = native.writeState(state.address, state.secret)
  if (typeof bytes === 'number') throw new PaymentError(bytes, 'the state of this payment cannot be kept')
  return withIncoming(bytes, state.incoming)
}

/** Milliseconds: no packet that is in doubt lives longer. */
function lifetimeOf ({ packetLifetime }) {
  return packetLifetime === NEVER ? Infinity : Number((packetLifetime + NS_OF_MS - 1n) / NS_OF_MS)
}

/** The receiver's word above doubt: rill_payment_state_settle. delivered: a bigint. */
function settled (state, delivered) {
  const bytes = native.settleState(serialize(state), delivered)
  if (bytes === Code.STATE) {
    throw new PaymentError(bytes, 'getExpiry of this payment has set no end that is known: a packet may arrive at any time')
  }
  if (typeof bytes === 'number') {
    throw new PaymentError(bytes, 'less has arrived than the state knows: it is about another payment')
  }
  return { ...parse(bytes), incoming: state.incoming }
}

// ---- files ----

function ioError (file, err) {
  return new PaymentError(Code.IO, `${file}: ${err.message}`, err)
}

/** Another name of the same file would have another lock. */
function checkName (file) {
  let status
  try {
    status = fs.lstatSync(file, { throwIfNoEntry: false })
  } catch (err) {
    throw ioError(file, err)
  }
  if (!status || status.isFile()) return
  throw new PaymentError(Code.INVALID, status.isSymbolicLink()
    ? `${file}: it is a link: give the name of the file itself`
    : `${file}: it is no file that the state of a payment can be in`)
}

async function load (file) {
  let bytes
  try {
    const handle = await fs.promises.open(file, 'r')
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0)
      bytes = buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (err) {
    throw ioError(file, err)
  }
  try {
    return parse(bytes)
  } catch (err) {
    err.message = `${file}: ${err.message}`
    throw err
  }
}

/** Of a file system that cannot say what is on its disk, or a folder that nobody may read: it is believed. */
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EACCES'])

/** That the new name is on the disk too. */
async function syncFolder (folder) {
  try {
    const handle = await fs.promises.open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (err) {
    if (!CANNOT_SYNC.has(err.code)) throw err
  }
}

/** A file that its owner alone can read, in the place of what was there; on the disk when it resolves. */
async function replace (file, bytes) {
  const made = `${file}.${randomBytes(6).toString('hex')}`
  const handle = await fs.promises.open(made, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.promises.rename(made, file)
  } catch (err) {
    await fs.promises.unlink(made).catch(() => {})
    throw err
  }
  await syncFolder(path.dirname(file))
}

function lock (file) {
  checkName(file)
  const held = native.lock(file)
  if (held >= 0) return held
  const { errno } = constants
  if (-held === errno.EWOULDBLOCK || -held === errno.EAGAIN) {
    throw new PaymentError(Code.STATE, `${file}: a payment with this file is under way, here or in another process`)
  }
  const name = Object.keys(errno).find(name => errno[name] === -held)
  throw ioError(`${file}.lock`, Object.assign(new Error(`${name || 'error'}: the file cannot be made`), { code: name }))
}

/**
 * A packet that arrives after the receiver was asked is one that it did not count. When the process that
 * paid has ended is not known, but that it was there when it kept this file.
 */
function checkExpired (file, state) {
  if (state.inDoubt === 0n) return
  let kept
  try {
    kept = fs.statSync(file).mtimeMs
  } catch (err) {
    throw ioError(file, err)
  }
  const left = kept + lifetimeOf(state) + GRACE - Date.now()
  if (left <= 0 || left === Infinity) return
  throw new PaymentError(Code.STATE, `${file}: packets of this payment may still arrive: ask the receiver in ${Math.ceil(left / 1000)} s`)
}

/** Keeps the states of one payment, one after the other. */
class Keeper {
  /** save: the name of a file, or a function that is given the bytes. Nobody else pays with that file until close(). */
  constructor (save) {
    this.save = save
    this.file = null
    this.latest = Promise.resolve()
    if (typeof save === 'function') return
    if (typeof save !== 'string') throw new TypeError('save is the name of a file, or a function')
    if (save === '' || save.includes('\0')) throw new TypeError('save is no name of a file')
    this.file = path.resolve(save)
    this.held = lock(this.file)
  }

  async close () {
    if (this.file === null) return
    await this.latest.catch(() => {})
    native.unlock(this.file, this.held)
  }

  /**
   * For a new payment: there is no file, or it holds a payment that is complete. For one that is gone on
   * with, from state, which is not of the file: or it holds this state. Then state gets what was noted in
   * the file alone.
   */
  async checkFree (state) {
    if (this.file === null || !fs.existsSync(this.file)) return
    let old
    try {
      old = await load(this.file)
    } catch (err) {
      throw new PaymentError(Code.EXISTS, `${this.file}: it is there, and holds no payment`, err)
    }
    if (state && old.address === state.address && old.secret.equals(state.secret)) {
      if (SUMS.every(name => old[name] === state[name])) {
        if (old.packetLifetime > state.packetLifetime) state.packetLifetime = old.packetLifetime
        state.incoming = state.incoming || old.incoming
        return
      }
      throw new PaymentError(Code.STATE, `${this.file}: a newer state is in the file: go on with the file`)
    }
    if (!old.complete) {
      throw new PaymentError(Code.EXISTS, `${this.file}: its payment is not complete: go on with it by resume`)
    }
  }

  /** state: a function, called when its turn comes. Rejects where it was not kept. */
  keep (state) {
    const kept = this.latest.catch(() => {}).then(() => this.write(serialize(state())))
    this.latest = kept
    kept.catch(() => {})
    return kept
  }

  async write (bytes) {
    try {
      if (this.file !== null && !native.holds(this.file, this.held)) {
        throw new Error(`${this.file}.lock is not ours any more: another process may pay with this file`)
      }
      await (this.file === null ? this.save(bytes) : replace(this.file, bytes))
    } catch (err) {
      throw new PaymentError(Code.IO, `the state of the payment cannot be saved: ${err && err.message}`, err)
    }
  }
}

module.exports = { Keeper, parse, serialize, settled, lifetimeOf, checkExpired, load }
