import type { HubClient } from '../../client/hub-client.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { HubMachine } from '../../protocol/index.ts'
import { cleanLine } from '../render/clean.ts'

/** Maximum number of machines that an error lists. */
const LISTED = 10

/**
 * Minimum length, in characters, of a host name that is compared with the beginnings of other machines' ids.
 * A shorter host name often matches by chance.
 */
const ABBREVIATION = 4

/** Returns the display name of a machine. */
export const machineName = ({ name, hostname }: Pick<HubMachine, 'name' | 'hostname'>) => name ?? hostname

/** Returns the machine that `given` names, or the only machine. @throws UserError */
export const resolveMachine = async (client: HubClient, given: string | undefined): Promise<HubMachine> =>
  pickMachine(await client.machines(), given)

/**
 * Returns the machine that `given` names. Tries the id, the name, the host name, and a prefix of the id, in
 * this order. A machine chooses its own id: an id in an unusual format does not take precedence.
 * @throws UserError when no machine matches, or several do
 */
export function pickMachine(machines: HubMachine[], given: string | undefined): HubMachine {
  if (given === '')
    throw new UserError('usage', 'The name of the machine is empty.', {
      remedy: 'Give an id or name from `fomular-daemon machine list`.',
      exitCode: EXIT.usage,
    })
  const isCalled = (machine: HubMachine) =>
    machine.hostname === given || machineName(machine) === given?.normalize()
  const abbreviated = given !== undefined && given.length >= ABBREVIATION && machines.some(isCalled)
  const ways: ((machine: HubMachine) => boolean)[] =
    given === undefined
      ? [() => true]
      : [
          ({ machine_id }) => machine_id === given && isMadeId(given),
          // A name that a person chose takes precedence over another machine's host name.
          ({ name, hostname }) => name === given.normalize() && name !== hostname,
          // A machine chooses its own host name. A host name that is also the prefix of another machine's id
          // is therefore ambiguous.
          (machine) => isCalled(machine) || (abbreviated && beginsWith(given)(machine)),
          ({ machine_id }) => machine_id === given && !machines.some(beginsWith(given)),
          ({ machine_id }) => machine_id.startsWith(given),
        ]
  for (const way of ways) {
    const found = machines.filter(way)
    if (found.length === 1) return found[0]!
    if (found.length > 1) throw ambiguous(found, given)
  }
  const none =
    given === undefined ? 'No machine has connected yet.' : `There is no machine "${cleanLine(given, 100)}".`
  throw new UserError('machine_not_found', none, {
    remedy: 'Run `fomular-daemon machine list` to list the machines.',
    exitCode: EXIT.refused,
  })
}

function ambiguous(found: HubMachine[], given: string | undefined): UserError {
  const listed = found.slice(0, LISTED).map(describedMachine)
  if (found.length > LISTED) listed.push('…')
  const what =
    given === undefined ? 'There are several machines' : `"${cleanLine(given, 100)}" matches several machines`
  return new UserError('machine_ambiguous', `${what}: ${listed.join(', ')}.`, {
    remedy:
      given === undefined
        ? 'Name one.'
        : 'Give an id or a prefix of an id, or give the machines names with `fomular-daemon machine rename`.',
    exitCode: EXIT.refused,
  })
}

/** Formats a machine for use in a sentence. */
export function describedMachine(machine: HubMachine): string {
  const name = machineName(machine)
  const host = name === machine.hostname ? '' : `, host ${cleanLine(machine.hostname, 64)}`
  return `${cleanLine(name, 64)} (${cleanLine(machine.machine_id, 64)}${host})`
}

/** Reports whether `text` is an id in the format that daemons generate. */
const isMadeId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

const beginsWith =
  (given: string) =>
  ({ machine_id }: HubMachine) =>
    isMadeId(machine_id) && machine_id.startsWith(given)

/**
 * Returns the id of the machine that `given` names. A complete id is returned unchanged, because the machine
 * may have been removed, or may never have been admitted.
 * @throws UserError
 */
export const machineIdOf = (machines: HubMachine[], given: string): string =>
  isMadeId(given) ? given : pickMachine(machines, given).machine_id
