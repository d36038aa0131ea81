/**
 * Machines with one agent each, in one process. They send activity to a server, which may be the hub or its floor,
 * and measure how long the server takes to acknowledge each frame. argv: a `MachinesPlan` as JSON.
 */
import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { helloOf, statusOf } from '../../support/light-daemon.ts'
import { monotonic, percentile } from '../measure.ts'

export interface MachinesPlan {
  url: string
  /** File with a key for each machine. */
  keyFile: string
  machines: number
  frame: keyof typeof FRAMES
  /** Maximum number of frames of a machine that the server has not acknowledged. */
  window: number
  /**
   * Frames per second of all machines together; undefined to send as fast as the window permits. With a rate, each
   * event contains the time at which it was sent.
   */
  rate?: number
}

export interface MachinesReport {
  /** Acknowledged frames since the last report. */
  frames: number
  bytes: number
  /** Time since the last report, in ms. */
  ms: number
  /** Median and 99th percentile of the time from a frame to its acknowledgment, in ms. */
  p50: number
  p99: number
}

/** Bytes of a journal that one event stands for. */
const STEP = 240
const event = (offset: number, text: string) =>
  `{"kind":"text_delta","message_id":"msg_01HubBenchmarkMessage","block":0,"text":"${text}","offset":${offset},"index":0}`
const [short, long] = ['word '.repeat(24), 'word '.repeat(305)]

/** Events of a frame: one short event of 300 bytes, or 40 events of 64 KiB together. */
const FRAMES = {
  small: { events: 1, text: short },
  big: { events: 40, text: long },
} as const

const plan = JSON.parse(process.argv[2]!) as MachinesPlan
const keys = readFileSync(plan.keyFile, 'utf8').split('\n')
const { events, text } = FRAMES[plan.frame]
let isSending = false
let since = monotonic()
let frames = 0
let bytes = 0
let latencies: number[] = []

class Machine {
  readonly #socket: WebSocket
  readonly #agent: string
  /** Offset up to which the journal was sent. */
  #sent = 0
  /** Frames in flight, oldest first. */
  readonly #flying: { to: number; at: number; bytes: number }[] = []
  readonly ready: Promise<void>

  constructor(n: number) {
    this.#agent = `agent-${n}`
    this.#socket = new WebSocket(plan.url, {
      headers: { authorization: `Bearer ${keys[n]}` },
      perMessageDeflate: false,
    })
    this.ready = new Promise((resolve, reject) => {
      this.#socket.on('error', reject)
      this.#socket.on('close', (code) => reject(new Error(`the server closed the connection: ${code}`)))
      this.#socket.on('message', (data) => {
        const message = JSON.parse(String(data))
        if (message.type === 'agent:ack') return this.#onAck(message.offsets[this.#agent])
        if (message.type !== 'server:welcome') return
        this.#sent = message.offsets[this.#agent] ?? 0
        resolve()
      })
    })
    const agents = [statusOf(this.#agent, { end: Number.MAX_SAFE_INTEGER })]
    this.#socket.on('open', () =>
      this.#socket.send(JSON.stringify(helloOf({ machine_id: `machine-${n}`, instance_id: `${n}`, agents }))),
    )
  }

  /** Sends as many frames as the window permits. */
  fill() {
    while (this.#flying.length < plan.window) this.send()
  }

  send() {
    const from = this.#sent
    const to = from + events * STEP
    const stamp = plan.rate === undefined ? '' : `@${monotonic().toFixed(1)} `
    const list = Array.from({ length: events }, (_, n) => event(from + n * STEP, stamp + text)).join()
    const frame = `{"type":"agent:activity","agent_id":"${this.#agent}","from":${from},"to":${to},"events":[${list}]}`
    this.#sent = to
    this.#flying.push({ to, at: monotonic(), bytes: frame.length })
    this.#socket.send(frame)
  }

  #onAck(offset: number) {
    const now = monotonic()
    while (this.#flying[0] && this.#flying[0].to <= offset) {
      const frame = this.#flying.shift()!
      latencies.push(now - frame.at)
      bytes += frame.bytes
      frames++
    }
    if (isSending && plan.rate === undefined) this.fill()
  }
}

function report(): MachinesReport {
  const now = monotonic()
  const made = {
    frames,
    bytes,
    ms: now - since,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  }
  since = now
  frames = 0
  bytes = 0
  latencies = []
  return made
}

const machines = Array.from({ length: plan.machines }, (_, n) => new Machine(n))
/** Sends frames of the machines in turn, at a steady rate. */
function atRate(rate: number) {
  const started = monotonic()
  let sent = 0
  setInterval(() => {
    const due = Math.floor(((monotonic() - started) * rate) / 1000)
    for (; sent < due; sent++) machines[sent % machines.length]!.send()
  }, 1)
}

process.on('message', (message: 'start' | 'report') => {
  if (message === 'report') return process.send?.(report())
  isSending = true
  since = monotonic()
  if (plan.rate !== undefined) return atRate(plan.rate)
  for (const machine of machines) machine.fill()
})
process.on('disconnect', () => process.exit())

await Promise.all(machines.map(({ ready }) => ready))
process.send?.('ready')
