import type { HealthProblem, HubMachine, Runtime } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { table } from './table.ts'
import { age } from './units.ts'

const LOGINS: Record<NonNullable<Runtime['login']>, string> = {
  logged_in: 'logged in',
  logged_out: 'not logged in',
  expired: 'login expired',
  unknown: 'login unknown',
}

const NAMES: Record<string, string> = { claude: 'Claude Code' }

/** A kind of agent program as found, on one line. */
export function runtimeText({ name, found, path, version, login, problem }: Runtime): string {
  const shown = NAMES[name] ?? cleanLine(name, 40)
  if (!found) return cleanLine(problem ?? `${shown} is not on this machine.`, 500)
  const facts = [login && LOGINS[login], problem].filter((fact) => fact !== undefined)
  return cleanLine(
    `${shown} ${version ?? '(version unknown)'} at ${path ?? '?'}${facts.map((fact) => `, ${fact}`).join('')}`,
    500,
  )
}

/** A problem and its remedy. */
export function problemText(
  { severity, message, remedy }: HealthProblem,
  { red, yellow, dim }: Colors,
): string {
  const mark = severity === 'error' ? red('✗') : severity === 'warning' ? yellow('!') : dim('·')
  return `${mark} ${cleanLine(message, 500)}${remedy === undefined ? '' : dim(`\n  → ${cleanLine(remedy, 500)}`)}`
}

export function machineTable(machines: HubMachine[], now: number, colors: Colors): string {
  if (machines.length === 0) return 'No machine has connected yet. On this one: fomular-daemon up'
  const [head, ...lines] = table(
    ['ID', 'NAME', 'HOST', 'CONNECTED', 'SYSTEM', 'DAEMON', 'RUNTIME'],
    machines.map(({ machine_id, name, hostname, connected, since, os, arch, daemon_version, status }) => [
      cleanLine(machine_id, 40),
      cleanLine(name ?? hostname, 30),
      cleanLine(hostname, 30),
      `${connected ? 'for' : 'gone for'} ${age(since, now)}`,
      cleanLine(`${os} ${arch}`, 20),
      cleanLine(daemon_version, 20),
      status.runtimes
        .map((runtime) =>
          runtime.found ? `${runtime.name} ${runtime.version ?? '?'}` : `no ${runtime.name}`,
        )
        .join(', '),
    ]),
  )
  return [
    colors.bold(head ?? ''),
    ...machines.flatMap(({ connected, status }, index) => {
      const line = lines[index] ?? ''
      return [
        connected ? line : colors.dim(line),
        ...status.problems.map((problem) => indent(problemText(problem, colors))),
      ]
    }),
  ].join('\n')
}

const indent = (text: string) => text.replace(/^/gm, '  ')
