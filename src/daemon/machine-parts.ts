import { runtimes } from '../agents/runtimes/index.ts'
import { childEnvironment } from '../config/environment.ts'
import { Outbox, type Outlet } from '../link/outbox.ts'
import { ServerConnection } from '../link/server-connection.ts'
import { isoTime } from '../platform/clock.ts'
import { diskSpaceOf, memory } from '../platform/disk.ts'
import { machineLoad } from '../platform/load.ts'
import { VERSION } from '../platform/version.ts'
import { Admission } from './admission.ts'
import { AgentsFate } from './agents-fate.ts'
import { Answers } from './answers.ts'
import { chosenUser } from './chosen-user.ts'
import { CommandLog } from './command-log.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { Health } from './health.ts'
import { openIdentity } from './identity.ts'
import { openPolicy } from './open-policy.ts'
import { routeOfLink } from './route.ts'
import { type StatusConnection, StatusSender } from './status-sender.ts'

/** Creates the parts for the machine: its identity, its connection to the server, and its condition. */
export function machineParts({ config, paths, clock, logger }: DaemonOptions) {
  const startedAt = isoTime(clock.now())
  const machine = openIdentity(config, paths, startedAt)
  const { nextRevision } = machine
  const environment = childEnvironment(process.env)
  const link = new ServerConnection({
    url: config.server_url,
    key: config.key,
    ...(config.ca_file && { caFile: config.ca_file }),
    userAgent: `fomular-daemon/${VERSION}`,
    clock,
    logger,
    way: routeOfLink(config, paths, logger),
    untilReady: () => machine.saved(),
  })
  const commandLog = new CommandLog(paths.ledger)
  const current = openPolicy(config, machine, paths, { clock, logger })
  const health = new Health({
    runtimes: Object.values(runtimes),
    cachePath: paths.runtimes,
    stateDir: paths.dir,
    environment,
    user: chosenUser(current),
    disk: diskSpaceOf(paths.dir),
    memory,
    load: machineLoad,
    clock,
    nextRevision,
  })
  return {
    startedAt,
    machine,
    environment,
    link,
    commandLog,
    answers: new Answers({ commandLog, link, logger }),
    health,
    statuses: new StatusSender(link satisfies StatusConnection),
    outbox: new Outbox(link satisfies Outlet, clock),
    fates: new AgentsFate({ pid: process.pid, env: process.env, health, clock, logger }),
    admission: new Admission(health),
    current,
  }
}

export type MachineParts = ReturnType<typeof machineParts>
