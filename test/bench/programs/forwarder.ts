/**
 * The floor of latency and throughput: reads pipes and sends what comes, with no file, no acknowledgement and no second
 * thought. `lines`: each line as a frame of its own that says whose it is, which is the least a server can work with.
 * `chunks`: bytes as they come, cut anywhere.
 */
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const [url, form, ...pipes] = process.argv.slice(2)
const socket = new WebSocket(url!, { perMessageDeflate: false })
socket.on('open', () => {
  for (const [n, path] of pipes.entries()) {
    // Open for writing too: no end of file while nobody writes.
    const pipe = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK), writable: false })
    if (form === 'chunks') pipe.on('data', (chunk) => socket.send(chunk))
    else
      createInterface({ input: pipe }).on('line', (line) => socket.send(`{"agent":"a-${n}","line":${line}}`))
  }
  socket.send('{"type":"bare"}')
})
process.on('disconnect', () => process.exit())
