import { type ComparedEnvironment, comparedEnvironment } from '../../agents/runtimes/compared-environment.ts'
import type { Runtime } from '../../protocol/index.ts'
import type { Finding } from '../render/finding.ts'
import { runtimeText } from '../render/machine.ts'

const REMEDY =
  "Agents inherit the daemon's environment. If they need a value from this shell, set it for the daemon, and restart the daemon."

/**
 * Reports whether this shell and the daemon find different runtimes or logins, and which variables may be the
 * cause.
 * @param told the daemon's environment; undefined for an older daemon
 * @param env environment that an agent would inherit from this shell
 */
export function compareRuntimes(
  title: string,
  there: Runtime,
  here: Runtime,
  told: ComparedEnvironment | undefined,
  env: NodeJS.ProcessEnv,
): Finding[] {
  const differences =
    told === undefined ? [] : compare(told, comparedEnvironment(env), there.path !== here.path)
  const because =
    differences.length === 0 ? '' : ` Its environment differs from the daemon's: ${differences.join('; ')}.`
  if (runtimeText(there) !== runtimeText(here))
    return [
      {
        check: 'environment',
        level: 'warning',
        message: `This shell finds something different from the daemon: ${runtimeText(here).replace(/\.$/, '')}.${because}`,
        remedy: REMEDY,
      },
    ]
  if (because === '') return []
  const message = `The daemon and this shell find the same ${title}.${because}`
  return [{ check: 'environment', level: 'info', message }]
}

/**
 * Returns the differences between two environments.
 * @param paths true to also compare PATH, which nearly always differs
 */
function compare(daemon: ComparedEnvironment, shell: ComparedEnvironment, paths: boolean): string[] {
  const names = [...new Set([...Object.keys(daemon.variables), ...Object.keys(shell.variables)])]
  const value = (text: string | undefined) => text ?? 'not set'
  const differing = names
    .filter((name) => (name !== 'PATH' || paths) && daemon.variables[name] !== shell.variables[name])
    .map(
      (name) =>
        `${name} is ${value(daemon.variables[name])} in the daemon, ${value(shell.variables[name])} in this shell`,
    )
  const only = (logins: string[], others: string[], where: string) =>
    logins.filter((name) => !others.includes(name)).map((name) => `${name} is set only ${where}`)
  return [
    ...differing,
    ...only(daemon.logins, shell.logins, 'in the daemon'),
    ...only(shell.logins, daemon.logins, 'in this shell'),
  ]
}
