import { UserError } from '../../platform/errors.ts'
import type { HubMachine } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'
import { cleanLine } from '../render/clean.ts'
import type { HubClient } from './hub-client.ts'

/** Machines in an error, at most. */
const LISTED = 10

/** Characters of an id that people may give for all of it. Host names that are shorter begin an id by chance. */
const ABBREVIATION = 4

/** What people call a machine. */
export const machineName = ({ name, hostname }: Pick<HubMachine, 'name' | 'hostname'>) => name ?? hostname

/** The machine that `given` names; without it the only one. @throws UserError */
export const resolveMachine = async (client: HubClient, given: string | undefined): Promise<HubMachine> =>
  pickMachine(await client.machines(), given)

/**
 * The machine that goes by `given`: its id, else the name it was given, else its host name, else the beginning of its
 * id. A machine makes its id itself: one that looks like no id goes before nothing else.
 * @throws UserError when none does, or several
 */
export function pickMachine(machines: HubMachine[], given: string | undefined): HubMachine {
  if (given === '')
    throw new UserError('usage', 'The name of the machine is empty.', {
      remedy: 'Give its id or name. See `fomular-daemon machine list`.',
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
          // The name that people gave to one goes before the host name by which another is called.
          ({ name, hostname }) => name === given.normalize() && name !== hostname,
          // A machine says its host name itself: one without a name goes before none that has one, and before no id.
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
    remedy: 'See `fomular-daemon machine list`.',
    exitCode: EXIT.refused,
  })
}

function ambiguous(found: HubMachine[], given: string | undefined): UserError {
  const listed = found.slice(0, LISTED).map(describedMachine)
  if (found.length > LISTED) listed.push('…')
  const what =
    given === undefined
      ? 'There are several machines'
      : `"${cleanLine(given, 100)}" could be any of several machines`
  return new UserError('machine_ambiguous', `${what}: ${listed.join(', ')}.`, {
    remedy:
      given === undefined
        ? 'Name one.'
        : 'Give its id or the beginning of it, or tell them apart with `fomular-daemon machine rename`.',
    exitCode: EXIT.refused,
  })
}

/** A machine in a sentence. */
export function describedMachine(machine: HubMachine): string {
  const name = machineName(machine)
  const host = name === machine.hostname ? '' : `, host ${cleanLine(machine.hostname, 64)}`
  return `${cleanLine(name, 64)} (${cleanLine(machine.machine_id, 64)}${host})`
}

/** Whether it is an id as daemons make them. */
const isMadeId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

const beginsWith =
  (given: string) =>
  ({ machine_id }: HubMachine) =>
    isMadeId(machine_id) && machine_id.startsWith(given)

/**
 * The id of the machine that goes by `given`. Whole ids are taken as they are: that machine may have been removed, or never
 * been let in.
 * @throws UserError
 */
export const machineIdOf = (machines: HubMachine[], given: string): string =>
  isMadeId(given) ? given : pickMachine(machines, given).machine_id
