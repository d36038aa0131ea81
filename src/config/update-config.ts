import { findSetting, readSources, type Sources, settingOf } from './sources.ts'

/** This machine's own policy for new versions: a server can choose only the version. */
export interface UpdateConfig {
  /**
   * Allow a server to order updates, and allow scheduled updates. A user of this machine may always update
   * this program.
   */
  enabled: boolean
  /**
   * Allow a server to order any older version, not only versions that a server has confirmed on this machine.
   */
  allow_downgrade: boolean
  package: string
  /** Registry of the package; by default, npm's own. */
  registry?: string
  /**
   * Accept only releases signed with a release key. By default, builds with a release key accept only such
   * releases.
   */
  signatures?: boolean
  /** Allow a registry on another machine without TLS. */
  allow_insecure: boolean
  /** Maximum age of a release, in days. */
  max_age_days?: number
  /** Time limit from a new version's start to the server's welcome, in seconds. */
  confirm_s: number
  /** Update when the server refuses this version's protocol and names another version. */
  when_refused: boolean
  /**
   * Without an order, update to the version that the dist-tag `channel` names. The update runs in the
   * `window`, once that version is `min_age_h` hours old.
   */
  automatic: boolean
  channel: string
  /** Time of day for automatic updates, such as `02:00-05:00`, in local time. */
  window: string
  min_age_h: number
}

/** Loads only the policy for new versions, which needs no server and no key. @throws UserError */
export async function loadUpdateConfig(env: NodeJS.ProcessEnv): Promise<UpdateConfig> {
  return updateConfig(await readSources({}, env))
}

/** Returns the policy for new versions. @throws UserError */
export function updateConfig(sources: Sources): UpdateConfig {
  const registry = settingOf('update.registry', sources)
  const signatures = settingOf('update.signatures', sources)
  const max_age_days = settingOf('update.max_age_days', sources)
  return {
    enabled: settingOf('update.enabled', sources),
    allow_downgrade: settingOf('update.allow_downgrade', sources),
    package: settingOf('update.package', sources),
    ...(registry !== undefined && { registry }),
    ...(signatures !== undefined && { signatures }),
    allow_insecure: settingOf('update.allow_insecure', sources),
    ...(max_age_days !== undefined && { max_age_days }),
    confirm_s: settingOf('update.confirm_s', sources),
    when_refused: settingOf('update.when_refused', sources),
    automatic: settingOf('update.automatic', sources),
    channel: settingOf('update.channel', sources),
    window: settingOf('update.window', sources),
    min_age_h: settingOf('update.min_age_h', sources),
  }
}

/** Returns the settings in the environment or the file that name the source of updates. @throws UserError */
export async function chosenUpdateSource(env: NodeJS.ProcessEnv): Promise<Chosen[]> {
  const sources = await readSources({}, env)
  return (['package', 'registry', 'signatures'] as const).flatMap((name) => {
    const found = findSetting(`update.${name}`, sources)
    return found ? [{ name, ...found }] : []
  })
}

/** A setting with the name of its source. */
export interface Chosen {
  name: 'package' | 'registry' | 'signatures'
  value: string | boolean
  source: string
}
