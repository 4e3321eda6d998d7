#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
'use strict'
// Makes the package that npm installs: JavaScript, types, the addon for this kind of machine, and
// all sources, so that it can be built elsewhere. usage: pack.js [--built] FOLDER [ROOTS]. Its last
// line is the path. ROOTS has a folder for each other kind of machine whose addon goes in as well, as
// scripts/prebuild_root.sh makes them. --built: the addon for this kind is build/rill.node as it is.
const { execFileSync } = require('child_process')
const fs = require('fs')
const path = require('path')

const here = __dirname
const root = path.resolve(here, '../..')
/** Of src: what build.js compiles, with its headers. */
const CORE = ['base', 'ilp', 'crypto', 'stream', 'files', 'run/payment_state.c', 'run/payment_state.h', 'ws/ws_frame.c', 'ws/ws_frame.h']

function copy (from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true })
  fs.cpSync(from, to, { recursive: true, filter: file => !/\/(meson\.build|gcm_ipsec_mb\.c)$/.test(file) })
}

function libc () {
  const { header } = process.report.getReport()
  return header.glibcVersionRuntime ? 'glibc' : 'musl'
}

function build (stage, kind, env) {
  const addon = path.join(stage, 'prebuilds', kind, 'rill.node')
  execFileSync(process.execPath, [path.join(here, 'build.js'), '--out', addon],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } })
}

/** What is for tests alone stays here. */
function writeAbout (file) {
  const { devDependencies, ...about } = require('./package.json')
  const { test, ...scripts } = about.scripts
  fs.writeFileSync(file, JSON.stringify({ ...about, scripts }, null, 2) + '\n')
}

function main () {
  const argv = process.argv.slice(2)
  const built = argv[0] === '--built'
  const [folder, roots] = built ? argv.slice(1) : argv
  if (!folder) {
    console.error('usage: pack.js [--built] FOLDER [ROOTS]')
    process.exit(2)
  }
  const out = path.resolve(folder)
  const stage = path.join(out, 'package')
  fs.rmSync(stage, { recursive: true, force: true })
  const { files, name, version } = require('./package.json')
  for (const file of files) {
    if (fs.existsSync(path.join(here, file))) copy(path.join(here, file), path.join(stage, file))
  }
  writeAbout(path.join(stage, 'package.json'))
  copy(path.join(root, 'LICENSE'), path.join(stage, 'LICENSE'))
  copy(path.join(root, 'include'), path.join(stage, 'core/include'))
  for (const part of CORE) copy(path.join(root, 'src', part), path.join(stage, 'core/src', part))
  const kind = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-' + libc() : ''}`
  if (built) copy(path.join(here, 'build/rill.node'), path.join(stage, 'prebuilds', kind, 'rill.node'))
  else build(stage, kind, {})
  for (const kind of roots ? fs.readdirSync(roots) : []) {
    const there = path.resolve(roots, kind)
    build(stage, `linux-${kind}`, {
      CC: path.join(there, 'cc'),
      CFLAGS: `-I${path.join(there, 'include')}`,
      RILL_LIBCRYPTO: path.join(there, 'lib/libcrypto.a')
    })
  }
  execFileSync('npm', ['pack', '--silent', '--pack-destination', out], { cwd: stage, stdio: ['ignore', 'ignore', 'inherit'] })
  console.log(path.join(out, `${name}-${version}.tgz`))
}

main()
