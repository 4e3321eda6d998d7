'use strict'
// What a case is handed: a scratch folder, somewhere to register what must be undone, and
// a record of what it is waiting for, so that a deadline can name it.
const fs = require('fs')
const os = require('os')
const path = require('path')

const CASE_DEADLINE_MS = 90_000
const CLEAN_UP_DEADLINE_MS = 5_000

const folders = new Set()
process.on('exit', () => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true })
})

class Case {
  constructor (name) {
    this.name = name
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'rill-interop-'))
    folders.add(this.dir)
    this.logs = []
    this.undo = []
    this.pending = new Set()
  }

  log (label, text) {
    this.logs.push(`[${label}] ${text}`)
  }

  defer (undo) {
    this.undo.push(undo)
  }

  file (name) {
    return path.join(this.dir, name)
  }

  /** A file that holds a secret; its path. */
  write (name, text) {
    fs.writeFileSync(this.file(name), text, { mode: 0o600 })
    return this.file(name)
  }

  /** Resolves as the promise does; until then a deadline reports `what`. */
  async waiting (what, promise) {
    const entry = { what }
    this.pending.add(entry)
    try {
      return await promise
    } finally {
      this.pending.delete(entry)
    }
  }

  async run (body) {
    let timer
    const deadline = new Promise((resolve, reject) => {
      timer = setTimeout(() => {
        const whats = [...this.pending].map(entry => entry.what).join('; ')
        reject(new Error(`after ${CASE_DEADLINE_MS / 1000} s still waiting for: ${whats || 'the case itself'}`))
      }, CASE_DEADLINE_MS)
    })
    try {
      await Promise.race([body(this), deadline])
    } finally {
      clearTimeout(timer)
      await this.cleanUp()
    }
  }

  async cleanUp () {
    while (this.undo.length > 0) {
      let timer
      const limit = new Promise(resolve => { timer = setTimeout(resolve, CLEAN_UP_DEADLINE_MS) })
      try {
        await Promise.race([this.undo.pop()(), limit])
      } catch (err) {
        this.log('clean-up', err.message)
      } finally {
        clearTimeout(timer)
      }
    }
    fs.rmSync(this.dir, { recursive: true, force: true })
    folders.delete(this.dir)
  }
}

module.exports = { Case }
