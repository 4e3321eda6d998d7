// SPDX-License-Identifier: Apache-2.0
'use strict'
// A node of the folder RILL_BIN, and folders in which a package's old name is ours or the original's.
const { spawn } = require('child_process')
const { once } = require('events')
const fs = require('fs')
const net = require('net')
const os = require('os')
const path = require('path')
const HttpPlugin = require('ilp-plugin-http')
const NODE = require('./program')

const ROOT = path.join(__dirname, '../..')

function temporary (t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rill-node-test-'))
  t.later(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Returns its URI for BTP. options: further words for rilld. */
async function startNode (t, options = []) {
  const [port] = await startRilld(t, options)
  return `btp+ws://127.0.0.1:${port}`
}

/**
 * A node that asks these neighbours over HTTP, too. plugin: the ilp-plugin-http of one of them, which
 * listens before the node asks it: a node that finds nobody there waits before it asks again.
 * Returned beside its URI for BTP.
 */
async function startHttpNode (t, names) {
  const http = await freePort()
  const neighbours = {}
  const plugins = {}
  for (const name of names) {
    const port = await freePort()
    const plugin = plugins[name] = new HttpPlugin({
      incoming: { port: { port, host: '127.0.0.1' }, staticToken: `to-${name}` },
      outgoing: { url: `http://127.0.0.1:${http}/ilp`, staticToken: `of-${name}` }
    })
    await plugin.connect()
    plugin.connect = async () => {}
    if (!plugin._httpServer.listening) await once(plugin._httpServer, 'listening')
    t.later(() => {
      if (plugin._httpServer && plugin._httpServer.closeAllConnections) plugin._httpServer.closeAllConnections()
      return plugin.disconnect()
    })
    neighbours[name] = { tokens: [`of-${name}`], uri: `ilp+http://:to-${name}@127.0.0.1:${port}/ilp` }
  }
  const file = path.join(temporary(t), 'neighbours')
  fs.writeFileSync(file, JSON.stringify(neighbours), { mode: 0o600 })
  const [btp] = await startRilld(t, ['--listen-http', `127.0.0.1:${http}`, '--neighbours', file])
  return { uri: `btp+ws://127.0.0.1:${btp}`, plugin: name => plugins[name] }
}

/** Returns its ports. */
async function startRilld (t, options) {
  if (!process.env.RILL_BIN) throw new Error('RILL_BIN is not set: the folder of rilld')
  const file = path.join(temporary(t), 'port')
  const node = spawn(path.join(process.env.RILL_BIN, 'rilld'), ['local', '--listen', '127.0.0.1:0', '--port-file', file, ...options],
    { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  node.stderr.on('data', chunk => { said += chunk })
  t.later(() => node.kill('SIGKILL'))
  t.node = node
  await t.until('the node listens', () => {
    if (node.exitCode !== null) throw new Error(`rilld ended: ${said}`)
    return fs.existsSync(file) && portsOf(file).length > 0
  })
  return portsOf(file)
}

function portsOf (file) {
  return (fs.readFileSync(file, 'utf8').match(/\d+(?=\s)/g) || []).map(Number)
}

function freePort () {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** moneyd as `moneyd local` starts it. Returns its URI for BTP. */
async function startMoneyd (t) {
  const port = await freePort()
  const folder = path.join(__dirname, '../moneyd')
  const node = spawn(NODE, ['-r', path.join(folder, 'port.js'), path.join(folder, 'node_modules/moneyd/bin/moneyd.js'), 'local'],
    { env: { ...process.env, MONEYD_PORT: port, HOME: temporary(t) }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const output of [node.stdout, node.stderr]) output.on('data', chunk => { said += chunk })
  t.later(() => node.kill('SIGKILL'))
  await t.until('moneyd is ready', () => {
    if (node.exitCode !== null) throw new Error(`moneyd ended: ${said}`)
    return said.includes('connector ready')
  }, 50000)
  return `btp+ws://127.0.0.1:${port}`
}

/** ilp-protocol-stream is `who`'s, and ilp-plugin is what is named. */
function project (t, who, plugin) {
  const folder = temporary(t)
  const modules = path.join(folder, 'node_modules')
  fs.mkdirSync(modules)
  const installed = name => path.join(ROOT, 'node_modules', name)
  fs.symlinkSync(who === 'rill' ? ROOT : installed('original'), path.join(modules, 'ilp-protocol-stream'))
  if (plugin === 'ours') {
    fs.mkdirSync(path.join(modules, 'ilp-plugin'))
    fs.writeFileSync(path.join(modules, 'ilp-plugin/index.js'), `module.exports = require(${JSON.stringify(path.join(ROOT, 'plugin'))})\n`)
  } else {
    for (const name of ['ilp-plugin', 'ilp-plugin-btp']) fs.symlinkSync(installed(name), path.join(modules, name))
  }
  for (const name of fs.readdirSync(path.join(ROOT, 'test/tutorial'))) {
    fs.copyFileSync(path.join(ROOT, 'test/tutorial', name), path.join(folder, name))
  }
  return folder
}

/**
 * A script of a project: its output, when it has ended by itself; with `last`, when it has said
 * that. (What is the original's may end half a minute after that.)
 */
function run (t, folder, script, args, uri, last) {
  const env = { ...process.env, ILP_BTP_SERVER: uri }
  return new Promise((resolve, reject) => {
    const child = spawn(NODE, [path.join(folder, script), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    t.later(() => child.kill('SIGKILL'))
    let output = ''
    let errors = ''
    child.stderr.on('data', chunk => { errors += chunk })
    child.stdout.on('data', chunk => {
      output += chunk
      if (last && output.includes(last)) resolve(output)
    })
    child.on('close', code => code === 0 && !errors
      ? resolve(output)
      : reject(new Error(`${script} ended with ${code}\n${output}${errors}`)))
  })
}

module.exports = { startNode, startHttpNode, startMoneyd, project, run, temporary, ROOT }
