#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
'use strict'
// Packs the package, installs it with npm where nothing is, without a network, and in the original's
// place; runs the programs of README.md as they stand; builds the addon from the sources in the package;
// and looks at what an addon needs of the machine. Prints TAP. RILL_BIN is the folder of rilld.
const assert = require('assert')
const { execFile } = require('child_process')
const fs = require('fs')
const path = require('path')
const { promisify } = require('util')
const { Context } = require('./support/context')
const { startNode, temporary, ROOT } = require('./support/rilld')
const { startRegistry } = require('./support/registry')

const README = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const { version } = require('../package.json')
/** What README.md says that a machine with glibc must have. */
const GLIBC = '2.34'
/** Where packages are made: on newer ones an addon may need a newer one. */
const MADE_WITH = '2.36'
const LIBRARIES = /^(libc|libm|libpthread|libdl|ld-linux[-\w]*)\.so\.\d+$/
const MINUTES = 5 * 60000

const run = promisify(execFile)

/** The code blocks of README.md of one language, in order. */
function blocks (language) {
  return [...README.matchAll(new RegExp('```' + language + '\\n([^]*?)```', 'g'))].map(([, text]) => text)
}

/** The first indented lines of README.md that begin with this: commands. */
function commands (start) {
  const lines = README.split('\n')
  const from = lines.findIndex(line => line.startsWith(`    ${start}`))
  assert.ok(from >= 0, `README.md has no command that begins with ${start}`)
  const length = lines.slice(from).findIndex(line => !line.startsWith('    '))
  return lines.slice(from, from + length).map(line => line.slice(4))
}

function newer (a, b) {
  const [[major, minor], [otherMajor, otherMinor]] = [a, b].map(text => text.split('.').map(Number))
  return major !== otherMajor ? major > otherMajor : minor > otherMinor
}

class Test {
  constructor (t, registry) {
    this.t = t
    this.work = temporary(t)
    this.env = {
      PATH: process.env.PATH,
      HOME: this.work,
      npm_config_registry: registry.url,
      npm_config_cache: path.join(this.work, 'cache'),
      npm_config_noproxy: '127.0.0.1',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
      // A quick build, and else the same.
      CFLAGS: '-O0 -fno-lto -U_FORTIFY_SOURCE'
    }
  }

  folder (name, files) {
    const folder = path.join(this.work, name)
    fs.mkdirSync(folder)
    for (const [file, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, file), text)
    fs.copyFileSync(this.tarball, path.join(folder, path.basename(this.tarball)))
    return folder
  }

  async shell (folder, lines, env = {}) {
    const options = { cwd: folder, env: { ...this.env, ...env }, timeout: MINUTES }
    const { stdout, stderr } = await run('sh', ['-ec', lines.join('\n')], options)
    return stdout + stderr
  }

  node (folder, text, env) {
    fs.writeFileSync(path.join(folder, 'program.js'), text)
    return this.shell(folder, [`"${process.execPath}" program.js`], env)
  }

  /** The addon that a program takes. */
  async addonOf (folder) {
    const said = await this.node(folder, `require('ilp-protocol-stream')
      console.log(Object.keys(require.cache).filter(name => name.endsWith('.node')).join())`)
    return path.relative(fs.realpathSync(folder), said.trim())
  }

