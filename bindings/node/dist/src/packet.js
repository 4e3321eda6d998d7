'use strict'
module.exports = require('../../lib/packet')
