// SPDX-License-Identifier: Apache-2.0
'use strict'
// A node between plugins that speak BTP: it answers IL-DCP, hands packets on, and does what a test wants
// with any of them. Its frames are read and written by the package btp-packet, its WebSocket is that
// of the package ws: nothing of ours.
const btp = require('btp-packet')
const ildcp = require('ilp-protocol-ildcp')
const { deserializeIlpPrepare } = require('ilp-packet')
const { once } = require('events')
const { WebSocketServer } = require('ws')
const { Plugin } = require('../../plugin')

class Node {
  constructor () {
    /** Those that are connected, by their names. */
    this.peers = new Map()
    this.next = 1
    /** Who waits for an answer, by our ids. */
    this.asked = new Map()
    /** A test's: each gets what would be sent, { to, frame, send }, and sends it, or something else, or nothing. */
    this.prepare = ({ send }) => send()
    this.answer = ({ send }) => send()
    this.prepares = 0
    this.answers = 0
  }

  async start (t) {
    this.server = new WebSocketServer({ port: 0, host: '127.0.0.1', skipUTF8Validation: true })
    t.later(() => {
      for (const socket of this.server.clients) socket.terminate()
      this.server.close()
    })
    this.server.on('connection', socket => this.accept(socket))
    await once(this.server, 'listening')
    return this
  }

  plugin (name) {
    return new Plugin({ server: `btp+ws://${name}:secret@127.0.0.1:${this.server.address().port}` })
  }

  accept (socket) {
    const peer = { socket, name: '' }
    socket.on('error', () => {})
    socket.on('message', bytes => this.message(peer, btp.deserialize(bytes)))
  }

  message (peer, { type, requestId, data }) {
    const entries = type === btp.TYPE_ERROR ? [] : data.protocolData
    const of = name => entries.find(({ protocolName }) => protocolName === name)
    if (type === btp.TYPE_RESPONSE || type === btp.TYPE_ERROR) return this.answered(peer, requestId, of('ilp'))
    const name = of('auth_username')
    if (name) {
      peer.name = name.data.toString()
      this.peers.set(peer.name, peer)
      return peer.socket.send(btp.serializeResponse(requestId, []))
    }
    const packet = of('ilp').data
    const { destination } = deserializeIlpPrepare(packet)
    if (destination === 'peer.config') {
      const reply = ildcp.serializeIldcpResponse({ clientAddress: `test.${peer.name}`, assetCode: 'XYZ', assetScale: 9 })
      return peer.socket.send(btp.serializeResponse(requestId, ilp(reply)))
    }
    const to = this.peers.get(destination.split('.')[1])
    this.prepares++
    const id = this.next++
    this.asked.set(id, { peer, requestId })
    const frame = btp.serializeMessage(id, ilp(packet))
    this.prepare({ to: to.socket, id, packet, frame, from: peer.socket, requestId, send: (bytes = frame) => to.socket.send(bytes) })
  }

  answered (peer, id, entry) {
    const asked = this.asked.get(id)
    this.asked.delete(id)
    if (!asked) return
    this.answers++
    const { socket } = asked.peer
    const frame = entry ? btp.serializeResponse(asked.requestId, ilp(entry.data)) : errorOf(asked.requestId)
    this.answer({ to: socket, id: asked.requestId, packet: entry && entry.data, frame, send: (bytes = frame) => socket.send(bytes) })
  }
}

function ilp (packet) {
  return [{ protocolName: 'ilp', contentType: btp.MIME_APPLICATION_OCTET_STREAM, data: packet }]
}

function errorOf (id) {
  return btp.serializeError({ code: 'F00', name: 'NotAcceptedError', triggeredAt: new Date(), data: '' }, id, [])
}

module.exports = { Node, ilp, errorOf, btp }
