// SPDX-License-Identifier: Apache-2.0
'use strict'
// Finds and loads the addon: of this repository or of `npm run build`, or the one that was built
// for this kind of machine and is in the package.
const fs = require('fs')
const path = require('path')

function libc () {
  if (process.platform !== 'linux') return ''
  const report = process.report && process.report.getReport && process.report.getReport()
  const header = report && (typeof report === 'string' ? JSON.parse(report) : report).header
  return header && header.glibcVersionRuntime ? '-glibc' : '-musl'
}

function load () {
  if (process.env.RILL_ADDON) return require(path.resolve(process.env.RILL_ADDON))
  const root = path.join(__dirname, '..')
  const built = path.join(root, 'build', 'rill.node')
  if (fs.existsSync(built)) return require(built)
  const kind = `${process.platform}-${process.arch}${libc()}`
  const packed = path.join(root, 'prebuilds', kind, 'rill.node')
  if (fs.existsSync(packed)) return require(packed)
  const folder = path.join(root, 'prebuilds')
  const there = fs.existsSync(folder) ? fs.readdirSync(folder).join(', ') : 'none'
  const error = new Error(`ilp-protocol-stream on Rill has no addon for ${kind} (it has: ${there}). ` +
    `Build it from source: npm run build, in ${root}`)
  error.code = 'ERR_RILL_NO_ADDON'
  throw error
}

module.exports = load()
