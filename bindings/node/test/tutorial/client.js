// The tutorial's client, as the tutorial has it.
const fs = require('fs')
const IlpStream = require('ilp-protocol-stream')
const createPlugin = require('ilp-plugin')

async function run () {
  const { destinationAccount, sharedSecret } = JSON.parse(fs.readFileSync(process.argv[2]))
  const connection = await IlpStream.createConnection({
    plugin: createPlugin(),
    destinationAccount,
    sharedSecret: Buffer.from(sharedSecret, 'hex')
  })

  // Streams are automatically given ids (client-initiated ones are odd, server-initiated are even)
  const streamA = connection.createStream()
  const streamB = connection.createStream()

  console.log(`sending data to server on stream ${streamA.id}`)
  streamA.write('hello there!')

  console.log(`sending data to server on stream ${streamB.id}`)
  streamB.write('hello there!')

  console.log(`sending money to server on stream ${streamA.id}`)
  await streamA.sendTotal(100)
  console.log('sent 100 units')

  console.log(`sending money to server on stream ${streamB.id}`)
  await streamB.sendTotal(200)
  console.log('sent 200 units')

  await connection.end()
}

run().catch((err) => { console.error(err); process.exitCode = 1 })
