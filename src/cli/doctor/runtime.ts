import { probe } from '../../agents/runtimes/claude/probe.ts'
import type { Finding } from '../render/finding.ts'
import { runtimeText } from '../render/machine.ts'

const LOG_IN = 'Run `claude` on this machine and use /login, or set ANTHROPIC_API_KEY for the daemon.'

/** Claude Code and its login, as the daemon looks for them. @param env what an agent would inherit */
export async function checkRuntime(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const runtime = await probe({ env })
  const { found, problem, login } = runtime
  if (!found || problem !== undefined)
    return [
      {
        check: 'claude',
        level: 'error',
        message: found ? (problem ?? '') : 'Claude Code is not to be found.',
        ...(!found && problem !== undefined && { remedy: problem }),
      },
    ]
  const message = runtimeText(runtime)
  if (login === 'logged_out' || login === 'expired')
    return [{ check: 'claude', level: 'error', message, remedy: LOG_IN }]
  if (login === 'unknown')
    return [
      {
        check: 'claude',
        level: 'warning',
        message,
        remedy: `It does not say whether somebody is logged in. ${LOG_IN}`,
      },
    ]
  return [{ check: 'claude', level: 'ok', message }]
}
