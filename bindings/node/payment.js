// SPDX-License-Identifier: Apache-2.0
'use strict'
const { pay, resume, readState, settle, PaymentError } = require('./lib/payment')

module.exports = { pay, resume, readState, settle, PaymentError }
