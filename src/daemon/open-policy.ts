import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import type { DaemonConfig } from '../config/daemon-config.ts'
import type { StatePaths } from '../config/paths.ts'
import { isLoopback } from '../config/server-url.ts'
import { readJson, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { CurrentPolicy } from '../policy/current.ts'
import type { Machine } from './machine.ts'

/** `policy.json` in the state folder: the default that the machine has without a policy. */
const DefaultRecord = z.object({ version: z.literal(1), default: z.enum(['careful', 'open']) })

/**
 * Opens the machine's policy. Without a file, a machine that first ran a version without policies keeps permitting
 * everything, as does a server on this machine, whose users count as its operators.
 */
export function openPolicy(
  config: DaemonConfig,
  machine: Machine,
  paths: StatePaths,
  logger: Logger,
): CurrentPolicy {
  const kept = keptDefault(paths, machine.isNew || machine.restored)
  keep(paths, kept)
  return new CurrentPolicy({
    named: config.policy,
    env: process.env,
    otherwise: config.server_socket !== undefined || isOwn(config.server_url) ? 'open' : kept,
    logger,
  })
}

/** Returns the policy without a file of a daemon that would start on this state folder. */
export const defaultOf = (server: string, paths: StatePaths): 'careful' | 'open' =>
  isOwn(server) ? 'open' : keptDefault(paths, !existsSync(paths.machine))

const isOwn = (server: string) => isLoopback(new URL(server).hostname)

const recordIn = ({ dir }: StatePaths) => join(dir, 'policy.json')

function keptDefault(paths: StatePaths, isNew: boolean): 'careful' | 'open' {
  const path = recordIn(paths)
  const read = readJson(path, DefaultRecord)
  if (read.ok) return read.value.default
  // A damaged record says that a version with policies has run here.
  return isNew || existsSync(path) ? 'careful' : 'open'
}

/** Records the default of this state folder, if this is the first version with policies here. */
function keep(paths: StatePaths, kept: 'careful' | 'open') {
  const path = recordIn(paths)
  if (readJson(path, DefaultRecord).ok) return
  try {
    writeAtomic(path, JSON.stringify({ version: 1, default: kept }))
  } catch {
    // The disk is full; the next start records it.
  }
}
