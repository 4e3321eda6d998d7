'use strict'
module.exports = require('../../lib/stream')
