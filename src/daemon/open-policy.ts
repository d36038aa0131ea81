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

/** `policy.json` in the state folder: which default the machine has without a policy. */
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
  const isOwn = config.server_socket !== undefined || isLoopback(new URL(config.server_url).hostname)
  const kept = keptDefault(paths, machine)
  return new CurrentPolicy({
    named: config.policy,
    env: process.env,
    otherwise: isOwn ? 'open' : kept,
    logger,
  })
}

/** Returns the default of this state folder, and records it if this is the first version with policies here. */
function keptDefault({ dir }: StatePaths, { isNew }: Machine): 'careful' | 'open' {
  const path = join(dir, 'policy.json')
  const read = readJson(path, DefaultRecord)
  if (read.ok) return read.value.default
  // A damaged record says that a version with policies has run here.
  const chosen = isNew || existsSync(path) ? 'careful' : 'open'
  try {
    writeAtomic(path, JSON.stringify({ version: 1, default: chosen }))
  } catch {
    // The disk is full; the next start records it.
  }
  return chosen
}
