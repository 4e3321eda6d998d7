#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
'use strict'
// Builds the addon from source: `npm run build`. It needs a C compiler and OpenSSL 3 with its
// headers. CC, CFLAGS and LDFLAGS are respected. In the repository the core's sources are those of
// the repository; in the package they are beside this file.
//
// usage: build.js [--out FILE] [--sanitize]
const { execFileSync } = require('child_process')
const fs = require('fs')
const os = require('os')
const path = require('path')

const JOBS = Math.max(1, Math.min(os.cpus().length, 4))
const here = __dirname
const packed = path.join(here, 'core')
const root = fs.existsSync(packed) ? packed : path.resolve(here, '../..')

function fail (text) {
  console.error(`build: ${text}`)
  process.exit(1)
}

/** Where node_api.h is. */
function headers () {
  const tries = [
    process.env.NODE_API_INCLUDE,
    path.resolve(path.dirname(process.execPath), '../include/node'),
    '/usr/include/node',
    '/usr/include/nodejs/src'
  ]
  try {
    tries.splice(1, 0, require('node-api-headers').include_dir)
  } catch {}
  const found = tries.find(folder => folder && fs.existsSync(path.join(folder, 'node_api.h')))
  if (!found) fail('node_api.h is not there: npm install node-api-headers, or set NODE_API_INCLUDE')
  return found
}

/** Of what is not the core: the saved state of a payment, and its file. */
const STATE_SOURCES = ['files/file.c', 'files/file_lock.c', 'run/payment_state.c']

/** The core: what its meson.build files name, and no backend that needs another library; and WebSocket's frames. */
function coreSources () {
  const sources = []
  const walk = folder => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) walk(file)
      else if (file.endsWith('.c') && entry.name !== 'gcm_ipsec_mb.c') sources.push(file)
    }
  }
  for (const part of ['base', 'ilp', 'crypto', 'stream']) walk(path.join(root, 'src', part))
  for (const file of [...STATE_SOURCES, 'ws/ws_frame.c']) sources.push(path.join(root, 'src', file))
  return sources.sort()
}

/** libcrypto's own file, so that the addon needs none of the machine it runs on. */
function crypto (cc) {
  if (process.env.RILL_LIBCRYPTO) return [process.env.RILL_LIBCRYPTO]
  const file = execFileSync(cc[0], [...cc.slice(1), '-print-file-name=libcrypto.a']).toString().trim()
  return path.isAbsolute(file) ? [file, '-ldl', '-lpthread'] : ['-lcrypto']
}

function main () {
  const argv = process.argv.slice(2)
  let out = path.join(here, 'build', 'rill.node')
  let sanitize = false
  while (argv.length > 0) {
    const word = argv.shift()
    if (word === '--out' && argv.length > 0) out = path.resolve(argv.shift())
    else if (word === '--sanitize') sanitize = true
    else fail(`usage: build.js [--out FILE] [--sanitize], and not ${word}`)
  }
  const cc = (process.env.CC || 'cc').split(' ').filter(Boolean)
  const words = name => (process.env[name] || '').split(' ').filter(Boolean)
  // A packet passes through twenty files of the core: optimised as one.
  const said = execFileSync(cc[0], [...cc.slice(1), '--version']).toString()
  const whole = !sanitize && said.includes('Free Software Foundation') ? [`-flto=${JOBS}`] : []
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'rill-node-'))
  const flags = ['-std=c17', '-fPIC', '-fvisibility=hidden', '-fno-common', '-ffunction-sections',
    '-fdata-sections', '-Wall', '-Wextra', '-D_FORTIFY_SOURCE=2', '-fstack-protector-strong',
    ...(sanitize ? ['-O1', '-g', '-U_FORTIFY_SOURCE', '-fno-omit-frame-pointer', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
      : ['-O3', ...whole]),
    '-I' + path.join(root, 'include'), '-I' + path.join(root, 'src'), '-I' + headers(), ...words('CFLAGS')]
  const addon = fs.readdirSync(path.join(here, 'addon')).filter(name => name.endsWith('.c'))
    .map(name => path.join(here, 'addon', name))
  const sources = [...coreSources(), ...addon]
  try {
    const objects = compile(cc, flags, sources, work)
    fs.mkdirSync(path.dirname(out), { recursive: true })
    const made = path.join(work, 'rill.node')
    execFileSync(cc[0], [...cc.slice(1), '-shared', '-o', made, ...objects,
      ...(sanitize ? ['-fsanitize=address,undefined'] : ['-s', '-O3', ...whole]),
      '-Wl,--version-script=' + path.join(here, 'addon', 'exports.map'), '-Wl,--gc-sections',
      // Node has another OpenSSL in it, and each must use its own.
      '-Wl,-Bsymbolic', '-Wl,--exclude-libs,ALL', '-Wl,-z,relro,-z,now,-z,nodelete',
      ...crypto(cc), ...words('LDFLAGS')], { stdio: 'inherit' })
    fs.copyFileSync(made, out + '.new')
    fs.renameSync(out + '.new', out)
  } finally {
    fs.rmSync(work, { recursive: true, force: true })
  }
  console.log(out)
}

/** A few at a time, in order. */
function compile (cc, flags, sources, work) {
  const objects = sources.map((_, i) => path.join(work, `${i}.o`))
  const script = sources.map((source, i) => [...cc, ...flags, '-c', source, '-o', objects[i]])
  const quote = word => `'${word.replace(/'/g, "'\\''")}'`
  const input = script.map(command => command.map(quote).join(' ')).join('\0')
  execFileSync('xargs', ['-0', '-P', String(JOBS), '-I{}', 'sh', '-c', '{}'],
    { input, stdio: ['pipe', 'inherit', 'inherit'] })
  return objects
}

main()
