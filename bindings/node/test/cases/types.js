// SPDX-License-Identifier: Apache-2.0
'use strict'
// tsc checks a program that was written for the original against the types of both packages, and one
// for what this package has beyond it.
const { execFile } = require('child_process')
const fs = require('fs')
const path = require('path')
const { temporary, ROOT } = require('../support/rilld')

module.exports = [{
  name: 'a program for the original',
  seconds: 300,
  async run (t) {
    const folder = temporary(t)
    const modules = path.join(folder, 'node_modules')
    const installed = name => path.join(ROOT, 'node_modules', name)
    fs.mkdirSync(path.join(modules, '@types'), { recursive: true })
    for (const name of ['ilp-packet', 'oer-utils', 'long', '@types/node', '@types/long']) fs.symlinkSync(installed(name), path.join(modules, name))
    fs.symlinkSync(t.who === 'rill' ? ROOT : installed('original'), path.join(modules, 'ilp-protocol-stream'))
    const programs = (t.who === 'rill' ? ['program.ts', 'payment.ts'] : ['program.ts']).map(name => {
      fs.copyFileSync(path.join(ROOT, 'test/types', name), path.join(folder, name))
      return path.join(folder, name)
    })
    const options = ['--noEmit', '--strict', '--esModuleInterop', '--target', 'es2020', '--module', 'commonjs',
      '--moduleResolution', 'node', '--preserveSymlinks']
    if (t.who === 'original') options.push('--skipLibCheck')
    await new Promise((resolve, reject) => {
      // Any Node will do, also where this one is slow (qemu).
      execFile('node', [installed('typescript/bin/tsc'), ...options, ...programs], { timeout: 295000 },
        (err, output) => err ? reject(new Error(`${err.message}\n${output}`)) : resolve())
    })
  }
}]
