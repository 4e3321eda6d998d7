'use strict'
// `rill op pay`: a wallet pays out of an account. Its requests and answers are validated by the
// documents of @interledger/open-payments; curl is the browser.
const assert = require('assert')
const fs = require('fs')
const { rill, signer, doneOf } = require('../lib/programs')
const { startSenderWallet } = require('../lib/sender-wallet')

async function key (test, id = 'my-key') {
  const { pem, jwk } = await signer(test)({ do: 'new', id })
  return { id, file: test.write('key.pem', pem), jwk: JSON.parse(jwk) }
}

async function open (test, behaviour = {}) {
  const ours = await key(test)
  const wallet = await startSenderWallet(test, { jwks: [ours.jwk], ...behaviour })
  return { ours, wallet }
}

/** curl follows the wallet's page back to rill, and keeps what it is shown. */
function start (test, { ours, wallet }, receiver, args, browser = `curl -sL --max-time 20 -o ${test.file('shown')}`) {
  const process = rill(test, 'rill op pay',
    ['op', 'pay', receiver, ...args, '--from', wallet.sender, '--key', ours.file, '--key-id', ours.id, '--json', '--yes'],
    { BROWSER: browser, no_proxy: '*' })
  process.event = name => process.json().find(({ event }) => event === name)
  return process
}

const shown = test => fs.readFileSync(test.file('shown'), 'utf8')


function whole (hashes) {
  return {
    name: `rill op pay: a quote, a person who agrees, a payment to its end; the hash in ${hashes}`,
    async run (test) {
      const opened = await open(test, { hashes })
      const { wallet } = opened
      const pay = start(test, opened, wallet.address, ['5'])
      await pay.exits(0)
      const done = doneOf(pay)
      assert.deepStrictEqual([done.error, done.sent, done.received, done.may_move], [null, '500', '490', false])
      const [{ payment, limits }] = wallet.outgoing.values()
      assert.deepStrictEqual(limits, { receiver: payment.receiver, debitAmount: payment.debitAmount })
      const [incoming] = wallet.payments.values()
      assert.deepStrictEqual([incoming.completed, incoming.receivedAmount.value, done.incoming_payment], [true, '490', incoming.id])
      assert.strictEqual(wallet.tokens.size, 0, 'all tokens are given back')
      assert.match(shown(test), /You can close this page/)
      assert.deepStrictEqual(pay.json().map(({ event }) => event), ['quote', 'interact', 'waiting', 'waiting', 'done'])
    }
  }
}

module.exports = [whole('base64'), whole('base64url')]
