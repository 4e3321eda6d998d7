// SPDX-License-Identifier: Apache-2.0
'use strict'
// What is logged under the names of the original (DEBUG=ilp-protocol-stream*). Making a logger asks
// the terminal for its colours: without DEBUG there is one, which says nothing.
const createLogger = require('ilp-logger')

const say = () => {}
const quiet = { trace: say, debug: say, info: say, warn: say, error: say }

const wanted = Boolean(process.env.DEBUG)

module.exports = name => wanted ? createLogger(name) : quiet
/** Whether names of loggers are worth making. */
module.exports.wanted = wanted
