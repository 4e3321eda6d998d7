'use strict'
module.exports = require('../../lib/crypto')
