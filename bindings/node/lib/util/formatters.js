// SPDX-License-Identifier: Apache-2.0
'use strict'
// %h in what is logged: bytes in hexadecimal.
const { formatters } = require('ilp-logger')

formatters.h = bytes => bytes.toString('hex')
