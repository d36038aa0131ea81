import { type Command, InvalidArgumentError, Option } from 'commander'
import type { HubFlags } from '../config/hub.ts'
import type { SignOptions } from './client/sign-key.ts'
import { note } from './terminal.ts'

export interface HubOptions extends HubFlags, SignOptions {
  json?: boolean
  /** Machine of the agent, in commands about an agent. */
  machine?: string
}

/** Help texts of `--json`, by the kind of output. */
export const JSON_OUTPUT = {
  object: 'print one JSON object',
  stream: 'print JSON objects as they arrive, one per line',
  lines: 'print JSON objects, one per line',
}

/** Adds `--verbose` to a command that sends requests to a hub or to a daemon. */
export const withVerbose = (command: Command): Command =>
  command
    .option('--verbose', 'print each request, with its status and duration, on standard error')
    .hook('preAction', async (_, action) => {
      // `hub --verbose key list` and `hub key list --verbose` both set the flag for the command `hub`.
      if (!action.optsWithGlobals().verbose) return
      const { watchRequests } = await import('../platform/http.ts')
      watchRequests(({ method, path, status, ms }) =>
        note(`${method} ${path}: ${status ?? 'no answer'}, ${ms} ms`),
      )
    })

/** Adds the flags of commands that talk to a hub. */
export const withHub = (command: Command, json = JSON_OUTPUT.object): Command =>
  withVerbose(command)
    .option('--hub <url>', 'address of the hub (default: FOMULAR_HUB_URL, else the hub on this machine)')
    .option(
      '--hub-key-file <file>',
      'file with a user key of the hub (default: FOMULAR_HUB_KEY_FILE, or the key in FOMULAR_HUB_KEY, or else user.key in the folder of the hub on this machine)',
    )
    .option(
      '--state-dir <dir>',
      "state folder of the hub, or the hub's own folder (default: FOMULAR_STATE_DIR, else the folder of the hub that runs here)",
    )
    .option('--json', json)

/** Adds the flags for signing to a command. Machines may require a signature for this command. */
export const withSigning = (command: Command): Command =>
  command
    .option(
      '--sign-key <file>',
      'file with your private key, for machines that demand signatures (default: FOMULAR_SIGN_KEY)',
    )
    .option('--sign-minutes <minutes>', 'minutes for which the signature is valid (default: 10)', positive)

/** Returns a client that signs commands if the flags or the environment name a key. @throws UserError */
export async function connectSigning(flags: HubFlags & SignOptions) {
  const [{ signerFrom }, { hubClient }] = await Promise.all([
    import('./client/sign-key.ts'),
    import('./client/hub.ts'),
  ])
  const signer = signerFrom(flags)
  const { address, client } = await locateHub(flags)
  return signer ? hubClient(address, signer) : client
}

/** Returns a client for the hub that the flags and the environment name. @throws UserError */
export const connectHub = async (flags: HubFlags) => (await locateHub(flags)).client

/**
 * Returns the address of the hub that the flags and the environment name, and a client for this hub.
 * @throws UserError
 */
export async function locateHub(flags: HubFlags) {
  const [{ findHub }, { hubClient }, { concealKey }, { chooseHub }] = await Promise.all([
    import('../config/hub.ts'),
    import('./client/hub.ts'),
    import('../config/key.ts'),
    import('./local/hub.ts'),
  ])
  const address = findHub({ flags: await chooseHub(flags, process.env), env: process.env })
  concealKey()
  return { address, client: hubClient(address) }
}

/** Creates an option that may be given several times. */
export const repeatable = (flags: string, description: string) =>
  new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, value])

export function numeric(value: string): number {
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError('It must be a number.')
  return number
}

function positive(value: string): number {
  const number = numeric(value)
  if (number <= 0) throw new InvalidArgumentError('It must be more than 0.')
  return number
}

export function port(value: string): number {
  const number = numeric(value)
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new InvalidArgumentError('It must be a number from 0 to 65535.')
  return number
}
