'use strict'
// `rilld run`: a connector with a configuration of its own.
const fs = require('fs')
const http = require('http')
const path = require('path')
const { Process } = require('./process')

const BIN = path.resolve(process.env.RILL_BIN || path.join(__dirname, '../../../build/src/cli'))

class Rilld {
  /** Each account's token is NAME-token, by the variable TOKEN_NAME. */
  constructor (test, name, config, port = 0) {
    this.test = test
    this.name = name
    this.config = config
    const text = `store: {path: ${test.file(`${name}.books`)}}\nlisten: [{port: ${port}}]\n` +
      `route-interval: 1s\nroute-hold-down: 3s\n${config}`
    this.file = test.write(`${name}.yaml`, text)
    this.env = {}
    for (const [, word] of config.matchAll(/env:TOKEN_(\w+)/g)) this.env[`TOKEN_${word}`] = `${word.toLowerCase()}-token`
  }

  async start () {
    this.process = new Process(this.test, `rilld ${this.name}`, path.join(BIN, 'rilld'),
      ['run', '-v', '--config', this.file], { env: this.env })
    const line = await this.process.until('ready', ({ errors }) => errors.find(one => one.includes('ready on')))
    const [, port, address] = /:(\d+) as (\S+)/.exec(line)
    this.port = Number(port)
    this.address = address.replace(/[^\w.~-]+$/, '')
    return this
  }

  link (account) {
    return `btp+ws://:${account}-token@127.0.0.1:${this.port}`
  }

  /** Until packets to the prefix go to the account. */
  way (prefix, account) {
    const wanted = `packets to ${prefix} go to ${account ? `account ${account}` : 'nobody'}`
    return this.process.until(wanted, ({ errors }) => {
      const about = errors.filter(line => line.includes(`packets to ${prefix} go to `))
      return about.length > 0 && about[about.length - 1].endsWith(wanted)
    })
  }

  /** What the node owes each account. */
  async balances () {
    const before = this.process.errors.length
    const count = this.config.match(/relation:/g).length
    this.process.child.kill('SIGUSR1')
    return this.process.until('balances', ({ errors }) => {
      const found = {}
      for (const line of errors.slice(before)) {
        const match = /account (\w+): balance (-?\d+)/.exec(line)
        if (match) found[match[1]] = BigInt(match[2])
      }
      return Object.keys(found).length === count && found
    })
  }

  /** What its operators' socket says. */
  ask (url) {
    return this.test.waiting(`rilld ${this.name}: ${url}`, new Promise((resolve, reject) => {
      http.get({ socketPath: this.test.file(`${this.name}.books.sock`), path: url }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', piece => { text += piece }).on('end', () => resolve(JSON.parse(text)))
      }).on('error', reject)
    }))
  }

  /** The lines of its log of packets, which is in the folder NAME.packets. */
  packets () {
    const folder = this.test.file(`${this.name}.packets`)
    return fs.readdirSync(folder).filter(name => name.endsWith('.jsonl')).sort()
      .flatMap(name => fs.readFileSync(path.join(folder, name), 'ascii').split('\n').slice(0, -1).map(JSON.parse))
      .filter(line => line.id !== undefined)
  }
}

const child = name => `  ${name}: {relation: child, asset: USD/6, credit: none, tokens: env:TOKEN_${name.toUpperCase()}}\n`

/** An account whose link we open; `more` is of its YAML. */
const linked = (name, relation, port, token, more = '') =>
  `  ${name}: {relation: ${relation}, asset: USD/6, credit: none, ${more}` +
  `link: {uri: 'btp+ws://127.0.0.1:${port}', token: env:TOKEN_${token.toUpperCase()}}}\n`

/** Starts one; resolves when it is ready. */
const startRilld = (test, name, config, port) => new Rilld(test, name, config, port).start()

module.exports = { startRilld, child, linked }
