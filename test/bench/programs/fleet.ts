/**
 * Many light daemons in one process. Each light daemon runs only this project's connection code, with its
 * backoff, and reports one agent, which has ended. argv: URL, file with a key for each daemon, number of
 * daemons, number of the first daemon.
 */
import { readFileSync } from 'node:fs'
import { ServerConnection } from '../../../src/link/server-connection.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { createLogger } from '../../../src/platform/log.ts'
import { helloOf, statusOf } from '../../support/light-daemon.ts'
import { monotonic } from '../measure.ts'

export interface FleetReport {
  live: number
  /** Start of each dial since the last report (ms, monotonic). */
  dials: number[]
}

const [url, keyFile, count, first] = process.argv.slice(2)
const keys = readFileSync(keyFile!, 'utf8').split('\n')
const logger = createLogger({ level: 'silent', stderr: 'none' })
let dials: number[] = []

const links = Array.from({ length: Number(count) }, (_, n) => {
  const id = `${Number(first) + n}`
  const agents = [statusOf(`agent-${id}`, { state: 'exited', end: 0 })]
  const link = new ServerConnection({
    url: url!,
    key: keys[Number(id)]!,
    userAgent: 'fleet',
    clock: systemClock,
    logger,
    // Called before each dial.
    way: async () => {
      dials.push(monotonic())
      return {}
    },
  })
  const hello = () => helloOf({ machine_id: `machine-${id}`, instance_id: id, agents })
  return { link, start: () => link.start({ hello, onWelcome: () => [], onMessage: () => [] }) }
})
for (const { start } of links) start()

process.on('message', () => {
  process.send?.({ live: links.filter(({ link }) => link.isUp).length, dials } satisfies FleetReport)
  dials = []
})
process.on('disconnect', () => process.exit())
