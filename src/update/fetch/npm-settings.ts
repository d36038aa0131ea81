import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'ini'
import { homeOf } from '../../config/home.ts'
import { reasonOf } from '../../platform/errors.ts'
import { UpdateFailure } from '../failure.ts'
import { checkOurs, type Trusting } from './npm-files.ts'

/** A setting of npm. */
export interface NpmSetting {
  key: string
  value: string
  /** The variable or the file that contains the setting. */
  source: string
  /** Name of an unset variable in the key or value. npm would leave that name unchanged. */
  unset?: string
}

interface NpmSettings {
  /**
   * Looks up a setting in npm's order: first in the environment, then in the user's file, then in the files
   * of npm's installation.
   */
  setting: (key: string) => NpmSetting | undefined
  /** Settings that have an unset variable in their key. */
  unknown: NpmSetting[]
}

/** Reads the settings of npm for this user and machine. @throws UpdateFailure */
export function npmSettings(reader: Trusting): NpmSettings {
  const variables = settingsInVariables(reader.env)
  const files = [
    variables.get('userconfig')?.value ?? join(homeOf(reader.env), '.npmrc'),
    variables.get('globalconfig')?.value ?? join(dirname(process.execPath), '../etc/npmrc'),
    '/etc/npmrc',
  ].map((path) => settingsInFile(path, reader))
  return {
    setting: (key) =>
      [variables, ...files]
        .map((settings) => settings.get(key))
        .find((found) => found && (found.value !== '' || found.unset !== undefined)),
    unknown: files.flatMap((settings) =>
      [...settings.values()].filter(({ key, unset }) => unset !== undefined && key.includes(`\${${unset}}`)),
    ),
  }
}

function settingsInVariables(env: NodeJS.ProcessEnv): Map<string, NpmSetting> {
  const settings = new Map<string, NpmSetting>()
  for (const [source, value] of Object.entries(env)) {
    const [, name] = /^npm_config_(.+)$/i.exec(source) ?? []
    if (name === undefined || !value) continue
    // In environment variables, the name of npm's setting `https-proxy` is `https_proxy`. Keys with a slash,
    // such as keys of tokens, stay unchanged.
    const key = name.includes('/') ? name : name.toLowerCase().replace(/(?!^)_/g, '-')
    settings.set(key, { key, value, source })
  }
  return settings
}

/**
 * @throws UpdateFailure if the file exists but cannot be read: without the settings in it, updates could come
 * from a different registry
 */
function settingsInFile(source: string, reader: Trusting): Map<string, NpmSetting> {
  const settings = new Map<string, NpmSetting>()
  for (const [name, value] of Object.entries(parse(npmrcText(source, reader)))) {
    // Like npm, ignore sections. `proxy=null` removes a setting.
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) continue
    const { text: filled, unset: inKey } = filledIn(name, reader.env)
    const key = inKey === undefined ? filled : name
    const { text, unset = inKey } = filledIn([value].flat().join('\n\n'), reader.env)
    settings.set(key, { key, value: text, source, ...(unset !== undefined && { unset }) })
  }
  return settings
}

/**
 * Replaces variables as npm does, except that only variables in the form `${NAME?}` may be unset.
 * @returns the text, and the first variable that is not set
 */
function filledIn(text: string, env: NodeJS.ProcessEnv): { text: string; unset?: string } {
  let unset: string | undefined
  const filled = text.replace(
    /(?<!\\)(\\*)\$\{([^${}?]+)(\??)\}/g,
    (whole, escapes: string, name: string, optional: string) => {
      if (escapes.length % 2 === 1) return whole.slice((escapes.length + 1) / 2)
      // Do not insert this program's own variables, such as the machine key: the file could send them
      // anywhere.
      const value = name.startsWith('FOMULAR_') ? undefined : env[name]
      if (value === undefined && optional === '') unset ??= name
      return escapes.slice(escapes.length / 2) + (value ?? '')
    },
  )
  return { text: filled, ...(unset !== undefined && { unset }) }
}

/** Returns a message about settings that name an unset variable, and a remedy. */
export function namesUnset(settings: NpmSetting[]): [message: string, { remedy: string }] {
  const each = settings.map(
    ({ key, source, unset }) => `${source} uses \${${unset}}, which is not set, for ${key}.`,
  )
  const variables = [...new Set(settings.map(({ unset }) => unset))].join(' and ')
  return [each.join(' '), { remedy: `Set ${variables} in the environment of the daemon.` }]
}

/** Maximum size of an .npmrc, in bytes. Such a file normally has a few lines. */
const NPMRC_BYTES = 1024 * 1024

function npmrcText(path: string, reader: Trusting): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    // The path /dev/null stands for no settings. Reading a pipe could block forever.
    if (!stat?.isFile()) return ''
    checkOurs(path, reader)
    if (stat.size > NPMRC_BYTES) throw new Error(`it is larger than ${NPMRC_BYTES} bytes`)
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof UpdateFailure) throw cause
    throw new UpdateFailure(
      'update_registry_unreachable',
      'resolve',
      `Cannot read npm's settings in ${path}: ${reasonOf(cause)}`,
      { remedy: "Make that path a file that the daemon's user can read.", cause },
    )
  }
}
