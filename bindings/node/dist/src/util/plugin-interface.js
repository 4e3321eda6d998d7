'use strict'
// Types alone: plugin-interface.d.ts
