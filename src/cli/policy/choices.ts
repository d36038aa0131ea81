import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { examinePolicy } from '../../policy/examine.ts'
import { type PolicyChoices, policyText } from '../../policy/template.ts'
import { VALUES } from '../completion/candidates.ts'
import type { InitOptions } from './init.ts'

/** Reports whether the flags describe a policy. */
export const isAnswered = ({ folder, denyFolder, mode, mcp, env }: InitOptions) =>
  [folder, denyFolder, mode, mcp, env].some((given) => given !== undefined)

/** Returns the values of the keys that the flags set. @throws UserError if a value is invalid */
export function choicesOf({ folder, denyFolder, mode, mcp, env }: InitOptions): PolicyChoices {
  const given: [key: string, flag: string, value: unknown][] = [
    ['folders.allow', '--folder', folder?.map(absolute)],
    ['folders.deny', '--deny-folder', denyFolder?.map(absolute)],
    ['permission_modes', '--mode', mode],
    ['mcp.servers', '--mcp', mcp],
    ['environment.set', '--env', env],
  ]
  const set = given.filter(([, , value]) => value !== undefined)
  for (const [key, flag, value] of set) {
    const problem = problemWith(key, value)
    if (problem !== undefined) throw new UserError('usage', `${flag}: ${problem}.`, { exitCode: EXIT.usage })
  }
  return Object.fromEntries(set.map(([key, , value]) => [key, value]))
}

/** Returns warnings about values that are valid, but probably mistakes. */
export function doubtsAbout(choices: PolicyChoices): string[] {
  const { 'folders.allow': folders = [], permission_modes: modes = [] } = choices as Record<string, string[]>
  const known = VALUES['--mode']!
  return [
    ...folders
      .filter((folder) => folder.startsWith('/') && !existsSync(folder))
      .map((folder) => `The folder ${folder} does not exist.`),
    ...modes
      .filter((mode) => mode !== '*' && !known.includes(mode))
      .map((mode) => `The permission mode ${mode} is unknown. Known modes: ${known.join(', ')}.`),
  ]
}

/** Makes a folder absolute. `~` stays, because it is the home folder of the daemon's user. */
export const absolute = (folder: string) => (/^~(\/|$)/.test(folder) ? folder : resolve(folder))

/** Returns the error in the value of a key, or undefined if the value is valid. */
export function problemWith(key: string, value: unknown): string | undefined {
  const [problem] = examinePolicy(policyText({ [key]: value })).problems ?? []
  return problem?.message.replace(/^is invalid at .*?: |\.$/g, '')
}
