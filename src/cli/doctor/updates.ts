import { remedyOf } from '../../config/refuse-foreign.ts'
import { loadUpdateConfig, type UpdateConfig } from '../../config/update-config.ts'
import { Failure, UserError } from '../../platform/errors.ts'
import type { OwnershipFault } from '../../platform/ownership.ts'
import { RELEASE_KEYS } from '../../platform/release.ts'
import { signaturesDemanded } from '../../update/fetch/authentic.ts'
import { ownAge } from '../../update/fetch/freshness.ts'
import { updateSource } from '../../update/fetch/source.ts'
import { HOW_SECURE, isInsecure } from '../../update/fetch/transport.ts'
import { insecureUpdateLeft } from '../../update/switch/confirmed.ts'
import type { Finding } from '../render/finding.ts'
import { NPM_MS } from './node.ts'

const check = 'updates'

/** Reports which signatures updates need, where updates come from, and how old this program is. */
export async function checkUpdates(env: NodeJS.ProcessEnv, stateDir: string): Promise<Finding[]> {
  const config = await loadUpdateConfig(env).catch((error: unknown) => {
    if (error instanceof UserError) return undefined
    throw error
  })
  // Another finding reports an invalid configuration.
  if (!config) return []
  const age = ownAge()
  return [
    checkKey(config),
    ...(await checkRegistry(config, env, stateDir)),
    ...(age === undefined
      ? []
      : [
          {
            check,
            level: 'warning' as const,
            message: age,
            remedy: 'Update this program: fomular-daemon update',
          },
        ]),
  ]
}

function checkKey(config: UpdateConfig): Finding {
  const demanded = signaturesDemanded(config)
  if (RELEASE_KEYS.length > 0)
    return demanded
      ? {
          check,
          level: 'ok',
          message: `Updates must be signed by a release key (${RELEASE_KEYS.join(', ')})`,
        }
      : {
          check,
          level: 'warning',
          message: 'Updates are accepted without a signature: signatures is false under [update].',
          remedy: 'Remove that setting.',
        }
  return demanded
    ? {
        check,
        level: 'error',
        message:
          'This build has no release key, but the settings demand signed releases: it refuses every update.',
        remedy: 'Install a release of this program: only releases contain the key.',
      }
    : {
        check,
        level: 'info',
        message: 'This build has no release key: it accepts updates from the registry without a signature',
      }
}

async function checkRegistry(
  config: UpdateConfig,
  env: NodeJS.ProcessEnv,
  stateDir: string,
): Promise<Finding[]> {
  const signal = AbortSignal.timeout(2 * NPM_MS)
  try {
    const open: OwnershipFault[] = []
    const { registry } = await updateSource(config, env, signal, (fault) => open.push(fault))
    const left = insecureUpdateLeft(stateDir) ? 'one more update' : 'no update'
    const findings = [...new Map(open.map((fault) => [fault.path, fault])).values()].map(
      (fault): Finding => ({
        check,
        level: 'warning',
        message: `${fault.message}, and this path decides where updates come from. Until this is fixed, the daemon installs ${left}.`,
        remedy: remedyOf(fault),
      }),
    )
    if (config.allow_insecure || !isInsecure(registry)) return findings
    const message = `${new URL(registry).origin}, the source of updates, is not on this machine and has no TLS. Until this is fixed, the daemon installs ${left}.`
    return [...findings, { check, level: 'warning', message, remedy: HOW_SECURE }]
  } catch (error) {
    // If npm hangs, another finding reports this.
    if (signal.aborted) return []
    if (!(error instanceof Failure)) throw error
    const { message, remedy } = error
    return [{ check, level: 'warning', message, ...(remedy !== undefined && { remedy }) }]
  }
}
