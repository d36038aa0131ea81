import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { probe } from '../../agents/runtimes/claude/probe.ts'
import { homeOf } from '../../config/home.ts'
import { isWritable } from '../../update/layout.ts'
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
  const passedOver = runtime.passed_over?.map(
    (other): Finding => ({
      check: 'claude',
      level: 'warning',
      message: `${other.path} comes first and cannot be used: ${other.problem}`,
      remedy: 'Repair or remove it. Until then, agents use the one above.',
    }),
  )
  return [{ check: 'claude', level: 'ok', message }, ...(passedOver ?? []), ...checkConversations(env)]
}

/** Claude Code says nothing where it cannot keep a conversation, until that is to be resumed. */
function checkConversations(env: NodeJS.ProcessEnv): Finding[] {
  const folder = env.CLAUDE_CONFIG_DIR || join(homeOf(env), '.claude')
  if (isWritable(existing(folder))) return []
  return [
    {
      check: 'claude',
      level: 'warning',
      message: `${folder} cannot be written to: conversations are not kept, and agents that have ended cannot be resumed.`,
      remedy: 'Make it writable for the user of the daemon, or set CLAUDE_CONFIG_DIR to a folder that is.',
    },
  ]
}

/** The folder itself, or the one above in which it would be made. */
const existing = (path: string): string => (existsSync(path) ? path : existing(dirname(path)))
