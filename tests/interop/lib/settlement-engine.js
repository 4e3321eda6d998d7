'use strict'
// A settlement engine made with ilp-settlement-core, in a process of its own. Its ledger is a list in
// its file, which the engine of the neighbour reads. All that it knows is in that file, written
// whole, so that it can be killed at any moment.
// Arguments: FILE OTHER_ENGINES_FILE ACCOUNT PORT CONNECTOR_URL
const fs = require('fs')
const { randomUUID } = require('crypto')
const { BigNumber } = require('bignumber.js')
const { startServer } = require('ilp-settlement-core')

const [file, others, account, port, connectorUrl] = process.argv.slice(2)
const POLL_MS = 30

const read = name => {
  try {
    return JSON.parse(fs.readFileSync(name, 'utf8'))
  } catch (err) {
    return null // it has not begun yet
  }
}

// accounts: what the core's store has of each; paid: our entries of the ledger; seen: how many of the
// other's have been told to the connector.
const state = read(file) || { accounts: {}, paid: [], seen: 0 }
const taken = {} // by account: what is being settled; until it is, the file has it as queued

const keep = () => {
  const text = JSON.stringify(state, (key, value) => key === 'queued' ? String(value) : value)
  fs.writeFileSync(`${file}.new`, text)
  fs.renameSync(`${file}.new`, file)
}

const of = id => {
  const found = state.accounts[id]
  if (!found) throw new Error('no such account')
  return found
}

const sum = (a, b) => new BigNumber(a).plus(b).toFixed()

const store = {
  async createAccount (id) {
    const known = id in state.accounts
    if (!known) state.accounts[id] = { requests: {}, queued: '0', uncredited: '0' }
    keep()
    return known
  },
  async isExistingAccount (id) { return id in state.accounts },
  async deleteAccount (id) {
    delete state.accounts[id]
    keep()
  },
  async queueSettlement (id, key, amount) {
    const a = of(id)
    if (!(key in a.requests)) {
      a.requests[key] = amount.toFixed()
      a.queued = sum(a.queued, amount)
      keep()
    }
    return new BigNumber(a.requests[key])
  },
  // It stays in the file until it is paid.
  async loadAmountToSettle (id) {
    const all = new BigNumber(of(id).queued).minus(taken[id] || 0)
    taken[id] = sum(taken[id] || 0, all)
    return all
  },
  async saveAmountToSettle (id, amount) {
    taken[id] = new BigNumber(taken[id]).minus(amount).toFixed()
  },
  async loadAmountToCredit (id) {
    const all = of(id).uncredited
    of(id).uncredited = '0'
    return new BigNumber(all)
  },
  async saveAmountToCredit (id, amount) {
    of(id).uncredited = sum(of(id).uncredited, amount)
    keep()
  }
}

let services
const createEngine = async given => {
  services = given
  return {
    async settle (id, amount) {
      const a = of(id)
      a.queued = new BigNumber(a.queued).minus(amount).toFixed()
      taken[id] = new BigNumber(taken[id]).minus(amount).toFixed()
      state.paid.push({ id: randomUUID(), amount: amount.toFixed() })
      keep()
      return amount
    },
    async handleMessage (id, message) {
      return { from: id, to: account, answer: message.question * 2 }
    }
  }
}

async function watch () {
  const entries = (read(others) || { paid: [] }).paid
  while (state.seen < entries.length && account in state.accounts) {
    const { id, amount } = entries[state.seen]
    await services.creditSettlement(account, new BigNumber(amount), id)
    state.seen++
    keep()
  }
  setTimeout(watch, POLL_MS)
}

process.on('message', async question => {
  try {
    process.send({ answer: await services.sendMessage(account, question) })
  } catch (err) {
    process.send({ error: err.message, status: err.response && err.response.status })
  }
})

startServer(createEngine, store, { port, connectorUrl }).then(() => {
  for (const id of Object.keys(state.accounts)) services.trySettlement(id)
  watch()
  console.log(JSON.stringify({ ready: Number(port) }))
})
