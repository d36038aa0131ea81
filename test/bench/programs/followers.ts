/** Clients that follow agents' streams, in one process. argv: a `FollowersPlan` as JSON. */
import { type IncomingMessage, request } from 'node:http'
import { monotonic, percentile } from '../measure.ts'

export interface FollowersPlan {
  url: string
  /** User keys. The followers share them equally, because the hub limits the streams of a key. */
  keys: string[]
  followers: number
  /** Number of agents. The followers share them equally. */
  agents: number
}

export interface FollowersReport {
  /** Events received since the last report. */
  events: number
  /** Time since the last report, in ms. */
  ms: number
  /** Time from sending an event until a follower has it, in ms: median, 99th percentile, and maximum. */
  p50: number
  p99: number
  most: number
}

/** Begins the text of an event, and is followed by the time at which the event was sent. */
const MARK = '"@'

const plan = JSON.parse(process.argv[2]!) as FollowersPlan
let since = monotonic()
let events = 0
let lags: number[] = []

function follow(n: number): Promise<void> {
  const key = plan.keys[n % plan.keys.length]
  const url = `${plan.url}/api/agents/agent-${n % plan.agents}/stream`
  const asked = request(url, { agent: false, headers: { authorization: `Bearer ${key}` } })
  asked.end()
  return new Promise((resolve, reject) => {
    asked.on('error', reject)
    asked.on('response', (response: IncomingMessage) => {
      if (response.statusCode !== 200)
        return reject(new Error(`the hub refused a stream: ${response.statusCode}`))
      response.on('data', onData)
      response.on('end', () => {
        throw new Error('the hub ended a stream')
      })
      resolve()
    })
  })
}

/** Counts the events, and measures the lag of the first event, which waited longest. */
function onData(chunk: Buffer) {
  let at = chunk.indexOf(MARK)
  if (at === -1) return
  const sent = Number.parseFloat(chunk.toString('latin1', at + MARK.length, at + MARK.length + 20))
  lags.push(monotonic() - sent)
  for (; at !== -1; at = chunk.indexOf(MARK, at + MARK.length)) events++
}

function report(): FollowersReport {
  const now = monotonic()
  const made = {
    events,
    ms: now - since,
    p50: percentile(lags, 0.5),
    p99: percentile(lags, 0.99),
    most: percentile(lags, 1),
  }
  since = now
  events = 0
  lags = []
  return made
}

process.on('message', () => process.send?.(report()))
process.on('disconnect', () => process.exit())

await Promise.all(Array.from({ length: plan.followers }, (_, n) => follow(n)))
process.send?.('ready')
