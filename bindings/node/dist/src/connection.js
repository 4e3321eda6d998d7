'use strict'
module.exports = require('../../lib/connection')
