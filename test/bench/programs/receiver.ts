/**
 * A minimal server for daemons, and for the floors: the simpler programs that daemons are compared with. It
 * searches the bytes of each frame for stamps, and does not parse activity. Like the hub, it welcomes daemons
 * and acknowledges their frames in groups.
 */
import { type WebSocket, WebSocketServer } from 'ws'
import { stamps } from '../line.ts'
import { monotonic } from '../measure.ts'

/** Time for which acknowledgments are collected into one message, in milliseconds; the same as the hub's. */
const GATHER_MS = 3

export type Request =
  | { do: 'expect'; lines: number; latencies: boolean }
  | { do: 'start'; agents: string[]; cwd: string }
  | { do: 'heartbeat'; ms: number }
export type Reply =
  | { said: 'listening'; port: number }
  /** The first frame of a floor, or a daemon's greeting: the link works. */
  | { said: 'connected'; at: number; running: number }
  /** `tookMs`: time from the command to its result. */
  | { said: 'started'; agent: string; tookMs: number; problem?: string }
  /** Counting starts now. */
  | { said: 'expecting' }
  | { said: 'received'; at: number; latencies: number[] }
  /** Longest delay of a pong. */
  | { said: 'heartbeat'; longestMs: number; pings: number }

/** Offset of each journal up to which its bytes were received. */
const held: Record<string, number> = {}
/** Times of the commands that start agents. */
const ordered = new Map<string, number>()

const say = (reply: Reply) => process.send?.(reply)
let expected = Number.POSITIVE_INFINITY
let seen = 0
let latencies: number[] | undefined
let daemon: WebSocket | undefined

function count(frame: Buffer) {
  const now = monotonic()
  const kept = latencies
  seen += stamps(frame, kept && ((at) => kept.push(now - at)))
  if (seen < expected) return
  expected = Number.POSITIVE_INFINITY
  say({ said: 'received', at: now, latencies: latencies ?? [] })
}

function serve(socket: WebSocket) {
  let isFloor = false
  const due = new Set<string>()
  const acknowledge = () => {
    const offsets = Object.fromEntries([...due].map((id) => [id, held[id]]))
    due.clear()
    socket.send(JSON.stringify({ type: 'agent:ack', offsets }))
  }
  socket.on('error', () => {})
  socket.on('message', (data) => {
    const frame = data as Buffer
    const activity = /^\{"type":"agent:activity","agent_id":"([^"]+)","from":\d+,"to":(\d+)/.exec(
      frame.toString('latin1', 0, 200),
    )
    if (activity) {
      const [, agent = '', to] = activity
      if (due.size === 0) setTimeout(acknowledge, GATHER_MS)
      due.add(agent)
      held[agent] = Number(to)
      return count(frame)
    }
    if (isFloor) return count(frame)
    const message = JSON.parse(frame.toString())
    switch (message.type) {
      case 'bare':
        isFloor = true
        return say({ said: 'connected', at: monotonic(), running: 0 })
      case 'machine:hello': {
        daemon = socket
        socket.send(JSON.stringify({ type: 'server:welcome', protocol: { version: 1 }, offsets: held }))
        const running = message.agents.filter(({ state }: { state: string }) => state === 'idle').length
        return say({ said: 'connected', at: monotonic(), running })
      }
      case 'agent:start:result':
        return say({
          said: 'started',
          agent: message.command_id,
          tookMs: monotonic() - (ordered.get(message.command_id) ?? Number.NaN),
          ...(!message.ok && { problem: message.error.message }),
        })
    }
  })
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
server.on('connection', serve)
server.on('listening', () => say({ said: 'listening', port: (server.address() as { port: number }).port }))

process.on('message', (request: Request) => {
  switch (request.do) {
    case 'expect':
      seen = 0
      expected = request.lines
      latencies = request.latencies ? [] : undefined
      return say({ said: 'expecting' })
    case 'start':
      for (const id of request.agents) {
        ordered.set(id, monotonic())
        daemon?.send(
          JSON.stringify({ type: 'agent:start', command_id: id, agent_id: id, spec: { cwd: request.cwd } }),
        )
      }
      return
    case 'heartbeat':
      return heartbeat(request.ms)
  }
})
process.on('disconnect', () => process.exit())

/** Sends pings for `ms` milliseconds, ten a second, and reports the longest delay of a pong. */
function heartbeat(ms: number) {
  const socket = daemon!
  let longestMs = 0
  let pings = 0
  const sent: number[] = []
  const answered = () => {
    longestMs = Math.max(longestMs, monotonic() - sent.shift()!)
  }
  socket.on('pong', answered)
  const timer = setInterval(() => {
    sent.push(monotonic())
    pings++
    socket.ping()
  }, 100)
  setTimeout(() => {
    clearInterval(timer)
    setTimeout(() => {
      socket.off('pong', answered)
      const overdue = sent.length > 0 ? monotonic() - sent[0]! : 0
      say({ said: 'heartbeat', longestMs: Math.max(longestMs, overdue), pings })
    }, 500)
  }, ms)
}
