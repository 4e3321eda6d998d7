// The tutorial's server, as the tutorial has it.
const fs = require('fs')
const IlpStream = require('ilp-protocol-stream')
const createPlugin = require('ilp-plugin')

async function run () {
  const server = await IlpStream.createServer({
    plugin: createPlugin()
  })

  server.on('connection', (connection) => {
    console.log('server got connection')

    connection.on('stream', (stream) => {
      console.log(`server got a new stream: ${stream.id}`)

      // Set the maximum amount of money this stream can receive
      stream.setReceiveMax(10000)

      stream.on('money', (amount) => {
        console.log(`server stream ${stream.id} got incoming payment for: ${amount}`)
      })

      stream.on('data', (chunk) => {
        console.log(`server stream ${stream.id} got data: ${chunk.toString('utf8')}`)
      })
    })

    connection.on('end', () => {
      console.log('server connection ended')
      server.close()
    })
  })

  const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
  fs.writeFileSync(process.argv[2], JSON.stringify({ destinationAccount, sharedSecret: sharedSecret.toString('hex') }))
}

run().catch((err) => { console.error(err); process.exitCode = 1 })
