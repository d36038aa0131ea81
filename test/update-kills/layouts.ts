import { Installation } from '../support/installation.ts'
import type { TestRegistry } from '../support/registry.ts'
import type { Running } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'

export const LAYOUTS = [
  'global bare',
  'global supervised',
  'prefix bare',
  'prefix supervised',
  'executable bare',
  'executable supervised',
  'no daemon',
] as const
export type LayoutName = (typeof LAYOUTS)[number]

/**
 * An installation whose updates the test kills. `supervised` is true if a supervisor keeps its daemon
 * running.
 */
export interface Subject {
  machine: Installation
  /** The command that users run. */
  command: string
  supervised: boolean
  hub: number
}

export async function subject(t: Cleanup, registry: TestRegistry, name: LayoutName): Promise<Subject> {
  const withoutRights = name.startsWith('prefix')
  const supervised = name.endsWith('supervised')
  const asExecutable = name.startsWith('executable')
  const machine = await Installation.open(t, registry, { withoutRights, asExecutable })
  const { pid: hub }: Running = await machine.hub()
  if (name === 'no daemon') return { machine, command: machine.command, supervised, hub }
  if (supervised) {
    const supervisor = machine.supervise()
    t.after(() => supervisor.stop())
    await machine.runs('1.0.0')
  } else await machine.stage.daemon()
  if (!withoutRights) return { machine, command: machine.command, supervised, hub }
  // The first update moves the installation into the prefix, in which all further updates happen.
  await machine.order('1.1.0')
  await machine.runs('1.1.0')
  const { stage } = machine
  stage.daemonCommand = stage.daemonCommand.map((part) =>
    part === machine.command ? machine.userCommand : part,
  )
  return { machine, command: machine.userCommand, supervised, hub }
}
