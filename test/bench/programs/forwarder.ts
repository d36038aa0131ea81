/**
 * The floor for latency and throughput: a program that reads pipes and sends the data, without files or
 * acknowledgments. `lines`: sends each line in a separate frame with the agent's name, which is the minimum
 * that a server needs. `chunks`: sends the bytes as they arrive, in arbitrary pieces.
 */
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const [url, form, ...pipes] = process.argv.slice(2)
const socket = new WebSocket(url!, { perMessageDeflate: false })
socket.on('open', () => {
  for (const [n, path] of pipes.entries()) {
    // Opens the pipe for writing, too. Otherwise, reading would end whenever the pipe has no other writer.
    const pipe = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), writable: false })
    if (form === 'chunks') pipe.on('data', (chunk) => socket.send(chunk))
    else
      createInterface({ input: pipe }).on('line', (line) => socket.send(`{"agent":"a-${n}","line":${line}}`))
  }
  socket.send('{"type":"bare"}')
})
process.on('disconnect', () => process.exit())
