import { runtimes } from '../../agents/runtimes/index.ts'
import type { HealthProblem, HubKey, HubMachine, Runtime } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { policyLine } from './policy.ts'
import { type Column, table } from './table.ts'
import { age } from './units.ts'
import { cutEnd } from './width.ts'

const LOGINS: Record<NonNullable<Runtime['login']>, string> = {
  logged_in: 'logged in',
  logged_out: 'not logged in',
  expired: 'login expired',
  unknown: 'login unknown',
}

/** Formats an agent program on one line. */
export function runtimeText({ name, found, path, version, login, problem }: Runtime): string {
  const shown = Object.hasOwn(runtimes, name) ? runtimes[name]!.title : cleanLine(name, 40)
  if (!found) return cleanLine(problem ?? `${shown} is not on this machine.`, 500)
  const facts = [login && LOGINS[login], problem].filter((fact) => fact !== undefined)
  return cleanLine(
    `${shown} ${version ?? '(version unknown)'} at ${path ?? '?'}${facts.map((fact) => `, ${fact}`).join('')}`,
    500,
  )
}

/** Formats a problem and its remedy. */
export function problemText(
  { severity, message, remedy }: HealthProblem,
  { red, yellow, dim }: Colors,
): string {
  const mark = severity === 'error' ? red('✗') : severity === 'warning' ? yellow('!') : dim('·')
  return `${mark} ${cleanLine(message, 500)}${remedy === undefined ? '' : dim(`\n  → ${cleanLine(remedy, 500)}`)}`
}

/** @param width width of the terminal in columns, if stdout is a terminal */
export function machineTable(machines: HubMachine[], now: number, colors: Colors, width?: number): string {
  if (machines.length === 0) return 'No machine has connected yet. To connect this machine: fomular-daemon up'
  const [head, ...lines] = table(columns(machines, now), width)
  return [
    colors.bold(head ?? ''),
    ...machines.flatMap((machine, index) => {
      const { connected, status } = machine
      const line = lines[index] ?? ''
      const place = placeText(machine)
      return [
        connected ? line : colors.dim(line),
        ...status.problems.map((problem) => indent(problemText(problem, colors))),
        ...(place === '' ? [] : [colors.dim(cutEnd(`  · ${place}`, width ?? Number.POSITIVE_INFINITY))]),
        ...(status.policy
          ? [
              colors.dim(
                cutEnd(`  · Policy: ${policyLine(status.policy)}`, width ?? Number.POSITIVE_INFINITY),
              ),
            ]
          : []),
      ]
    }),
  ].join('\n')
}

/** Names the group and the labels of a machine; the labels that it reports about itself separately. */
function placeText({ group, labels = {}, own_labels = {} }: HubMachine): string {
  const list = (all: Record<string, string>) =>
    Object.entries(all)
      .map(([key, value]) => cleanLine(`${key}=${value}`, 128))
      .join(', ')
  return [
    ...(group === undefined ? [] : [`Group: ${cleanLine(group, 64)}`]),
    ...(Object.keys(labels).length > 0 ? [`Labels: ${list(labels)}`] : []),
    ...(Object.keys(own_labels).length > 0 ? [`Reports: ${list(own_labels)}`] : []),
  ].join('. ')
}

/** Formats the keys that no machine has used yet. */
export const enrolledText = (keys: HubKey[], now: number): string =>
  [
    'Enrolled, but never connected:',
    ...keys.map(
      ({ name, key_id, created_at, machines: [machineId] }) =>
        `  ${cleanLine(name, 64)}, for ${age(created_at, now)}: key ${cleanLine(key_id, 12)}${machineId === undefined ? '' : `, machine ${cleanLine(machineId, 40)}`}`,
    ),
    '  To revoke such a key: fomular-daemon machine remove NAME',
  ].join('\n')

function columns(machines: HubMachine[], now: number): Column[] {
  const column = (
    title: string,
    cell: (machine: HubMachine) => string,
    rest: Omit<Column, 'title' | 'cells'> = {},
  ) => ({ title, cells: machines.map(cell), ...rest })
  const runtimes = ({ status }: HubMachine) =>
    status.runtimes
      .map(({ found, name, version }) => (found ? `${name} ${version ?? '?'}` : `no ${name}`))
      .join(', ')
  return [
    column('ID', ({ machine_id }) => cleanLine(machine_id, 40)),
    column('NAME', ({ name, hostname }) => cleanLine(name ?? hostname, 30), { cut: 'end', least: 10 }),
    column('HOST', ({ hostname }) => cleanLine(hostname, 30), { cut: 'end', least: 10, leftOut: 2 }),
    column('CONNECTED', ({ connected, since }) => `${connected ? 'for' : 'gone for'} ${age(since, now)}`),
    column('SYSTEM', ({ os, arch }) => cleanLine(`${os} ${arch}`, 20), { leftOut: 1 }),
    column('DAEMON', ({ daemon_version }) => cleanLine(daemon_version, 20), { leftOut: 3 }),
    column('RUNTIME', (machine) => cleanLine(runtimes(machine), 60), { cut: 'end', least: 14 }),
  ]
}

const indent = (text: string) => text.replace(/^/gm, '  ')
