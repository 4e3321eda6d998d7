'use strict'
// Child processes whose output is read a line at a time and kept for a failing case, and
// the files by which they tell us ports and credentials.
const { spawn } = require('child_process')
const { EventEmitter } = require('events')
const fs = require('fs')
const path = require('path')
const readline = require('readline')

const running = new Set()

// Whatever way the runner ends, nothing that it started may outlive it.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

class Process {
  constructor (test, label, command, args, { env, stdin = 'ignore' } = {}) {
    this.test = test
    this.label = label
    this.lines = []
    this.errors = []
    this.result = null
    this.events = new EventEmitter()
    this.events.setMaxListeners(0)
    test.log(label, `$ ${path.basename(command)} ${args.join(' ')}`)
    this.child = spawn(command, args, {
      stdio: [stdin, 'pipe', 'pipe'],
      env: { ...process.env, ...env }
    })
    running.add(this.child)
    this._read(this.child.stdout, 'out', this.lines)
    this._read(this.child.stderr, 'err', this.errors)
    this.exit = new Promise(resolve => {
      const done = result => {
        if (this.result) return
        running.delete(this.child)
        this.result = result
        test.log(label, `ended: ${describeExit(result)}`)
        this.events.emit('change')
        resolve(result)
      }
      // 'close' and not 'exit': the output is complete only then.
      this.child.once('close', (code, signal) => done({ code, signal }))
      this.child.once('error', error => done({ error }))
    })
    test.defer(() => this.kill())
  }

  _read (stream, kind, into) {
    readline.createInterface({ input: stream }).on('line', line => {
      into.push(line)
      this.test.log(`${this.label} ${kind}`, line)
      this.events.emit('change')
    })
  }

  /** The first value that `find` returns for the process, now or after any of its events. */
  until (what, find) {
    return this.test.waiting(`${this.label}: ${what}`, new Promise((resolve, reject) => {
      const look = () => {
        let found
        try {
          found = find(this)
        } catch (err) {
          this.events.removeListener('change', look)
          return reject(err)
        }
        if (found !== undefined && found !== false) {
          this.events.removeListener('change', look)
          resolve(found)
        } else if (this.result) {
          this.events.removeListener('change', look)
          reject(new Error(`${this.label} ended (${describeExit(this.result)}) before: ${what}`))
        }
      }
      this.events.on('change', look)
      look()
    }))
  }

  /** Waits for the end and insists on the exit code. */
  async exits (code) {
    const result = await this.test.waiting(`${this.label}: exit`, this.exit)
    if (result.error || result.code !== code) {
      throw new Error(`${this.label}: ${describeExit(result)}, expected exit code ${code}`)
    }
    return result
  }

  async kill (signal = 'SIGKILL') {
    if (!this.result) this.child.kill(signal)
    return this.exit
  }

  /** Waits for a file that the process writes to make sense to `parse`. */
  async file (name, parse) {
    const folder = path.dirname(name)
    const read = () => {
      try {
        return parse(fs.readFileSync(name, 'utf8'))
      } catch (err) {
        return undefined // absent, or only half written: the next event tells
      }
    }
    const watcher = fs.watch(folder, () => this.events.emit('change'))
    try {
      return await this.until(`file ${path.basename(name)}`, read)
    } finally {
      watcher.close()
    }
  }
}

function describeExit ({ code, signal, error }) {
  if (error) return `could not start: ${error.message}`
  return signal ? `killed by ${signal}` : `exit code ${code}`
}

function parsePort (text) {
  const match = /(\d+)\s*$/.exec(text)
  const port = match && Number(match[1])
  return port > 0 && port < 65536 && text.endsWith('\n') ? port : undefined
}

module.exports = { Process, parsePort }
