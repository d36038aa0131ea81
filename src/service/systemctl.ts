import { programOutput } from '../platform/program-output.ts'
import type { UnitPlace } from './cgroup.ts'

/**
 * Sends a query to the systemd instance that runs a unit. systemd normally answers within milliseconds.
 * @returns the output; undefined if systemd does not answer in time, or the command fails
 */
export async function systemctl(
  { scope }: UnitPlace,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  timeout: number,
): Promise<string | undefined> {
  const argv = [...(scope === 'user' ? ['--user'] : []), ...args]
  const runtime = { XDG_RUNTIME_DIR: `/run/user/${process.getuid?.()}`, ...env }
  const { ok, stdout } = await programOutput('systemctl', argv, { env: runtime, timeout })
  return ok ? stdout : undefined
}
