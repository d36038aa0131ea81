import { ask } from '../platform/ask.ts'
import type { UnitPlace } from './cgroup.ts'

/**
 * Asks the systemd manager that runs a unit. It answers within milliseconds unless the machine is in trouble.
 * @returns undefined where it does not answer in time, or does not know
 */
export async function systemctl(
  { scope }: UnitPlace,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  timeout: number,
): Promise<string | undefined> {
  const argv = [...(scope === 'user' ? ['--user'] : []), ...args]
  const runtime = { XDG_RUNTIME_DIR: `/run/user/${process.getuid?.()}`, ...env }
  const { ok, stdout } = await ask('systemctl', argv, { env: runtime, timeout })
  return ok ? stdout : undefined
}
