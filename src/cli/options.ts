import { type Command, InvalidArgumentError, Option } from 'commander'
import type { HubFlags } from '../config/hub.ts'

export interface HubOptions extends HubFlags {
  json?: boolean
  /** Of commands about an agent: whose it is. */
  machine?: string
}

/** What `--json` prints. */
export const JSON_OUTPUT = {
  object: 'print one JSON object',
  stream: 'print JSON objects, one a line, as they come',
  lines: 'print JSON objects, one a line',
}

/** Flags of every command that talks to a hub. */
export const withHub = (command: Command, json = JSON_OUTPUT.object): Command =>
  command
    .option('--hub <url>', 'the hub to talk to (default: FOMULAR_HUB_URL, else the one on this machine)')
    .option(
      '--hub-key-file <file>',
      'file with the user key of that hub (default: FOMULAR_HUB_KEY_FILE, or the key itself in FOMULAR_HUB_KEY, else the one in the state folder)',
    )
    .option(
      '--state-dir <dir>',
      'state folder to look for a hub in, or its own folder (default: FOMULAR_STATE_DIR, else that of the hub that runs here)',
    )
    .option('--json', json)

/** A client for the hub that flags and environment name. @throws UserError */
export async function connectHub(flags: HubFlags) {
  const [{ findHub }, { HubClient }, { concealKey }, { chooseHub }] = await Promise.all([
    import('../config/hub.ts'),
    import('./client/hub-client.ts'),
    import('../config/key.ts'),
    import('./local/hub.ts'),
  ])
  const hub = findHub({ flags: await chooseHub(flags, process.env), env: process.env })
  concealKey()
  return new HubClient(hub)
}

/** An option that may be given several times. */
export const repeatable = (flags: string, description: string) =>
  new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, value])

export function numeric(value: string): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('It must be a number.')
  return number
}

export function port(value: string): number {
  const number = numeric(value)
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return number
}