  async pack () {
    const { stdout } = await run(process.execPath, [path.join(ROOT, 'pack.js'), '--built', this.work], { timeout: MINUTES })
    this.tarball = stdout.trim().split('\n').pop()
    assert.strictEqual(path.basename(this.tarball), `ilp-protocol-stream-${version}.tgz`)
    const { stdout: listed } = await run('tar', ['-tzf', this.tarball])
    const files = listed.trim().split('\n')
    const forgotten = files.filter(file => !file.startsWith('package/') || /node_modules|\/test\/|\.o$/.test(file))
    assert.deepStrictEqual(forgotten, [])
    const about = JSON.parse((await run('tar', ['-xzOf', this.tarball, 'package/package.json'])).stdout)
    for (const file of [about.main, about.types, 'plugin.js', 'payment.js', 'payment.d.ts', 'LICENSE', 'README.md']) {
      assert.ok(files.includes(`package/${file}`), `there is no ${file}`)
    }
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) assert.strictEqual(about.scripts[script], undefined)
    assert.strictEqual(about.devDependencies, undefined)
  }

  /** Where nothing is, by the command of README.md. */
  async install () {
    const install = commands('npm install ./ilp')
    assert.deepStrictEqual(install, [`npm install ./${path.basename(this.tarball)}`])
    this.plain = this.folder('plain', {})
    await this.shell(this.plain, install)
    assert.match(await this.addonOf(this.plain), /^node_modules\/ilp-protocol-stream\/prebuilds\/linux-\w+-(glibc|musl)\/rill\.node$/)
  }

  async program (folder) {
    const said = await this.node(folder, blocks('js')[0], { ILP_BTP_SERVER: await startNode(this.t) })
    const units = said.trim().split('\n').map(line => /^got (\d+) units$/.exec(line)).filter(Boolean)
    assert.strictEqual(units.reduce((sum, [, amount]) => sum + Number(amount), 0), 100, said)
    assert.match(said, /^got hello there!$/m)
  }

  /** It names what its reader has. */
  async payment () {
    const text = `const AsyncFunction = (async () => {}).constructor
      const { createServer } = require('ilp-protocol-stream')
      const createPlugin = require('ilp-protocol-stream/plugin')
      async function run () {
        const server = await createServer({ plugin: createPlugin() })
        server.on('connection', connection => connection.on('stream', stream => stream.setReceiveMax(Infinity)))
        const given = { require, plugin: createPlugin(), ...server.generateAddressAndSecret() }
        const block = ${JSON.stringify(blocks('js')[1])}
        const does = new AsyncFunction(...Object.keys(given), block + 'return [sent, delivered, sums]')
        console.log(JSON.stringify(await does(...Object.values(given))))
        await server.close()
      }
      run()`
    const said = await this.node(this.plain, text, { ILP_BTP_SERVER: await startNode(this.t) })
    assert.deepStrictEqual(JSON.parse(said), ['60000', '60000', { sent: '60000', delivered: '60000', inDoubt: '0' }])
    assert.match(fs.readFileSync(path.join(this.plain, 'payment.json'), 'utf8'), /"complete":true/)
  }

  /** README.md's package.json, below a package that asks for the original. */
  async overrides () {
    const about = JSON.parse(blocks('json')[0])
    about.dependencies['@interledger/pay'] = '*'
    const folder = this.folder('overrides', { 'package.json': JSON.stringify(about) })
    await this.shell(folder, ['npm install'])
    const { dependencies } = JSON.parse(await this.shell(folder, ['npm ls --all --json ilp-protocol-stream']))
    assert.deepStrictEqual(Object.keys(dependencies).sort(), ['@interledger/pay', 'ilp-protocol-stream'])
    const found = await this.shell(folder, ['find . -name ilp-protocol-stream -type d'])
    assert.strictEqual(found.trim(), './node_modules/ilp-protocol-stream')
    const said = await this.node(folder, `const pay = require('@interledger/pay')
      const path = require('path')
      const from = path.dirname(require.resolve('@interledger/pay'))
      const theirs = require.resolve('ilp-protocol-stream', { paths: [from] })
      console.log(typeof pay.pay, require.resolve('ilp-protocol-stream') === theirs, require(path.join(theirs, '../../../package.json')).version)`)
    assert.strictEqual(said.trim(), `function true ${version}`)
    await this.program(folder)
  }

  /** What is not overridden is the original: or the case before would prove nothing. */
  async withoutOverrides () {
    const folder = this.folder('original', { 'package.json': '{"dependencies":{"@interledger/pay":"*"}}' })
    await this.shell(folder, ['npm install'])
    const said = await this.node(folder, 'console.log(require("ilp-protocol-stream/package.json").version)')
    assert.match(said, /^2\.7\./)
  }

  /** By the commands of README.md, on a machine that the package has no addon for. */
  async source () {
    const built = path.join(this.plain, 'node_modules/ilp-protocol-stream')
    fs.renameSync(path.join(built, 'prebuilds'), path.join(this.work, 'prebuilds'))
    const said = await this.node(this.plain, 'try { require("ilp-protocol-stream") } catch (err) { console.log(err.code) }')
    assert.strictEqual(said.trim(), 'ERR_RILL_NO_ADDON')
    await this.shell(this.plain, commands('npm install node-api-headers'))
    assert.strictEqual(await this.addonOf(this.plain), 'node_modules/ilp-protocol-stream/build/rill.node')
    await this.program(this.plain)
  }

  async needs (addon) {
    const { stdout: dynamic } = await run('readelf', ['-dW', addon])
    const needed = [...dynamic.matchAll(/\(NEEDED\)\s+Shared library: \[(.*)\]/g)].map(([, name]) => name)
    assert.ok(needed.length > 0, dynamic)
    assert.deepStrictEqual(needed.filter(name => !LIBRARIES.test(name)), [])
    const { stdout: versions } = await run('readelf', ['-VW', addon])
    const asked = [...versions.matchAll(/Name: GLIBC_([\d.]+)/g)].map(([, name]) => name)
    assert.ok(asked.length > 0, versions)
    const { glibcVersionRuntime } = process.report.getReport().header
    if (newer(glibcVersionRuntime, MADE_WITH)) return `this machine's glibc is ${glibcVersionRuntime}`
    assert.deepStrictEqual(asked.filter(name => newer(name, GLIBC)), [])
    assert.ok(README.includes(`glibc ${GLIBC} or newer`), 'README.md does not say so')
    return `${needed.join(', ')}, glibc ${asked.sort((a, b) => newer(a, b) ? 1 : -1).pop()}`
  }

  packedAddon () {
    return this.needs(path.join(this.work, 'prebuilds', fs.readdirSync(path.join(this.work, 'prebuilds'))[0], 'rill.node'))
  }

  builtAddon () {
    return this.needs(path.join(this.plain, 'node_modules/ilp-protocol-stream/build/rill.node'))
  }
}

