// SPDX-License-Identifier: Apache-2.0
'use strict'
// A registry of npm's with what test/install has put into node_modules: packages can be installed from
// it as a user does, without a network.
const { spawn } = require('child_process')
const fs = require('fs')
const http = require('http')
const path = require('path')

const MODULES = path.join(__dirname, '../../node_modules')

/** Of each package that is there: its folder, and its package.json. */
function * packages (modules) {
  for (const name of fs.readdirSync(modules)) {
    if (name.startsWith('.')) continue
    const folder = path.join(modules, name)
    if (name.startsWith('@')) {
      yield * packages(folder)
      continue
    }
    const file = path.join(folder, 'package.json')
    if (fs.existsSync(file)) yield { folder, about: JSON.parse(fs.readFileSync(file)) }
    const inside = path.join(folder, 'node_modules')
    if (fs.existsSync(inside)) yield * packages(inside)
  }
}

function find () {
  const all = new Map()
  for (const { folder, about } of packages(MODULES)) {
    if (!all.has(about.name)) all.set(about.name, new Map())
    all.get(about.name).set(about.version, { folder, about })
  }
  return all
}

function answerPackage (response, name, versions, root) {
  const described = {}
  for (const [version, { about }] of versions) {
    const tarball = `${root}/tarball?name=${encodeURIComponent(name)}&version=${version}`
    described[version] = { ...about, dist: { tarball } }
  }
  const latest = [...versions.keys()].pop()
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ name, versions: described, 'dist-tags': { latest } }))
}

function answerTarball (response, { folder }) {
  const tar = spawn('tar', ['-cz', '--exclude=./node_modules', '--transform', 's,^\\.,package,', '-C', folder, '.'],
    { stdio: ['ignore', 'pipe', 'inherit'] })
  tar.stdout.pipe(response)
}

/** Returns its URL, and what closes it. */
async function startRegistry () {
  const all = find()
  const server = http.createServer((request, response) => {
    const root = `http://127.0.0.1:${server.address().port}`
    const url = new URL(request.url, root)
    const name = url.pathname === '/tarball' ? url.searchParams.get('name') : decodeURIComponent(url.pathname.slice(1))
    const versions = all.get(name)
    if (!versions) {
      response.statusCode = 404
      response.end('{}')
    } else if (url.pathname === '/tarball') {
      answerTarball(response, versions.get(url.searchParams.get('version')))
    } else {
      answerPackage(response, name, versions, root)
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

module.exports = { startRegistry }
