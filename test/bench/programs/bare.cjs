// The floor of a daemon's start and idle memory: a Node process that loads `ws`, connects, and sends a frame.
const { WebSocket } = require('ws')
const socket = new WebSocket(process.argv[2] ?? '')
socket.on('open', () => socket.send('{"type":"bare"}'))
