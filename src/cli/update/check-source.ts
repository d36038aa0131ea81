import { PACKAGE } from '../../config/settings.ts'
import { type Chosen, chosenUpdateSource } from '../../config/update-config.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { UpdateFailure } from '../../update/failure.ts'
import { registrySet } from '../../update/fetch/npmrc.ts'
import { plainAddress, type UpdateSource } from '../../update/fetch/source.ts'
import type { ControlClient } from '../client/control-client.ts'
import { updateFailed } from './update-failed.ts'

/**
 * Refuses an update if this shell names an update source that the daemon does not use. The daemon updates
 * only from its own source.
 * @throws UserError
 */
export async function checkSource(daemon: ControlClient, env: NodeJS.ProcessEnv): Promise<void> {
  const chosen = await chosenUpdateSource(env)
  const forNpm = chosen.some(({ name }) => name === 'registry') ? [] : setForNpm(chosen, env)
  const all = [...chosen, ...forNpm]
  if (all.length === 0) return
  const own = await daemon.updateSource().catch((error: unknown) => {
    if (!(error instanceof UserError) || error.code !== 'not_found') throw error
    return undefined
  })
  const [first] = chosen
  if (!own && first)
    throw new UserError(
      'update_source_unknown',
      `${first.source} is set here, but the daemon is too old to report its own update source.`,
      { remedy: `Run the update without ${first.source}.`, exitCode: EXIT.refused },
    )
  const other = own && all.find((choice) => !agrees(choice, own))
  if (other) throw differs(other, own)
}

/** Returns the registry in this user's npm configuration. */
function setForNpm(chosen: Chosen[], env: NodeJS.ProcessEnv): Chosen[] {
  const name = chosen.find((choice) => choice.name === 'package')?.value
  const found = orFailed(() => registrySet(String(name ?? PACKAGE), env))
  return found ? [{ name: 'registry', value: found.value, source: "npm's registry setting" }] : []
}

function orFailed<T>(look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw error instanceof UpdateFailure ? updateFailed(error.error) : error
  }
}

const shown = ({ name, value }: Pick<Chosen, 'name' | 'value'>) =>
  name === 'registry' ? plainAddress(String(value)) : String(value)

const agrees = ({ name, value }: Chosen, own: UpdateSource) =>
  shown({ name, value }) === shown({ name, value: own[name] })

function differs({ name, value, source }: Chosen, own: UpdateSource): UserError {
  const theirs = shown({ name, value: own[name] })
  return new UserError(
    'update_source_differs',
    `In this shell, ${source} is ${shown({ name, value })}, but the daemon uses ${name} ${theirs}. This command cannot change the daemon's ${name}.`,
    {
      remedy: `To use the daemon's source, omit ${source}${name === 'registry' ? ` or set FOMULAR_UPDATE_REGISTRY=${theirs}` : ''}. To change the daemon's source, set ${name} under [update] in the daemon's configuration file and restart the daemon.`,
      exitCode: EXIT.refused,
    },
  )
}
