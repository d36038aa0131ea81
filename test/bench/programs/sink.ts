/**
 * The floor of the hub: a server that keeps the bytes of each frame. Like the hub, it collects frames for 3 ms,
 * writes them together, syncs the file, and acknowledges them. It parses nothing, and all frames share one file.
 * argv: path of the file.
 */
import { open } from 'node:fs/promises'
import { type WebSocket, WebSocketServer } from 'ws'

/** Time for which frames are collected, in milliseconds; the same as the hub's. */
const GATHER_MS = 3

const file = await open(process.argv[2]!, 'a')
let waiting: Buffer[] = []
let due = new Map<WebSocket, Map<string, string>>()
let isWriting = false

async function write() {
  const [data, acks] = [waiting, due]
  waiting = []
  due = new Map()
  await file.appendFile(Buffer.concat(data))
  await file.datasync()
  for (const [socket, offsets] of acks) {
    const list = [...offsets].map(([agent, to]) => `"${agent}":${to}`)
    socket.send(`{"type":"agent:ack","offsets":{${list.join()}}}`)
  }
  isWriting = false
  if (waiting.length > 0) soon()
}

function soon() {
  if (isWriting) return
  isWriting = true
  setTimeout(write, GATHER_MS)
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
server.on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (data: Buffer) => {
    const [, agent, to] =
      /^\{"type":"agent:activity","agent_id":"([^"]+)","from":\d+,"to":(\d+)/.exec(
        data.toString('latin1', 0, 200),
      ) ?? []
    if (agent === undefined || to === undefined)
      return socket.send('{"type":"server:welcome","protocol":{"version":1},"offsets":{}}')
    waiting.push(data)
    const offsets = due.get(socket)
    if (offsets) offsets.set(agent, to)
    else due.set(socket, new Map([[agent, to]]))
    soon()
  })
})
server.on('listening', () => process.send?.((server.address() as { port: number }).port))
process.on('disconnect', () => process.exit())
