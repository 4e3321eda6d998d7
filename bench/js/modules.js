'use strict'
// The packages of tests/interop, and the two ways in which every script here says a figure.
const path = require('path')
const { createRequire } = require('module')

const load = createRequire(path.join(__dirname, '../../tests/interop/package.json'))

function figure (name, value) {
  process.stdout.write(`${name}\t${Number(value).toPrecision(6)}\n`)
}

/** CPU seconds of this process. */
function cpu () {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function seconds () {
  return Number(process.hrtime.bigint()) / 1e9
}

module.exports = { load, figure, cpu, seconds }