const CASES = [
  ['it is packed whole, and no script runs when it is installed', test => test.pack()],
  ['npm installs it where nothing is', test => test.install()],
  ["README's program", test => test.program(test.plain)],
  ["README's payment, and that it goes on", test => test.payment()],
  ["npm puts it in the original's place below others", test => test.overrides()],
  ['and without that it is the original', test => test.withoutOverrides()],
  ["README's commands build it from source", test => test.source()],
  ['what the addon in the package needs of the machine', test => test.packedAddon()],
  ['what the addon from source needs of it', test => test.builtAddon()]
]

async function main () {
  const t = new Context('rill')
  const registry = await startRegistry()
  const test = new Test(t, registry)
  let failed = 0
  console.log(`1..${CASES.length}`)
  for (const [i, [name, does]] of CASES.entries()) {
    const start = Date.now()
    try {
      const said = await does(test)
      console.log(`ok ${i + 1} - ${name}${said ? `: ${said}` : ''} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
    } catch (err) {
      failed++
      console.log(`not ok ${i + 1} - ${name}`)
      const lines = `${err.stack}\n${err.stdout || ''}${err.stderr || ''}`.split('\n')
      for (const line of lines.slice(0, 40)) console.log(`#   ${line.slice(0, 200)}`)
    }
  }
  await t.close()
  registry.close()
  return failed
}

main().then(failed => process.exit(failed === 0 ? 0 : 1), err => {
  console.error(err)
  process.exit(1)
})
