import type { MachinePolicy } from '../../protocol/status.ts'

/** A permission mode that a person can choose. */
export interface ModeChoice {
  mode: string
  /** Effect of the mode; undefined for modes that this version does not know. */
  about: string | undefined
}

/** Effects of known modes. Other runtimes may have other modes. */
const KNOWN: Readonly<Record<string, string>> = {
  default: 'asks before it changes files or runs commands',
  acceptEdits: 'changes files without asking',
  plan: 'only reads, and asks for approval of its plan',
  dontAsk: 'never asks: actions without permission are refused',
  auto: 'lets the runtime judge each action',
  bypassPermissions: 'never asks, and allows everything',
}

/** Returns the permission modes that a machine permits. @param current a mode to list in any case */
export function modesOf(policy: MachinePolicy | undefined, current?: string): ModeChoice[] {
  const { permission_modes: permitted = ['*'] } = policy ?? {}
  const named = permitted.filter((mode) => mode !== '*')
  const all = permitted.includes('*') ? [...Object.keys(KNOWN), ...named] : named
  const modes = current === undefined ? all : [...all, current]
  return [...new Set(modes)].map((mode) => ({
    mode,
    about: Object.hasOwn(KNOWN, mode) ? KNOWN[mode] : undefined,
  }))
}

/** Returns a mode with its text, for a list of choices. */
export const choiceOf = ({ mode, about }: ModeChoice): readonly [string, string] => [
  mode,
  about === undefined ? mode : `${mode}: ${about}`,
]

/** Choices for what an agent does when the usage limit of its account ends a turn. */
export const ON_LIMIT: Readonly<Record<string, string>> = {
  show: 'Show the limit',
  wait: 'Continue the turn after the reset',
  stop: 'Stop the agent',
}
