// The floor of a daemon's start and of its idle memory: a Node process that loads `ws`, connects, and says so.
const { WebSocket } = require('ws')
const socket = new WebSocket(process.argv[2] ?? '')
socket.on('open', () => socket.send('{"type":"bare"}'))
