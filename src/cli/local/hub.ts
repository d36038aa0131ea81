import type { HubFlags } from '../../config/hub.ts'
import { stateDir, statePaths } from '../../config/paths.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { LocalHub } from '../../service/hubs.ts'
import { currentLineWith } from '../command-line.ts'
import { clean } from '../render/clean.ts'
import { note } from '../terminal.ts'
import { isNamed, nearest } from './choose.ts'
import { capital, serviceLine } from './describe.ts'
import { pickOne } from './pick-one.ts'

/**
 * Returns flags that select the hub for a command. If the given flags name no hub, adds the folder of the hub
 * that runs here.
 * @throws UserError if several hubs run here, if this user cannot read the hub's key, or if the hub is known
 * to run on another machine
 */
export async function chooseHub(flags: HubFlags, env: NodeJS.ProcessEnv): Promise<HubFlags> {
  if (flags.hub !== undefined || env.FOMULAR_HUB_URL || isNamed(flags.stateDir, env)) return flags
  const { findHubs } = await import('../../service/hubs.ts')
  const keyGiven = Boolean(flags.hubKeyFile !== undefined || env.FOMULAR_HUB_KEY || env.FOMULAR_HUB_KEY_FILE)
  // If the command has a key but no hub, do not send the key to another user's hub.
  const found = (await findHubs(env)).filter(({ near }) => near || !keyGiven)
  const running = nearest(found.filter(({ running }) => running))
  if (running.length === 0) return withoutHub(flags, env, nearest(found))
  const usual = statePaths(stateDir(env)).hub
  const json = process.argv.includes('--json')
  const { chosen, asked } = await pickOne(running, {
    nameOf,
    lineOf,
    factsOf,
    code: 'hub_ambiguous',
    list: 'hubs',
    many: `${running.length} hubs are running on this machine:`,
    json,
  })
  if (!chosen.usable && !keyGiven) throw forbidden(chosen)
  const isNotable = !asked && (chosen.service || chosen.dir !== usual)
  // For another user's hub, print the notice even with --json: the output does not say whose agents it lists.
  if (isNotable && (!json || !chosen.near)) note(clean(`This is ${nameOf(chosen)}.`))
  return { ...flags, stateDir: chosen.named }
}

function nameOf({ dir, user, service }: LocalHub): string {
  const as = user === undefined ? '' : `, user ${user}`
  return service
    ? `the hub of the service ${service.name} of ${service.manager}${as}, in ${dir}`
    : `the hub in ${dir}${as}, started by hand`
}

const lineOf = (hub: LocalHub) => `${hub.usable ? '' : 'sudo '}${currentLineWith(hub.named)}`

const factsOf = ({ dir, user, url, running, usable, service }: LocalHub) => ({
  hub_dir: dir,
  ...(url !== undefined && { url }),
  ...(user !== undefined && { user }),
  service: service ? { manager: service.manager, name: service.name } : null,
  running,
  usable,
})

const forbidden = (hub: LocalHub) =>
  new UserError('hub_forbidden', `This user cannot read the key of ${nameOf(hub)}.`, {
    remedy: `Run the command as root: ${lineOf(hub)}, or give the hub's user key with --hub-key-file FILE or FOMULAR_HUB_KEY_FILE.`,
    exitCode: EXIT.refused,
    facts: { hub: factsOf(hub) },
  })

/** No hub runs here: the hub was stopped, or this machine works for a hub on another machine. */
async function withoutHub(flags: HubFlags, env: NodeJS.ProcessEnv, stopped: LocalHub[]): Promise<HubFlags> {
  const [hub] = stopped
  if (hub?.service)
    throw new UserError('hub_not_running', `${capital(nameOf(hub))} is not running: ${hub.service.state}.`, {
      remedy: `Start it: ${serviceLine('start', hub.service, hub.user)}`,
      exitCode: EXIT.refused,
      facts: { hub: factsOf(hub) },
    })
  if (flags.hubKeyFile !== undefined || env.FOMULAR_HUB_KEY || env.FOMULAR_HUB_KEY_FILE) return flags
  const { serverOf } = await import('./server.ts')
  const server = await serverOf(env)
  if (server === undefined) return flags
  throw new UserError(
    'hub_not_found',
    `No hub is running on this machine: the agents here belong to ${server}.`,
    {
      remedy: `See the agents there. If this server is a hub, add --hub ${server.replace(/^ws/, 'http')} and the hub's user key (--hub-key-file FILE or FOMULAR_HUB_KEY_FILE).`,
      exitCode: EXIT.refused,
      facts: { server_url: server },
    },
  )
}
