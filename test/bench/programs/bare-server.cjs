// The floor of a hub's idle memory: a Node process with `ws` and an HTTP server.
const { createServer } = require('node:http')
const { WebSocketServer } = require('ws')
const server = createServer((_request, response) => response.end('{}'))
new WebSocketServer({ server })
server.listen(0, '127.0.0.1', () => process.send?.('listening'))
