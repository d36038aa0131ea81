import { delimiter } from 'node:path'
import { findClaude } from '../agents/runtimes/claude/find.ts'
import { remedyOf } from '../config/strict.ts'
import { faultsOf } from '../platform/ours.ts'

/**
 * Returns what lets others change the program that runs agents, and the certificates that the environment names, each with
 * a remedy. It is warned of and not refused: versions before have used them without a look, and Node reads some of them
 * before this program runs.
 * @param user uid of the daemon; this process's by default
 */
export function faultsAround(env: NodeJS.ProcessEnv, user?: number): { message: string; remedy: string }[] {
  const leads = (name: string, path = env[name]) => (path ? [[path, `${name} leads there`] as const] : [])
  const [claude] = findClaude(env)
  const places = [
    ...(claude === undefined ? [] : [[claude, 'the Claude Code that agents run is there'] as const]),
    ...leads('NODE_EXTRA_CA_CERTS'),
    ...leads('SSL_CERT_FILE'),
    ...(env.SSL_CERT_DIR ?? '').split(delimiter).flatMap((path) => leads('SSL_CERT_DIR', path)),
  ]
  return places.flatMap(([path, use]) =>
    faultsOf(path, user).map((fault) => ({
      message: `${fault.message}, and ${use}`,
      remedy: remedyOf(fault),
    })),
  )
}
