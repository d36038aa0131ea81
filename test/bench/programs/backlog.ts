/**
 * Machines that return with unacknowledged activity, in one process, as after an outage. If the agents are
 * `known`, each machine first stores one frame. Then all machines connect at once, and each sends its
 * whole backlog. argv: a `BacklogPlan` as JSON.
 */
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { helloOf, statusOf } from '../../support/light-daemon.ts'
import { monotonic, percentile } from '../measure.ts'

export interface BacklogPlan {
  url: string
  /** File with a key for each machine. */
  keyFile: string
  machines: number
  /** Size of the activity frames that each machine has outstanding, in bytes. */
  bytes: number
  /** `known`: the server already has a frame of each agent. `new`: it knows only the machines' keys. */
  agents: 'known' | 'new'
}

export interface BacklogReport {
  frames: number
  /** Number of requests to send activity again. */
  resends: number
  /** Time from sending the first frame of a machine until the first acknowledgment of that machine, in ms. */
  first: { p50: number; p99: number; most: number }
  /** Time from the first dial until the last acknowledgment, in ms. */
  ms: number
  /** CPU time of this process in that time, in ms. */
  processorMs: number
}

/** Maximum number of connections that are opened at once: a server limits connections without a key. */
const DIALS = 200
/** Bytes of a journal that one event stands for. */
const STEP = 240
const TEXT = 'word '.repeat(24)
/** A mask of zeros, which does not change the payload of a frame. */
const MASK = Buffer.alloc(4)

const plan = JSON.parse(process.argv[2]!) as BacklogPlan
const keys = readFileSync(plan.keyFile, 'utf8').split('\n')
/** Time until the first acknowledgment of each machine, in ms. */
let first: number[] = []
let resends = 0

/** Returns frames of small events from one offset to another, as bytes of the connection. */
function framesOf(agent: string, from: number, to: number) {
  const parts: Buffer[] = []
  for (let at = from; at < to; at += STEP) {
    const event = `{"kind":"text_delta","message_id":"msg_01HubBenchmarkMessage","block":0,"text":"${TEXT}","offset":${at},"index":0}`
    const text = `{"type":"agent:activity","agent_id":"${agent}","from":${at},"to":${at + STEP},"events":[${event}]}`
    const head = Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 0xff])
    parts.push(head, MASK, Buffer.from(text))
  }
  return Buffer.concat(parts)
}

class Machine {
  readonly #n: number
  readonly #agent: string
  /** Offset up to which the server has acknowledged the journal. */
  #have = 0
  /** Offset up to which the machine has activity. */
  #end = 0
  #backlog = Buffer.alloc(0)
  /** Time at which the machine sent its backlog, until the first acknowledgment. */
  #sentAt: number | undefined
  #socket: WebSocket | undefined
  /** Resolves when the whole backlog is acknowledged. */
  done = Promise.resolve()

  constructor(n: number) {
    this.#n = n
    this.#agent = `agent-${n}`
  }

  /** Prepares the frames of the next backlog. @returns their number */
  prepare(bytes: number): number {
    const size = framesOf(this.#agent, this.#have, this.#have + STEP).length
    const count = Math.max(1, Math.floor(bytes / size))
    this.#end = this.#have + count * STEP
    this.#backlog = framesOf(this.#agent, this.#have, this.#end)
    return count
  }

  /** Connects. Sends the backlog as soon as the server has welcomed the machine, and then resolves. */
  async connect(): Promise<void> {
    const socket = new WebSocket(plan.url, {
      headers: { authorization: `Bearer ${keys[this.#n]}` },
      perMessageDeflate: false,
    })
    this.#socket = socket
    let stream: Socket
    socket.on('upgrade', (response) => {
      stream = response.socket
    })
    const agents = [statusOf(this.#agent, { end: Number.MAX_SAFE_INTEGER })]
    const hello = helloOf({ machine_id: `machine-${this.#n}`, instance_id: `${this.#n}`, agents })
    socket.on('open', () => socket.send(JSON.stringify(hello)))
    socket.on('error', failed)
    socket.on('close', (code) => failed(new Error(`the server closed the connection: ${code}`)))
    await new Promise<void>((welcomed) => {
      this.done = new Promise((acknowledged) => {
        socket.on('message', (data) => {
          const message = JSON.parse(String(data))
          if (message.type === 'server:welcome') {
            this.#sentAt = monotonic()
            stream.write(this.#backlog)
            welcomed()
          } else if (message.type === 'agent:resend') {
            resends++
            stream.write(framesOf(this.#agent, message.from, this.#end))
          } else if (message.type === 'agent:ack') {
            this.#onAck(message.offsets[this.#agent])
            if (this.#have >= this.#end) acknowledged()
          }
        })
      })
    })
  }

  #onAck(offset: number) {
    this.#have = offset
    if (this.#sentAt === undefined) return
    first.push(monotonic() - this.#sentAt)
    this.#sentAt = undefined
  }

  disconnect() {
    this.#socket?.removeAllListeners('close')
    this.#socket?.close()
  }
}

/** Ends the program, so that the benchmark does not wait for a report. */
function failed(error: Error) {
  console.error(error)
  process.exit(1)
}

const machines = Array.from({ length: plan.machines }, (_, n) => new Machine(n))

/** Lets all machines return. Resolves when their backlogs are acknowledged. */
async function comeBack(): Promise<void> {
  const left = machines.values()
  const dial = async () => {
    for (const machine of left) await machine.connect()
  }
  await Promise.all(Array.from({ length: DIALS }, dial))
  await Promise.all(machines.map(({ done }) => done))
}

process.on('message', async () => {
  const before = process.cpuUsage()
  const started = monotonic()
  await comeBack()
  const { user, system } = process.cpuUsage(before)
  process.send?.({
    frames,
    resends,
    first: { p50: percentile(first, 0.5), p99: percentile(first, 0.99), most: Math.max(...first) },
    ms: monotonic() - started,
    processorMs: (user + system) / 1000,
  } satisfies BacklogReport)
})
process.on('disconnect', () => process.exit())

if (plan.agents === 'known') {
  for (const machine of machines) machine.prepare(1)
  await comeBack()
  for (const machine of machines) machine.disconnect()
  first = []
}
let frames = 0
for (const machine of machines) frames += machine.prepare(plan.bytes)
process.send?.('ready')
