import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import type { DaemonConfig } from '../config/daemon-config.ts'
import type { StatePaths } from '../config/paths.ts'
import { isLoopback } from '../config/server-url.ts'
import type { Clock } from '../platform/clock.ts'
import { readJson, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { CurrentPolicy } from '../policy/current.ts'
import type { Machine } from './machine.ts'

/** `policy.json` in the state folder: the default policy that applies if the machine has no policy file. */
const DefaultRecord = z.object({ version: z.literal(1), default: z.enum(['careful', 'open']) })

/**
 * Opens the machine's policy. Without a policy file, everything is permitted if the first version that ran on
 * this machine had no policies. Everything is also permitted if the server is on this machine, because the
 * server's users then count as the machine's operators.
 */
export function openPolicy(
  config: DaemonConfig,
  machine: Machine,
  paths: StatePaths,
  { clock, logger }: { clock: Clock; logger: Logger },
): CurrentPolicy {
  const kept = keptDefault(paths, machine.isNew || machine.restored)
  keep(paths, kept)
  return new CurrentPolicy({
    named: config.policy,
    env: process.env,
    otherwise: config.server_socket !== undefined || isOwn(config.server_url) ? 'open' : kept,
    monotonic: () => clock.monotonic(),
    logger,
  })
}

/** Returns the default policy that a daemon on this state folder would use if there is no policy file. */
export const defaultOf = (server: string, paths: StatePaths): 'careful' | 'open' =>
  isOwn(server) ? 'open' : keptDefault(paths, !existsSync(paths.machine))

const isOwn = (server: string) => isLoopback(new URL(server).hostname)

const recordIn = ({ dir }: StatePaths) => join(dir, 'policy.json')

function keptDefault(paths: StatePaths, isNew: boolean): 'careful' | 'open' {
  const path = recordIn(paths)
  const read = readJson(path, DefaultRecord)
  if (read.ok) return read.value.default
  // Even a damaged record shows that a version with policies has run here.
  return isNew || existsSync(path) ? 'careful' : 'open'
}

/** Records the default policy of this state folder, unless an earlier start recorded it. */
function keep(paths: StatePaths, kept: 'careful' | 'open') {
  const path = recordIn(paths)
  if (readJson(path, DefaultRecord).ok) return
  try {
    writeAtomic(path, JSON.stringify({ version: 1, default: kept }))
  } catch {
    // The disk is full; the next start records it.
  }
}
