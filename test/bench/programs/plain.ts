/**
 * The floor of the hub's answers. A request for /N gets N bytes that exist already, or 304 for N = 0. A greeting
 * is parsed, and gets an offset for each of its agents.
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const bytes = Buffer.alloc(64 * 1024 * 1024, 'x')
const server = createServer((request, response) => {
  const size = Number(request.url!.slice(1))
  response.writeHead(size > 0 ? 200 : 304).end(bytes.subarray(0, size))
})
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (data) => {
    const { agents } = JSON.parse(String(data)) as { agents: { agent_id: string; end: number }[] }
    const offsets = Object.fromEntries(agents.map(({ agent_id, end }) => [agent_id, end]))
    socket.send(JSON.stringify({ type: 'server:welcome', offsets }))
  })
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
process.on('disconnect', () => process.exit())
