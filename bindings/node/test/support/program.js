// SPDX-License-Identifier: Apache-2.0
'use strict'
// What starts another Node like this one: where this one runs by a loader or by qemu, RILL_NODE names
// a program that does.
module.exports = process.env.RILL_NODE || process.execPath
