// SPDX-License-Identifier: Apache-2.0
'use strict'
// Loaded before moneyd, whose port cannot be chosen: 7768 may be somebody else's. MONEYD_PORT is.
const Connector = require('ilp-connector')
const { createApp } = Connector

Connector.createApp = options => {
  options.accounts.local.options.wsOpts.port = Number(process.env.MONEYD_PORT)
  return createApp(options)
}
