import { Command } from 'commander'
import type { CommandFailure } from '../../agents/command-failure.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { MachinePolicy } from '../../protocol/index.ts'
import { type LocalOptions, WHICH, withLocal } from '../local/index.ts'
import { cleanLine } from '../render/clean.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'
import type { FileProblem } from './examine-file.ts'
import type { InForce } from './in-force.ts'

const HELP = `
If you name a file, the command checks this file. Without an argument, it checks the policy file of the daemon
on this machine, and shows what the daemon's policy permits. If there is no policy file, it shows what the
default permits. The command reports every problem: unknown keys, invalid values, and users who could change
the file. The exit code is 0 if there is no problem, and 2 if there are problems.
${WHICH}

Examples:
  $ fomular-daemon policy check
  $ fomular-daemon policy check ./policy.toml
  $ fomular-daemon policy check --json | jq .policy.permission_modes`

export function checkCommand(): Command {
  return withLocal(
    new Command('check')
      .description('check the policy, and show what it permits')
      .argument('[file]', 'policy to check (default: the file that the daemon on this machine obeys)')
      .addHelpText('after', HELP)
      .action(check),
  )
}

async function check(given: string | undefined, options: LocalOptions) {
  const { resolve } = await import('node:path')
  const [{ examineFile }, { summaryOf }, { CAREFUL, OPEN }] = await Promise.all([
    import('./examine-file.ts'),
    import('../../policy/summary.ts'),
    import('../../policy/schema.ts'),
  ])
  const inForce =
    given === undefined ? await (await import('./in-force.ts')).policyInForce(options) : undefined
  const file = given === undefined ? inForce?.file : resolve(given)
  const { policy, problems } = file === undefined ? { problems: [] } : examineFile(file, inForce?.user)
  if (inForce && problems.length === 0)
    problems.push(...seenByDaemon(inForce), ...(await userProblems(policy?.isolation.agent_user)))
  if (problems.length > 0) process.exitCode = EXIT.usage
  const otherwise = inForce?.otherwise ?? 'open'
  const summary = summaryOf(
    file === undefined
      ? { from: 'default', kind: otherwise, policy: otherwise === 'careful' ? CAREFUL : OPEN }
      : policy && problems.length === 0
        ? { from: 'file', path: file, policy }
        : { from: 'unreadable', path: file, problem: '', remedy: '' },
  )
  if (options.json)
    return printJson({
      ok: problems.length === 0,
      ...(file !== undefined && { file }),
      problems,
      policy: summary,
    })
  show(file, problems, inForce)
  if (summary.state !== 'unreadable') await showFacts(summary)
}

/**
 * Returns the running daemon's own problem with the policy file. For example, the daemon may not be permitted
 * to read the file.
 */
function seenByDaemon({ daemon, file }: InForce): FileProblem[] {
  if (file === undefined || daemon?.machine.policy?.state !== 'unreadable') return []
  const { message = 'The daemon cannot read its policy.', remedy = 'Correct the file.' } =
    daemon.machine.problems.find(({ code }) => code === 'policy_unreadable') ?? {}
  return [{ key: '', message, remedy }]
}

/** Returns why agents cannot run as the user that the policy of this machine names. */
async function userProblems(name: string | undefined): Promise<FileProblem[]> {
  if (name === undefined) return []
  const { agentAccount } = await import('../../agents/process/agent-user.ts')
  try {
    agentAccount(name)
    return []
  } catch (error) {
    const { message, remedy = '' } = error as CommandFailure
    return [{ key: 'isolation.agent_user', message, remedy }]
  }
}

function show(file: string | undefined, problems: FileProblem[], inForce: InForce | undefined) {
  const { green, red, dim } = stdoutColors()
  for (const { message, remedy } of problems)
    print(`${red('✗')} ${cleanLine(message)}${dim(`\n  → ${cleanLine(remedy)}`)}`)
  if (problems.length === 0)
    print(
      file === undefined
        ? `There is no policy file: ${DEFAULTS[inForce!.otherwise]}.${dim('\n  → To write one: fomular-daemon policy init')}`
        : `${green('✓')} ${cleanLine(file)} is valid, and other users cannot change it.`,
    )
  if (inForce) note(standing(inForce, problems.length > 0))
}

const DEFAULTS = {
  careful: 'the careful default applies',
  open: "a server may do anything that the daemon's user can",
}

/** Returns a sentence about how the daemon uses this policy. */
function standing({ daemon }: InForce, isInvalid: boolean): string {
  if (!daemon)
    return isInvalid
      ? 'No daemon is running. With this policy, a daemon would start no agent.'
      : 'No daemon is running. A daemon started here would obey this policy.'
  const named = `The daemon (process ${daemon.pid})`
  if (!daemon.machine.policy) return `${named} is of an older version, which obeys no policy.`
  return isInvalid ? `${named} starts no agent until this is corrected.` : `${named} obeys this policy.`
}

async function showFacts(policy: MachinePolicy) {
  const { policyFacts } = await import('../render/policy.ts')
  const { bold } = stdoutColors()
  const facts = policyFacts(policy)
  const width = Math.max(...facts.map(([name]) => name.length))
  print(['', ...facts.map(([name, value]) => `${bold(name.padEnd(width))}  ${value}`)].join('\n'))
}
